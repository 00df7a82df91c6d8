import { AssayError } from '../../shared/core/errors.ts'
import { columnTypeText } from '../../shared/core/audit-fields.ts'
import { canaryIdPattern } from '../../shared/core/identity.ts'
import type { SideTimes } from '../../shared/core/audit.ts'
import { quoteIdentifier, quoteText } from '../../shared/engines/duckdb.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import { decodeBound } from '../../shared/iceberg/column-bounds.ts'
import { ancestry } from '../../shared/iceberg/metadata.ts'
import { readLiveFiles, type Baseline, type LiveFiles } from '../../shared/iceberg/snapshot-reader.ts'
import { contextOf, dropFile, lastWrittenAtMs, openTable, type Effect, type Opened, type TableAuditAccess } from './audit-reading.ts'
import { rowsOfFile, type ReadContext } from './table-files.ts'

export interface TableTimes {
  readonly snapshotId: string
  readonly committedAtMs: number
  readonly windows: SideTimes['windows']
  readonly gone: string | null
}

/**
 * Rows by windows of event time, less those that were there when the audit began, without canaries of other runs. While rows were
 * only appended since, that is what new files hold; else files of both snapshots are counted. Throws AssayError.
 */
export async function readTableTimes(access: TableAuditAccess, { began, told, column }: Effect<'audit-counts'>): Promise<TableTimes> {
  const opened = await openTable(access, began)
  const { metadata, snapshot } = opened
  const seen = { snapshotId: String(snapshot.snapshotId), committedAtMs: lastWrittenAtMs(metadata, snapshot) }
  const counting = countingOf(access, opened, { column, told })
  const counts = new Map<number, number>()
  if (isAppendedTo(opened, began)) await addCounts(counting, opened.live, { into: counts, sign: 1 })
  else {
    const base = metadata.snapshots.find(({ snapshotId }) => String(snapshotId) === began.snapshotId)
    if (base === undefined) {
      const gone = `whether rows were only added since the audit began is not known: snapshot ${String(began.snapshotId)}, which it began at, has expired`
      return { ...seen, windows: [], gone }
    }
    const [before, after] = [await readLiveFiles(access.manifests, base), await readLiveFiles(access.manifests, snapshot)]
    await addCounts(counting, notIn(before, after), { into: counts, sign: -1 })
    await addCounts(counting, notIn(after, before), { into: counts, sign: 1 })
  }
  const windows = [...counts].filter(([, count]) => count !== 0).map(([startMs, count]) => ({ startMs, count, before: 0 }))
  return { ...seen, windows: windows.sort((a, b) => a.startMs - b.startMs), gone: null }
}

/** Whether every snapshot since has only added files, or all of the table came since. */
function isAppendedTo({ metadata, snapshot }: Opened, { snapshotId, tableUuid }: Baseline): boolean {
  if (snapshotId === null || tableUuid !== metadata.tableUuid) return true
  for (const one of ancestry(metadata, snapshot)) {
    if (String(one.snapshotId) === snapshotId) return true
    if (one.summary['operation'] !== 'append') return false
    // It may have expired itself.
    if (String(one.parentId) === snapshotId) return true
  }
  return false
}

/** Files that stand in both, untouched by any delete, hold as many rows in both. */
function notIn(live: LiveFiles, other: LiveFiles): LiveFiles {
  if (live.deletes.length + other.deletes.length > 0) return live
  const paths = new Set(other.data.map(({ path }) => path))
  return { ...live, data: live.data.filter(({ path }) => !paths.has(path)) }
}

interface Counting {
  readonly context: ReadContext
  /** `perMs`: how many of its units are a millisecond. */
  readonly column: { readonly name: string; readonly type: string; readonly id: number; readonly perMs: number }
  readonly windowMs: number
  /** Of the windows that are asked for. */
  readonly starts: ReadonlySet<number>
  readonly fromMs: number
  readonly untilMs: number
}

