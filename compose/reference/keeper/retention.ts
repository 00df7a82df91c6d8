import { randomBytes, randomUUID } from 'node:crypto'
import { AvroFileWriter, type AvroMeta } from '../avro-file.ts'
import { RETIRED_BEFORE, type Catalog, type Change, type TableMetadata, type TableSnapshot } from '../catalog.ts'
import { PipelineError } from '../errors.ts'
import type { ObjectStore } from '../store.ts'
import { DELETED, EXISTING, readEntries, readList, type Entry, type Manifest } from './manifests.ts'

const FORMAT_VERSION = 2
/** When Kafka got the record a row came from, Unix ms. */
const SOURCE_AT = '_kafka_metadata_timestamp'
const LONG_BYTES = 8
/** The sink commits each second, and whoever is second begins again. */
const ATTEMPTS_MAX = 8

export type RetentionPorts = { catalog: Pick<Catalog, 'metadata' | 'commit'>; store: ObjectStore }
export type Retired = { files: number; rows: bigint }

/**
 * Takes whole data files out of the table whose every row is of a record that Kafka got before `beforeMs`, by a commit of
 * operation `delete` of its own, as Iceberg's metadata-only delete does. No file is read or removed: older snapshots still
 * name them. A file without that bound stays.
 */
export async function retireRows(ports: RetentionPorts, beforeMs: number): Promise<Retired> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const outcome = await retireOnce(ports, beforeMs)
    if (outcome !== 'conflict') return outcome
  }
  throw new PipelineError('CATALOG_UNAVAILABLE', `retention: another commit was first ${ATTEMPTS_MAX} times`)
}

async function retireOnce({ catalog, store }: RetentionPorts, beforeMs: number): Promise<Retired | 'conflict'> {
  const metadata = await catalog.metadata()
  const parent = metadata.snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id'])
  const fieldId = sourceTimeOf(metadata)
  if (parent === undefined || fieldId === undefined || metadata['format-version'] !== FORMAT_VERSION) return { files: 0, rows: 0n }
  const snapshotId = BigInt.asUintN(63, randomBytes(LONG_BYTES).readBigUInt64BE()) | 1n
  const sequence = metadata['last-sequence-number'] + 1n
  const list = await readList(store, parent['manifest-list'])
  const folder = `${metadata.location}/metadata`
  const written: string[] = []
  const put = async (uri: string, bytes: Buffer) => {
    written.push(uri)
    await store.put(uri, bytes)
  }
  let gone = NOTHING
  const manifests: Manifest[] = []
  for (const manifest of list.rows) {
    const parts = manifest.content === 0 ? await divided(store, { manifest, fieldId, beforeMs, snapshotId }) : null
    if (parts === null) {
      manifests.push(manifest)
      continue
    }
    gone = plus(gone, parts.gone)
    const uri = `${folder}/${randomUUID()}-m${manifests.length}.avro`
    await put(uri, parts.bytes)
    manifests.push(rewritten(manifest, { ...parts, uri, snapshotId, sequence }))
  }
  if (gone.files === 0) return { files: 0, rows: 0n }
  const listUri = `${folder}/snap-${snapshotId}-1-${randomUUID()}.avro`
  const listWriter = new AvroFileWriter(listMeta(list.meta, { snapshotId, parent, sequence }))
  for (const manifest of manifests) listWriter.append(manifest)
  await put(listUri, listWriter.bytes())
  const done = await catalog.commit(changeOf({ metadata, parent, gone, listUri, snapshotId, sequence, beforeMs }))
  if (!done) for (const uri of written) await store.remove(uri)
  return done ? { files: gone.files, rows: gone.rows } : 'conflict'
}

const sourceTimeOf = (metadata: TableMetadata): number | undefined =>
  metadata.schemas.find((schema) => schema['schema-id'] === metadata['current-schema-id'])?.fields.find(({ name }) => name === SOURCE_AT)
    ?.id

/** How much of something there is. */
type Sum = { files: number; rows: bigint; sizeBytes: bigint }
const NOTHING: Sum = { files: 0, rows: 0n, sizeBytes: 0n }
const plus = (left: Sum, right: Sum): Sum => ({
  files: left.files + right.files,
  rows: left.rows + right.rows,
  sizeBytes: left.sizeBytes + right.sizeBytes,
})
const sumOf = ({ data_file: file }: Entry): Sum => ({ files: 1, rows: file.record_count, sizeBytes: file.file_size_in_bytes })

type Division = { bytes: Buffer; kept: Sum; gone: Sum; sequenceMin: bigint | null }

/**
 * A manifest written anew without its old files; null where it has none. An added file inherits from its manifest what the
 * entry leaves out; in a manifest of another snapshot it has to be said.
 */
