import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canaryIdText } from '../../shared/core/identity.ts'
import { RUN, TABLE, told, topology } from '../../shared/core/told-run.fixture.ts'
import { quoteText } from '../../shared/engines/duckdb.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import type { WrittenFile } from '../../shared/iceberg/manifest-writer.fixture.ts'
import { baselineOf, emptyBaseline, ManifestReader, type Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { TableAuditAccess } from './audit-reading.ts'
import { FollowedTable } from './followed-table.fixture.ts'
import { readTableTimes } from './times-reading.ts'

const MINUTE = 60_000
const MICROS_PER_S = 1_000_000n
const TIME_ID = 4
const hop = topology.hops.find((one): one is TableHop => one.kind === 'table') as TableHop
const eventTime = { topic: 'clean', field: 'traded_at', column: 'traded_at' }

/** The engine's value of so many microseconds, by the type of the column. */
const momentSql: Readonly<Record<string, (micros: bigint) => string>> = {
  timestamp: (micros) => `make_timestamp(${micros})`,
  timestamptz: (micros) => `CAST(make_timestamp(${micros}) AS TIMESTAMPTZ)`,
  timestamp_ns: (micros) => `make_timestamp_ns(${micros * 1_000n})`,
  timestamptz_ns: (micros) => `make_timestamp_ns(${micros * 1_000n})`,
  long: (micros) => `CAST(${micros} AS BIGINT)`,
}

interface Row {
  readonly id: string | null
  /** Since 1970; null for a row without an event time. */
  readonly seconds: number | null
}
const rows = (...seconds: (number | null)[]): Row[] => seconds.map((second, i) => ({ id: `T-${i}`, seconds: second }))

let followed: FollowedTable
let folder: string
let written: string
let access: TableAuditAccess
let type: string

function typeTheTable(as: string): void {
  type = as
  const fields = [
    { id: 1, name: 'trade_id', type: 'string' },
    { id: 3, name: 'venue', type: 'string' },
    { id: TIME_ID, name: 'traded_at', type },
  ]
  followed.table.schemas = [{ fields }]
}

beforeEach(async () => {
  followed = await FollowedTable.open()
  folder = await mkdtemp(join(tmpdir(), 'assay-times-'))
  written = await mkdtemp(join(tmpdir(), 'assay-times-written-'))
  const { table, db } = followed
  typeTheTable('timestamptz')
  access = {
    store: table.store,
    manifests: new ManifestReader(table.store),
    db,
    tableRows: tableRowsSql,
    topology,
    hop: { ...hop, sourceOffsets: null, sinkGroup: 'sink', audit: { showValues: true, eventTime } },
    runId: RUN,
    folder,
    catalog: { loadTable: () => Promise.resolve({ metadataLocation: null, metadata: table.metadata() }) },
  }
})

afterEach(async () => {
  await followed.close()
  for (const path of [folder, written]) await rm(path, { recursive: true })
})

/** A data file of these rows. */
async function data(of: readonly Row[], file: Partial<WrittenFile> = {}): Promise<WrittenFile> {
  const path = join(written, 'rows.parquet')
  const values = of.map(({ id, seconds }) => {
    const moment = seconds === null ? 'NULL' : (momentSql[type]?.(BigInt(Math.round(seconds * 1e6))) ?? String(seconds))
    return `SELECT ${id === null ? 'CAST(NULL AS VARCHAR)' : quoteText(id)} AS trade_id, 'XNAS' AS venue, ${moment} AS traded_at`
  })
  const ids = `{trade_id: 1, venue: 3, traded_at: ${TIME_ID}}`
  await followed.db.query(`COPY (${values.join(' UNION ALL ')}) TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS ${ids})`)
  return followed.table.put(path, { content: 0, recordCount: of.length, ...file })
}

/** Bounds of the event time, as a manifest states them. */
function boundedBy(fromSeconds: number, toSeconds: number): Partial<WrittenFile> {
  const bound = (seconds: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(seconds) * MICROS_PER_S)
    return new Map([[TIME_ID, bytes]])
  }
  return { lowerBounds: bound(fromSeconds), upperBounds: bound(toSeconds) }
}

async function append(of: readonly Row[], file: Partial<WrittenFile> = {}): Promise<WrittenFile> {
  const added = await data(of, file)
  followed.table.commit({ operation: 'append', added: [added] })
  return added
}

interface Asked {
  readonly began?: Baseline
  readonly minutes?: readonly number[]
  readonly windowMs?: number
  readonly column?: string
  readonly unit?: 'millis' | 'micros' | null
}

