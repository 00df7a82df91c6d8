import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldText, type CanaryRecord, type FieldValue, type RecordField } from '../../shared/core/record-schema.ts'
import { checkRecord, checkUnchanged } from './record-check.ts'

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
const opaque = new Map<string, string>()
const expected = {
  row,
  typeOf: (field: string) => fields.find(({ name }) => name === field)?.type ?? null,
  headers: { traceparent: '00-a-b-01' },
}
const found = (said: CanaryRecord, more: object = {}) =>
  checkRecord({ record: { ...record, ...said }, fields, opaque, headers, ...more }, expected).map(
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

  test('whose schema has a field in a type that nobody models is not accused of it', () => {
    const own = { fields: fields.slice(1), opaque: new Map([['price', 'array']]) }
    expect(found({ note: 'x' }, own)).toEqual(['corrupted note'])
    const produced = { produced: record, producedFields: fields, headers: expected.headers }
    expect(checkUnchanged({ record, headers, ...own }, produced)).toEqual([])
  })

  test('keeps its headers', () => {
    expect(found({}, { headers: {} })).toEqual(['header-lost traceparent'])
    expect(found({}, { headers: { traceparent: Buffer.from('00-other') } })).toEqual(['header-lost traceparent'])
    expect(checkRecord({ record, fields, opaque, headers: {} }, expected)[0]).toMatchObject({
      expected: '00-a-b-01',
      actual: 'no such header',
    })
  })
})

describe('a record that no hop should have changed', () => {
  const wide: RecordField[] = [
    ...fields,
    { name: 'attributes', type: { kind: 'string-map' }, nullable: false },
    { name: 'raw', type: { kind: 'bytes' }, nullable: true },
  ]
  const produced: CanaryRecord = { ...record, attributes: { desk: 'a', venue: 'b' }, raw: Uint8Array.of(1, 2) }
  const unchanged = (said: CanaryRecord, more: object = {}) =>
    checkUnchanged({ record: said, fields: wide, opaque, headers, ...more }, { produced, producedFields: wide, headers: expected.headers })

  test('is accused of nothing, whatever the order of its map or of its fields', () => {
    expect(unchanged({ ...produced, attributes: { venue: 'b', desk: 'a' }, raw: Buffer.from([1, 2]) })).toEqual([])
    expect(unchanged(produced, { fields: wide.toReversed() })).toEqual([])
  })

  test('is told of a decimal whose digits are the same at another scale', () => {
    const rescaled = wide.map((field) =>
      field.name === 'price' ? { ...field, type: { kind: 'decimal', precision: 18, scale: 4 } } : field,
    )
    expect(unchanged(produced, { fields: rescaled })).toMatchObject([{ field: 'price', expected: '1.234567', actual: '123.4567' }])
  })

  test('is told of an entry its map has lost, gained or changed', () => {
    for (const attributes of [{ desk: 'a' }, { desk: 'a', venue: 'b', more: '' }, { desk: 'a', venue: 'c' }])
      expect(unchanged({ ...produced, attributes })).toMatchObject([{ violation: 'corrupted', field: 'attributes' }])
  })

  test('is told the same as by the texts of its fields, whatever stands in it', () => {
    const row = new Map(wide.map(({ name, type }) => [name, fieldText(type, produced[name] ?? null)]))
    const value = fc.oneof(
      fc.constantFrom<FieldValue>(...Object.values(produced), null, '', 0, -0, NaN, 1_234_000n, { desk: 'a' }),
      fc.integer(),
      fc.bigInt(),
      fc.string(),
      fc.dictionary(fc.string(), fc.string()),
    )
    fc.assert(
      fc.property(fc.record({ price: value, note: value, at: value, attributes: value, raw: value }), (said) => {
        const typeOf = (name: string) => wide.find((field) => field.name === name)?.type ?? null
        const byText = checkRecord({ record: said, fields: wide, opaque, headers }, { row, typeOf, headers: expected.headers })
        expect(unchanged(said)).toEqual(byText)
      }),
    )
  })
})

describe('a record in types of its own', () => {
  const typed = (name: string, type: RecordField['type']) => fields.map((field) => (field.name === name ? { ...field, type } : field))
  const headersKept = { traceparent: '00-a-b-01' }
  const unchangedIn = (own: RecordField[], said: CanaryRecord) =>
    checkUnchanged(
      { record: { ...record, ...said }, fields: own, opaque, headers },
      { produced: { ...record, at: 1_700_000_000_123_000 }, producedFields: fields, headers: headersKept },
    )
  const millis = typed('at', { kind: 'timestamp-millis' })
  const wide = typed('price', { kind: 'decimal', precision: 30, scale: 9 })

  test('that holds the same is accused of nothing, whether a hop projects or not', () => {
    expect(unchangedIn(millis, { at: 1_700_000_000_123 })).toEqual([])
    expect(unchangedIn(wide, { at: 1_700_000_000_123_000, price: 1_234_567_000n })).toEqual([])
    expect(found({ price: 1_234_567_000n }, { fields: wide })).toEqual([])
    const projected = { ...expected, row: new Map([...row, ['at', '1700000000123']]), projected: new Set(['at']) }
    expect(checkRecord({ record: { ...record, at: 1_700_000_000_123 }, fields: millis, opaque, headers }, projected)).toEqual([])
  })

  test('whose number is in another unit than its type says is told so', () => {
    expect(unchangedIn(millis, { at: 1_700_000_000_123_000 })).toMatchObject([{ violation: 'corrupted', difference: 'unit', field: 'at' }])
    expect(found({}, { fields: millis })).toEqual(['corrupted at'])
  })

  test('that lost digits with its type is told so, with both values', () => {
    expect(found({ at: 1_700_000_000_123 }, { fields: millis })).toEqual(['precision-lost at'])
    expect(checkRecord({ record: { ...record, note: 'nai\u0308ve' }, fields, opaque, headers }, expected)).toEqual([
      { violation: 'corrupted', difference: 'normal-form', field: 'note', expected: 'na\u00efve', actual: 'nai\u0308ve' },
    ])
  })
})
