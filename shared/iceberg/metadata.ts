import { z } from 'zod'
import { AssayError } from '../core/errors.ts'

/** Ids are bigint whatever their size, so that a small id and a 63-bit one compare alike. */
const id = z.union([z.bigint(), z.int()]).transform((value) => BigInt(value))
const long = z.int()

const field = z.object({ id: z.int(), name: z.string(), required: z.boolean(), type: z.unknown() })

const schema = z
  .object({ 'schema-id': z.int().default(0), fields: z.array(field) })
  .transform((raw) => ({ schemaId: raw['schema-id'], fields: raw.fields }))

const partitionField = z
  .object({ 'source-id': z.int().optional(), 'source-ids': z.array(z.int()).optional(), name: z.string(), transform: z.string() })
  .transform((raw) => ({
    sourceIds: raw['source-ids'] ?? (raw['source-id'] === undefined ? [] : [raw['source-id']]),
    name: raw.name,
    transform: raw.transform,
  }))

const partitionSpec = z
  .object({ 'spec-id': z.int(), fields: z.array(partitionField) })
  .transform((raw) => ({ specId: raw['spec-id'], fields: raw.fields }))

const snapshot = z
  .object({
    'snapshot-id': id,
    'parent-snapshot-id': id.nullish(),
    'sequence-number': long.default(0),
    'timestamp-ms': long,
    'manifest-list': z.string(),
    summary: z.record(z.string(), z.string()).default({}),
    'schema-id': z.int().nullish(),
  })
  .transform((raw) => ({
    snapshotId: raw['snapshot-id'],
    parentId: raw['parent-snapshot-id'] ?? null,
    sequenceNumber: raw['sequence-number'],
    timestampMs: raw['timestamp-ms'],
    manifestList: raw['manifest-list'],
    summary: raw.summary,
    schemaId: raw['schema-id'] ?? null,
  }))

const ref = z
  .object({ 'snapshot-id': id, type: z.enum(['branch', 'tag']) })
  .transform((raw) => ({ snapshotId: raw['snapshot-id'], type: raw.type }))

const logEntry = z
  .object({ 'snapshot-id': id, 'timestamp-ms': long })
  .transform((raw) => ({ snapshotId: raw['snapshot-id'], timestampMs: raw['timestamp-ms'] }))

/** Format version 1 may hold one `schema` and one `partition-spec` instead of the lists, and no uuid. */
const tableMetadata = z
  .object({
    'format-version': z.union([z.literal(1), z.literal(2), z.literal(3)]),
    'table-uuid': z.string().nullish(),
    location: z.string(),
    'current-snapshot-id': id.nullish(),
    snapshots: z.array(snapshot).default([]),
    schemas: z.array(schema).optional(),
    schema: schema.optional(),
    'current-schema-id': z.int().optional(),
    'partition-specs': z.array(partitionSpec).default([]),
    refs: z.record(z.string(), ref).default({}),
    'snapshot-log': z.array(logEntry).default([]),
    properties: z.record(z.string(), z.string()).default({}),
  })
  .transform((raw) => {
    const schemas = raw.schemas ?? (raw.schema === undefined ? [] : [raw.schema])
    const current = raw['current-snapshot-id'] ?? null
    return {
      formatVersion: raw['format-version'],
      tableUuid: raw['table-uuid'] ?? null,
      location: raw.location,
      // Older writers say -1 where newer ones leave the field out.
      currentSnapshotId: current === -1n ? null : current,
      snapshots: raw.snapshots,
      schemas,
      currentSchemaId: raw['current-schema-id'] ?? schemas.at(-1)?.schemaId ?? 0,
      partitionSpecs: raw['partition-specs'],
      refs: raw.refs,
      snapshotLog: raw['snapshot-log'],
      properties: raw.properties,
    }
  })

export type TableMetadata = z.output<typeof tableMetadata>
export type Snapshot = z.output<typeof snapshot>
export type TableSchema = z.output<typeof schema>
export type SchemaField = z.output<typeof field>

/** `raw` must come from `parseLossless`. `from` names the document in the error. Throws METADATA_BROKEN. */
export function parseTableMetadata(raw: unknown, from: string): TableMetadata {
  const parsed = tableMetadata.safeParse(raw)
  if (parsed.success) return parsed.data
  throw new AssayError('METADATA_BROKEN', `table metadata of ${from}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
}

export function currentSnapshot(metadata: TableMetadata): Snapshot | null {
  return metadata.snapshots.find((one) => one.snapshotId === metadata.currentSnapshotId) ?? null
}

export interface Lineage {
  /** Oldest first, the current one last. */
  snapshots: Snapshot[]
  /** The chain ended before `fromExclusive` (or, for null, before a snapshot without parent): expiry, rollback, or a recreated table. */
  gap: boolean
}

/** The snapshots from the current one back to, and without, `fromExclusive`; null asks for all that are left. */
export function lineage(metadata: TableMetadata, fromExclusive: bigint | null): Lineage {
  const byId = new Map(metadata.snapshots.map((one) => [one.snapshotId, one]))
  const snapshots: Snapshot[] = []
  let at = metadata.currentSnapshotId
  while (at !== null && at !== fromExclusive) {
    const one = byId.get(at)
    if (one === undefined) break
    // Taken out, so that a chain that bites its tail ends as a gap instead of never.
    byId.delete(at)
    snapshots.push(one)
    at = one.parentId
  }
  return { snapshots: snapshots.reverse(), gap: at !== fromExclusive }
}