const asked = ({ began = emptyBaseline, minutes = [0, 1, 2], windowMs = MINUTE, column = 'traded_at', unit = 'micros' }: Asked) =>
  readTableTimes(access, {
    type: 'audit-counts',
    runId: RUN,
    hop: TABLE,
    began,
    told: told('audit-times', { windowMs, unit, windows: minutes.map((minute) => ({ startMs: minute * MINUTE, count: 1, before: 0 })) }),
    column,
  })

/** Rows by the minute that they are of. */
const countsOf = async (of: Asked = {}) => (await asked(of)).windows.map(({ startMs, count }) => [startMs / MINUTE, count])

/** The table as it is now. */
const now = () => baselineOf(followed.table.metadata(), 'main')

describe('rows are counted by the window of their event time', () => {
  test('over files, with the snapshot that was read, when rows last came, and nothing left behind', async () => {
    followed.table.commit({ operation: 'append', added: [await data(rows(0, 61, 59.999_999, 60))], atMs: 5_000 })
    followed.table.commit({ operation: 'append', added: [await data(rows(1, 119.5))], atMs: 6_000 })
    followed.table.commit({ operation: 'delete', atMs: 7_000 })
    expect(await asked({})).toEqual({
      snapshotId: '103',
      committedAtMs: 6_000,
      windows: [
        { startMs: 0, count: 3, before: 0 },
        { startMs: MINUTE, count: 3, before: 0 },
      ],
      gone: null,
    })
    expect(await readdir(folder)).toEqual([])
  })

  test('of those windows alone that are asked for', async () => {
    await append(rows(0, 61, 62, 121, 200))
    expect(await countsOf({ minutes: [1, 2, 4] })).toEqual([
      [1, 2],
      [2, 1],
    ])
    expect(await countsOf({ minutes: [] })).toEqual([])
  })

  test('of the length that is asked for', async () => {
    await append(rows(0, 61, 119, 121))
    expect(await countsOf({ minutes: [0, 2], windowMs: 2 * MINUTE })).toEqual([
      [0, 3],
      [2, 1],
    ])
  })

  test('before 1970, too; a row without an event time has none', async () => {
    await append(rows(-0.000_001, -60, -60.000_001, null))
    expect(await countsOf({ minutes: [-2, -1, 0] })).toEqual([
      [-2, 1],
      [-1, 2],
    ])
  })

  test.each(Object.keys(momentSql))('in a column of type %s', async (as) => {
    typeTheTable(as)
    await append(rows(-1, 0, 61, 61.000_001))
    expect(await countsOf({ minutes: [-1, 0, 1] })).toEqual([
      [-1, 1],
      [0, 1],
      [1, 2],
    ])
  })
})

describe('rows that were there when the audit began', () => {
  test('do not count, and their files are not read while rows are only appended', async () => {
    const before = await append(rows(0, 61))
    const began = now()
    expect(await countsOf({ began })).toEqual([])
    await append(rows(1))
    await append(rows(2, 62))
    followed.table.reads.length = 0
    expect(await countsOf({ began })).toEqual([
      [0, 2],
      [1, 1],
    ])
    expect(followed.table.reads).not.toContain(before.path)
  })

  test('count, where the table was made anew since', async () => {
    await append(rows(0))
    const began = now()
    followed.table.drop('second')
    await append(rows(1, 2))
    expect(await countsOf({ began })).toEqual([[0, 2]])
  })
})

describe('when the table was rewritten since', () => {
  test('the same rows count as before, however files were joined', async () => {
    const before = await append(rows(0, 61))
    const untouched = await append(rows(3, 63))
    const began = now()
    const first = await append(rows(1, 121))
    const second = await append(rows(2))
    const appended = await countsOf({ began })
    expect(appended).toEqual([
      [0, 2],
      [2, 1],
    ])
    followed.table.commit({ operation: 'replace', removed: [before, first], added: [await data(rows(1, 0, 61, 121))] })
    followed.table.reads.length = 0
    expect(await countsOf({ began })).toEqual(appended)
    // Files that stand in both snapshots hold as many rows in both.
    expect(followed.table.reads).not.toContain(untouched.path)
    await append(rows(4))
    followed.table.commit({ operation: 'replace', removed: [second], added: [await data(rows(2))] })
    expect(await countsOf({ began })).toEqual([
      [0, 3],
      [2, 1],
    ])
  })

  test('rows of before that were rewritten alone do not count', async () => {
    const before = await append(rows(0, 61))
    const began = now()
    followed.table.commit({ operation: 'replace', removed: [before], added: [await data(rows(61, 0))] })
    expect(await countsOf({ began })).toEqual([])
  })
})

