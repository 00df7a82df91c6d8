import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import { decodeContainer } from './avro-container.ts'

/** Sizes and counts: kept as numbers, refused where a number could not hold them. */
const count = z.union([z.bigint(), z.int()]).transform((value, context) => {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  context.addIssue(`${value} is beyond 2^53`)
  return z.NEVER
})
const id = z.bigint()
const optionalCount = count.nullish().transform((value) => value ?? null)

/** Bounds are the column's single-value serialisation, by field id; what they mean depends on the column's type. */
const bounds = z
  .array(z.object({ key: z.int(), value: z.instanceof(Uint8Array) }))
  .nullish()
  .transform((entries) => new Map((entries ?? []).map(({ key, value }) => [key, value])))

const counts = z
  .array(z.object({ key: z.int(), value: count }))
  .nullish()
  .transform((entries) => new Map((entries ?? []).map(({ key, value }) => [key, value])))

/** An int and the long it was widened to are one value. */
const canonicalText = (value: unknown) =>
  JSON.stringify(value ?? {}, (_, part: unknown) => (typeof part === 'bigint' || typeof part === 'number' ? String(part) : part))

const manifestContents = ['data', 'deletes'] as const
const fileContents = ['data', 'position-deletes', 'equality-deletes'] as const
const statuses = ['existing', 'added', 'deleted'] as const

function named<T extends string>(names: readonly T[]): z.ZodType<T, number> {
  return z.int().transform((value, context) => {
    const name = names[value]
    if (name !== undefined) return name
    context.addIssue(`expected 0 to ${names.length - 1} (${names.join(', ')}), got ${value}`)
    return z.NEVER
  })
}

const manifestFile = z
  .object({
    manifest_path: z.string(),
    manifest_length: count,
    partition_spec_id: z.int(),
    content: named(manifestContents).default('data'),
    sequence_number: count.default(0),
    min_sequence_number: count.default(0),
    added_snapshot_id: id,
    // Writers of format version 1 call these added_data_files_count and so on.
    added_files_count: optionalCount,
    added_data_files_count: optionalCount,
    existing_files_count: optionalCount,
    existing_data_files_count: optionalCount,
    deleted_files_count: optionalCount,
    deleted_data_files_count: optionalCount,
    added_rows_count: optionalCount,
    existing_rows_count: optionalCount,
    deleted_rows_count: optionalCount,
  })
  .transform((raw) => ({
    path: raw.manifest_path,
    sizeBytes: raw.manifest_length,
    partitionSpecId: raw.partition_spec_id,
    content: raw.content,
    sequenceNumber: raw.sequence_number,
    minSequenceNumber: raw.min_sequence_number,
    addedSnapshotId: raw.added_snapshot_id,
    addedFiles: raw.added_files_count ?? raw.added_data_files_count,
    existingFiles: raw.existing_files_count ?? raw.existing_data_files_count,
    deletedFiles: raw.deleted_files_count ?? raw.deleted_data_files_count,
    addedRows: raw.added_rows_count,
    existingRows: raw.existing_rows_count,
    deletedRows: raw.deleted_rows_count,
  }))

const dataFile = z
  .object({
    content: named(fileContents).default('data'),
    file_path: z.string(),
    file_format: z.string(),
    record_count: count,
    file_size_in_bytes: count,
    lower_bounds: bounds,
    upper_bounds: bounds,
    value_counts: counts,
    null_value_counts: counts,
    partition: z.unknown(),
    equality_ids: z.array(z.int()).nullish(),
    referenced_data_file: z.string().nullish(),
    content_offset: optionalCount,
    content_size_in_bytes: optionalCount,
  })
  .transform((raw) => ({
    content: raw.content,
    path: raw.file_path,
    format: raw.file_format.toLowerCase(),
    recordCount: raw.record_count,
    fileSizeBytes: raw.file_size_in_bytes,
    lowerBounds: raw.lower_bounds,
    upperBounds: raw.upper_bounds,
    /** By field id; values include nulls. */
    valueCounts: raw.value_counts,
    nullCounts: raw.null_value_counts,
    /** The partition's values as text that is equal where they are; `{}` in a table that has no partitions. */
    partition: canonicalText(raw.partition),
    equalityIds: raw.equality_ids ?? [],
    /** The one data file a delete file speaks of, where it says so (deletion vectors always do). */
    referencedDataFile: raw.referenced_data_file ?? null,
    /** Where a deletion vector begins within its Puffin file; several share one path. */
    contentOffset: raw.content_offset,
    contentSizeBytes: raw.content_size_in_bytes,
  }))

const manifestEntry = z.object({
  status: named(statuses),
  snapshot_id: id.nullish(),
  sequence_number: count.nullish(),
  file_sequence_number: count.nullish(),
  data_file: dataFile,
})

export type ManifestFile = z.output<typeof manifestFile>
export type DataFile = z.output<typeof dataFile>

export interface ManifestEntry {
  status: (typeof statuses)[number]
  /** The snapshot that added the file; for a deleted entry, the one that deleted it. */
  snapshotId: bigint
  sequenceNumber: number
  fileSequenceNumber: number
  partitionSpecId: number
  file: DataFile
}

/** Throws METADATA_BROKEN. `from` is the location of the manifest list, for the message. */
export function parseManifestList(bytes: Uint8Array, from: string): ManifestFile[] {
  return parseRecords(decodeContainer(bytes, from), { schema: manifestFile, from })
}

/**
 * Entries with what they inherit filled in: a null snapshot id is the manifest's, a null sequence number of an added
 * file is the manifest's (it is not known yet when the manifest is written). Throws METADATA_BROKEN.
 */
export function parseManifest(bytes: Uint8Array, manifest: ManifestFile): ManifestEntry[] {
  if (bytes.length !== manifest.sizeBytes) {
    throw new AssayError(
      'METADATA_BROKEN',
      `manifest ${manifest.path}: expected ${manifest.sizeBytes} bytes as in its manifest list, got ${bytes.length}`,
    )
  }
  const records = parseRecords(decodeContainer(bytes, manifest.path), { schema: manifestEntry, from: manifest.path })
  return records.map((raw) => {
    const sequenceNumber = raw.sequence_number ?? inheritedSequence(raw.status, manifest)
    return {
      status: raw.status,
      snapshotId: raw.snapshot_id ?? manifest.addedSnapshotId,
      sequenceNumber,
      // The file's own is never written by who adds it, even where the data keeps an older one (compaction).
      fileSequenceNumber: raw.file_sequence_number ?? (raw.status === 'added' ? manifest.sequenceNumber : sequenceNumber),
      partitionSpecId: manifest.partitionSpecId,
      file: raw.data_file,
    }
  })
}

function inheritedSequence(status: ManifestEntry['status'], manifest: ManifestFile): number {
  // Version 1 manifests have no sequence numbers at all: everything in them is at 0.
  if (status === 'added' || manifest.sequenceNumber === 0) return manifest.sequenceNumber
  throw new AssayError('METADATA_BROKEN', `manifest ${manifest.path}: expected a sequence number on an entry of status ${status}, got none`)
}

function parseRecords<T>(records: unknown[], { schema, from }: { schema: z.ZodType<T>; from: string }): T[] {
  const parsed = z.array(schema).safeParse(records)
  if (parsed.success) return parsed.data
  throw new AssayError('METADATA_BROKEN', `${from}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
}
