import type { OffsetRange, StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import { termsAt, termsOf } from '../../shared/core/rules.ts'
import { quoteIdentifier, quoteText } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { SnapshotChanges, TableFile } from '../../shared/iceberg/changes.ts'
import type { Snapshot, TableMetadata, TableSchema } from '../../shared/iceberg/metadata.ts'
import { readLiveFiles, readSnapshotChanges, type Beginning, type LiveFiles } from '../../shared/iceberg/snapshot-reader.ts'
import { contentFaults } from './content-faults.ts'
import { deleteDamage } from './file-checks.ts'
import type { MetadataFault, PlacedRow, SnapshotReading } from './events.ts'
import { namelessDeletes, planChange, planWhole, replacedCount, type FilePlan } from './file-plan.ts'
import { readFiles, type FilesRead } from './planned-files.ts'
import { readContext, uncompared } from './read-context.ts'
import { repeatedOffsets, type OffsetsByFile } from './repeated-offsets.ts'
import { RowCounts } from './row-counts.ts'
import { checkRowTerms, checkSchemaTerms, joinedRules } from './rule-checks.ts'
import { countRunRows, placesOf } from './run-rows.ts'
import {
  fetchFile,
  GONE,
  isEngineTrouble,
  isMissing,
  isUsable,
  placeOf,
  rowsOfFile,
  type ReadContext,
  type TableAccess,
  type Unusable,
} from './table-files.ts'

export interface TableReading extends TableAccess {
  readonly canaries: RunCanaries
}

export interface SnapshotInput {
  readonly snapshot: Snapshot
  readonly metadata: TableMetadata
  /** The snapshot that was read before. */
  readonly parentId: string | null
  readonly visibleAtMs: number
  /** Where the run began. */
  readonly since: Beginning | null
  /** Canaries read before: a further row of one of them is placed. */
  readonly seen: CanarySet
  /** Read all that is live instead of what changed. */
  readonly isWhole: boolean
  readonly unusable: Unusable
  /** Source offsets in files read before; what is read is added. */
  readonly offsets: OffsetsByFile
  readonly folder: string
}

/**
 * `unusable`: a file that should have been read is not there, or is a delete file that is damaged; whether the table still
 * refers to it, a fresh load must say. `hidden`: what the snapshot took from a data file cannot be told, since nobody can read it.
 */
export type SnapshotRead =
  | { readonly reading: SnapshotReading; readonly gap: string | null; readonly unread: readonly string[] }
  | { readonly unusable: UnusableFile }
  | { readonly hidden: string }

interface UnusableFile {
  readonly file: string
  readonly place: string
  readonly actual: string
}

/** Files that delete files of one snapshot may reach: beyond, it is not followed. */
const TOUCHED_MAX = 256

/** Reads what one snapshot changed: no file that it neither added, removed nor reaches with deletes, and none from before the run. */
export async function readSnapshot(reading: TableReading, input: SnapshotInput): Promise<SnapshotRead> {
  const { snapshot, since } = input
  const context = readContext(reading, input)
  const changes = await readSnapshotChanges(reading.manifests, snapshot, since)
  const live = await readLiveFiles(reading.manifests, snapshot, since)
  try {
    const plan = input.isWhole ? planWhole(live) : await planOf(context, { input, changes, live })
    const touched = plan.files.filter(({ before, after }) => before && after).length
    if (touched <= TOUCHED_MAX) return await readPlan(reading, { context, input, changes, live, plan, gap: null })
    const gap = `snapshot ${snapshot.snapshotId}: its deletes may reach ${touched} data files, limit ${TOUCHED_MAX}; what they took away is not known`
    const untouched = { ...plan, files: plan.files.filter(({ before, after }) => !(before && after)) }
    return await readPlan(reading, { context, input, changes, live, plan: untouched, gap })
  } catch (error) {
    const unusable = await unusableOf(context, error, [...live.deletes, ...changes.removedDeletes])
    if (unusable === null) throw error
    return { unusable }
  }
}

/**
 * The file for which a reading failed: the first that could not be fetched since it is not there, or a delete file that is
 * damaged. Null where it was something else, such as a manifest.
 */
export async function unusableOf(context: ReadContext, error: unknown, deletes: readonly TableFile[]): Promise<UnusableFile | null> {
  if (isMissing(error)) {
    for (const [path, fetching] of context.fetched)
      if (await fetching.then(() => false, isMissing)) return { file: path, place: path, actual: GONE }
    return null
  }
  if (!isEngineTrouble(error) && !(error instanceof AssayError && error.code === 'METADATA_BROKEN')) return null
  for (const file of deletes) {
    const actual = context.fetched.has(file.path) ? await deleteDamage(context, file) : null
    if (actual !== null) return { file: file.path, place: placeOf(file), actual }
  }
  return null
}

async function planOf(
  context: ReadContext,
  { input: { since, metadata, unusable }, changes, live }: Pick<Planned, 'input' | 'changes' | 'live'>,
): Promise<FilePlan> {
  const named = new Map<string, ReadonlySet<string>>()
  for (const file of namelessDeletes(changes).filter((one) => isUsable(unusable, one))) {
    const { path } = await fetchFile(context, file)
    const rows = await context.db.query(`SELECT DISTINCT file_path FROM read_parquet(${quoteText(path)})`)
    named.set(file.path, new Set(rows.map((row) => String(row['file_path']))))
  }
  return planChange({ changes, live, since, identityId: identityField(context)?.id ?? null, specs: metadata.partitionSpecs, named })
}

const identityField = ({ schema, topology }: ReadContext) => schema.fields.find(({ name }) => name === topology.record.identity)

interface Planned {
  readonly context: ReadContext
  readonly input: SnapshotInput
  readonly changes: SnapshotChanges
  readonly live: LiveFiles
  readonly plan: FilePlan
  readonly gap: string | null
}

async function readPlan(reading: TableReading, { context, input, changes, live, plan, gap }: Planned): Promise<SnapshotRead> {
  const { snapshot, unusable } = input
  const operation = snapshot.summary['operation'] ?? 'append'
  const emptied = await emptiedBy(
    context,
    plan.emptiedBy.filter((file) => isUsable(unusable, file)),
  )
  // What is only written anew was held to its rules when it came.
  const terms = operation === 'replace' && !input.isWhole ? [] : termsOf(context.hop)
  const read = await readFiles(context, { plan, unusable, withOffsets: true, terms })
  const hidden = read.unreadable.find(({ file }) => plan.files.some((planned) => planned.before && planned.file.path === file))
  if (hidden !== undefined) return { hidden: hidden.file }
  const rows = await rowsRead(context, { read, input })
  const present = (await countRunRows(context, read.intact)).present
  const { canaries } = reading
  const repeated = await repeatedOffsets(context, { known: input.offsets, read: read.offsets, live, unusable })
  const told: SnapshotReading = {
    snapshotId: String(snapshot.snapshotId),
    parentId: input.parentId,
    committedAtMs: input.visibleAtMs,
    operation,
    filesAdded: changes.added.length,
    rowsAdded: changes.added.reduce((sum, { recordCount }) => sum + recordCount, 0),
    bytesAdded: changes.added.reduce((sum, { fileSizeBytes }) => sum + fileSizeBytes, 0),
    isWhole: input.isWhole,
    ...rows,
    emptied,
    faults: await contentFaults(context, { canaries, present, paths: read.intact.paths, unread: context.unread }),
    sourceOffsets: joined(read.offsets.flatMap(({ ranges }) => ranges)),
    metadataFaults: [...read.faults, ...repeated, ...(await treeFaults(context, { input, changes, live, operation }))],
    rules: joinedRules([
      checkSchemaTerms(termsAt(terms, 'schema'), schemaOf(input), present.size),
      await checkRowTerms(context, { canaries, present, paths: read.intact.paths, terms }),
      ...read.rules,
    ]),
  }
  return { reading: told, gap, unread: uncompared(context, canaries) }
}

/** As the snapshot's writer had it. */
function schemaOf({ metadata: { schemas, currentSchemaId }, snapshot }: SnapshotInput): TableSchema {
  const schemaId = snapshot.schemaId ?? currentSchemaId
  return schemas.find((one) => one.schemaId === schemaId) ?? { schemaId, fields: [] }
}

/** What is wrong with the files as a set. */
async function treeFaults(
  { manifests }: ReadContext,
  { input, changes, live, operation }: Pick<Planned, 'input' | 'changes' | 'live'> & { operation: string },
): Promise<MetadataFault[]> {
  const added = new Set(changes.added.map(({ path }) => path))
  const twice = new Set([...changes.duplicatePaths, ...live.duplicatePaths.filter((path) => input.isWhole || added.has(path))])
  const faults: MetadataFault[] = [...twice].map((file) => ({
    file,
    expected: 'a file referenced once',
    actual: changes.duplicatePaths.includes(file) ? 'added more than once' : 'added, and live already',
  }))
  if (operation !== 'replace' || input.isWhole) return faults
  const lists = await manifests.list(input.snapshot)
  const hasDeletes = changes.removedDeletes.length > 0 || lists.some(({ content }) => content === 'deletes')
  const count = replacedCount(changes, hasDeletes)
  return count === null ? faults : [...faults, { file: input.snapshot.manifestList, ...count }]
}

type RowsRead = Pick<SnapshotReading, 'canaries' | 'repeats' | 'removed' | 'places' | 'removedPlaces'>

async function rowsRead(context: ReadContext, { read, input }: { read: FilesRead; input: SnapshotInput }): Promise<RowsRead> {
  const before = await countRunRows(context, read.before)
  const after = await countRunRows(context, read.after)
  const gained = RowCounts.of(after.beyond(before))
  const removed = before.beyond(after)
  const canaries = gained.present
  const extra = RowCounts.of(gained.toWire())
  extra.take(canaries.toWire())
  const again = input.isWhole ? new CanarySet() : canaries.and(input.seen)
  const wanted = CanarySet.of([...extra.present.toWire(), ...again.toWire()])
  const places = laterFirst(await placesOf(context, read.after, wanted))
  return {
    canaries: canaries.toWire(),
    repeats: repeatsOf(extra, places),
    removed,
    places,
    removedPlaces: await placesOf(context, read.before, RowCounts.of(removed).present),
  }
}

/** Of several rows of one canary the later is the repeat. */
const laterFirst = (places: readonly PlacedRow[]) => [...places].reverse()

function repeatsOf(extra: RowCounts, places: readonly PlacedRow[]) {
  const left = [...places]
  return extra.toWire().flatMap((row) =>
    CanarySet.of([row])
      .members()
      .map(({ stream, seq }) => {
        const at = left.findIndex((place) => place.stream === stream && place.seq === seq)
        const [place] = at < 0 ? [] : left.splice(at, 1)
        return { stream, seq, partition: place?.partition ?? -1, offset: place?.offset ?? -1 }
      }),
  )
}

async function emptiedBy(context: ReadContext, deletes: readonly TableFile[]): Promise<StreamRanges[]> {
  const emptied = new CanarySet()
  const field = identityField(context)
  if (field === undefined) return []
  for (const file of deletes) {
    const from = await rowsOfFile(context, { file, deletes: [], schema: { ...context.schema, fields: [field] } })
    const column = quoteIdentifier(field.name)
    const rows = await context.db.query(
      `SELECT ${column} AS identity FROM ${from} WHERE starts_with(${column}, ${quoteText(`${context.runId}:`)})`,
    )
    for (const row of rows) {
      const id = parseCanaryId(String(row['identity']))
      if (id !== null) emptied.add(id.stream, id.seq)
    }
  }
  return emptied.toWire()
}

function joined(offsets: readonly OffsetRange[]): OffsetRange[] {
  const byPartition = new Map<number, OffsetRange>()
  for (const { partition, offsetFirst, offsetLast } of offsets) {
    const known = byPartition.get(partition)
    byPartition.set(partition, {
      partition,
      offsetFirst: Math.min(offsetFirst, known?.offsetFirst ?? offsetFirst),
      offsetLast: Math.max(offsetLast, known?.offsetLast ?? offsetLast),
    })
  }
  return [...byPartition.values()].sort((a, b) => a.partition - b.partition)
}
