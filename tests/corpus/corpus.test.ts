import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readableColumns } from '../../shared/engines/column-projection.ts'
import { tableRowsSql, type LocalFile } from '../../shared/engines/table-rows.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import { deletedPositions, MAX_DELETED_POSITIONS } from '../../shared/iceberg/deletion-vectors.ts'
import type { DataFile } from '../../shared/iceberg/manifests.ts'
import type { Snapshot, TableMetadata } from '../../shared/iceberg/metadata.ts'
import { ManifestReader, readLiveFiles, readSnapshotChanges } from '../../shared/iceberg/snapshot-reader.ts'
import { canonicalRows } from './canonical-rows.ts'
import { expectedOf, folderStore, localPath, metadataOf, schemaAt, tablesFolder } from './corpus.ts'
import { useScratchEngine } from '../../shared/engines/scratch-engine.fixture.ts'

const tables = readdirSync(tablesFolder).sort()
const isForeign = (table: string) => table.startsWith('foreign-')

const scratch = useScratchEngine()

let copies = 0

/** A copy each: decoded deletion vectors are laid beside it. */
async function fetched(files: readonly TableFile[]): Promise<LocalFile[]> {
  return Promise.all(
    files.map(async (file) => {
      const path = join(scratch.folder, String(++copies))
      await copyFile(localPath(file.path), path)
      return { file, path, dataSequenceNumber: file.dataSequenceNumber }
    }),
  )
}

async function rowsAt(metadata: TableMetadata, snapshot: Snapshot): Promise<string[]> {
  const live = await readLiveFiles(new ManifestReader(folderStore), snapshot)
  expect(live.duplicatePaths).toEqual([])
  const schema = schemaAt(metadata, snapshot)
  const { fields } = readableColumns(schema.fields)
  const input = { schema: { ...schema, fields }, data: await fetched(live.data), deletes: await fetched(live.deletes) }
  return canonicalRows(scratch.db, { from: await tableRowsSql(scratch.db, input), fields })
}

describe.each(tables)('%s', (table) => {
  const expected = expectedOf(table)
  const metadata = metadataOf(expected)
  const snapshotOf = (id: string) => metadata.snapshots.find(({ snapshotId }) => String(snapshotId) === id) as Snapshot

  test('has the snapshots its writer kept', () => {
    expect(metadata.snapshots.map(({ snapshotId }) => String(snapshotId)).sort()).toEqual(expected.snapshots.map(({ id }) => id).sort())
  })

  test.each(expected.snapshots)('snapshot $id changed what its writer says', async ({ id, changes }) => {
    const read = await readSnapshotChanges(new ManifestReader(folderStore), snapshotOf(id))
    const paths = (files: readonly TableFile[]) => files.map(({ path }) => path).sort()
    expect({
      added: paths(read.added),
      removed: paths(read.removed),
      deletes: paths(read.deletes),
      removedDeletes: paths(read.removedDeletes),
    }).toEqual(changes)
  })

  // What is to be said of damaged files is for reading.test.ts.
  const isWhole = !isForeign(table) && Object.keys(expected.damaged).length === 0
  test.each(isWhole ? expected.snapshots : [])('snapshot $id has the rows its writer reads', async ({ id, rows }) => {
    expect(await rowsAt(metadata, snapshotOf(id))).toEqual(rows.map((row) => JSON.stringify(row)).sort())
  })
})

test.each(tables.filter(isForeign))('%s: data files that are not Parquet are named, not guessed at', async (table) => {
  const metadata = metadataOf(expectedOf(table))
  const { data } = await readLiveFiles(new ManifestReader(folderStore), metadata.snapshots[0] as Snapshot)
  const files = data.map((file) => ({ file, path: 'nowhere', dataSequenceNumber: file.dataSequenceNumber }))
  const input = { schema: schemaAt(metadata, metadata.snapshots[0] as Snapshot), data: files, deletes: [] }
  await expect(tableRowsSql(scratch.db, input)).rejects.toMatchObject({
    code: 'FORMAT_UNSUPPORTED',
    message: expect.stringContaining(data[0]?.path ?? '-') as string,
  })
})

