import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SchemaField } from '../iceberg/metadata.ts'
import { decodeBound, falseBounds, type StatedColumns } from '../iceberg/column-bounds.ts'
import { actualSql } from './content-values.ts'
import { quoteText } from './duckdb.ts'
import { findChangedPage } from './page-checksums.ts'
import { measureColumns } from './parquet-columns.ts'
import { keepNanoseconds } from './parquet-nanoseconds.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'
import { canonicalSql } from './table-prints.ts'
import { tableRowsSql } from './table-rows.ts'

const scratch = useScratchEngine()

const fields: SchemaField[] = [
  { id: 1, name: 'id', required: true, type: 'long', 'initial-default': 2n ** 60n },
  { id: 2, name: 'at', required: false, type: 'timestamptz_ns' },
  {
    id: 3,
    name: 'within',
    required: false,
    type: { type: 'struct', fields: [{ id: 4, name: 'at', required: false, type: 'timestamptz_ns' }] },
  },
]

/** `isAdjustedToUTC`, then the unit NANOS, as the footer has them. */
const unzoned = Buffer.from('121c3c0000', 'hex')
const zoned = Buffer.from('111c3c0000', 'hex')

/** The engine writes nanoseconds only without a zone: what it wrote, with one. */
async function zonedFile(name: string): Promise<string> {
  const path = join(scratch.folder, name)
  await scratch.db.query(`COPY (
    SELECT 1::BIGINT AS id, TIMESTAMP_NS '2024-02-29 12:00:00.123456789' AS "at", {'at': TIMESTAMP_NS '1969-12-31 23:59:59.999999999'} AS within
    UNION ALL SELECT 2, NULL, NULL) TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS {id: 1, "at": 2, within: {__duckdb_field_id: 3, "at": 4}})`)
  const bytes = await readFile(path)
  let changed = 0
  for (let at = bytes.indexOf(unzoned); at >= 0; at = bytes.indexOf(unzoned, at)) {
    zoned.copy(bytes, at)
    changed++
  }
  expect(changed).toBe(2)
  await writeFile(path, bytes)
  return path
}

const typesIn = async (path: string) =>
  (await scratch.db.query(`DESCRIBE SELECT * FROM ${quoteText(path)}`)).map((row) => row['column_type'])

test('the engine cuts nanoseconds with a zone to microseconds; with the zone taken off it keeps them', async () => {
  const path = await zonedFile('zoned.parquet')
  const { size } = await stat(path)
  expect(await typesIn(path)).toEqual(['BIGINT', 'TIMESTAMP WITH TIME ZONE', 'STRUCT("at" TIMESTAMP WITH TIME ZONE)'])
  await keepNanoseconds([path, path], fields)
  expect(await typesIn(path)).toEqual(['BIGINT', 'TIMESTAMP_NS', 'STRUCT("at" TIMESTAMP_NS)'])
  expect((await stat(path)).size).toBe(size)
  expect(await findChangedPage(scratch.db, path)).toBeNull()
})

test('a column of a table is read to the last nanosecond, nested ones too', async () => {
  const path = await zonedFile('table.parquet')
  const file = { content: 'data', format: 'parquet', path: 's3://w/1.parquet', equalityIds: [] } as never
  const from = await tableRowsSql(scratch.db, {
    schema: { schemaId: 0, fields },
    data: [{ file, path, dataSequenceNumber: 1 }],
    deletes: [],
  })
  const rows = await scratch.db.query(`SELECT id, epoch_ns("at") AS "at", epoch_ns(within."at") AS deep FROM ${from} ORDER BY id`)
  expect(rows).toEqual([
    { id: 1n, at: 1_709_208_000_123_456_789n, deep: -1n },
    { id: 2n, at: null, deep: null },
  ])
})

test('bounds in nanoseconds are held against nanoseconds', async () => {
  const path = await zonedFile('bounds.parquet')
  const { columns } = await measureColumns(scratch.db, path, { fields })
  const bound = (nanos: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(nanos)
    return bytes
  }
  const stated = (upper: bigint): StatedColumns => ({
    lowerBounds: new Map([[2, bound(1_709_208_000_123_456_789n)]]),
    upperBounds: new Map([[2, bound(upper)]]),
    valueCounts: new Map(),
    nullCounts: new Map(),
  })
  expect(falseBounds(stated(1_709_208_000_123_456_789n), columns)).toEqual([])
  expect(falseBounds(stated(1_709_208_000_123_456_788n), columns)).toHaveLength(1)
})

test('a table without such a column has its files left as they are, and what is no Parquet file is left to the engine', async () => {
  const path = await zonedFile('left.parquet')
  const before = await readFile(path)
  await keepNanoseconds([path], [{ id: 2, name: 'at', required: false, type: 'timestamptz' }])
  expect((await readFile(path)).equals(before)).toBe(true)
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('PAR1'),
    before.subarray(0, -20),
    Buffer.concat([Buffer.alloc(3, 0xff), before.subarray(-8)]),
  ]) {
    await writeFile(path, bytes)
    await keepNanoseconds([path], fields)
    expect((await readFile(path)).equals(bytes)).toBe(true)
  }
})

test.each([
  ['timestamp', 86_400_000_000n],
  ['timestamptz_ns', 86_400_000_000_000n],
] as const)('bounds of what was a date before it became a %s are days', (type, perDay) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(-3)
  expect(decodeBound(type, bytes)).toBe(-3n * perDay)
})

test('a moment that is no whole microsecond is equal to none that is expected in microseconds', async () => {
  const compared = actualSql({ field: 'at', type: 'BIGINT', sql: 'at', unit: 'micros' }, 'TIMESTAMP_NS').sql
  const audited = canonicalSql('micros', '"at"', 'timestamptz_ns')
  const rows = await scratch.db.query(`SELECT ${compared} AS compared, ${audited} AS audited
    FROM (VALUES (TIMESTAMP_NS '2024-02-29 12:00:00.123456'), (TIMESTAMP_NS '2024-02-29 12:00:00.123456001')) rows("at") ORDER BY "at"`)
  expect(rows).toEqual([
    { compared: 1_709_208_000_123_456n, audited: '1709208000123456' },
    { compared: 1_709_208_000_123_456_001n, audited: '1709208000123456001' },
  ])
})