function countingOf(
  access: TableAuditAccess,
  opened: Opened,
  { column: name, told: { windowMs, windows, unit } }: Pick<Effect<'audit-counts'>, 'column' | 'told'>,
): Counting {
  const context = contextOf(access, opened, [name, access.topology.record.identity])
  const field = context.schema.fields.find((one) => one.name === name)
  const type = field === undefined ? 'none of that name' : columnTypeText(field.type)
  const perMs = timestampUnits(type) ?? (isInteger(type) ? integerUnits(unit) : null)
  if (field === undefined || perMs === null)
    throw new AssayError(
      'INPUT_INVALID',
      `audit.eventTime of ${access.hop.namespace}.${access.hop.table}: expected column ${name} of a timestamp type, or of integers where all records are in one unit; got ${type}`,
    )
  const starts = new Set(windows.map(({ startMs }) => startMs))
  const fromMs = [...starts].reduce((least, startMs) => Math.min(least, startMs), Infinity)
  const lastMs = [...starts].reduce((most, startMs) => Math.max(most, startMs), -Infinity)
  return { context, column: { name, type, id: field.id, perMs }, windowMs, starts, fromMs, untilMs: lastMs + windowMs }
}

async function addCounts(counting: Counting, live: LiveFiles, { into, sign }: { into: Map<number, number>; sign: 1 | -1 }): Promise<void> {
  const { context, column, windowMs, starts } = counting
  const value = valueSql(column)
  const length = windowMs * column.perMs
  if (starts.size === 0) return
  for (const file of live.data) {
    if (!mayHold(counting, file)) continue
    const from = await rowsOfFile(context, { file, deletes: live.deletes })
    const rows = await context.db.query(`-- audit: rows by event time
      SELECT CAST((units - ((units % ${length}) + ${length}) % ${length}) // ${column.perMs} AS BIGINT) AS start_ms, count(*) AS n
      FROM (SELECT ${value} AS units FROM ${from} WHERE ${ownSql(context)}) WHERE units IS NOT NULL GROUP BY 1`)
    for (const row of rows) {
      const startMs = Number(row['start_ms'])
      if (starts.has(startMs)) into.set(startMs, (into.get(startMs) ?? 0) + sign * Number(row['n']))
    }
    await dropFile(context, file)
  }
}

const isInteger = (type: string) => type === 'int' || type === 'long'
const integerUnits = (unit: SideTimes['unit']) => (unit === 'millis' ? 1 : unit === 'micros' ? 1_000 : null)
const timestampUnits = (type: string) => (/^timestamp(tz)?$/.test(type) ? 1_000 : /^timestamp(tz)?_ns$/.test(type) ? 1_000_000 : null)

function valueSql({ name, type }: Counting['column']): string {
  const column = quoteIdentifier(name)
  if (isInteger(type)) return `CAST(${column} AS BIGINT)`
  return `${type.endsWith('_ns') ? 'epoch_ns' : 'epoch_us'}(${column})`
}

/** Canaries of other runs are deleted by those. */
function ownSql({ topology, runId }: ReadContext): string {
  const identity = quoteIdentifier(topology.record.identity)
  const isCanary = `regexp_full_match(${identity}, ${quoteText(canaryIdPattern.source)})`
  return `(${identity} IS NULL OR NOT ${isCanary} OR starts_with(${identity}, ${quoteText(`${runId}:`)}))`
}

function mayHold({ column, fromMs, untilMs }: Counting, { lowerBounds, upperBounds }: TableFile): boolean {
  const perMs = BigInt(column.perMs)
  const bound = (bounds: ReadonlyMap<number, Uint8Array>) => {
    const bytes = bounds.get(column.id)
    const value = bytes === undefined ? null : decodeBound(column.type, bytes)
    return typeof value === 'bigint' ? value : null
  }
  const [least, greatest] = [bound(lowerBounds), bound(upperBounds)]
  return (least === null || least < BigInt(untilMs) * perMs) && (greatest === null || greatest >= BigInt(fromMs) * perMs)
}
