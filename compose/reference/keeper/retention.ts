import { randomBytes, randomUUID } from 'node:crypto'
import { writeAvroFile } from '../avro-file.ts'
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
  const gone: Entry[] = []
  const manifests: Manifest[] = []
  for (const manifest of list.rows) {
    const parts = manifest.content === 0 ? await partsOf(store, { manifest, fieldId, beforeMs, snapshotId }) : null
    if (parts === null || parts.gone.length === 0) {
      manifests.push(manifest)
      continue
    }
    gone.push(...parts.gone)
    const uri = `${folder}/${randomUUID()}-m${manifests.length}.avro`
    const bytes = writeAvroFile({ meta: parts.meta, records: [...parts.kept, ...parts.gone] })
    await put(uri, bytes)
    manifests.push(rewritten(manifest, { ...parts, uri, sizeBytes: bytes.length, snapshotId, sequence }))
  }
  if (gone.length === 0) return { files: 0, rows: 0n }
  const listUri = `${folder}/snap-${snapshotId}-1-${randomUUID()}.avro`
  await put(listUri, writeAvroFile({ meta: listMeta(list.file.meta, { snapshotId, parent, sequence }), records: manifests }))
  const done = await catalog.commit(changeOf({ metadata, parent, gone, listUri, snapshotId, sequence, beforeMs }))
  if (!done) for (const uri of written) await store.remove(uri)
  return done ? { files: gone.length, rows: sumOf(gone, 'record_count') } : 'conflict'
}

const sourceTimeOf = (metadata: TableMetadata): number | undefined =>
  metadata.schemas.find((schema) => schema['schema-id'] === metadata['current-schema-id'])?.fields.find(({ name }) => name === SOURCE_AT)
    ?.id

type Division = { meta: Readonly<Record<string, Buffer>>; kept: Entry[]; gone: Entry[] }

/** An added file inherits from its manifest what the entry leaves out; in a manifest of another snapshot it has to be said. */
async function partsOf(
  store: ObjectStore,
  { manifest, fieldId, beforeMs, snapshotId }: { manifest: Manifest; fieldId: number; beforeMs: number; snapshotId: bigint },
): Promise<Division> {
  const { file, rows } = await readEntries(store, manifest.manifest_path)
  const division: Division = { meta: file.meta, kept: [], gone: [] }
  for (const entry of rows) {
    if (entry.status === DELETED) continue
    const whole = {
      ...entry,
      snapshot_id: entry.snapshot_id ?? manifest.added_snapshot_id,
      sequence_number: entry.sequence_number ?? manifest.sequence_number,
      file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
    }
    if (isBefore(entry, { fieldId, beforeMs })) division.gone.push({ ...whole, status: DELETED, snapshot_id: snapshotId })
    else division.kept.push({ ...whole, status: EXISTING })
  }
  return division
}

/** A bound of a long is its eight bytes, least first. */
export function isBefore({ data_file: file }: Entry, { fieldId, beforeMs }: { fieldId: number; beforeMs: number }): boolean {
  const bound = file.upper_bounds?.find(({ key }) => key === fieldId)?.value
  return bound?.length === LONG_BYTES && bound.readBigInt64LE() < BigInt(beforeMs)
}

function rewritten(
  manifest: Manifest,
  { kept, gone, uri, sizeBytes, snapshotId, sequence }: Division & { uri: string; sizeBytes: number; snapshotId: bigint; sequence: bigint },
): Manifest {
  const counts: Readonly<Record<string, number | bigint>> = {
    manifest_length: BigInt(sizeBytes),
    min_sequence_number: kept.reduce((least, { sequence_number: own }) => (own !== null && own < least ? own : least), sequence),
    added_files_count: 0,
    existing_files_count: kept.length,
    deleted_files_count: gone.length,
    added_data_files_count: 0,
    existing_data_files_count: kept.length,
    deleted_data_files_count: gone.length,
    added_rows_count: 0n,
    existing_rows_count: sumOf(kept, 'record_count'),
    deleted_rows_count: sumOf(gone, 'record_count'),
  }
  // Writers differ in the names of the counts; those that are there are set.
  const own = Object.fromEntries(Object.entries(counts).filter(([name]) => name in manifest))
  return { ...manifest, ...own, manifest_path: uri, added_snapshot_id: snapshotId, sequence_number: sequence }
}

const sumOf = (entries: readonly Entry[], field: 'record_count' | 'file_size_in_bytes'): bigint =>
  entries.reduce((sum, { data_file: file }) => sum + file[field], 0n)

type Committed = { snapshotId: bigint; parent: TableSnapshot; sequence: bigint }

const listMeta = (meta: Readonly<Record<string, Buffer>>, { snapshotId, parent, sequence }: Committed): Record<string, Buffer> => ({
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
}: Committed & { metadata: TableMetadata; gone: readonly Entry[]; listUri: string; beforeMs: number }): Change {
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
function summaryOf({ summary }: TableSnapshot, gone: readonly Entry[], beforeMs: number): Record<string, string> {
  const less = (name: string, by: bigint) => (summary[name] === undefined ? {} : { [name]: String(BigInt(summary[name]) - by) })
  const carried = Object.entries(summary).filter(
    ([name]) => name.startsWith('kafka.connect.') || /^total-(delete-files|position-deletes|equality-deletes)$/.test(name),
  )
  const rows = sumOf(gone, 'record_count')
  const sizeBytes = sumOf(gone, 'file_size_in_bytes')
  return {
    operation: 'delete',
    ...Object.fromEntries(carried),
    'deleted-data-files': String(gone.length),
    'deleted-records': String(rows),
    'removed-files-size': String(sizeBytes),
    ...less('total-records', rows),
    ...less('total-data-files', BigInt(gone.length)),
    ...less('total-files-size', sizeBytes),
    [RETIRED_BEFORE]: String(beforeMs),
  }
}
