import { join } from 'node:path'
import type { OffsetRange } from '../../schemas/parts.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { kindOfDifference } from '../../shared/core/content.ts'
import { members } from '../../shared/core/range-set.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { canaryColumns, expectedFields } from '../../shared/engines/canary-columns.ts'
import { checkContent, type Mismatch } from '../../shared/engines/content-check.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { projectedType, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import { scanIdentities, type IdentityScan, type StreamSeen } from '../../shared/engines/identity-scan.ts'
import type { DataFile } from '../../shared/iceberg/manifests.ts'
import type { Snapshot } from '../../shared/iceberg/metadata.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import { readSnapshotChanges } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableHop, Topology } from '../../topology/topology.ts'
import type { MetadataFault, RowFault, SnapshotReading } from './events.ts'

export interface TableAccess {
  readonly store: ObjectStore
  readonly db: DuckDb
  readonly topology: Topology
  readonly hop: TableHop
}

export interface TableReading extends TableAccess {
  readonly canaries: RunCanaries
}

/** Rows compared at once: the engine holds both sides. */
const CONTENT_BLOCK = 4_000
const MISMATCHES_MAX = 10_000

/**
 * Reads what one snapshot added: fetches its data files, compares sizes and counts with the manifests, identities and
 * content with what was produced. `unfollowed` names what the snapshot did that is not followed, if anything.
 */
export async function readSnapshot(
  reading: TableReading,
  snapshot: Snapshot,
  folder: string,
): Promise<{ reading: SnapshotReading; unfollowed: string | null }> {
  const changes = await readSnapshotChanges(reading.store, snapshot)
  const operation = snapshot.summary['operation'] ?? 'append'
  const metadataFaults: MetadataFault[] = changes.duplicatePaths.map((file) => ({
    file,
    expected: 'a data file referenced once',
    actual: 'added more than once',
  }))
  // A compaction writes rows anew that were there before.
  const added = operation === 'replace' ? [] : changes.added
  const paths = await fetchFiles(reading.store, { files: added, folder }, metadataFaults)
  const { runId } = reading.canaries
  const scan = await scanFiles(reading, paths)
  const listed = added.reduce((sum, { recordCount }) => sum + recordCount, 0)
  if (paths.length === added.length && scan.rowCount !== listed) {
    metadataFaults.push({
      file: snapshot.manifestList,
      expected: `${listed} records, as the manifests say`,
      actual: `${scan.rowCount} in the files`,
    })
  }
  const streams = scan.streams.filter((seen) => seen.runId === runId)
  const isRewrite =
    operation !== 'replace' && (changes.removed.length > 0 || changes.deletes.length > 0 || changes.removedDeletes.length > 0)
  return {
    unfollowed: isRewrite ? `snapshot ${snapshot.snapshotId} (${operation}) removed or deleted rows; deletes are not followed yet` : null,
    reading: {
      snapshotId: String(snapshot.snapshotId),
      parentId: snapshot.parentId?.toString() ?? null,
      committedAtMs: snapshot.timestampMs,
      operation,
      filesAdded: changes.added.length,
      rowsAdded: changes.added.reduce((sum, { recordCount }) => sum + recordCount, 0),
      bytesAdded: changes.added.reduce((sum, { fileSizeBytes }) => sum + fileSizeBytes, 0),
      canaries: streams.map(({ stream, seqs }) => ({ stream, ranges: [...seqs] })),
      repeats: scan.repeats
        .filter((repeat) => repeat.runId === runId)
        .map(({ stream, seq, partition, offset }) => ({ stream, seq, partition: partition ?? -1, offset: offset ?? -1 })),
      faults: await contentFaults(reading, { streams, paths }),
      sourceOffsets: scan.offsets.map(({ partition, offsetFirst, offsetLast }): OffsetRange => ({ partition, offsetFirst, offsetLast })),
      metadataFaults,
    },
  }
}

/** The run's identities in the files a snapshot added. */
export async function identitiesAddedBy(
  access: TableAccess,
  { snapshot, folder, runId }: { snapshot: Snapshot; folder: string; runId: string },
): Promise<StreamSeen[]> {
  const { added } = await readSnapshotChanges(access.store, snapshot)
  const paths = await fetchFiles(access.store, { files: added, folder }, [])
  return (await scanFiles(access, paths)).streams.filter((seen) => seen.runId === runId)
}

function scanFiles({ db, topology, hop }: TableAccess, paths: readonly string[]): Promise<IdentityScan> {
  const { identity, marker } = topology.record
  return scanIdentities(db, { paths, identityField: identity, marker, kafka: kafkaColumns(hop) })
}

const kafkaColumns = ({ sourceOffsets }: TableHop) =>
  sourceOffsets === null ? null : { partitionField: sourceOffsets.partition, offsetField: sourceOffsets.offset }

async function fetchFiles(
  store: ObjectStore,
  { files, folder }: { files: readonly DataFile[]; folder: string },
  faults: MetadataFault[],
): Promise<string[]> {
  const paths: string[] = []
  for (const [index, file] of files.entries()) {
    const path = join(folder, `${index}.parquet`)
    try {
      const sizeBytes = await store.downloadTo(file.path, path)
      paths.push(path)
      if (sizeBytes !== file.fileSizeBytes)
        faults.push({ file: file.path, expected: `${file.fileSizeBytes} bytes, as the manifest says`, actual: `${sizeBytes} bytes` })
    } catch (error) {
      if (!(error instanceof AssayError) || error.code !== 'OBJECT_MISSING') throw error
      faults.push({ file: file.path, expected: 'the data file the manifest refers to', actual: 'no such object' })
    }
  }
  return paths
}

async function contentFaults(
  reading: TableReading,
  { streams, paths }: { streams: readonly StreamSeen[]; paths: readonly string[] },
): Promise<RowFault[]> {
  const { canaries, db, hop, topology } = reading
  const identityField = topology.record.identity
  const expect = expectedFields(canaries.fields, hop.expect)
  const faults: RowFault[] = []
  const check = async (records: readonly CanaryRecord[]) => {
    const { mismatches } = await checkContent(db, {
      expected: { columns: canaryColumns(canaries.fields, records), identityField, expect },
      paths,
      identityField,
      kafka: kafkaColumns(hop),
      limit: MISMATCHES_MAX,
    })
    faults.push(...mismatches.map((mismatch) => faultOf(reading, mismatch)))
  }
  let block: CanaryRecord[] = []
  for (const { stream, seqs } of streams) {
    for (const seq of members(seqs)) {
      if (block.push(canaries.at(stream, seq)) < CONTENT_BLOCK) continue
      await check(block)
      block = []
    }
  }
  if (block.length > 0) await check(block)
  return faults
}

function faultOf({ canaries, hop }: TableReading, { stream, seq, field, expected, actual, partition, offset }: Mismatch): RowFault {
  const projected = hop.expect.find((expectation) => expectation.field === field)
  const type = projectedType(projected?.type ?? '') ?? canaries.fields.find(({ name }) => name === field)?.type ?? null
  return {
    violation: kindOfDifference(type, expected, actual),
    place: { stream, seq, partition: partition ?? -1, offset: offset ?? -1 },
    field,
    expected: expected ?? 'null',
    actual: actual ?? 'null',
  }
}
