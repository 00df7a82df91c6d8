import { AssayError } from '../core/errors.ts'
import { changesOf, duplicatePaths, manifestsOf, tableFile } from './changes.ts'
import type { SnapshotChanges, TableFile } from './changes.ts'
import { parseManifest, parseManifestList } from './manifests.ts'
import type { ManifestEntry, ManifestFile } from './manifests.ts'
import { ancestry, currentSnapshot, type Snapshot, type TableMetadata } from './metadata.ts'
import type { ObjectStore } from './object-store.ts'

const CONCURRENT_READS = 8
export const MAX_LIVE_FILES = 1_000_000
/** Of manifests kept parsed; about a kilobyte each. */
const MAX_ENTRIES_KEPT = 30_000

export type ObjectReader = Pick<ObjectStore, 'get'>

interface KeptManifest {
  readonly since: Beginning | null
  readonly entries: ManifestEntry[]
}

/**
 * Manifests never change: the ones read last are kept parsed, so that who follows a table reads each of them once. Of one
 * that writers have merged, most entries are older than a run: they are let go.
 */
export class ManifestReader implements ObjectReader {
  readonly #store: ObjectReader
  readonly #kept = new Map<string, KeptManifest>()
  #entriesKept = 0
  #list: { uri: string; manifests: ManifestFile[] } | null = null

  constructor(store: ObjectReader) {
    this.#store = store
  }

  get(uri: string): Promise<Uint8Array> {
    return this.#store.get(uri)
  }

