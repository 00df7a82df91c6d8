import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import { NAME_MAPPING_PROPERTY } from './name-mapping.ts'

/** Ids are bigint whatever their size, so that a small id and a 63-bit one compare alike. */
const id = z.union([z.bigint(), z.int()]).transform((value) => BigInt(value))
const long = z.int()

/** Files written before the field was added hold its `initial-default`, as the JSON of a single value. */
const field = z.object({
  id: z.int(),
  name: z.string(),
  required: z.boolean(),
  type: z.unknown(),
  'initial-default': z.unknown().optional(),
})

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
/** `nameMapping`: the table's property, for files that have no field ids. */
export type TableSchema = z.output<typeof schema> & { readonly nameMapping?: string | undefined }
export type SchemaField = z.output<typeof field>

/** `raw` must come from `parseLossless`. `from` names the document in the error. Throws METADATA_BROKEN. */
export function parseTableMetadata(raw: unknown, from: string): TableMetadata {
  const parsed = tableMetadata.safeParse(raw)
  if (parsed.success) return parsed.data
  throw new AssayError('METADATA_BROKEN', `table metadata of ${from}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
}

export const MAIN_BRANCH = 'main'

/** Where a branch stands; null for an empty table, and for a branch that is not there. */
export function currentSnapshot(metadata: TableMetadata, branch = MAIN_BRANCH): Snapshot | null {
  const tip = tipOf(metadata, branch)
  return metadata.snapshots.find((one) => one.snapshotId === tip) ?? null
}

export function tipOf({ currentSnapshotId, refs }: TableMetadata, branch: string): bigint | null {
  if (branch === MAIN_BRANCH) return currentSnapshotId
  const ref = refs[branch]
  return ref?.type === 'branch' ? ref.snapshotId : null
}

/** Ancestors from `from` back to the first for which `isEnd` holds, which is `end`; null, or one that is not kept, ends the walk, too. */
function walkBack(
  { snapshots }: TableMetadata,
  { from, isEnd }: { from: bigint | null; isEnd: (id: bigint) => boolean },
): { snapshots: Snapshot[]; end: bigint | null } {
  const byId = new Map(snapshots.map((one) => [one.snapshotId, one]))
  const walked: Snapshot[] = []
  let at = from
  while (at !== null && !isEnd(at)) {
    const one = byId.get(at)
    if (one === undefined) break
    // Taken out, so that a chain that bites its tail ends as a gap instead of never.
    byId.delete(at)
    walked.push(one)
    at = one.parentId
  }
  return { snapshots: walked.reverse(), end: at }
}

/** A snapshot and those it stands on, as far as they are kept, newest first; a chain that bites its tail ends. */
export function* ancestry({ snapshots }: TableMetadata, tip: Snapshot): Generator<Snapshot> {
  const byId = new Map(snapshots.map((one) => [one.snapshotId, one]))
  for (let at: Snapshot | undefined = tip; at !== undefined; at = at.parentId === null ? undefined : byId.get(at.parentId)) {
    byId.delete(at.snapshotId)
    yield at
  }
}

export interface LineageStep {
  /** Of what was followed, what the branch still stands on, oldest first. */
  readonly kept: readonly (bigint | null)[]
  /** Followed ones that are no ancestors any more, newest first: the table was rolled back. */
  readonly undone: readonly bigint[]
  /** Ancestors not followed yet, oldest first. */
  readonly next: readonly Snapshot[]
  /** Between what was followed and `next` were snapshots that are not kept any more: nobody can say what they did. */
  readonly gap: boolean
  readonly tip: bigint | null
}

/**
 * What became of a branch since `followed`: the snapshots it stood on, oldest first; the first is where following
 * began, null for an empty table. Those that expired since they were followed leave no gap.
 */
export function followLineage(
  metadata: TableMetadata,
  { branch, followed }: { branch: string; followed: readonly (bigint | null)[] },
): LineageStep {
  const tip = tipOf(metadata, branch)
  const known = new Set(followed)
  const began = followed[0] ?? null
  const { snapshots: next, end } = walkBack(metadata, { from: tip, isEnd: (id) => known.has(id) })
  const newestFirst = followed.slice(1).reverse() as bigint[]
  if (known.has(end)) {
    const kept = followed.slice(0, followed.lastIndexOf(end) + 1)
    return { kept, undone: newestFirst.slice(0, followed.length - kept.length), next, gap: false, tip }
  }
  // Rolled back behind where following began: all of it is undone, and what is older was there before.
  const before = walkBack(metadata, { from: began, isEnd: () => false })
  const ancestors = new Set<bigint | null>(before.snapshots.map(({ snapshotId }) => snapshotId)).add(before.end)
  const younger = next.filter(({ snapshotId }) => !ancestors.has(snapshotId))
  if (began !== null && (younger.length < next.length || ancestors.has(end)))
    return { kept: [younger[0] === undefined ? tip : younger[0].parentId], undone: newestFirst, next: younger, gap: false, tip }
  return { kept: followed, undone: [], next, gap: true, tip }
}

/**
 * When each of these snapshots, oldest first up to the tip, could first be seen: its own time, or later where the branch
 * came to it by a fast-forward. That the branch was set back to one later does not make it younger. Only of the main
 * branch is there a log.
 */
export function visibleAtMs({ snapshotLog }: TableMetadata, snapshots: readonly Snapshot[]): number[] {
  const logged = new Map(snapshotLog.toReversed().map(({ snapshotId, timestampMs }) => [snapshotId, timestampMs]))
  let firstMs = Infinity
  return snapshots
    .map(({ snapshotId, timestampMs }) => ({ atMs: logged.get(snapshotId) ?? Infinity, timestampMs }))
    .reverse()
    .map(({ atMs, timestampMs }) => {
      // Who sees a snapshot sees those it stands on.
      firstMs = Math.min(firstMs, atMs)
      return firstMs === Infinity ? timestampMs : Math.max(timestampMs, firstMs)
    })
    .reverse()
}

/**
 * The schema under which rows are read: the fields called `names` as the snapshot has them; one that was renamed or
 * dropped since is found by its id in an older schema. Other fields are left out.
 */
export function readingSchema(metadata: TableMetadata, snapshot: Snapshot, names: readonly string[]): TableSchema {
  const { schemas, properties } = metadata
  const schemaId = snapshot.schemaId ?? metadata.currentSchemaId
  const own = schemas.find((one) => one.schemaId === schemaId) ?? schemas.find((one) => one.schemaId === metadata.currentSchemaId)
  const newestFirst = [...schemas].sort((a, b) => b.schemaId - a.schemaId)
  const fields = names.flatMap((name) => {
    const named = [own, ...newestFirst].flatMap((one) => one?.fields ?? []).find((one) => one.name === name)
    // Its type as of now: it may have been widened.
    return named === undefined ? [] : [{ ...(own?.fields.find(({ id: same }) => same === named.id) ?? named), name }]
  })
  return { schemaId, fields, nameMapping: properties[NAME_MAPPING_PROPERTY] }
}
