import { TIME_STREAM, type AuditFinding } from './audit-findings.ts'
import type { AuditState } from './audit-state.ts'
import type { Audit, TimesTold } from './audit.ts'
import type { CanarySet } from './canary-set.ts'
import { momentText } from './moment-text.ts'

/** A run whose records lie in more windows is not compared: the plan's windows are too short for it. */
export const TIMES_MAX = 2_000

/** Where the comparison by event time stands. A function of the facts alone. */
export interface TimesState extends Omit<AuditState, 'wanted' | 'records'> {
  /** Told by the topic, for the table to answer; null before, and once that is done. */
  readonly wanted: TimesTold | null
}

const secondOf = (startMs: number) => startMs / 1_000
export const isLostIn = (lost: CanarySet, startMs: number) => lost.has(TIME_STREAM, secondOf(startMs))
/** A window as findings name it. */
export const rangesOfWindow = (startMs: number): [number, number] => [secondOf(startMs), secondOf(startMs)]

/**
 * Counts cancel out, hence say less than offsets: fewer rows than records are a loss, whoever wrote the rows. More are only a
 * doubt, as anybody may write rows. Where rows of before the audit, or of what came behind it, may be among them, a window proves a
 * loss, but no equality. Findings have no place before 1970.
 */
export function timesState({ times: { topic, table } }: Audit): TimesState {
  const nothing = { windows: 0, agreed: 0, compared: 0, leftOut: 0, findings: [], gone: [], wanted: null, isDone: false }
  if (topic === null) return nothing
  if (topic.gone !== null) return { ...nothing, gone: [topic.gone], isDone: true }
  if (table === null) return { ...nothing, windows: topic.windows.length, wanted: topic }
  if (table.gone !== null) return { ...nothing, windows: topic.windows.length, gone: [table.gone], isDone: true }
  const rowsIn = countsIn(table.windows)
  const state = { ...nothing, windows: topic.windows.length, leftOut: topic.leftOut, isDone: true }
  const findings: AuditFinding[] = []
  const gone = apart(topic)
  for (const { startMs, count, before } of topic.windows) {
    const found = rowsIn(startMs)
    const where = windowText(startMs, topic.windowMs)
    const mayHoldMore = table.grew && isOpen(topic, startMs)
    const isExact = before === 0 && !mayHoldMore
    if (isExact) state.compared += count
    if (found < count && startMs >= 0) findings.push(lost(topic, table, { startMs, count, found }))
    else if (found < count) gone.push(`${found} rows have an event time from ${where}, and ${count} records: fewer`)
    else if (found > count + before + topic.unreadable && !mayHoldMore)
      gone.push(`${found} rows have an event time from ${where}, and ${count + before} records: more by counts alone accuse nobody`)
    else if (isExact && found === count) state.agreed++
  }
  return { ...state, findings, gone }
}

/** Of the window that begins so; nothing is told of windows that hold none. */
function countsIn(windows: TimesTold['windows']): (startMs: number) => number {
  const counts = new Map(windows.map(({ startMs, count }) => [startMs, count]))
  return (startMs) => counts.get(startMs) ?? 0
}

/** Whether records that came behind those that were counted may have such a time: the newest windows fill while traffic goes on. */
function isOpen({ windows, windowMs, atMs }: TimesTold, startMs: number): boolean {
  const newestMs = windows.at(-1)?.startMs ?? startMs
  return startMs + windowMs > Math.min(newestMs, atMs)
}

/** Windows in which the table still has fewer rows than the topic has records. */
export const fewerRows = (topic: TimesTold, rows: TimesTold['windows']): TimesTold['windows'] => {
  const rowsIn = countsIn(rows)
  return topic.windows.filter(({ startMs, count }) => rowsIn(startMs) < count)
}

function apart({ unreadable, timeless }: TimesTold): string[] {
  const gone: string[] = []
  if (unreadable > 0) gone.push(`${unreadable} records in the topic have no event time that their schemas tell`)
  if (timeless > 0) gone.push(`${timeless} records in the topic have an event time of null`)
  return gone
}

const windowText = (startMs: number, windowMs: number) => `${momentText(startMs)} to ${momentText(startMs + windowMs)}`

function lost(
  { windowMs }: TimesTold,
  { snapshotId }: TimesTold,
  { startMs, count, found }: { startMs: number; count: number; found: number },
): AuditFinding {
  return {
    violation: 'lost',
    stream: TIME_STREAM,
    ranges: rangesOfWindow(startMs),
    expected: `${count} rows or more with an event time from ${windowText(startMs, windowMs)}`,
    actual: `${found} rows since the audit began, in snapshot ${String(snapshotId)}`,
    snapshotId,
  }
}
