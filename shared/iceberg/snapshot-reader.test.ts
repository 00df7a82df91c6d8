import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import avro from 'avsc'
import { describe, expect, test } from 'vitest'
import { AssayError } from '../core/errors.ts'
import { decodeContainer } from './avro-container.ts'
import { changesOf } from './changes.ts'
import { parseLossless } from './lossless.ts'
import { parseManifest, parseManifestList } from './manifests.ts'
import type { ManifestEntry, ManifestFile } from './manifests.ts'
import { currentSnapshot, followLineage, parseTableMetadata } from './metadata.ts'
import type { Snapshot, TableMetadata } from './metadata.ts'
import { beginningAt, ManifestReader, readLiveFiles, readSnapshotChanges } from './snapshot-reader.ts'

/** Tables written by real writers: `appends` by PyIceberg 0.12, `deletes` by DuckDB 1.5.5, both through the Java REST catalog. */
async function fixture(name: 'appends' | 'deletes') {
  const folder = join(import.meta.dirname, 'fixtures', name)
  const metadata = parseTableMetadata(parseLossless(await readFile(join(folder, 'table.metadata.json'), 'utf8')), name)
  const readPaths: string[] = []
  const store = new ManifestReader({
    async get(uri: string): Promise<Uint8Array> {
      readPaths.push(basename(uri))
      return readFile(join(folder, basename(uri)))
    },
  })
  return { metadata, store, readPaths }
}

const counts = (files: readonly { recordCount: number }[]) => files.map(({ recordCount }) => recordCount)

const history = (metadata: TableMetadata) => followLineage(metadata, { branch: 'main', followed: [null] }).next

function snapshotAt(metadata: TableMetadata, index: number): Snapshot {
  return history(metadata)[index] as Snapshot
}

describe('a table appended to three times and overwritten once', () => {
  test('each snapshot says what it brought and took', async () => {
    const { metadata, store } = await fixture('appends')
    const changes = await Promise.all(history(metadata).map((one) => readSnapshotChanges(store, one)))
    expect(changes.map(({ added, removed }) => [counts(added), counts(removed)])).toEqual([
      [[300], []],
      [[200], []],
      [[20], []],
      [[290], [300]],
    ])
    expect(changes[3]?.removed[0]?.path).toBe(changes[0]?.added[0]?.path)
    expect(changes.flatMap(({ deletes, removedDeletes, duplicatePaths }) => [...deletes, ...removedDeletes, ...duplicatePaths])).toEqual([])
  })

  test('ids are all 63 bits of them', async () => {
    const { metadata, store } = await fixture('appends')
    expect(metadata.currentSnapshotId).toBe(8736928765648536223n)
    const manifests = parseManifestList(await store.get(snapshotAt(metadata, 2).manifestList), 'list')
    expect(manifests.map(({ addedSnapshotId }) => addedSnapshotId)).toContain(5600175438896871342n)
  })

  test('an append reads its own manifest and not those it carries on', async () => {
    const { metadata, store, readPaths } = await fixture('appends')
    await readSnapshotChanges(store, snapshotAt(metadata, 2))
    expect(readPaths).toHaveLength(2)
  })

  test('files carry size, format and raw bounds by field id', async () => {
    const { metadata, store } = await fixture('appends')
    const [file] = (await readSnapshotChanges(store, snapshotAt(metadata, 1))).added
    expect(file).toMatchObject({ content: 'data', format: 'parquet', recordCount: 200, fileSizeBytes: 5250, contentOffset: null })
    // Field 7 is the Kafka offset, a long, little-endian: rows 300 to 499 over four partitions.
    expect(Buffer.from(file?.lowerBounds.get(7) ?? []).readBigInt64LE()).toBe(75n)
    expect(Buffer.from(file?.upperBounds.get(7) ?? []).readBigInt64LE()).toBe(124n)
  })

  test('who follows since a snapshot keeps no entry of older files, and sees them go all the same', async () => {
    const { metadata, store } = await fixture('appends')
    const last = snapshotAt(metadata, 3)
    const { snapshotId, sequenceNumber } = snapshotAt(metadata, 2)
    const { tableUuid } = metadata
    const since = beginningAt(metadata, { snapshotId: String(snapshotId), sequenceNumber, tableUuid })
    const { added, removed } = await readSnapshotChanges(store, last, since)
    expect([counts(added), counts(removed)]).toEqual([[290], [300]])
    const manifests = await store.list(last)
    const kept = async (from: typeof since) => [...(await store.entries(manifests, from)).values()].flat().length
    expect([await kept(since), await kept(null), await kept(since)]).toEqual([2, 4, 2])
    expect(counts((await readLiveFiles(store, last, since)).data)).toEqual([290])
    expect(counts((await readLiveFiles(store, last)).data).sort()).toEqual([20, 200, 290])
  })

  test('what is live at the end is what was added and not removed', async () => {
    const { metadata, store } = await fixture('appends')
    const live = await readLiveFiles(store, currentSnapshot(metadata) as Snapshot)
    expect(counts(live.data).sort((a, b) => a - b)).toEqual([20, 200, 290])
    expect(live.duplicatePaths).toEqual([])
  })
})

test('position deletes are told from data', async () => {
  const { metadata, store } = await fixture('deletes')
  const { added, deletes } = await readSnapshotChanges(store, snapshotAt(metadata, 1))
  expect(added).toEqual([])
  expect(deletes).toMatchObject([{ content: 'position-deletes', recordCount: 3 }])
  expect(counts((await readLiveFiles(store, snapshotAt(metadata, 1))).data)).toEqual([100])
})

