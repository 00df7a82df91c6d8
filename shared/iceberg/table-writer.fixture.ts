import { AssayError } from '../core/errors.ts'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { manifestBytes, manifestListBytes, specOf, type Entry, type Manifest, type WrittenFile } from './manifest-writer.fixture.ts'
import { parseLossless } from './lossless.ts'
import { parseTableMetadata, type TableMetadata } from './metadata.ts'
import type { ObjectStore } from './object-store.ts'

interface WrittenSnapshot {
  readonly snapshotId: number
  readonly parentId: number | null
  readonly sequenceNumber: number
  readonly timestampMs: number
  readonly operation: string
  readonly manifestList: string
  readonly manifests: readonly Manifest[]
  readonly schemaId: number
}

export interface Commit {
  readonly operation: string
  readonly added?: readonly WrittenFile[]
  readonly removed?: readonly WrittenFile[]
  readonly atMs?: number
  /** Onto which branch; others only come to see it by `setRef`. */
  readonly branch?: string
  /** All live entries in one manifest of its own, as `rewrite_manifests` does. */
  readonly rewriteManifests?: boolean
}

/** An Iceberg table of format version 2 in memory: real manifests, whatever commits; objects that count how often they are read. */
export class TableWriter {
  readonly objects = new Map<string, Buffer>()
  /** What was asked of the store, in order. */
  readonly reads: string[] = []
  /** What comes of the first request for an object instead of its bytes; nothing where it is gone by then. */
  readonly firstAsked = new Map<string, (bytes: Buffer) => Buffer | undefined>()
  snapshots: WrittenSnapshot[] = []
  readonly refs = new Map<string, number>()
  readonly log: { snapshotId: number; timestampMs: number }[] = []
  uuid = 'first'
  /** By schema id. */
  schemas: { fields: { id: number; name: string; type: string }[] }[]
  /** The field that spec 1 is made of. */
  partitionSourceId = 4
  #files = 0
  #sequence = 0
  #nextId = 100

  constructor(fields: { id: number; name: string; type: string }[]) {
    this.schemas = [{ fields }]
  }

  readonly store: ObjectStore = {
    get: (uri) => {
      this.reads.push(uri)
      const bytes = this.#taken(uri)
      return bytes === undefined ? Promise.reject(new AssayError('OBJECT_MISSING', `GET ${uri}`)) : Promise.resolve(bytes)
    },
    head: (uri) => Promise.resolve(this.objects.has(uri) ? { sizeBytes: this.objects.get(uri)?.length ?? 0 } : null),
    downloadTo: async (uri, path) => {
      this.reads.push(uri)
      const bytes = this.objects.get(uri)
      if (bytes === undefined) throw new AssayError('OBJECT_MISSING', `GET ${uri}`)
      await writeFile(path, bytes)
      return bytes.length
    },
    close: () => undefined,
  }

