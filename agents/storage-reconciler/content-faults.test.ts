import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { canaryContent, edgeValues } from '../../shared/core/canary.ts'
import { canaryIdText } from '../../shared/core/identity.ts'
import { readRecordSchema, type CanaryRecord, type FieldValue } from '../../shared/core/record-schema.ts'
import { RUN, resolvedOf } from '../../shared/core/told-run.fixture.ts'
import { canaryColumns } from '../../shared/engines/canary-columns.ts'
import { openDuckDb, quoteText, type DuckDb } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import { recordCodec } from '../../shared/runtime/record-codec.ts'
import { topologySchema, type TableHop } from '../../topology/topology.ts'
import { topology as told } from '../../shared/core/told-run.fixture.ts'
import { contentFaults } from './content-faults.ts'

const logical = (type: string, logicalType: string, more: object = {}) => ({ type, logicalType, ...more })
const schema = JSON.stringify({
  type: 'record',
  name: 'Everything',
  fields: [
    { name: 'trade_id', type: 'string' },
    { name: 'symbol', type: 'string' },
    { name: 'venue', type: 'string' },
    { name: 'traded_at', type: logical('long', 'timestamp-micros') },
    { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
    { name: 'price', type: logical('bytes', 'decimal', { precision: 18, scale: 6 }) },
    { name: 'booked_at', type: logical('long', 'timestamp-millis') },
    { name: 'settles_on', type: logical('int', 'date') },
    { name: 'note', type: ['null', 'string'] },
    { name: 'lots', type: 'int' },
    { name: 'volume', type: 'long' },
    { name: 'ratio', type: 'double' },
    { name: 'weight', type: 'float' },
    { name: 'open', type: 'boolean' },
    { name: 'raw', type: 'bytes' },
    { name: 'attributes', type: { type: 'map', values: 'string' } },
  ],
})
const fields = readRecordSchema(schema)
const resolved = { ...resolvedOf(), recordSchema: schema }
const hop = told.hops.find((one): one is TableHop => one.kind === 'table') as TableHop
const STREAM = 3

let folder: string
let db: DuckDb
let asked: string[] = []
let names = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-faults-'))
  const engine = await openDuckDb({ memoryLimitMb: 200, threads: 1, tempDir: folder })
  db = {
    ...engine,
    query: (sql, parameters) => {
      asked.push(sql)
      return engine.query(sql, parameters)
    },
  }
})

afterAll(async () => {
  db.close()
  await rm(folder, { recursive: true })
})

/** Rows as an Iceberg table would have them: time, days and enums in types of their own. */
const tableTypes = `make_timestamp(traded_at) AS traded_at, make_timestamp(booked_at * 1000) AS booked_at,
  DATE '1970-01-01' + settles_on::INTEGER AS settles_on, lots::INTEGER AS lots, price::DECIMAL(24, 8) AS price, weight::FLOAT AS weight`

async function faultsOf(records: readonly CanaryRecord[], { replace = '', expect: expected = [] as TableHop['expect'] } = {}) {
  const path = join(folder, `rows-${++names}.parquet`)
  await db.appendColumns('produced', canaryColumns(fields, records))
  await db.query(`COPY (SELECT * ${replace === '' ? '' : `REPLACE (${replace})`}, 1::INTEGER AS p, 7::BIGINT AS o
    FROM (SELECT * REPLACE (${tableTypes}) FROM produced)) TO ${quoteText(path)} (FORMAT parquet)`)
  const canaries: RunCanaries = { runId: RUN, resolved, fields, at: (_stream, seq) => records[seq] as CanaryRecord }
  const present = CanarySet.ofMembers(records.map((_, seq) => ({ stream: STREAM, seq })))
  asked = []
  const topology = topologySchema.parse(told)
  const faults = await contentFaults(
    { db, hop: { ...hop, expect: expected }, topology },
    { canaries, present, paths: [path], unread: new Map() },
  )
  return { faults, comparedRows: asked.some((sql) => sql.startsWith('-- content check: compare rows')) }
}

const content = canaryContent({
  runId: RUN,
  seed: 11,
  load: { canaries: 60_000, ratePerSecond: 100, streams: 4, edgeValuesEvery: 3 },
  record: { ...resolved.record, fields: {} },
  fields,
})
const faithful = (count: number) => Array.from({ length: count }, (_, seq) => content(STREAM, seq))

test('rows that are what was produced are summed up, and never compared one by one', async () => {
  expect(await faultsOf(faithful(9_000))).toEqual({ faults: [], comparedRows: false })
})

test('only the groups that differ are compared row by row, and name each record', async () => {
  const { faults, comparedRows } = await faultsOf(faithful(9_000), {
    replace: `CASE WHEN right(trade_id, 12)::BIGINT IN (5, 8000) THEN 'changed' ELSE symbol END AS symbol`,
  })
  expect(comparedRows).toBe(true)
  expect(faults.map(({ place, field, difference }) => [place.seq, field, difference])).toEqual([
    [5, 'symbol', 'value'],
    [8000, 'symbol', 'value'],
  ])
})

