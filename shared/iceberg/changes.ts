import { assert } from '../core/assert.ts'
import type { DataFile, ManifestEntry, ManifestFile } from './manifests.ts'
import type { Snapshot } from './metadata.ts'

/** A file as a snapshot refers to it. */
export interface TableFile extends DataFile {
  readonly dataSequenceNumber: number
  readonly fileSequenceNumber: number
  /** Who added it; of a removed file, who removed it. */
  readonly snapshotId: bigint
  readonly partitionSpecId: number
}

/** What the reach of delete files is decided by. */
export type InPartition = DataFile & Pick<TableFile, 'dataSequenceNumber' | 'partitionSpecId'>

export interface SnapshotChanges {
  /** Data files whose rows this snapshot brought. */
  added: TableFile[]
  /** Data files whose rows this snapshot took away. */
  removed: TableFile[]
  /** Delete files (position, equality, deletion vectors) this snapshot brought. */
  deletes: TableFile[]
  /** Delete files this snapshot took away: without them, deleted rows return unless the data files went too. */
  removedDeletes: TableFile[]
  /** Files added more than once: every row in them counts that often. */
  duplicatePaths: string[]
}

export const tableFile = ({ file, sequenceNumber, fileSequenceNumber, snapshotId, partitionSpecId }: ManifestEntry): TableFile => ({
  ...file,
  dataSequenceNumber: sequenceNumber,
  fileSequenceNumber,
  snapshotId,
  partitionSpecId,
})

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
      if (entry.status === 'added') (isData ? changes.added : changes.deletes).push(tableFile(entry))
      else (isData ? changes.removed : changes.removedDeletes).push(tableFile(entry))
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

/** Reserved: the column of a position delete file that names the data file. */
const FILE_PATH_ID = 2147483546

/**
 * Whether a delete file can take rows of a data file away, by the rules of the specification: position deletes reach
 * files of the same commit and older ones, equality deletes only older ones, both only their own partition; equality
 * deletes of an unpartitioned spec reach all.
 */
export function canDeleteFrom(deletes: InPartition, data: InPartition): boolean {
  const samePartition = deletes.partitionSpecId === data.partitionSpecId && deletes.partition === data.partition
  if (deletes.content === 'equality-deletes')
    return deletes.dataSequenceNumber > data.dataSequenceNumber && (samePartition || deletes.partition === '{}')
  if (deletes.dataSequenceNumber < data.dataSequenceNumber) return false
  if (deletes.referencedDataFile !== null) return deletes.referencedDataFile === data.path
  return samePartition && isWithin(data.path, deletes)
}

/** Bounds of paths may be cut short, lower ones down and upper ones up: both keep what is between. */
function isWithin(path: string, { lowerBounds, upperBounds }: DataFile): boolean {
  const bytes = Buffer.from(path)
  const lower = lowerBounds.get(FILE_PATH_ID)
  const upper = upperBounds.get(FILE_PATH_ID)
  return (lower === undefined || Buffer.compare(lower, bytes) <= 0) && (upper === undefined || Buffer.compare(bytes, upper) <= 0)
}
