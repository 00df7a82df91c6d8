import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canaryIdText } from '../core/identity.ts'
import { decimalText, fieldText } from '../core/record-schema.ts'
import type { CanaryRecord, RecordField } from '../core/record-schema.ts'
import { canaryColumns, expectedFields } from './canary-columns.ts'
import { checkContent, projectRows } from './content-check.ts'
import type { ContentCheckInput } from './content-check.ts'
import type { ExpectedField } from './content-values.ts'
import { quoteText } from './duckdb.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

const runId = '0192f3a4-5b6c-7d8e-9f00-112233445566'
const fields: readonly RecordField[] = [
  { name: 'trade_id', type: { kind: 'string' }, nullable: false },
  { name: 'symbol', type: { kind: 'string' }, nullable: false },
  { name: 'price', type: { kind: 'decimal', precision: 18, scale: 6 }, nullable: false },
  { name: 'quantity', type: { kind: 'decimal', precision: 18, scale: 4 }, nullable: false },
  { name: 'traded_at', type: { kind: 'timestamp-micros' }, nullable: false },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  { name: 'ratio', type: { kind: 'double' }, nullable: false },
  { name: 'open', type: { kind: 'boolean' }, nullable: false },
  { name: 'attributes', type: { kind: 'string-map' }, nullable: false },
]
const projected: readonly ExpectedField[] = [
  { field: 'symbol', type: 'VARCHAR', sql: 'upper(symbol)' },
  { field: 'notional', type: 'DECIMAL(38, 10)', sql: 'price * quantity' },
]
const idOf = (seq: number) => canaryIdText({ runId, stream: 2, seq })

/** At the ends of what the decimals hold, and around them. */
const extremes = [999_999_999_999_999_999n, -999_999_999_999_999_999n, 0n, 1n, -1n, 123_456_789_012_345_678n]
const records: CanaryRecord[] = extremes.map((price, seq) => ({
  trade_id: idOf(seq),
  symbol: 'abc',
  price,
  quantity: extremes[(seq * 5) % extremes.length] as bigint,
  traded_at: 1_700_000_000_000_001 + seq,
  note: seq % 2 === 0 ? null : 'e\u0301 🙂',
  ratio: 0.1 + seq,
  open: seq % 2 === 0,
  attributes: seq === 0 ? {} : { b: '2', a: '1', ключ: '"' },
}))

const scratch = useScratchEngine({ threads: 2 })

/** The table as the pipeline should write it, with `replace` in place of single columns. */
async function writeTable(name: string, replace = ''): Promise<string> {
  await scratch.db.appendColumns('produced', canaryColumns(fields, records))
  const notional = records.map(({ price, quantity }) => decimalText((price as bigint) * (quantity as bigint), 10))
  const path = join(scratch.folder, `${name}.parquet`)
  await scratch.db.query(`COPY (SELECT * ${replace === '' ? '' : `REPLACE (${replace})`} FROM (
      SELECT * REPLACE (upper(symbol) AS symbol), 3::INTEGER AS p, 500 + right(trade_id, 12)::BIGINT AS o,
        CAST([${notional.map(quoteText).join(', ')}][right(trade_id, 12)::BIGINT + 1] AS DECIMAL(38, 10)) AS notional FROM produced))
    TO ${quoteText(path)} (FORMAT parquet)`)
  return path
}

const inputOf = (paths: readonly string[]): ContentCheckInput => ({
  expected: { columns: canaryColumns(fields, records), identityField: 'trade_id', expect: expectedFields(fields, projected) },
  paths,
  identityField: 'trade_id',
  kafka: { partitionField: 'p', offsetField: 'o' },
  limit: 100,
})

test('a faithful table has no mismatch, decimal products of 36 digits included', async () => {
  const check = await checkContent(scratch.db, inputOf([await writeTable('faithful')]))
  expect(check).toEqual({ comparedCount: 6, mismatchCount: 0, mismatches: [], missingFields: [] })
})

test('the same decimal in a wider column and the same map in another order are no mismatch', async () => {
  const path = await writeTable(
    'wider',
    'price::DECIMAL(30, 9) AS price, map_from_entries(list_reverse_sort(map_entries(attributes))) AS attributes',
  )
  expect((await checkContent(scratch.db, inputOf([path]))).mismatches).toEqual([])
})

const at = { runId, stream: 2, partition: 3 }
const whenSeq = (seq: number, then: string, otherwise: string) =>
  `CASE WHEN right(trade_id, 12)::BIGINT = ${seq} THEN ${then} ELSE ${otherwise} END AS ${otherwise}`
