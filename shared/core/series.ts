import type { RunRequested } from '../../schemas/control.ts'
import { keepNewest } from './bounded.ts'
import { deterministicRunId, runTimeMs } from './identity.ts'
import { RangeSet } from './range-set.ts'
import type { RunBook, RunState } from './run-book.ts'

/**
 * A plan that repeats. Each window carries all that it takes to roll on (the series, its number, the plan, its due time
 * in the run id), so the newest window is enough and nothing older need be kept.
 */
export interface Series {
  /** Id of the run that began it; who cancels that, ends the series. */
  readonly runId: string
  readonly originMs: number
  readonly everyMs: number
  /** The plan as it was asked for, as JSON text: later windows use it whatever the files say by then. */
  readonly plan: string
  /** Windows that became runs, or were told as missed. */
  readonly told: RangeSet
  /** The newest window that was asked for; all that is known where the facts read begin behind it. */
  askedIndex: number
  isEnded: boolean
}

const SERIES_KEPT_MAX = 256
export const windowRunId = ({ runId, originMs, everyMs }: Pick<Series, 'runId' | 'originMs' | 'everyMs'>, index: number) =>
  deterministicRunId(originMs + index * everyMs, `series/${runId}`)

export const isMissed = ({ accepted }: Pick<RunState, 'accepted'>) => accepted.window !== null && accepted.window.indexLast !== null

interface Beginning {
  readonly runId: string
  readonly originMs: number
  readonly everyMs: number
  readonly plan: () => string
}

function seriesOf(book: RunBook, { runId, originMs, everyMs, plan }: Beginning): Series {
  let series = book.series.get(runId)
  if (series === undefined) {
    series = { runId, originMs, everyMs, plan: plan(), told: RangeSet.empty(), askedIndex: 0, isEnded: book.cancelled.has(runId) }
    book.series.set(runId, series)
    keepNewest(book.series, SERIES_KEPT_MAX)
  }
  return series
}

/** A run that repeats begins a series; a window goes on with one, whether or not its beginning is still known. */
export function foldSeriesRun(book: RunBook, { runId, accepted, resolved }: RunState): void {
  const { plan } = resolved
  const everyMs = plan.repeatEveryMs
  if (everyMs === null) return
  const text = () => JSON.stringify(plan)
  const { window } = accepted
  if (window === null) {
    seriesOf(book, { runId, originMs: accepted.requestedAtMs, everyMs, plan: text }).told.add(0)
    return
  }
  const beginning = { runId: window.series, originMs: runTimeMs(runId) - window.index * everyMs, everyMs, plan: text }
  if (window.indexLast === null && windowRunId(beginning, window.index) !== runId) return
  const series = seriesOf(book, beginning)
  series.told.addRange(window.index, window.indexLast ?? window.index)
}

/** What a request tells of its series; a window whose id is not the one that follows from its place tells nothing. */
export function foldSeriesRequest(book: RunBook, { runId, window, plan }: RunRequested): void {
  if (runId === null || window === null) return
  const indexLast = window.indexLast ?? window.index
  // Only the newest can still become a run: those before it are missed.
  for (const [pendingId, { message }] of book.requests)
    if (message.window?.series === window.series && message.window.indexLast === null && message.window.index < window.index - 1)
      book.requests.delete(pendingId)
  const known = book.series.get(window.series)
  if (known !== undefined) {
    known.askedIndex = Math.max(known.askedIndex, indexLast)
    return
  }
  const everyMs = repeatOf(plan)
  if (everyMs === null) return
  const beginning = { runId: window.series, originMs: runTimeMs(runId) - window.index * everyMs, everyMs, plan: () => plan }
  if (window.indexLast !== null || windowRunId(beginning, window.index) === runId) seriesOf(book, beginning).askedIndex = indexLast
}

function repeatOf(plan: string): number | null {
  try {
    const { repeatEveryMs } = JSON.parse(plan) as { repeatEveryMs?: unknown }
    return typeof repeatEveryMs === 'number' && Number.isInteger(repeatEveryMs) && repeatEveryMs > 0 ? repeatEveryMs : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Whether a request belongs to a series that was cancelled: it must make no run, and the end is said again. */
export function isOfEndedSeries(book: RunBook, { window }: Pick<RunRequested, 'window'>): boolean {
  return window !== null && (book.series.get(window.series)?.isEnded ?? book.cancelled.has(window.series))
}