test('the corpus covers every feature of the README', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const listed = [...readme.matchAll(/^\| ([^|]+?) +\| `/gm)].map(([, feature]) => feature)
  expect([...new Set(listed)].sort()).toEqual([...new Set(tables.flatMap((table) => expectedOf(table).features))].sort())
})

/** The deletion vectors table, with bytes of its Puffin file changed. */
async function damagedVector(change: (bytes: Buffer, at: number) => Buffer): Promise<{ path: string; work: Promise<string> }> {
  const metadata = metadataOf(expectedOf('deletion-vectors'))
  const snapshot = metadata.snapshots[1] as Snapshot
  const live = await readLiveFiles(new ManifestReader(folderStore), snapshot)
  const deletes = (await fetched(live.deletes)).slice(0, 1)
  const [vector] = deletes as [LocalFile]
  writeFileSync(vector.path, change(readFileSync(vector.path), vector.file.contentOffset ?? -1))
  return {
    path: vector.file.path,
    work: tableRowsSql(scratch.db, { schema: schemaAt(metadata, snapshot), data: await fetched(live.data), deletes }),
  }
}

const flipped = (at: (offset: number, length: number) => number) => (bytes: Buffer, offset: number) => {
  const index = at(offset, bytes.length)
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index)
  return bytes
}

test.each([
  ['the magic of the Puffin file', flipped(() => 0), /PFA1/],
  ['the magic at its end', flipped((_, length) => length - 1), /PFA1/],
  ['the length', flipped((offset) => offset + 3), /length/],
  ['the magic of the vector', flipped((offset) => offset + 4), /magic/],
  ['a byte of the bitmap', flipped((offset) => offset + 24), /CRC-32/],
  ['a file cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), /PFA1/],
])('a deletion vector with %s changed is METADATA_BROKEN, by name', async (_, change, why) => {
  const { path, work } = await damagedVector(change)
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown as Error,
  )
  expect(error).toMatchObject({ code: 'METADATA_BROKEN', message: expect.stringContaining(path) as string })
  expect(error?.message).toMatch(why)
})

const CONTAINER = 65_536

/** A deletion vector of this many positions from 0 on, in whole containers of one run each, and what a manifest says of it. */
function vectorOf(positions: number, recordCount = positions): { puffin: Buffer; file: DataFile } {
  const count = positions / CONTAINER
  const bitmap = Buffer.alloc(16 + Math.ceil(count / 8) + count * 14)
  bitmap.writeBigUInt64LE(1n)
  bitmap.writeUInt32LE(12_347 + (count - 1) * 65_536, 12)
  const headersAt = 16 + Math.ceil(count / 8)
  bitmap.fill(0xff, 16, headersAt)
  for (let i = 0; i < count; i++) {
    bitmap.writeUInt16LE(i, headersAt + i * 4)
    bitmap.writeUInt16LE(CONTAINER - 1, headersAt + i * 4 + 2)
    // Behind headers and offsets: one run, from 0, and so many more.
    bitmap.writeUInt16LE(1, headersAt + count * 8 + i * 6)
    bitmap.writeUInt16LE(CONTAINER - 1, headersAt + count * 8 + i * 6 + 4)
  }
  const checked = Buffer.concat([Buffer.from('d1d33964', 'hex'), bitmap])
  const around = Buffer.alloc(8)
  around.writeUInt32BE(checked.length)
  around.writeUInt32BE(crc32(checked), 4)
  const blob = Buffer.concat([around.subarray(0, 4), checked, around.subarray(4)])
  const file = { path: 's3://w/v.puffin', contentOffset: 4, contentSizeBytes: blob.length, recordCount } as DataFile
  return { puffin: Buffer.concat([Buffer.from('PFA1'), blob, Buffer.from('PFA1')]), file }
}

test('the positions of a deletion vector lie outside of the heap, of which an agent has little, up to the most that is taken', () => {
  const most = MAX_DELETED_POSITIONS - (MAX_DELETED_POSITIONS % CONTAINER)
  const { puffin, file } = vectorOf(most)
  const beforeBytes = process.memoryUsage().heapUsed
  const positions = deletedPositions(puffin, file)
  expect(process.memoryUsage().heapUsed - beforeBytes).toBeLessThan(16 * 2 ** 20)
  expect([positions.length, positions[0], positions.at(-1)]).toEqual([most, 0, most - 1])
})

test.each([
  ['fewer positions than it has', CONTAINER * 8 - 1, 'METADATA_BROKEN', /expected 524287 positions as in the manifest, got more/],
  ['more than it has', CONTAINER * 8 + 1, 'METADATA_BROKEN', /expected 524289 positions as in the manifest, got 524288/],
  ['a negative count', -1, 'METADATA_BROKEN', /got -1/],
  ['more than are taken', MAX_DELETED_POSITIONS + 1, 'LIMIT_REACHED', /4000001 positions, limit 4000000/],
])('a deletion vector of which the manifest says %s is told', (...[, recordCount, code, message]) => {
  const { puffin, file } = vectorOf(CONTAINER * 8, recordCount)
  expect(() => deletedPositions(puffin, file)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }))
})

test.each(['gzip', 'zstd', 'snappy', 'uncompressed'])('a %s manifest cut short is METADATA_BROKEN, by name', async (codec) => {
  const [snapshot] = metadataOf(expectedOf(`manifests-${codec}`)).snapshots as [Snapshot]
  const [manifest] = await new ManifestReader(folderStore).list(snapshot)
  const get = async (uri: string) => (await folderStore.get(uri)).subarray(0, uri === manifest?.path ? -20 : undefined)
  await expect(readLiveFiles(new ManifestReader({ get }), snapshot)).rejects.toMatchObject({
    code: 'METADATA_BROKEN',
    message: expect.stringContaining(manifest?.path ?? '-') as string,
  })
})

test('nothing lies in the corpus that no snapshot needs, and all is small', async () => {
  const entries = await readdir(tablesFolder, { recursive: true, withFileTypes: true })
  const files = entries.filter((one) => one.isFile()).map((one) => readFileSync(join(one.parentPath, one.name)).length)
  expect(files.reduce((sum, size) => sum + size, 0)).toBeLessThan(3_000_000)
})
