import { expect, describe, test } from 'vitest'
import { timeSlices } from '../../compose/reference/api/copy.ts'
import { RETIRED_BEFORE, retiredBetween, tableMetadataOf, type Change, type TableMetadata } from '../../compose/reference/catalog.ts'
import { retireRows } from '../../compose/reference/keeper/retention.ts'
import { SWEPT_AFTER_MS, sweep } from '../../compose/reference/keeper/sweep.ts'
import type { ObjectStore } from '../../compose/reference/store.ts'
import { parseLossless } from '../../shared/iceberg/lossless.ts'
import type { WrittenFile } from '../../shared/iceberg/manifest-writer.fixture.ts'
import { currentSnapshot, parseTableMetadata } from '../../shared/iceberg/metadata.ts'
import { ManifestReader, readLiveFiles, readSnapshotChanges } from '../../shared/iceberg/snapshot-reader.ts'
import { TableWriter } from '../../shared/iceberg/table-writer.fixture.ts'

const SOURCE_AT_ID = 8
const HOUR_MS = 3_600_000
const NOW_MS = 100 * HOUR_MS
const OFFSETS = { 'kafka.connect.offsets.control.x': '{"0":17}' }

/** A table as its sink writes it and as its catalog tells of it, with a store whose objects have an age. */
class Lake {
  readonly writer = new TableWriter([{ id: SOURCE_AT_ID, name: '_kafka_metadata_timestamp', type: 'long' }])
  readonly writtenMs = new Map<string, number>()
  formatVersion = 2
  expired = new Set<string>()
  beforeCommit: () => void = () => undefined
  #own: Record<string, unknown>[] = []
  #files = 0

  file(sourceAtMs: number | null, rows = 10): WrittenFile {
    const bound = Buffer.alloc(8)
    bound.writeBigInt64LE(BigInt(sourceAtMs ?? 0))
    const path = `s3://lake/data/${++this.#files}.parquet`
    this.writer.objects.set(path, Buffer.from('rows'))
    const bounds = sourceAtMs === null ? {} : { upperBounds: new Map([[SOURCE_AT_ID, bound]]) }
    return { content: 0, path, recordCount: rows, sizeBytes: 100, ...bounds }
  }

