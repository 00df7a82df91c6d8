import { describe, expect, test } from 'vitest'
import type { CanaryRecord, RecordField } from '../../shared/core/record-schema.ts'
import { checkRecord } from './record-check.ts'

const fields: RecordField[] = [
  { name: 'price', type: { kind: 'decimal', precision: 18, scale: 6 }, nullable: false },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  { name: 'at', type: { kind: 'timestamp-micros' }, nullable: false },
]
const record: CanaryRecord = { price: 1_234_567n, note: 'naïve', at: 1_700_000_000_123_456 }
const row = new Map<string, string | null>([
  ['price', '1.234567'],
  ['note', 'naïve'],
  ['at', '1700000000123456'],
])
const headers = { traceparent: Buffer.from('00-a-b-01') }
const expected = {
  row,
  typeOf: (field: string) => fields.find(({ name }) => name === field)?.type ?? null,
  headers: { traceparent: '00-a-b-01' },
}
const found = (said: CanaryRecord, more: object = {}) =>
  checkRecord({ record: { ...record, ...said }, fields, headers, ...more }, expected).map(
    ({ violation, field }) => `${violation} ${field ?? ''}`,
  )

describe('a record', () => {
  test('that is what it must be is accused of nothing', () => {
    expect(found({})).toEqual([])
  })

  test.each<[what: string, said: CanaryRecord, faults: string[]]>([
    ['with another value', { price: 1_234_568n }, ['corrupted price']],
    ['with digits cut off', { price: 1_234_000n }, ['precision-lost price']],
    ['with milliseconds for microseconds', { at: 1_700_000_000_123_000 }, ['precision-lost at']],
    ['with a time that is off', { at: 1_700_000_000_123_457 }, ['corrupted at']],
    ['with text re-encoded', { note: 'naive' }, ['corrupted note']],
    ['with nothing where something was', { note: null }, ['corrupted note']],
    ['with an empty text for none', { note: '' }, ['corrupted note']],
    ['with two fields changed', { note: 'x', price: 0n }, ['corrupted price', 'corrupted note']],
  ])('%s is told field by field', (...[, said, faults]) => {
    expect(found(said)).toEqual(faults)
  })

  test('whose schema has lost a field is told so', () => {
    expect(found({}, { fields: fields.slice(1) })).toEqual(['schema-violated price'])
  })

  test('keeps its headers', () => {
    expect(found({}, { headers: {} })).toEqual(['header-lost traceparent'])
    expect(found({}, { headers: { traceparent: Buffer.from('00-other') } })).toEqual(['header-lost traceparent'])
    expect(checkRecord({ record, fields, headers: {} }, expected)[0]).toMatchObject({ expected: '00-a-b-01', actual: 'no such header' })
  })
})
