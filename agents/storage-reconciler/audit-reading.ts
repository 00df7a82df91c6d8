import { rm } from 'node:fs/promises'
import type { OffsetRange } from '../../schemas/parts.ts'
import { columnTypeText } from '../../shared/core/audit-fields.ts'
import type { ComparedWindow } from '../../shared/core/audit-state.ts'
import { isOverlapping, type SidePrints, type SideRecords } from '../../shared/core/audit.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { maskedValue } from '../../shared/engines/record-hash.ts'
import { addRows, emptyTablePrints, rowsAt, type AuditedRows } from '../../shared/engines/table-prints.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import { ancestry, currentSnapshot, readingSchema, visibleAtMs, type Snapshot, type TableMetadata } from '../../shared/iceberg/metadata.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { beginningAt, isWrittenSince, readLiveFiles, type Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import { statedOffsets } from './planned-files.ts'
import { kafkaColumns, offsetsIn } from './run-rows.ts'
import { fetchFile, rowsOfFile, type ReadContext, type TableAccess } from './table-files.ts'

export interface TableAuditAccess extends TableAccess {
  readonly catalog: TableCatalog
  readonly runId: string
  readonly folder: string
}

export type Effect<Type extends TableAuditEffect['type']> = Extract<TableAuditEffect, { type: Type }>

/** Source offsets of data files read before, by path: files never change. */
export type KnownOffsets = Map<string, readonly OffsetRange[]>

export interface Opened {
  readonly metadata: TableMetadata
  readonly snapshot: Snapshot
  readonly live: Awaited<ReturnType<typeof readLiveFiles>>
}

/** The table by a fresh load, with the files that were written behind the audit's beginning. */
export async function openTable({ catalog, hop, manifests }: TableAuditAccess, began: Baseline): Promise<Opened> {
  const { metadata } = await catalog.loadTable(hop)
  const snapshot = currentSnapshot(metadata, hop.branch)
  if (snapshot === null) throw new AssayError('TABLE_MISSING', `table ${hop.namespace}.${hop.table} has no snapshot yet`)
  const since = beginningAt(metadata, began)
  return { metadata, snapshot, live: await readLiveFiles(manifests, snapshot, since) }
}

export function contextOf(access: TableAuditAccess, { metadata, snapshot }: Opened, fields: readonly string[]): ReadContext {
  const kafka = kafkaColumns(access.hop)
  const names = [...new Set([...fields, ...(kafka === null ? [] : [kafka.partitionField, kafka.offsetField])])]
  return { ...access, schema: readingSchema(metadata, snapshot, names), unread: new Map(), fields: [], fetched: new Map() }
}

/** How far the table has come, by what its files hold. Throws AssayError. */
export async function readTableProgress(
  access: TableAuditAccess,
  { began }: Effect<'audit-look'>,
  known: KnownOffsets,
): Promise<Omit<Extract<TableAuditEvent, { type: 'audit-table-seen' }>, 'type' | 'runId' | 'hop' | 'sink'>> {
  const opened = await openTable(access, began)
  const { metadata, snapshot, live } = opened
  const context = contextOf(access, opened, [])
  const standing = new Set(live.data.map(({ path }) => path))
  for (const path of known.keys()) if (!standing.has(path)) known.delete(path)
  const stored = new Map<number, number>()
  for (const file of live.data)
    for (const { partition, offsetLast } of await rangesOf(context, { file, known }))
      stored.set(partition, Math.max(stored.get(partition) ?? -1, offsetLast))
  const { schemas, currentSchemaId } = metadata
  const schema = schemas.find(({ schemaId }) => schemaId === (snapshot.schemaId ?? currentSchemaId))
  return {
    columns: (schema?.fields ?? []).map(({ name, type }) => ({ name, type: columnTypeText(type) })),
    snapshotId: String(snapshot.snapshotId),
    committedAtMs: lastWrittenAtMs(metadata, snapshot),
    stored,
  }
}

/** When rows last came, by the snapshots that are kept: who compacts or deletes brings none. */
export function lastWrittenAtMs(metadata: TableMetadata, tip: Snapshot): number {
  const newestFirst: Snapshot[] = []
  for (const one of ancestry(metadata, tip)) {
    newestFirst.push(one)
    const { operation } = one.summary
    if (operation !== 'replace' && operation !== 'delete') return visibleAtMs(metadata, newestFirst.reverse())[0] as number
  }
  return 0
}

/** Which of the windows have got rows since they were compared, or had theirs written anew. Throws AssayError. */
export async function readTableAdditions(
  access: TableAuditAccess,
  { compared, began }: Effect<'audit-additions'>,
  known: KnownOffsets,
): Promise<Pick<Extract<TableAuditEvent, { type: 'audit-additions-seen' }>, 'snapshotId' | 'grown'>> {
  const opened = await openTable(access, began)
  const { metadata, snapshot, live } = opened
  const context = contextOf(access, opened, [])
  const grown: ComparedWindow[] = []
  for (const [snapshotId, windows] of Map.groupBy(compared, (window) => window.snapshotId)) {
    const since = beginningAt(metadata, { snapshotId, sequenceNumber: null, tableUuid: metadata.tableUuid })
    const added: OffsetRange[] = []
    for (const file of live.data)
      if (isWrittenSince(since, { sequenceNumber: file.fileSequenceNumber, by: file.snapshotId }))
        added.push(...(await rangesOf(context, { file, known })))
    grown.push(...windows.filter((window) => added.some((range) => isOverlapping(range, window))))
  }
  return { snapshotId: String(snapshot.snapshotId), grown }
}

async function rangesOf(context: ReadContext, { file, known }: { file: TableFile; known: KnownOffsets }): Promise<readonly OffsetRange[]> {
  const before = known.get(file.path)
  if (before !== undefined) return before
  const ranges = await offsetsOf(context, file)
  known.set(file.path, ranges)
  return ranges
}

/** The manifest says it of a file of one partition; else its rows are looked at. */
async function offsetsOf(context: ReadContext, file: TableFile): Promise<readonly OffsetRange[]> {
  const stated = statedOffsets(context, file)
  if (stated !== null && stated.partitionFirst === stated.partitionLast)
    return [{ partition: stated.partitionFirst, offsetFirst: stated.offsetFirst, offsetLast: stated.offsetLast }]
  try {
    return await offsetsIn(context, file)
  } finally {
    await dropFile(context, file)
  }
}

/** Fingerprints of the rows that stand in wanted intervals, file by file. Throws AssayError. */
export async function readTablePrints(access: TableAuditAccess, { wanted, began }: Effect<'audit-prints'>): Promise<SidePrints[]> {
  const opened = await openTable(access, began)
  const fields = wanted.find((one) => (one.fields?.length ?? 0) > 0)?.fields ?? []
  const context = contextOf(
    access,
    opened,
    fields.map(({ field }) => field),
  )
  const into = wanted.map(emptyTablePrints)
  await eachFile(context, opened, { ranges: wanted, fields, use: (rows) => addRows(access.db, rows, into) })
  return wanted.map(({ partition, offsetFirst, offsetLast, round, step, fields: own }, i) => ({
    partition,
    offsetFirst,
    offsetLast,
    round,
    step,
    prints: into[i]?.prints ?? [],
    fields: [...(own ?? [])],
    lastRecord: into[i]?.lastRecord ?? null,
    leftOut: 0,
    doubtful: [],
    snapshotId: String(opened.snapshot.snapshotId),
    gone: null,
  }))
}

/** Rows at single offsets. Throws AssayError. */
export async function readTableRecords(access: TableAuditAccess, { wanted, began }: Effect<'audit-records'>): Promise<SideRecords[]> {
  const opened = await openTable(access, began)
  const fields = wanted.find((one) => one.fields.length > 0)?.fields ?? []
  const context = contextOf(
    access,
    opened,
    fields.map(({ field }) => field),
  )
  const ranges = wanted.map(({ partition, offset }) => ({ partition, offsetFirst: offset, offsetLast: offset }))
  const isShown = access.hop.audit?.showValues ?? true
  const records = new Map(wanted.map(({ partition, offset }) => [`${partition}/${offset}`, [] as SideRecords['records']]))
  const nobody = { stream: null, seq: null, isForeign: false, traceId: null }
  const use = async (rows: AuditedRows, file: string) => {
    for (const { partition, offset, values } of await rowsAt(access.db, rows, wanted))
      records.get(`${partition}/${offset}`)?.push({ offset, values: isShown ? values : values.map(maskedValue), ...nobody, file })
  }
  await eachFile(context, opened, { ranges, fields, use })
  return wanted.map(({ partition, offset, round, fields: own }) => ({
    partition,
    round,
    offsets: [offset],
    fields: [...own],
    records: (records.get(`${partition}/${offset}`) ?? []).slice(0, ROWS_TOLD_MAX),
    snapshotId: String(opened.snapshot.snapshotId),
    gone: null,
  }))
}

/** Rows of one offset in one fact. */
const ROWS_TOLD_MAX = 20

interface Use {
  readonly ranges: readonly OffsetRange[]
  readonly fields: AuditedRows['fields']
  readonly use: (rows: AuditedRows, file: string) => Promise<void>
}

/** Files one after the other, so that no more than one is on disk: only those that may hold rows of the ranges. */
async function eachFile(context: ReadContext, { live }: Opened, { ranges, fields, use }: Use): Promise<void> {
  const kafka = kafkaColumns(context.hop)
  if (kafka === null) return
  const types = new Map(context.schema.fields.map(({ name, type }) => [name, columnTypeText(type)]))
  for (const file of live.data) {
    if (!mayHold(context, file, ranges)) continue
    const from = await rowsOfFile(context, { file, deletes: live.deletes })
    await use({ from, kafka, fields, types }, file.path)
    await dropFile(context, file)
  }
}

function mayHold(context: ReadContext, file: TableFile, ranges: readonly OffsetRange[]): boolean {
  const stated = statedOffsets(context, file)
  return (
    stated === null ||
    ranges.some(
      ({ partition, offsetFirst, offsetLast }) =>
        partition >= stated.partitionFirst &&
        partition <= stated.partitionLast &&
        offsetFirst <= stated.offsetLast &&
        stated.offsetFirst <= offsetLast,
    )
  )
}

export async function dropFile(context: ReadContext, file: TableFile): Promise<void> {
  if (!context.fetched.has(file.path)) return
  const { path } = await fetchFile(context, file)
  context.fetched.delete(file.path)
  await rm(path, { force: true })
}
