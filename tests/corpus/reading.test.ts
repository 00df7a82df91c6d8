import { mkdir, rm } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkFile, deleteDamage } from '../../agents/storage-reconciler/file-checks.ts'
import type { LineageMove, SnapshotReading } from '../../agents/storage-reconciler/events.ts'
import { readContext } from '../../agents/storage-reconciler/read-context.ts'
import type { TableReading } from '../../agents/storage-reconciler/snapshot-reading.ts'
import { GONE } from '../../agents/storage-reconciler/table-files.ts'
import { TableFollowing } from '../../agents/storage-reconciler/table-following.ts'
import { RUN, resolvedOf, topology } from '../../shared/core/told-run.fixture.ts'
import { useScratchEngine } from '../../shared/engines/scratch-engine.fixture.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import { ancestry, currentSnapshot, type TableMetadata } from '../../shared/iceberg/metadata.ts'
import { ManifestReader, readLiveFiles } from '../../shared/iceberg/snapshot-reader.ts'
import { rules as rulesSchema } from '../../topology/rules.ts'
import type { TableHop } from '../../topology/topology.ts'
import { expectedOf, folderStore, metadataOf, tablesFolder } from './corpus.ts'

/** The storage-reconciler on every table of the corpus: what its own reading finds wrong with tables that real writers wrote. */
const tables = readdirSync(tablesFolder).sort()
const scratch = useScratchEngine()
const told = topology.hops.find((one): one is TableHop => one.kind === 'table') as TableHop

/** By what rows are told apart: any column of text does, since no row of the corpus is a canary. */
const textColumn = ({ schemas, currentSchemaId }: TableMetadata): string | null =>
  schemas.find(({ schemaId }) => schemaId === currentSchemaId)?.fields.find(({ type }) => type === 'string')?.name ?? null

/** Every column is named by a rule, so that every column is read; the rule holds of every row. */
function readingOf(metadata: TableMetadata): TableReading {
  const text = textColumn(metadata) ?? 'id'
  const names = [...new Set(metadata.schemas.flatMap(({ fields }) => fields.map(({ name }) => `"${name}"`)))].join(' ')
  const rules = rulesSchema.parse([{ name: 'all rows', each: `true /* ${names} */`, rows: 'all' }])
  return {
    store: folderStore,
    manifests: new ManifestReader(folderStore),
    db: scratch.db,
    tableRows: tableRowsSql,
    topology: { ...topology, record: { ...topology.record, identity: text, marker: { field: text, value: 'no such row' } } },
    hop: { ...told, sourceOffsets: null, rules },
    canaries: { runId: RUN, resolved: resolvedOf(), fields: [], at: () => ({}) },
  }
}

let folders = 0

