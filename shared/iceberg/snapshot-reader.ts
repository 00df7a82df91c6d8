import { AssayError } from '../core/errors.ts'
import { changesOf, duplicatePaths, manifestsOf } from './changes.ts'
import type { SnapshotChanges } from './changes.ts'
import { parseManifest, parseManifestList } from './manifests.ts'
import type { DataFile, ManifestEntry, ManifestFile } from './manifests.ts'
import type { Snapshot } from './metadata.ts'
import type { ObjectStore } from './object-store.ts'

const CONCURRENT_READS = 8
export const MAX_LIVE_FILES = 1_000_000

export type ObjectReader = Pick<ObjectStore, 'get'>

/** Reads the manifest list and the manifests the snapshot wrote, and no data file. Throws METADATA_BROKEN, OBJECT_MISSING, OBJECT_STORE_UNAVAILABLE. */
export async function readSnapshotChanges(store: ObjectReader, snapshot: Snapshot): Promise<SnapshotChanges> {
  const manifests = await readManifestList(store, snapshot)
  const own = manifestsOf(snapshot, manifests)
  return changesOf(snapshot, manifests, await readManifests(store, own))
}

export interface LiveFiles {
  data: DataFile[]
  deletes: DataFile[]
  /** Referenced more than once by the snapshot, by whatever commits. */
  duplicatePaths: string[]
}

/** All files a snapshot stands on. The work grows with the table: for a first look, and for looking again before accusing. */
export async function readLiveFiles(store: ObjectReader, snapshot: Snapshot): Promise<LiveFiles> {
  const entriesByManifest = await readManifests(store, await readManifestList(store, snapshot))
  const live: LiveFiles = { data: [], deletes: [], duplicatePaths: [] }
  for (const entries of entriesByManifest.values()) {
    for (const { status, file } of entries) {
      if (status === 'deleted') continue
      ;(file.content === 'data' ? live.data : live.deletes).push(file)
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

async function readManifestList(store: ObjectReader, snapshot: Snapshot): Promise<ManifestFile[]> {
  return parseManifestList(await store.get(snapshot.manifestList), snapshot.manifestList)
}

async function readManifests(store: ObjectReader, manifests: readonly ManifestFile[]): Promise<Map<string, ManifestEntry[]>> {
  const entries = new Map<string, ManifestEntry[]>()
  for (let at = 0; at < manifests.length; at += CONCURRENT_READS) {
    const batch = manifests.slice(at, at + CONCURRENT_READS)
    const read = await Promise.all(batch.map(async (manifest) => parseManifest(await store.get(manifest.path), manifest)))
    batch.forEach((manifest, i) => entries.set(manifest.path, read[i] as ManifestEntry[]))
  }
  return entries
}
