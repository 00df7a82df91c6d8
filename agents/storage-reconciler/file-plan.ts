import { canDeleteFrom, type SnapshotChanges, type TableFile } from '../../shared/iceberg/changes.ts'
import type { TableMetadata } from '../../shared/iceberg/metadata.ts'
import { isWrittenSince, type Beginning, type LiveFiles } from '../../shared/iceberg/snapshot-reader.ts'

/** A data file to be read, and for which side: as it counted before the snapshot, and as it counts with it. */
export interface PlannedFile {
  readonly file: TableFile
  readonly before: boolean
  readonly after: boolean
  /** Not looked at by an earlier snapshot's reading. */
  readonly isNew: boolean
}

export interface FilePlan {
  readonly files: readonly PlannedFile[]
  readonly deletesBefore: readonly TableFile[]
  readonly deletesAfter: readonly TableFile[]
  /** Equality deletes by identity alone: what they name is gone wherever it was, and no data file need be read for it. */
  readonly emptiedBy: readonly TableFile[]
}

export interface PlanInput {
  readonly changes: SnapshotChanges
  readonly live: LiveFiles
  readonly since: Beginning | null
  /** Field id of the identity; null where the table has no such column. */
  readonly identityId: number | null
  readonly specs: TableMetadata['partitionSpecs']
  /** Data files that position delete files name, by path of the delete file, where that had to be read. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>
}

/** Everything there is now, whatever was before. */
export const planWhole = (live: LiveFiles): FilePlan => ({
  files: live.data.map((file) => ({ file, before: false, after: true, isNew: true })),
  deletesBefore: [],
  deletesAfter: live.deletes,
  emptiedBy: [],
})

/**
 * What must be read to know which rows a snapshot brought and took: the files it added and removed, and the files that
 * delete files it added or removed reach. A run's canaries are only in files written since the run began.
 */
export function planChange({ changes, live, since, identityId, specs, named }: PlanInput): FilePlan {
  const removed = changes.removed.filter((file) => isSince(since, file))
  const byIdentity = changes.deletes.filter(
    ({ content, equalityIds }) => content === 'equality-deletes' && equalityIds.length === 1 && equalityIds[0] === identityId,
  )
  const reaches = (deletes: TableFile, file: TableFile) => canDeleteFrom(deletes, file) && (named.get(deletes.path)?.has(file.path) ?? true)
  const added = new Set(changes.added.map(({ path }) => path))
  const older = live.data.filter(({ path }) => !added.has(path))
  const touchedBy = (deletes: readonly TableFile[]) => older.filter((file) => deletes.some((one) => reaches(one, file)))
  const others = changes.deletes.filter((one) => !byIdentity.includes(one))
  const touchedByOthers = touchedBy([...others, ...changes.removedDeletes])
  // Where files must be read anyway, all deletes are applied to them alike.
  const isEnough = removed.length === 0 && touchedByOthers.length === 0 && reachAll(byIdentity, older, specsOf(specs, identityId))
  const emptiedBy = isEnough ? byIdentity : []
  const touched = emptiedBy.length > 0 ? [] : touchedBy([...changes.deletes, ...changes.removedDeletes])
  const isNewDelete = new Set(changes.deletes)
  return {
    files: [
      ...removed.map((file) => ({ file, before: true, after: false, isNew: false })),
      ...touched.map((file) => ({ file, before: true, after: true, isNew: false })),
      ...changes.added.map((file) => ({ file, before: false, after: true, isNew: true })),
    ],
    deletesBefore: [...live.deletes.filter((one) => !isAmong(isNewDelete, one)), ...changes.removedDeletes],
    deletesAfter: live.deletes.filter((one) => !isAmong(new Set(emptiedBy), one)),
    emptiedBy,
  }
}

/** Specs under which all rows of one identity are in one partition. */
const specsOf = (specs: PlanInput['specs'], identityId: number | null): ReadonlySet<number> =>
  new Set(
    specs.filter(({ fields }) => fields.every(({ sourceIds }) => sourceIds.every((id) => id === identityId))).map(({ specId }) => specId),
  )

/** Whether equality deletes by identity reach every older row of those they name: it need not be in their partition. */
function reachAll(byIdentity: readonly TableFile[], older: readonly TableFile[], ofIdentity: ReadonlySet<number>): boolean {
  const isAlike = (one: TableFile, file: TableFile) => one.partitionSpecId === file.partitionSpecId && ofIdentity.has(file.partitionSpecId)
  return byIdentity.every((one) =>
    older.every((file) => canDeleteFrom(isAlike(one, file) ? { ...one, partition: file.partition } : one, file)),
  )
}

const isAmong = (files: ReadonlySet<TableFile>, { path, contentOffset }: TableFile) =>
  [...files].some((one) => one.path === path && one.contentOffset === contentOffset)

/** Position deletes that name no data file in the manifest: their rows do. */
export const namelessDeletes = ({ deletes, removedDeletes }: SnapshotChanges): TableFile[] =>
  [...deletes, ...removedDeletes].filter(({ content, referencedDataFile }) => content === 'position-deletes' && referencedDataFile === null)

const isSince = (since: Beginning | null, { fileSequenceNumber, snapshotId, dataSequenceNumber }: TableFile) =>
  // Of a removed file in a table without sequence numbers nobody says who added it.
  dataSequenceNumber === 0 || isWrittenSince(since, { sequenceNumber: fileSequenceNumber, by: snapshotId })

/**
 * A `replace` says the same rows in other files: whether record counts agree. With delete files about, some of the rows
 * counted may have been deleted before; then there may be fewer, never more.
 */
export function replacedCount({ added, removed }: SnapshotChanges, hasDeletes: boolean): { expected: string; actual: string } | null {
  const sum = (files: readonly TableFile[]) => files.reduce((total, { recordCount }) => total + recordCount, 0)
  const [before, after] = [sum(removed), sum(added)]
  if (hasDeletes ? after <= before : after === before) return null
  return { expected: `${hasDeletes ? 'at most ' : ''}${before} records, as in the files it replaced`, actual: `${after} records` }
}