async function divided(
  store: ObjectStore,
  { manifest, fieldId, beforeMs, snapshotId }: { manifest: Manifest; fieldId: number; beforeMs: number; snapshotId: bigint },
): Promise<Division | null> {
  const { meta, rows } = await readEntries(store, manifest.manifest_path)
  const isGone = (entry: Entry) => entry.status !== DELETED && isBefore(entry, { fieldId, beforeMs })
  if (!Iterator.from(rows).some(isGone)) return null
  const writer = new AvroFileWriter(meta)
  let kept = NOTHING
  let gone = NOTHING
  let sequenceMin: bigint | null = null
  for (const entry of rows) {
    // Told by an earlier snapshot.
    if (entry.status === DELETED) continue
    const sequence = entry.sequence_number ?? manifest.sequence_number
    const whole = { ...entry, sequence_number: sequence, file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number }
    if (isGone(entry)) {
      writer.append({ ...whole, status: DELETED, snapshot_id: snapshotId })
      gone = plus(gone, sumOf(entry))
    } else {
      writer.append({ ...whole, status: EXISTING, snapshot_id: entry.snapshot_id ?? manifest.added_snapshot_id })
      kept = plus(kept, sumOf(entry))
      sequenceMin = sequenceMin === null || sequence < sequenceMin ? sequence : sequenceMin
    }
  }
  return { bytes: writer.bytes(), kept, gone, sequenceMin }
}

/** A bound of a long is its eight bytes, least first. */
export function isBefore({ data_file: file }: Entry, { fieldId, beforeMs }: { fieldId: number; beforeMs: number }): boolean {
  const bound = file.upper_bounds?.find(({ key }) => key === fieldId)?.value
  return bound?.length === LONG_BYTES && bound.readBigInt64LE() < BigInt(beforeMs)
}

function rewritten(
  manifest: Manifest,
  { bytes, kept, gone, sequenceMin, uri, snapshotId, sequence }: Division & { uri: string; snapshotId: bigint; sequence: bigint },
): Manifest {
  const counts: Readonly<Record<string, number | bigint>> = {
    manifest_length: BigInt(bytes.length),
    min_sequence_number: sequenceMin ?? sequence,
    added_files_count: 0,
    existing_files_count: kept.files,
    deleted_files_count: gone.files,
    added_data_files_count: 0,
    existing_data_files_count: kept.files,
    deleted_data_files_count: gone.files,
    added_rows_count: 0n,
    existing_rows_count: kept.rows,
    deleted_rows_count: gone.rows,
  }
  // Writers differ in the names of the counts; those that are there are set.
  const own = Object.fromEntries(Object.entries(counts).filter(([name]) => name in manifest))
  return { ...manifest, ...own, manifest_path: uri, added_snapshot_id: snapshotId, sequence_number: sequence }
}

type Committed = { snapshotId: bigint; parent: TableSnapshot; sequence: bigint }

const listMeta = (meta: AvroMeta, { snapshotId, parent, sequence }: Committed): AvroMeta => ({
  ...meta,
  'snapshot-id': Buffer.from(String(snapshotId)),
  'parent-snapshot-id': Buffer.from(String(parent['snapshot-id'])),
  'sequence-number': Buffer.from(String(sequence)),
})

function changeOf({
  metadata,
  parent,
  gone,
  listUri,
  snapshotId,
  sequence,
  beforeMs,
}: Committed & { metadata: TableMetadata; gone: Sum; listUri: string; beforeMs: number }): Change {
  const snapshot = {
    'snapshot-id': snapshotId,
    'parent-snapshot-id': parent['snapshot-id'],
    'sequence-number': sequence,
    'timestamp-ms': Math.max(Date.now(), parent['timestamp-ms']),
    'manifest-list': listUri,
    'schema-id': metadata['current-schema-id'],
    summary: summaryOf(parent, gone, beforeMs),
  }
  return {
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parent['snapshot-id'] },
    ],
    updates: [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
    ],
  }
}

/** The sink looks for its offsets in the summaries of the latest snapshots: they are carried on, lest they expire with its last commit. */
function summaryOf({ summary }: TableSnapshot, gone: Sum, beforeMs: number): Record<string, string> {
  const less = (name: string, by: bigint) => (summary[name] === undefined ? {} : { [name]: String(BigInt(summary[name]) - by) })
  const carried = Object.entries(summary).filter(
    ([name]) => name.startsWith('kafka.connect.') || /^total-(delete-files|position-deletes|equality-deletes)$/.test(name),
  )
  return {
    operation: 'delete',
    ...Object.fromEntries(carried),
    'deleted-data-files': String(gone.files),
    'deleted-records': String(gone.rows),
    'removed-files-size': String(gone.sizeBytes),
    ...less('total-records', gone.rows),
    ...less('total-data-files', BigInt(gone.files)),
    ...less('total-files-size', gone.sizeBytes),
    [RETIRED_BEFORE]: String(beforeMs),
  }
}
