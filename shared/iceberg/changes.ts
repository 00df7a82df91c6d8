import { assert } from '../core/assert.ts'
import type { DataFile, ManifestEntry, ManifestFile } from './manifests.ts'
import type { Snapshot } from './metadata.ts'

export interface SnapshotChanges {
  /** Data files whose rows this snapshot brought. */
  added: DataFile[]
  /** Data files whose rows this snapshot took away. */
  removed: DataFile[]
  /** Delete files (position, equality, deletion vectors) this snapshot brought. */
  deletes: DataFile[]
  /** Delete files this snapshot took away: without them, deleted rows return unless the data files went too. */
  removedDeletes: DataFile[]
  /** Files added more than once: every row in them counts that often. */
  duplicatePaths: string[]
}

/** The manifests a snapshot wrote itself; the others it carries on, and they hold nothing it changed. */
export function manifestsOf(snapshot: Snapshot, manifests: readonly ManifestFile[]): ManifestFile[] {
  return manifests.filter((one) => one.addedSnapshotId === snapshot.snapshotId)
}

/**
 * What `snapshot` changed. Needs the entries of `manifestsOf` alone, by manifest path, so the work grows with the
 * change and not with the table. A manifest written anew by the snapshot also lists older files: they are passed over.
 */
export function changesOf(
  snapshot: Snapshot,
  manifests: readonly ManifestFile[],
  entriesByManifest: ReadonlyMap<string, readonly ManifestEntry[]>,
): SnapshotChanges {
  const changes: SnapshotChanges = { added: [], removed: [], deletes: [], removedDeletes: [], duplicatePaths: [] }
  for (const manifest of manifestsOf(snapshot, manifests)) {
    const entries = entriesByManifest.get(manifest.path)
    assert(entries !== undefined, `changesOf needs the entries of ${manifest.path}`)
    for (const entry of entries) {
      if (entry.snapshotId !== snapshot.snapshotId || entry.status === 'existing') continue
      const isData = entry.file.content === 'data'
      if (entry.status === 'added') (isData ? changes.added : changes.deletes).push(entry.file)
      else (isData ? changes.removed : changes.removedDeletes).push(entry.file)
    }
  }
  changes.duplicatePaths = duplicatePaths([...changes.added, ...changes.deletes])
  return changes
}

/** Paths that occur more than once. Deletion vectors share a file, each at an offset of its own: that is no repeat. */
export function duplicatePaths(files: readonly DataFile[]): string[] {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { path, contentOffset } of files) {
    const key = `${path} ${contentOffset ?? ''}`
    if (seen.has(key)) repeated.add(path)
    seen.add(key)
  }
  return [...repeated]
}
