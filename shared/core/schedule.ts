import type { RunRequested } from '../../schemas/control.ts'
import { deterministicRunId } from './identity.ts'
import { difference } from './range-set.ts'
import { admittedAtMs, type RunBook } from './run-book.ts'
import { windowRunId, type Series } from './series.ts'

/** A window may still begin so long after its time; no later: it would be evidence of another time than it says. */
export const ACCEPT_WITHIN_MS = 10_000
/** So long after its time a window that is no run counts as missed. Beyond ACCEPT_WITHIN_MS by what clocks and topics may differ. */
export const MISSED_AFTER_MS = 30_000
/** A request that nobody has answered for so long is past; facts are read back at least so far. */
export const REQUEST_PAST_AFTER_MS = 6 * 3600_000
const GAPS_ASKED_MAX = 8

/** Apart from the window's own: where clocks differ, a window may have run and be told as missed, and both stay readable. */
const missedRunId = ({ runId, originMs, everyMs }: Series, index: number) =>
  deterministicRunId(originMs + index * everyMs, `missed/${runId}`)

/** Lets go of requests whose time is past: windows, which are told as missed, and what was asked long before anybody was there. */
export function dropPastRequests(book: RunBook, nowMs: number): void {
  for (const [runId, { atMs, message }] of book.requests) {
    const { window } = message
    const series = window === null ? undefined : book.series.get(window.series)
    const isPastWindow =
      series !== undefined &&
      window?.indexLast === null &&
      nowMs >= series.originMs + (window.index + 1) * series.everyMs + ACCEPT_WITHIN_MS
    if (isPastWindow || nowMs - atMs > REQUEST_PAST_AFTER_MS) book.requests.delete(runId)
  }
}

/** What each repeating plan should ask for now: the window whose time it is, and as one run each stretch of windows that nobody ran. */
export function windowsToRequest(book: RunBook, nowMs: number): RunRequested[] {
  const due: RunRequested[] = []
  for (const series of book.series.values()) {
    if (series.isEnded) continue
    const index = Math.floor((nowMs - series.originMs) / series.everyMs)
    const runId = windowRunId(series, index)
    // What was asked for and is neither waiting nor known was answered before the facts read begin.
    const isNew = index > series.askedIndex && !series.told.has(index) && !isKnown(book, runId)
    if (index >= 1 && isNew && !isWaiting(book, series, nowMs)) due.push(requestOf(series, { runId, index, indexLast: null }))
    for (const [first, last] of missedStretches(book, series, nowMs)) {
      const missedId = missedRunId(series, first)
      if (!isKnown(book, missedId)) due.push(requestOf(series, { runId: missedId, index: first, indexLast: last }))
    }
  }
  return due
}

const isKnown = (book: RunBook, runId: string) => book.runs.has(runId) || book.requests.has(runId) || book.forgotten.has(runId)

/** Windows of an exclusive plan, or behind one, wait for their turn: one at a time, lest they pile up. */
function isWaiting(book: RunBook, { runId }: Series, nowMs: number): boolean {
  for (const run of book.runs.values()) {
    if (run.judged !== null || (run.runId !== runId && run.accepted.window?.series !== runId)) continue
    if (admittedAtMs(book, run, nowMs) === null) return true
  }
  return false
}

function missedStretches(book: RunBook, series: Series, nowMs: number): [first: number, last: number][] {
  const horizon = Math.floor((nowMs - series.originMs - MISSED_AFTER_MS) / series.everyMs) - 1
  // Where the facts read begin later, what was asked for before is taken to have been answered.
  const known = series.told.ranges[0] ?? series.askedIndex + (book.requests.has(windowRunId(series, series.askedIndex)) ? 0 : 1)
  const from = Math.max(1, known)
  if (horizon < from) return []
  const missed = difference([from, horizon], series.told.ranges)
  const stretches: [number, number][] = []
  for (let i = 0; i < missed.length && stretches.length < GAPS_ASKED_MAX; i += 2)
    stretches.push([missed[i] as number, missed[i + 1] as number])
  return stretches
}

const requestOf = (series: Series, at: { runId: string; index: number; indexLast: number | null }): RunRequested => ({
  kind: 'run-requested',
  runId: at.runId,
  plan: series.plan,
  parameters: {},
  window: { series: series.runId, index: at.index, indexLast: at.indexLast },
  requestedBy: `series ${series.runId}`,
})