  /** As the catalog's JSON, in which numbers are whole. */
  text(): string {
    const rows = 40
    const theirs = this.writer.snapshots.map((one) => ({
      'snapshot-id': one.snapshotId,
      ...(one.parentId === null ? {} : { 'parent-snapshot-id': one.parentId }),
      'sequence-number': one.sequenceNumber,
      'timestamp-ms': one.timestampMs,
      'manifest-list': one.manifestList,
      'schema-id': 0,
      summary: { operation: one.operation, 'total-records': String(rows), 'total-data-files': '4', 'total-files-size': '400', ...OFFSETS },
    }))
    const snapshots = [...theirs, ...this.#own].filter((one) => !this.expired.has(String(one['snapshot-id'])))
    const current = this.#own.at(-1)?.['snapshot-id'] ?? this.writer.refs.get('main') ?? -1
    const raw = {
      'format-version': this.formatVersion,
      'table-uuid': 'u',
      location: 's3://lake',
      'last-sequence-number': Math.max(0, ...snapshots.map((one) => Number(one['sequence-number']))),
      'current-snapshot-id': current,
      'current-schema-id': 0,
      schemas: [{ 'schema-id': 0, fields: [{ id: SOURCE_AT_ID, name: '_kafka_metadata_timestamp', type: 'long', required: false }] }],
      snapshots,
      refs: { main: { 'snapshot-id': current, type: 'branch' } },
      'snapshot-log': [],
    }
    return JSON.stringify(raw, (_, value: unknown) => (typeof value === 'bigint' ? `#${value}#` : value)).replaceAll(/"#(\d+)#"/g, '$1')
  }

  readonly catalog = {
    metadata: (): Promise<TableMetadata> => Promise.resolve(tableMetadataOf(`{"metadata":${this.text()}}`)),
    commit: ({ requirements, updates }: Change): Promise<boolean> => {
      this.beforeCommit()
      const current = tableMetadataOf(`{"metadata":${this.text()}}`)['current-snapshot-id']
      const isMet = requirements.every((one) => !('ref' in one) || ('snapshot-id' in one && one['snapshot-id'] === current))
      if (!isMet) return Promise.resolve(false)
      for (const update of updates) if ('snapshot' in update) this.#own.push(update.snapshot as Record<string, unknown>)
      return Promise.resolve(true)
    },
  }

  readonly store: ObjectStore = {
    get: (uri) => {
      const bytes = this.writer.objects.get(uri)
      return bytes === undefined ? Promise.reject(new Error(`no ${uri}`)) : Promise.resolve(bytes)
    },
    put: (uri, bytes) => {
      this.writer.objects.set(uri, bytes)
      return Promise.resolve()
    },
    remove: (uri) => {
      this.writer.objects.delete(uri)
      return Promise.resolve()
    },
    list: (folder) =>
      Promise.resolve(
        [...this.writer.objects.keys()]
          .filter((uri) => uri.startsWith(`${folder}/`))
          .map((uri) => ({ uri, modifiedMs: this.writtenMs.get(uri) ?? 0 })),
      ),
  }

  /** What Assay reads of the table's current snapshot. */
  async seen() {
    const metadata = parseTableMetadata(parseLossless(this.text()), 'lake')
    const snapshot = currentSnapshot(metadata, 'main')
    if (snapshot === null) throw new Error('no snapshot')
    const reader = new ManifestReader(this.writer.store)
    const live = await readLiveFiles(reader, snapshot)
    return { snapshot, changes: await readSnapshotChanges(reader, snapshot), live: live.data }
  }
}

const paths = (files: readonly { path: string }[]) => files.map(({ path }) => path).sort()
const before = NOW_MS - 3 * HOUR_MS

/** Two manifests: one of an old and a young file, one of an old file and one without a bound. */
function filled() {
  const lake = new Lake()
  const files = [lake.file(before - 1), lake.file(before), lake.file(before - HOUR_MS), lake.file(null)] as const
  lake.writer.commit({ operation: 'append', added: [files[0], files[1]] })
  lake.writer.commit({ operation: 'append', added: [files[2], files[3]] })
  return { lake, files }
}

describe('retention', () => {
  test('takes out files whose every row is old, and Assay sees just that', async () => {
    const { lake, files } = filled()
    const earlier = await lake.seen()
    expect(await retireRows(lake, before)).toEqual({ files: 2, rows: 20n })
    const { snapshot, changes, live } = await lake.seen()
    expect(paths(changes.removed)).toEqual(paths([files[0], files[2]]))
    expect([changes.added, changes.deletes, changes.removedDeletes]).toEqual([[], [], []])
    expect(paths(live)).toEqual(paths([files[1], files[3]]))
    for (const file of live) expect(earlier.live).toContainEqual({ ...file })
    expect(snapshot.parentId).toBe(earlier.snapshot.snapshotId)
    expect(snapshot.sequenceNumber).toBe(3)
    expect(snapshot.summary).toEqual({
      operation: 'delete',
      ...OFFSETS,
      'deleted-data-files': '2',
      'deleted-records': '20',
      'removed-files-size': '200',
      'total-records': '20',
      'total-data-files': '2',
      'total-files-size': '200',
      [RETIRED_BEFORE]: String(before),
    })
    for (const { path } of files) expect(lake.writer.objects.has(path)).toBe(true)
  })

  test('begins again behind a commit that was first, and leaves nothing of what it had begun', async () => {
    const { lake, files } = filled()
    const late = lake.file(NOW_MS)
    let conflicts = 0
    lake.beforeCommit = () => {
      if (conflicts++ === 0) lake.writer.commit({ operation: 'append', added: [late] })
    }
    expect(await retireRows(lake, before)).toEqual({ files: 2, rows: 20n })
    expect(conflicts).toBe(2)
    expect(paths((await lake.seen()).live)).toEqual(paths([files[1], files[3], late]))
    const metadata = [...lake.writer.objects.keys()].filter((uri) => uri.endsWith('.avro'))
    // Three commits' lists and manifests, and those of the one that came about.
    expect(metadata).toHaveLength(3 * 2 + 3)
  })

  test.each<[string, (lake: Lake) => void]>([
    ['a table of another format version', (lake) => (lake.formatVersion = 3)],
    ['rows that are all younger', () => undefined],
  ])('commits nothing for %s', async (what, change) => {
    const { lake } = filled()
    change(lake)
    lake.beforeCommit = () => {
      throw new Error('a commit')
    }
    const cutoff = what.startsWith('rows') ? before - 2 * HOUR_MS : before
    expect(await retireRows(lake, cutoff)).toEqual({ files: 0, rows: 0n })
  })
})

describe('the sweep', () => {
  async function retired() {
    const { lake, files } = filled()
    await retireRows(lake, before)
    const uncommitted = lake.file(0)
    const last = lake.writer.snapshots.map((one) => String(one.snapshotId))
    return { lake, files, uncommitted, last }
  }

  test('removes nothing of a snapshot that is kept', async () => {
    const { lake } = await retired()
    const earlier = new Set(lake.writer.objects.keys())
    expect(await sweep(lake, NOW_MS)).toEqual({ metadataFiles: 0, dataFiles: 0 })
    expect(new Set(lake.writer.objects.keys())).toEqual(earlier)
  })

  test('removes what expired snapshots leave, and data files with the manifest that says they were deleted', async () => {
    const { lake, files, uncommitted, last } = await retired()
    for (const id of last) lake.expired.add(id)
    // Both lists, and the manifests that were written anew.
    expect(await sweep(lake, NOW_MS)).toEqual({ metadataFiles: 4, dataFiles: 0 })
    expect(paths((await lake.seen()).live)).toEqual(paths([files[1], files[3]]))

    const retirement = (await lake.seen()).snapshot
    await retireRows(lake, before + 1)
    lake.expired.add(String(retirement.snapshotId))
    expect(await sweep(lake, NOW_MS)).toEqual({ metadataFiles: 2, dataFiles: 1 })
    // The manifests that tell of the third and of the one just retired are still there; the sink may yet commit the last.
    const left = paths([...lake.writer.objects.keys()].filter((uri) => uri.includes('/data/')).map((path) => ({ path })))
    expect(left).toEqual(paths([files[1], files[2], files[3], uncommitted]))
    expect(paths((await lake.seen()).live)).toEqual([files[3].path])
  })

  test('leaves young files alone, and data that a kept snapshot has though a manifest says it was deleted', async () => {
    const { lake, files, last } = await retired()
    const { snapshot } = await lake.seen()
    // Rolled back: the retirement is in no snapshot any more, what it took out is.
    lake.expired.add(String(snapshot.snapshotId))
    for (const uri of lake.writer.objects.keys()) lake.writtenMs.set(uri, NOW_MS - SWEPT_AFTER_MS)
    expect(await sweep(lake, NOW_MS)).toEqual({ metadataFiles: 0, dataFiles: 0 })
    expect(await sweep(lake, NOW_MS + 1)).toEqual({ metadataFiles: 3, dataFiles: 0 })
    expect(last).toHaveLength(2)
    for (const { path } of files) expect(lake.writer.objects.has(path)).toBe(true)
  })

  test('removes nothing when one list cannot be read', async () => {
    const { lake, last } = await retired()
    lake.expired.add(last[0] ?? '')
    lake.writer.objects.delete(lake.writer.snapshots[1]?.manifestList ?? '')
    const earlier = lake.writer.objects.size
    await expect(sweep(lake, NOW_MS)).rejects.toThrow('no s3://lake/metadata/snap-')
    expect(lake.writer.objects.size).toBe(earlier)
  })
})

describe('the query API between two snapshots', () => {
  const one = (id: number, parent: number, summary: Record<string, string>) => ({
    'snapshot-id': BigInt(id),
    'parent-snapshot-id': BigInt(parent),
    'timestamp-ms': 0,
    'manifest-list': '',
    summary: { operation: 'append', ...summary },
  })
  const retirement = { operation: 'delete', 'deleted-records': '7', [RETIRED_BEFORE]: '500' }
  test.each([
    ['counts no row for appends', [one(2, 1, {}), one(3, 2, {})], 0n],
    ['counts rows that were retired', [one(2, 1, retirement), one(3, 2, {})], 7n],
    ['cannot tell of rows that it may hold', [one(2, 1, { ...retirement, [RETIRED_BEFORE]: '501' }), one(3, 2, {})], undefined],
    ['cannot tell of a delete of somebody else', [one(2, 1, { operation: 'delete', 'deleted-records': '7' }), one(3, 2, {})], undefined],
    ['cannot tell of an overwrite', [one(2, 1, { operation: 'overwrite' }), one(3, 2, {})], undefined],
    ['cannot tell across a gap', [one(3, 2, {})], undefined],
    ['ends in a chain that bites its tail', [one(2, 3, {}), one(3, 2, {})], undefined],
  ])('%s', (_, snapshots, expected) => {
    expect(retiredBetween(snapshots, { from: 1n, to: 3n, beforeMs: 500 })).toBe(expected)
  })

  test('reads all rows of its window in slices, each once', () => {
    const slices = timeSlices(1_000, 1_000 + 2 * HOUR_MS)
    expect(slices).toHaveLength(8)
    expect(slices[0]).toBe('_kafka_metadata_timestamp >= 1000 AND _kafka_metadata_timestamp < 901000')
    expect(slices.at(-1)).toBe(`_kafka_metadata_timestamp >= ${1_000 + 7 * 900_000}`)
    expect(timeSlices(5, 5)).toEqual(['_kafka_metadata_timestamp >= 5'])
  })
})