describe('changesOf', () => {
  async function first(): Promise<{ snapshot: Snapshot; manifest: ManifestFile; entry: ManifestEntry }> {
    const { metadata, store } = await fixture('appends')
    const snapshot = snapshotAt(metadata, 0)
    const [manifest] = parseManifestList(await store.get(snapshot.manifestList), 'list') as [ManifestFile]
    const [entry] = parseManifest(await store.get(manifest.path), manifest) as [ManifestEntry]
    return { snapshot, manifest, entry }
  }

  test('a file added twice in one manifest, or in two, is named', async () => {
    const { snapshot, manifest, entry } = await first()
    const again = { ...manifest, path: 's3://other' }
    const twice = changesOf(snapshot, [manifest], new Map([[manifest.path, [entry, entry]]]))
    const apart = changesOf(snapshot, [manifest, again], new Map([manifest, again].map(({ path }) => [path, [entry]])))
    expect([twice.duplicatePaths, apart.duplicatePaths]).toEqual([[entry.file.path], [entry.file.path]])
    expect(changesOf(snapshot, [manifest], new Map([[manifest.path, [entry]]])).duplicatePaths).toEqual([])
  })

  test('older files in a manifest written anew are no change', async () => {
    const { snapshot, manifest, entry } = await first()
    const older = [
      { ...entry, status: 'existing' as const },
      { ...entry, snapshotId: 1n },
    ]
    expect(changesOf(snapshot, [manifest], new Map([[manifest.path, older]]))).toMatchObject({ added: [], removed: [] })
  })

  test('deletion vectors that share a file are no repeat, the same one twice is', async () => {
    const { snapshot, manifest, entry } = await first()
    const vector = (contentOffset: number): ManifestEntry => ({
      ...entry,
      file: { ...entry.file, content: 'position-deletes', contentOffset },
    })
    const of = (offsets: number[]) => changesOf(snapshot, [manifest], new Map([[manifest.path, offsets.map(vector)]])).duplicatePaths
    expect(of([4, 400])).toEqual([])
    expect(of([4, 4])).toEqual([entry.file.path])
  })
})

describe('what is broken is METADATA_BROKEN, never a shorter answer', () => {
  async function manifestBytes(): Promise<{ manifest: ManifestFile; bytes: Uint8Array }> {
    const { metadata, store } = await fixture('appends')
    const [manifest] = parseManifestList(await store.get(snapshotAt(metadata, 0).manifestList), 'list') as [ManifestFile]
    return { manifest, bytes: await store.get(manifest.path) }
  }
  const codeOf = (work: () => unknown) => {
    try {
      work()
      return 'no error'
    } catch (error) {
      return error instanceof AssayError ? error.code : error
    }
  }

  test('a manifest cut short anywhere', async () => {
    const { bytes } = await manifestBytes()
    const cuts = Array.from({ length: 60 }, (_, i) => 1 + Math.floor((i * (bytes.length - 2)) / 59))
    // Cut exactly between header and first block, a container is whole and empty: only its size tells.
    const codes = new Set(cuts.map((length) => codeOf(() => decodeContainer(bytes.subarray(0, length), 'm'))))
    expect([...codes]).toEqual(['METADATA_BROKEN'])
  })

  test('a manifest of another size than its list says', async () => {
    const { manifest, bytes } = await manifestBytes()
    expect(codeOf(() => parseManifest(bytes, { ...manifest, sizeBytes: manifest.sizeBytes + 1 }))).toBe('METADATA_BROKEN')
    expect(codeOf(() => parseManifest(bytes, manifest))).toBe('no error')
  })

  test('a damaged byte in the block', async () => {
    const { bytes } = await manifestBytes()
    const damaged = Uint8Array.from(bytes)
    damaged[bytes.length - 3] = (damaged[bytes.length - 3] as number) ^ 1
    expect(codeOf(() => decodeContainer(damaged, 'm'))).toBe('METADATA_BROKEN')
  })

  test('a manifest where a manifest list should be', async () => {
    const { bytes } = await manifestBytes()
    expect(codeOf(() => parseManifestList(bytes, 'm'))).toBe('METADATA_BROKEN')
  })
})

/** A container as the Avro specification lays it out, one block. */
function container(codec: string, compress: (data: Buffer) => Buffer): Uint8Array {
  const long = avro.Type.forSchema('long')
  const values = [1, 2 ** 40, -5].map((value) => long.toBuffer(value))
  const data = compress(Buffer.concat(values))
  const text = (bytes: Buffer) => Buffer.concat([long.toBuffer(bytes.length), bytes])
  const meta = Object.entries({ 'avro.schema': '{"type":"long"}', 'avro.codec': codec }).flatMap(([key, value]) => [
    text(Buffer.from(key)),
    text(Buffer.from(value)),
  ])
  const sync = Buffer.alloc(16, 7)
  return Buffer.concat([
    Buffer.from('Obj\x01'),
    long.toBuffer(2),
    ...meta,
    long.toBuffer(0),
    sync,
    long.toBuffer(values.length),
    text(data),
    sync,
  ])
}

test.each([
  ['null', (data: Buffer) => data],
  ['deflate', (data: Buffer) => deflateRawSync(data)],
  ['zstandard', (data: Buffer) => zstdCompressSync(data)],
])('codec %s is read, longs as bigint', (codec, compress) => {
  expect(decodeContainer(container(codec, compress), 'm')).toEqual([1n, 2n ** 40n, -5n])
})

test('a codec that cannot be read is named', () => {
  expect(() =>
    decodeContainer(
      container('bzip2', (data) => data),
      's3://w/m.avro',
    ),
  ).toThrow(/s3:\/\/w\/m\.avro.*got bzip2/)
})