  async list({ manifestList }: Snapshot): Promise<ManifestFile[]> {
    if (this.#list?.uri === manifestList) return this.#list.manifests
    const manifests = parseManifestList(await this.get(manifestList), manifestList)
    this.#list = { uri: manifestList, manifests }
    return manifests
  }

  /** By path: entries of files written behind `since`, and of deleted ones. */
  async entries(manifests: readonly ManifestFile[], since: Beginning | null): Promise<Map<string, ManifestEntry[]>> {
    const entries = new Map<string, ManifestEntry[]>()
    for (let at = 0; at < manifests.length; at += CONCURRENT_READS) {
      const batch = manifests.slice(at, at + CONCURRENT_READS)
      const read = await Promise.all(batch.map((manifest) => this.#read(manifest, since)))
      batch.forEach(({ path }, i) => {
        const kept = read[i] as KeptManifest
        entries.set(path, kept.entries)
        this.#keep(path, kept)
      })
    }
    return entries
  }

  async #read(manifest: ManifestFile, since: Beginning | null): Promise<KeptManifest> {
    const kept = this.#kept.get(manifest.path)
    if (kept?.since === since) return kept
    const entries = parseManifest(await this.get(manifest.path), manifest)
    const matters = ({ status, fileSequenceNumber: sequenceNumber, snapshotId: by }: ManifestEntry) =>
      status === 'deleted' || isWrittenSince(since, { sequenceNumber, by })
    return { since, entries: entries.filter(matters) }
  }

  #keep(path: string, kept: KeptManifest): void {
    this.#entriesKept += kept.entries.length - (this.#kept.get(path)?.entries.length ?? 0)
    this.#kept.delete(path)
    this.#kept.set(path, kept)
    for (const [oldest, { entries }] of this.#kept) {
      if (this.#entriesKept <= MAX_ENTRIES_KEPT) return
      this.#kept.delete(oldest)
      this.#entriesKept -= entries.length
    }
  }
}

/** What a snapshot behind `since` changed: reads the manifest list and the manifests it wrote, and no data file. Throws METADATA_BROKEN, OBJECT_MISSING, OBJECT_STORE_UNAVAILABLE. */
export async function readSnapshotChanges(
  reader: ManifestReader,
  snapshot: Snapshot,
  since: Beginning | null = null,
): Promise<SnapshotChanges> {
  const manifests = await reader.list(snapshot)
  return changesOf(snapshot, manifests, await reader.entries(manifestsOf(snapshot, manifests), since))
}

export interface BrokenMetadata {
  readonly file: string
  readonly reason: string
}

/**
 * The manifest list of a snapshot, or the first of its manifests from behind `since`, that is not there or cannot be read as what it
 * claims to be; null where all can. Throws what says nothing of a file, as a store that does not answer.
 */
export async function brokenMetadata(reader: ManifestReader, snapshot: Snapshot, since: Beginning | null): Promise<BrokenMetadata | null> {
  let file = snapshot.manifestList
  try {
    for (const manifest of await reader.list(snapshot)) {
      if (!isWrittenSince(since, { sequenceNumber: manifest.sequenceNumber, by: manifest.addedSnapshotId })) continue
      file = manifest.path
      await reader.entries([manifest], since)
    }
    return null
  } catch (error) {
    if (!isBrokenMetadata(error)) throw error
    return { file, reason: error.message }
  }
}

export const isBrokenMetadata = (error: unknown): error is AssayError =>
  error instanceof AssayError && (error.code === 'METADATA_BROKEN' || error.code === 'OBJECT_MISSING')

export interface LiveFiles {
  data: TableFile[]
  deletes: TableFile[]
  /** Referenced more than once by the snapshot, by whatever commits. */
  duplicatePaths: string[]
}

/** A snapshot, as what came after it can be told from what was there: by sequence number; in a table of version 1, which has none, by ancestry. */
export interface Beginning {
  readonly sequenceNumber: number
  readonly ancestors: ReadonlySet<bigint>
}

/** A table as it stood when somebody began to follow it. */
export interface Baseline {
  /** Null for an empty or missing table. */
  readonly snapshotId: string | null
  readonly sequenceNumber: number | null
  readonly tableUuid: string | null
}

export const emptyBaseline: Baseline = { snapshotId: null, sequenceNumber: null, tableUuid: null }

export function baselineOf(metadata: TableMetadata, branch: string): Baseline {
  const snapshot = currentSnapshot(metadata, branch)
  const { tableUuid } = metadata
  return { snapshotId: snapshot?.snapshotId.toString() ?? null, sequenceNumber: snapshot?.sequenceNumber ?? null, tableUuid }
}

/**
 * Null where all of the table came later: nothing is passed over then. Of a snapshot that is not kept any more its sequence
 * number tells; in a table of version 1, nothing.
 */
export function beginningAt(metadata: TableMetadata, { snapshotId, sequenceNumber, tableUuid }: Baseline): Beginning | null {
  if (snapshotId === null || tableUuid !== metadata.tableUuid) return null
  const id = BigInt(snapshotId)
  const began = metadata.snapshots.find((one) => one.snapshotId === id)
  if (began === undefined) return sequenceNumber === null ? null : { sequenceNumber, ancestors: new Set() }
  return { sequenceNumber: began.sequenceNumber, ancestors: new Set([...ancestry(metadata, began)].map((one) => one.snapshotId)) }
}

/** Whether a file, or anything in a manifest, was written behind `since`. */
export function isWrittenSince(since: Beginning | null, { sequenceNumber, by }: { sequenceNumber: number; by: bigint }): boolean {
  if (since === null) return true
  return sequenceNumber > 0 ? sequenceNumber > since.sequenceNumber : !since.ancestors.has(by)
}

/**
 * Files a snapshot stands on that were written behind `since`, whatever their rows' age. With null the work grows with
 * the table, else with what was written since.
 */
export async function readLiveFiles(reader: ManifestReader, snapshot: Snapshot, since: Beginning | null = null): Promise<LiveFiles> {
  const manifests = (await reader.list(snapshot)).filter(({ sequenceNumber, addedSnapshotId: by }) =>
    isWrittenSince(since, { sequenceNumber, by }),
  )
  const entriesByManifest = await reader.entries(manifests, since)
  const live: LiveFiles = { data: [], deletes: [], duplicatePaths: [] }
  for (const entries of entriesByManifest.values()) {
    for (const entry of entries) {
      if (entry.status === 'deleted') continue
      if (!isWrittenSince(since, { sequenceNumber: entry.fileSequenceNumber, by: entry.snapshotId })) continue
      ;(entry.file.content === 'data' ? live.data : live.deletes).push(tableFile(entry))
    }
    const fileCount = live.data.length + live.deletes.length
    if (fileCount > MAX_LIVE_FILES) {
      throw new AssayError(
        'LIMIT_REACHED',
        `snapshot ${snapshot.snapshotId} references ${fileCount} files or more, limit ${MAX_LIVE_FILES}`,
      )
    }
  }
  live.duplicatePaths = duplicatePaths([...live.data, ...live.deletes])
  return live
}