test('numbers in other words are none the worse, however many, and hide no wrong value behind them', async () => {
  const padded = (name: string) => `CASE WHEN ${name} < 0 THEN '-0' ELSE '0' END || abs(${name}::HUGEINT)::VARCHAR AS ${name}`
  const { faults } = await faultsOf(faithful(4_096), {
    replace: `CASE WHEN right(trade_id, 12)::BIGINT = 4090 THEN 'changed' ELSE symbol END AS symbol,
      rtrim(rtrim(price::VARCHAR, '0'), '.') AS price, ${padded('volume')}, ${padded('lots')}`,
  })
  expect(faults.map(({ place, field, difference }) => [place.seq, field, difference])).toEqual([[4090, 'symbol', 'value']])
})

test.each<[difference: string, violation: string, field: string, replace: string]>([
  ['precision', 'precision-lost', 'price', 'round(price, 2)::DECIMAL(24, 8) AS price'],
  ['precision', 'precision-lost', 'traded_at', `date_trunc('millisecond', traded_at) AS traded_at`],
  ['time-zone', 'corrupted', 'traded_at', `traded_at + INTERVAL 2 HOUR AS traded_at`],
  ['unit', 'corrupted', 'traded_at', 'epoch_ms(traded_at) AS traded_at'],
  ['unit', 'corrupted', 'volume', 'volume * 1000 AS volume'],
  ['normal-form', 'corrupted', 'note', 'nfc_normalize(note) AS note'],
  ['null-versus-empty', 'corrupted', 'note', `coalesce(note, '') AS note`],
  ['null-versus-empty', 'corrupted', 'attributes', 'CASE WHEN cardinality(attributes) = 0 THEN NULL ELSE attributes END AS attributes'],
  ['enum', 'corrupted', 'side', `CASE side WHEN 'BUY' THEN 'B' ELSE side END AS side`],
  ['value', 'corrupted', 'open', 'NOT open AS open'],
  ['value', 'corrupted', 'raw', `'\\x07'::BLOB AS raw`],
  ['value', 'corrupted', 'settles_on', 'settles_on + 1 AS settles_on'],
])('%s: a table tells %s of %s', async (...[difference, violation, field, replace]) => {
  const ordinary = { note: null, attributes: {}, side: 'BUY', price: 1_234_567n, volume: 4_321, traded_at: 1_700_000_000_123_456 }
  const record = { ...content(STREAM, 0), ...ordinary }
  const { faults } = await faultsOf([{ ...record, note: field === 'note' && difference === 'normal-form' ? 'e\u0301' : null }], { replace })
  expect(faults).toMatchObject([{ violation, difference, field, place: { stream: STREAM, seq: 0 } }])
})

test('a coarser type is no accusation where the topology expects it, and one where it does not', async () => {
  const replace = `date_trunc('second', traded_at)::TIMESTAMP_S AS traded_at`
  const expected = [{ field: 'traded_at', type: 'TIMESTAMP_S', sql: 'make_timestamp(traded_at // 1000000 * 1000000)' }]
  const records = faithful(20).map((record) => ({ ...record, traded_at: 1_700_000_000_123_456 }))
  expect((await faultsOf(records, { replace, expect: expected })).faults).toEqual([])
  expect((await faultsOf(records, { replace })).faults[0]).toMatchObject({ difference: 'precision', field: 'traded_at' })
})

test('no phantom difference: any canary comes through Avro and through a table equal to itself', async () => {
  const codec = recordCodec(7, schema)
  const value = (name: string) => {
    const field = fields.find((one) => one.name === name) as (typeof fields)[number]
    const ordinary = fc.nat(5_000).map((seq) => content(STREAM, seq)[name] ?? null)
    return fc.oneof(ordinary, fc.constantFrom<FieldValue>(...edgeValues(field)), ...more(field.type.kind))
  }
  const free = fields.map(({ name }) => name).filter((name) => !['trade_id', 'symbol', 'venue'].includes(name))
  const record = fc.record(Object.fromEntries(free.map((name) => [name, value(name)])))
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 12 }), async (drawn) => {
      const produced = drawn.map((said, seq) => ({
        ...content(STREAM, seq),
        ...said,
        trade_id: canaryIdText({ runId: RUN, stream: STREAM, seq }),
      }))
      expect((await faultsOf(produced)).faults).toEqual([])
      const { faults } = await faultsOf(produced.map((one) => codec.decode(codec.encode(one))))
      expect(faults).toEqual([])
    }),
    { numRuns: 40 },
  )
})

function more(kind: string): fc.Arbitrary<FieldValue>[] {
  if (kind === 'string') return [fc.string({ unit: 'grapheme' })]
  if (kind === 'double') return [fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(-0)]
  if (kind === 'timestamp-micros') return [fc.integer({ min: -(10 ** 15), max: 4 * 10 ** 15 })]
  if (kind === 'timestamp-millis') return [fc.integer({ min: -(10 ** 12), max: 4 * 10 ** 12 })]
  if (kind === 'decimal') return [fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })]
  if (kind === 'string-map') return [fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))]
  return []
}