describe('rows that are deleted', () => {
  test('by position do not count', async () => {
    await append(rows(0, 61))
    const began = now()
    const file = await append(rows(1, 2, 62))
    followed.table.commit({ operation: 'delete', added: [await followed.positionDeletes(file, [1])] })
    expect(await countsOf({ began })).toEqual([
      [0, 1],
      [1, 1],
    ])
  })

  test('by equality do not count, nor do those that were deleted before', async () => {
    await append([
      { id: 'A', seconds: 0 },
      { id: 'B', seconds: 61 },
    ])
    const deleteOf = async (id: string) => followed.equalityDeletes('trade_id', [{ stream: 0, seq: 0, other: id }])
    followed.table.commit({ operation: 'delete', added: [await deleteOf('A')] })
    const began = now()
    await append([
      { id: 'C', seconds: 1 },
      { id: 'D', seconds: 2 },
      { id: 'E', seconds: 62 },
    ])
    followed.table.commit({ operation: 'delete', added: [await deleteOf('D')] })
    expect(await countsOf({ began })).toEqual([
      [0, 1],
      [1, 1],
    ])
  })
})

test('canaries of other runs do not count, those of the run and rows of others do', async () => {
  const foreign = canaryIdText({ runId: RUN.replace(/.$/, 'f'), stream: 0, seq: 1 })
  const own = canaryIdText({ runId: RUN, stream: 1, seq: 7 })
  const ids = [foreign, own, foreign, 'T-1', `${foreign}-like`, null]
  await append(ids.map((id) => ({ id, seconds: 0 })))
  expect(await countsOf()).toEqual([[0, 4]])
})

describe('where the snapshot that the audit began at has expired', () => {
  async function begunAndExpired(operations: readonly ('append' | 'replace')[]): Promise<Baseline> {
    let last = await append(rows(0, 61))
    const began = now()
    const expired = Number(began.snapshotId)
    for (const operation of operations) {
      const added = await data(operation === 'append' ? rows(1) : rows(0, 61))
      followed.table.commit({ operation, added: [added], removed: operation === 'replace' ? [last] : [] })
      last = added
    }
    followed.table.expire([expired])
    return began
  }

  test('rows that were only appended since count all the same', async () => {
    const began = await begunAndExpired(['append', 'append'])
    expect(await asked({ began })).toMatchObject({ windows: [{ startMs: 0, count: 2 }], gone: null })
  })

  test('nobody can tell any more when rows were rewritten', async () => {
    const began = await begunAndExpired(['replace', 'append'])
    expect(await asked({ began })).toMatchObject({
      windows: [],
      gone: `whether rows were only added since the audit began is not known: snapshot ${String(began.snapshotId)}, which it began at, has expired`,
    })
  })
})

describe('a column', () => {
  test('of integers is read in the unit of the records', async () => {
    typeTheTable('long')
    await append(rows(-0.001, 0, 0.061))
    expect(await countsOf({ minutes: [-1, 0, 1], unit: 'millis' })).toEqual([
      [-1, 1],
      [0, 1],
      [1, 1],
    ])
  })

  test('of integers says no time where records are in several units', async () => {
    typeTheTable('long')
    await append(rows(0))
    await expect(asked({ unit: null })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
  })

  test('that is missing is named', async () => {
    await append(rows(0))
    await expect(asked({ column: 'settled_at' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(
        'audit.eventTime of lake.trades: expected column settled_at of a timestamp type, or of integers where all records are in one unit; got none of that name',
      ) as string,
    })
  })

  test.each(['date', 'string'])('of type %s is named, and that it holds no timestamps', async (as) => {
    typeTheTable(as)
    await append(rows(0))
    await expect(asked({})).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(`or of integers where all records are in one unit; got ${as}`) as string,
    })
  })
})

test('a table without a snapshot is missing', async () => {
  await expect(asked({})).rejects.toMatchObject({ code: 'TABLE_MISSING' })
})

test('files whose bounds lie outside of the windows are not read, those that touch them are', async () => {
  const files: [bounds: [number, number] | null, seconds: number][] = [
    [[0, 59], 30],
    [[0, 60], 60],
    [[179, 400], 179],
    [[180, 400], 180],
    [null, 61],
  ]
  const paths: string[] = []
  for (const [bounds, seconds] of files) paths.push((await append(rows(seconds), bounds === null ? {} : boundedBy(...bounds))).path)
  followed.table.reads.length = 0
  expect(await countsOf({ minutes: [1, 2] })).toEqual([
    [1, 2],
    [2, 1],
  ])
  expect(paths.map((path) => followed.table.reads.includes(path))).toEqual([false, true, true, false, true])
})