async function withFolder<T>(_: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(scratch.folder, `reading-${++folders}`)
  await mkdir(folder)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The main branch from the table's beginning; where several metadata are given, each in its turn. */
async function follow(...given: readonly [TableMetadata, ...TableMetadata[]]) {
  const found = { readings: [] as SnapshotReading[], moves: [] as LineageMove[], gaps: [] as string[], broken: [] as string[] }
  let [metadata] = given
  const following = new TableFollowing(
    {
      catalog: { loadTable: () => Promise.resolve({ metadataLocation: null, metadata }) },
      reading: readingOf(metadata),
      withFolder,
      isStopped: () => false,
      snapshotRead: (reading) => found.readings.push(reading),
      lineageMoved: (move) => found.moves.push(move),
      metadataBroken: (_, { actual }) => found.broken.push(actual),
      gap: (reason) => found.gaps.push(reason),
    },
    { followed: [null], seen: [], sequenceNumber: null, tableUuid: metadata.tableUuid },
  )
  for (metadata of given) await following.poll()
  return found
}

/** Followed from their beginning, without anything that is wrong with them. */
const whole = tables.filter(
  (table) =>
    !table.startsWith('foreign-') &&
    Object.keys(expectedOf(table).damaged).length === 0 &&
    textColumn(metadataOf(expectedOf(table))) !== null,
)

test('what is not followed here is foreign, damaged, or has no column of text', () => {
  expect(tables.filter((table) => !whole.includes(table))).toEqual(['damaged', 'foreign-avro', 'foreign-orc', 'nested'])
})

describe.each(whole)('%s', (table) => {
  test('is followed from snapshot to snapshot, and nothing is found wrong with it', async () => {
    const expected = expectedOf(table)
    const metadata = metadataOf(expected)
    const { readings, moves, gaps, broken } = await follow(metadata)
    const tip = currentSnapshot(metadata)
    const ancestors = tip === null ? [] : [...ancestry(metadata, tip)].reverse()
    const isKept = ancestors[0]?.parentId === null || ancestors.length === 0
    expect(readings.map(({ snapshotId }) => snapshotId)).toEqual(
      (isKept ? ancestors : ancestors.slice(-1)).map(({ snapshotId }) => String(snapshotId)),
    )
    expect(readings.flatMap(({ metadataFaults }) => metadataFaults)).toEqual([])
    expect([moves, gaps, broken]).toEqual([[], [], []])
    const rowsAt = (id: string | null) => expected.snapshots.find((one) => one.id === id)?.rows.length ?? 0
    for (const { snapshotId, parentId, operation, isWhole, filesAdded, rowsAdded, rules } of readings) {
      const { changes } = expected.snapshots.find(({ id }) => id === snapshotId) ?? { changes: null }
      expect(filesAdded).toBe(changes?.added.length)
      expect(rules).toMatchObject({ faults: [] })
      for (const { rows, unchecked } of rules.checks) {
        expect(unchecked).toBeNull()
        if (operation !== 'append' || isWhole) continue
        expect([rows, rowsAdded]).toEqual([rowsAt(snapshotId) - rowsAt(parentId), rows])
      }
    }
  })
})

const sound = tables.filter((table) => !table.startsWith('foreign-'))

test.each(sound)('%s: files are what their manifests say of them, but those that are known to be damaged', async (table) => {
  const expected = expectedOf(table)
  const metadata = metadataOf(expected)
  const faulty = new Set<string>()
  for (const snapshot of metadata.snapshots) {
    const { data, deletes } = await readLiveFiles(new ManifestReader(folderStore), snapshot)
    await withFolder('', async (folder) => {
      const context = readContext(readingOf(metadata), { metadata, snapshot, folder })
      for (const file of data) if ((await checkFile(context, file)).faults.length > 0) faulty.add(file.path)
      for (const file of deletes) if ((await deleteDamage(context, file)) !== null) faulty.add(file.path)
    })
  }
  expect([...faulty].sort()).toEqual(Object.keys(expected.damaged).sort())
})

test('damaged files are each named, with what is wrong, and what comes behind them is followed', async () => {
  const expected = expectedOf('damaged')
  const { readings, gaps, broken } = await follow(metadataOf(expected))
  expect(readings).toHaveLength(expected.snapshots.length)
  expect([gaps, broken]).toEqual([[], []])
  const faults = Map.groupBy(
    readings.flatMap(({ metadataFaults }) => metadataFaults),
    ({ file }) => file,
  )
  expect([...faults.keys()].sort()).toEqual(Object.keys(expected.damaged).sort())
  const words: Readonly<Record<string, RegExp>> = {
    'cut short': /no readable footer/,
    'a flipped bit': /row group 0 of 1|row group 0, column name: page 0 is not what its checksum says/,
  }
  for (const [file, what] of Object.entries(expected.damaged))
    expect(
      faults
        .get(file)
        ?.map(({ actual }) => actual)
        .join('; '),
    ).toMatch(words[what] as RegExp)
})

test('a table dropped and made again is noticed by its uuid, and followed from its new beginning', async () => {
  const expected = expectedOf('recreated')
  const dropped = metadataOf({ metadata: expected.earlier ?? '' })
  const metadata = metadataOf(expected)
  const { readings, moves } = await follow(dropped, metadata)
  expect(moves).toMatchObject([{ tableUuid: { was: dropped.tableUuid, is: metadata.tableUuid } }])
  expect(moves[0]?.undone).toEqual([String(dropped.currentSnapshotId)])
  expect(readings.map(({ snapshotId }) => snapshotId)).toEqual([dropped.currentSnapshotId, metadata.currentSnapshotId].map(String))
})

test('data files that are not Parquet stop the reading, one that is gone does not: both are named', async () => {
  const [avro] = expectedOf('foreign-avro').snapshots
  await expect(follow(metadataOf(expectedOf('foreign-avro')))).rejects.toMatchObject({
    code: 'FORMAT_UNSUPPORTED',
    message: expect.stringContaining(avro?.changes.added[0] ?? '-') as string,
  })
  const [orc] = expectedOf('foreign-orc').snapshots
  const { readings } = await follow(metadataOf(expectedOf('foreign-orc')))
  expect(readings.flatMap(({ metadataFaults }) => metadataFaults)).toMatchObject([{ file: orc?.changes.added[0], actual: GONE }])
})