test.each([
  {
    defect: 'cut decimals',
    replace: 'round(notional, 4)::DECIMAL(38, 4) AS notional',
    named: [0, 1, 3, 5].map((seq) => ({ seq, field: 'notional' })),
    first: { expected: '99999999999999999800000000.0000000001', actual: '99999999999999999800000000.0000' },
  },
  {
    defect: 'a changed text',
    replace: whenSeq(1, "'ABD'", 'symbol'),
    named: [{ seq: 1, field: 'symbol' }],
    first: { expected: 'ABC', actual: 'ABD' },
  },
  {
    defect: 'a null that became empty',
    replace: whenSeq(2, "''", 'note'),
    named: [{ seq: 2, field: 'note' }],
    first: { expected: null, actual: '' },
  },
  {
    defect: 'a text that lost its normal form',
    replace: 'nfc_normalize(note) AS note',
    named: [1, 3, 5].map((seq) => ({ seq, field: 'note' })),
    first: { expected: 'e\u0301 🙂', actual: 'é 🙂' },
  },
  {
    defect: 'microseconds cut to milliseconds',
    replace: whenSeq(4, 'traded_at // 1000 * 1000', 'traded_at'),
    named: [{ seq: 4, field: 'traded_at' }],
    first: { expected: '1700000000000005', actual: '1700000000000000' },
  },
  {
    defect: 'a map that lost a key',
    replace: whenSeq(3, "MAP {'a': '1', 'b': '2'}", 'attributes'),
    named: [{ seq: 3, field: 'attributes' }],
    first: { expected: '{"a":"1","b":"2","ключ":"\\""}', actual: '{"a":"1","b":"2"}' },
  },
  {
    defect: 'more digits than the type has',
    replace: whenSeq(3, '0.0000010000001::DECIMAL(18, 13)', 'price').replace('price END', 'price::DECIMAL(38, 13) END'),
    named: [{ seq: 3, field: 'price' }],
    first: { expected: '0.000001', actual: '0.0000010000001' },
  },
])('$defect: names the record, the field, both values and the offset', async ({ defect, replace, named, first }) => {
  const check = await checkContent(scratch.db, inputOf([await writeTable(defect.replaceAll(' ', '-'), replace)]))
  expect(check.mismatches.map(({ seq, field }) => ({ seq, field }))).toEqual(named)
  expect(check.mismatchCount).toBe(named.length)
  const [{ seq, field }] = named as [{ seq: number; field: string }]
  expect(check.mismatches[0]).toEqual({ ...at, seq, offset: 500 + seq, field, ...first })
})

test('a field the table does not have is named, and missed in every record that should hold it', async () => {
  const path = await writeTable('whole')
  const without = join(scratch.folder, 'without.parquet')
  await scratch.db.query(`COPY (SELECT * EXCLUDE (note) FROM read_parquet(${quoteText(path)})) TO ${quoteText(without)}`)
  const check = await checkContent(scratch.db, inputOf([without]))
  expect(check.missingFields).toEqual(['note'])
  expect(check.mismatches.map(({ seq, field }) => `${field} ${seq}`)).toEqual(['note 1', 'note 3', 'note 5'])
})

test('only `limit` mismatches are listed, and all are counted', async () => {
  const path = await writeTable('limited', "'?' AS symbol")
  const check = await checkContent(scratch.db, { ...inputOf([path]), limit: 2 })
  expect(check.mismatches).toHaveLength(2)
  expect(check.mismatchCount).toBe(6)
})

test('rows that were not asked about are not compared', async () => {
  const path = await writeTable('others', "'?' AS symbol")
  const input = inputOf([path])
  const check = await checkContent(scratch.db, {
    ...input,
    expected: { ...input.expected, columns: canaryColumns(fields, records.slice(0, 1)) },
  })
  expect(check).toMatchObject({ comparedCount: 1, mismatchCount: 1 })
})

test('a projection that would leave exact numbers is refused', async () => {
  const input = inputOf([await writeTable('exact')])
  const expect_ = [{ field: 'notional', type: 'DECIMAL(38, 10)', sql: 'price::DOUBLE * quantity' }]
  await expect(checkContent(scratch.db, { ...input, expected: { ...input.expected, expect: expect_ } })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  })
})

test('projected rows are text as fieldText writes it', async () => {
  const rows = await projectRows(scratch.db, {
    columns: canaryColumns(fields, records),
    identityField: 'trade_id',
    expect: expectedFields(fields, projected),
  })
  expect(rows.size).toBe(records.length)
  for (const record of records) {
    const unchanged = fields.filter(({ name }) => name !== 'symbol').map(({ name, type }) => fieldText(type, record[name] ?? null))
    const notional = decimalText((record['price'] as bigint) * (record['quantity'] as bigint), 10)
    expect(rows.get(record['trade_id'] as string)).toEqual([...unchanged, 'ABC', notional])
  }
})

test('a decimal that is all fraction has a zero before its point', async () => {
  const rates: readonly RecordField[] = [
    fields[0] as RecordField,
    { name: 'rate', type: { kind: 'decimal', precision: 4, scale: 4 }, nullable: false },
  ]
  const values = [5_000n, -5_000n, 0n, 9_999n]
  const expected = {
    columns: canaryColumns(
      rates,
      values.map((rate, seq) => ({ trade_id: idOf(seq), rate })),
    ),
    identityField: 'trade_id',
    expect: [{ field: 'rate', type: 'DECIMAL(4, 4)', sql: 'rate' }],
  }
  expect([...(await projectRows(scratch.db, expected)).values()]).toEqual([['0.5000'], ['-0.5000'], ['0.0000'], ['0.9999']])
})

test('appending more rows than one chunk holds keeps them all, nulls too', async () => {
  const values = Array.from({ length: 5000 }, (_, i) => (i % 3 === 0 ? null : BigInt(i)))
  await scratch.db.appendColumns('many', [{ name: 'n', type: 'bigint', values }])
  expect(await scratch.db.query('SELECT count(*) AS rows, count(n) AS filled, sum(n)::VARCHAR AS total FROM many')).toEqual([
    { rows: 5000n, filled: 3333n, total: String(values.reduce<bigint>((sum, value) => sum + (value ?? 0n), 0n)) },
  ])
})