  #taken(uri: string): Buffer | undefined {
    const bytes = this.objects.get(uri)
    const change = this.firstAsked.get(uri)
    this.firstAsked.delete(uri)
    return bytes === undefined || change === undefined ? bytes : change(bytes)
  }

  /** Takes a local file into the store. */
  async put(local: string, written: Pick<WrittenFile, 'content' | 'recordCount'> & Partial<WrittenFile>): Promise<WrittenFile> {
    const path = `s3://lake/data/${++this.#files}.parquet`
    this.objects.set(path, await readFile(local))
    return { path, sizeBytes: (await stat(local)).size, ...written }
  }

  commit({ operation, added = [], removed = [], atMs, branch = 'main', rewriteManifests = false }: Commit): number {
    const snapshotId = ++this.#nextId
    const sequenceNumber = ++this.#sequence
    const parent = this.snapshots.find((one) => one.snapshotId === this.refs.get(branch))
    const gone = new Set(removed.map(({ path }) => path))
    const carried: Manifest[] = []
    const deleted: Entry[] = []
    const moved: Entry[] = []
    for (const manifest of parent?.manifests ?? []) {
      const live = manifest.entries.filter(({ status }) => status !== 2)
      if (!rewriteManifests && !live.some(({ file }) => gone.has(file.path))) {
        if (live.length > 0) carried.push(manifest)
        continue
      }
      for (const entry of live)
        if (gone.has(entry.file.path)) deleted.push({ ...entry, status: 2, snapshotId })
        else moved.push({ ...entry, status: 0 })
    }
    const fresh = added.map((file): Entry => ({ status: 1, snapshotId, sequenceNumber, fileSequenceNumber: sequenceNumber, file }))
    const own = [...moved, ...deleted, ...fresh]
    const kinds = ([0, 1] as const).flatMap((content) => ([0, 1] as const).map((specId) => ({ content, specId })))
    const manifests = kinds.flatMap(({ content, specId }) => {
      const entries = own.filter(({ file }) => (file.content === 0 ? 0 : 1) === content && specOf(file) === specId)
      return entries.length === 0 ? [] : [this.#manifest({ content, specId, entries, snapshotId, sequenceNumber })]
    })
    const all = [...carried, ...manifests]
    const manifestList = `s3://lake/metadata/snap-${snapshotId}.avro`
    this.objects.set(manifestList, manifestListBytes(all))
    const timestampMs = atMs ?? snapshotId * 10
    const schemaId = this.schemas.length - 1
    this.snapshots.push({
      snapshotId,
      parentId: parent?.snapshotId ?? null,
      sequenceNumber,
      timestampMs,
      operation,
      manifestList,
      manifests: all,
      schemaId,
    })
    this.setRef(branch, snapshotId, timestampMs)
    return snapshotId
  }

  /** Moves a branch: back, forward, or to where another one is. */
  setRef(branch: string, snapshotId: number, atMs = 0): void {
    this.refs.set(branch, snapshotId)
    if (branch === 'main') this.log.push({ snapshotId, timestampMs: atMs })
  }

  /** Metadata forgets these snapshots; their lists are removed, and with `files` the data files named. */
  expire(snapshotIds: readonly number[], files: readonly WrittenFile[] = []): void {
    for (const { snapshotId, manifestList } of this.snapshots) if (snapshotIds.includes(snapshotId)) this.objects.delete(manifestList)
    this.snapshots = this.snapshots.filter(({ snapshotId }) => !snapshotIds.includes(snapshotId))
    for (const { path } of files) this.objects.delete(path)
  }

  drop(uuid: string): void {
    this.uuid = uuid
    this.snapshots = []
    this.refs.clear()
    this.log.length = 0
  }

  /** Flips bits of an object. */
  damage(path: string, at: (bytes: Buffer) => readonly number[]): void {
    const bytes = Buffer.from(this.objects.get(path) as Buffer)
    for (const i of at(bytes)) bytes[i] = (bytes[i] as number) ^ 0x5a
    this.objects.set(path, bytes)
  }

  metadata(): TableMetadata {
    const raw = {
      'format-version': 2,
      'table-uuid': this.uuid,
      location: 's3://lake',
      'current-snapshot-id': this.refs.get('main') ?? -1,
      'current-schema-id': this.schemas.length - 1,
      schemas: this.schemas.map(({ fields }, id) => ({ 'schema-id': id, fields: fields.map((field) => ({ ...field, required: false })) })),
      snapshots: this.snapshots.map(({ snapshotId, parentId, sequenceNumber, timestampMs, operation, manifestList, schemaId }) => ({
        'snapshot-id': snapshotId,
        ...(parentId === null ? {} : { 'parent-snapshot-id': parentId }),
        'sequence-number': sequenceNumber,
        'timestamp-ms': timestampMs,
        'manifest-list': manifestList,
        'schema-id': schemaId,
        summary: { operation },
      })),
      'partition-specs': [
        { 'spec-id': 0, fields: [] },
        { 'spec-id': 1, fields: [{ 'source-id': this.partitionSourceId, name: 'part', transform: 'identity' }] },
      ],
      refs: Object.fromEntries([...this.refs].map(([name, id]) => [name, { 'snapshot-id': id, type: 'branch' }])),
      'snapshot-log': this.log.map(({ snapshotId, timestampMs }) => ({ 'snapshot-id': snapshotId, 'timestamp-ms': timestampMs })),
    }
    return parseTableMetadata(parseLossless(JSON.stringify(raw)), 'fixture')
  }

  #manifest({
    content,
    specId,
    entries,
    ...at
  }: Pick<Manifest, 'content' | 'specId' | 'entries' | 'snapshotId' | 'sequenceNumber'>): Manifest {
    const path = `s3://lake/metadata/${at.snapshotId}-m${content}${specId}.avro`
    const bytes = manifestBytes(entries, specId)
    this.objects.set(path, bytes)
    return { path, sizeBytes: bytes.length, content, specId, entries, ...at }
  }
}
