import { describe, expect, test } from 'vitest'
import { canonicalText, columnTypeText, comparableFields, comparedAs, shownText } from './audit-fields.ts'
import type { FieldType, RecordField } from './record-schema.ts'

const decimal = (scale: number): FieldType => ({ kind: 'decimal', precision: 18, scale })
const field = (name: string, type: FieldType = { kind: 'string' }): RecordField => ({ name, type, nullable: false })
const upper = { field: 'symbol', type: 'VARCHAR', sql: 'upper(symbol)' }

describe('fields that are compared', () => {
  const fields = [field('symbol'), field('price', decimal(6)), field('note'), field('list', { kind: 'bytes' })]
  const columns = [
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'decimal(18,6)' },
    { name: 'note', type: 'string' },
    { name: 'list', type: 'list' },
    { name: 'only_here', type: 'string' },
  ]
  const namesOf = (both: Partial<Parameters<typeof comparableFields>[0]>) =>
    comparableFields({ fields, columns, table: { expect: [] }, expectBefore: [], key: null, ...both }).map(({ field: name }) => name)
  test('are all that both have, of types that can be compared', () => {
    expect(namesOf({})).toEqual(['symbol', 'price', 'note'])
  })
  test('leave out what the table derives, and not what the topic has derived alike', () => {
    expect(namesOf({ table: { expect: [upper] } })).toEqual(['price', 'note'])
    expect(namesOf({ table: { expect: [upper] }, expectBefore: [upper] })).toEqual(['symbol', 'price', 'note'])
  })
  test('are the key before all, where the topology says which column it is, and the table has it unchanged', () => {
    expect(namesOf({ key: 'symbol' })).toEqual(['symbol', 'symbol', 'price', 'note'])
    expect(namesOf({ key: 'symbol', table: { expect: [], audit: { fields: ['note'], showValues: true } } })).toEqual(['symbol', 'note'])
    expect(namesOf({ key: 'symbol', table: { expect: [upper] } })).toEqual(['price', 'note'])
    expect(namesOf({ key: 'price' })).toEqual(['symbol', 'price', 'note'])
  })
  test('are those that the topology names', () => {
    expect(namesOf({ table: { expect: [], audit: { fields: ['note', 'only_here'], showValues: true } } })).toEqual(['note'])
  })
})

test.each([
  [{ kind: 'long' }, 'long', 'exact'],
  [{ kind: 'int' }, 'decimal(10,2)', 'exact'],
  [decimal(2), 'double', null],
  [{ kind: 'timestamp-millis' }, 'timestamptz', 'micros'],
  [{ kind: 'timestamp-micros' }, 'long', 'exact'],
  [{ kind: 'date' }, 'date', 'days'],
  [{ kind: 'float' }, 'double', 'floating'],
  [{ kind: 'enum', symbols: [] }, 'string', 'text'],
  [{ kind: 'string' }, 'long', null],
  [{ kind: 'string-map' }, 'map<string, string>', 'map'],
] as [FieldType, string, string | null][])('%o and %s are compared as %s', (type, column, as) => {
  expect(comparedAs(type, column)).toBe(as)
})

test.each([
  ['decimals of two scales', canonicalText(decimal(6), 'exact', 12_500_000n), canonicalText(decimal(2), 'exact', 1_250n)],
  ['a whole decimal and an integer', canonicalText(decimal(2), 'exact', 500n), canonicalText({ kind: 'long' }, 'exact', 5)],
  [
    'milliseconds and microseconds',
    canonicalText({ kind: 'timestamp-millis' }, 'micros', 7),
    canonicalText({ kind: 'timestamp-micros' }, 'micros', 7_000),
  ],
  ['minus zero and zero', canonicalText({ kind: 'double' }, 'floating', -0), canonicalText({ kind: 'double' }, 'floating', 0)],
  ['two normal forms', canonicalText({ kind: 'string' }, 'text', 'e\u0301'), canonicalText({ kind: 'string' }, 'text', '\u00e9')],
  [
    'maps in any order',
    canonicalText({ kind: 'string-map' }, 'map', { a: '1', b: '2' }),
    canonicalText({ kind: 'string-map' }, 'map', { b: '2', a: '1' }),
  ],
])('%s are the same', (_, left, right) => {
  expect(left).toBe(right)
})

test('types of columns are one text, with or without spaces', () => {
  expect(columnTypeText('decimal(18, 6)')).toBe('decimal(18,6)')
  expect(columnTypeText({ type: 'map', key: 'string', value: 'string' })).toBe('map<string, string>')
  expect(columnTypeText({ type: 'map', key: 'string', value: 'long' })).toBe('map')
  expect(columnTypeText({ type: 'struct', fields: [] })).toBe('struct')
})

test('what is shown is for people', () => {
  expect(shownText('floating', canonicalText({ kind: 'double' }, 'floating', 1.5))).toBe('1.5')
  expect(shownText('map', canonicalText({ kind: 'string-map' }, 'map', { b: '2', a: '1' }))).toBe('{a: 1, b: 2}')
  expect(shownText('text', null)).toBe('null')
})
