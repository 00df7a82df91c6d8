import type { RunRequested } from '../../schemas/control.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { admissionsAt, type Admission } from './admission.ts'
import { keepNewest } from './bounded.ts'
import type { BusEvent } from './bus-events.ts'
import { isGraver } from './gravity.ts'
import { deterministicRunId } from './identity.ts'
import { resolvedOf } from './resolved-runs.ts'
import { foldSeriesRequest, foldSeriesRun, type Series } from './series.ts'
import { foldStage, noProgress, type StageProgress } from './stage-progress.ts'

/**
 * What the two topics say about runs: the fold that stands where others have a conductor. Every agent folds the same
 * messages into the same book and hence decides alike what starts, waits, is cancelled or is over.
 */
export interface RunBook {
  readonly runs: Map<string, RunState>
  readonly requests: Map<string, PendingRequest>
  /** Cancellations by run id: they may overtake the run they end. */
  readonly cancelled: Map<string, { readonly atMs: number; readonly reason: string }>
  /** Plans that repeat, by the id of their first run. */
  readonly series: Map<string, Series>
  readonly refusedOffsets: Set<number>
  /** Runs that were judged and dropped: their requests, read again, make no new ones. */
  readonly forgotten: Set<string>
  /** Runs as they were resolved, by their text without the seed: windows of a series share one. */
  readonly resolved: Map<string, ResolvedRun>
  /** Who may begin and who is over, as last worked out; null once runs have come, gone or been judged since. */
  admissions: { readonly atMs: number; readonly byRun: ReadonlyMap<string, Admission> } | null
}

export interface PendingRequest {
  readonly runId: string
  readonly controlOffset: number
  readonly atMs: number
  readonly message: RunRequested
}

export interface RunState {
  readonly runId: string
  /** Without the text of the plan as resolved, which is long and read. */
  readonly accepted: Omit<Fact<'run-accepted'>, 'resolved'>
  readonly resolved: ResolvedRun
  readonly stages: Map<string, StageProgress>
  /** That it can hardly pass any more, told before its verdict. */
  failing: Fact<'run-failing'> | null
  /** The verdict; where it was amended, the latest. */
  judged: Fact<'run-judged'> | null
  /** When the first verdict was given: from then on the run was over. */
  judgedAtMs: number | null
}

export const RUNS_KEPT_MAX = 256
/** So many that nobody judges, beyond all reports: then the oldest is let go. */
export const UNJUDGED_KEPT_MAX = 1_024
const CANCELLED_KEPT_MAX = 10_000
const REQUESTS_KEPT_MAX = 10_000
const REFUSALS_KEPT_MAX = 10_000
/** Beyond what a window a minute makes in the time that the topics are kept. */
const FORGOTTEN_KEPT_MAX = 20_000

export const emptyRunBook = (): RunBook => ({
  runs: new Map(),
  requests: new Map(),
  cancelled: new Map(),
  series: new Map(),
  refusedOffsets: new Set(),
  forgotten: new Set(),
  resolved: new Map(),
  admissions: null,
})

/** Folds one event; everything may come twice, and in any order between the topics. */
export function foldRunBook(book: RunBook, event: BusEvent): void {
  switch (event.type) {
    case 'control':
      foldControl(book, event)
      return
    case 'fact':
      foldFact(book, event.fact)
      return
    case 'control-unreadable':
    case 'shares-changed':
    case 'caught-up':
    case 'tick':
      return
    default:
      event satisfies never
  }
}

function foldControl(book: RunBook, event: Extract<BusEvent, { type: 'control' }>): void {
  const { message, offset, atMs } = event
  if (message.kind === 'run-cancelled') {
    if (!book.cancelled.has(message.runId))
      book.cancelled.set(message.runId, { atMs, reason: message.reason || `cancelled by ${message.requestedBy}` })
    keepNewest(book.cancelled, CANCELLED_KEPT_MAX)
    const series = book.series.get(message.runId)
    if (series !== undefined) series.isEnded = true
    return
  }
  foldSeriesRequest(book, message)
  const runId = requestRunId(message, offset, atMs)
  if (book.runs.has(runId) || book.forgotten.has(runId) || book.requests.has(runId) || book.refusedOffsets.has(offset)) return
  book.requests.set(runId, { runId, controlOffset: offset, atMs, message })
  keepNewest(book.requests, REQUESTS_KEPT_MAX)
}

/** The id a request names, or one computed from where and when it stands on the control topic: alike for every reader. */
export function requestRunId(message: RunRequested, offset: number, atMs: number): string {
  return message.runId ?? deterministicRunId(atMs, `control/${offset}`)
}

function foldFact(book: RunBook, fact: ResultMessage): void {
  switch (fact.kind) {
    case 'run-accepted':
      acceptRun(book, fact)
      return
    case 'request-refused':
      book.refusedOffsets.add(fact.controlOffset)
      keepNewest(book.refusedOffsets, REFUSALS_KEPT_MAX)
      for (const request of book.requests.values()) if (request.controlOffset === fact.controlOffset) book.requests.delete(request.runId)
      return
    case 'stage-started':
    case 'stage-ended':
    case 'part-ended': {
      const progress = book.runs.get(fact.runId)?.stages.get(fact.stage)
      if (progress !== undefined) foldStage(progress, fact)
      if (fact.kind === 'stage-started') book.admissions = null
      return
    }
    case 'run-failing': {
      const run = book.runs.get(fact.runId)
      if (run !== undefined && (run.failing === null || isGraver(fact.gravest, run.failing.gravest))) run.failing = fact
      return
    }
    case 'run-judged': {
      const run = book.runs.get(fact.runId)
      if (run === undefined || (run.judged !== null && run.judged.revision >= fact.revision)) return
      run.judged = fact
      run.judgedAtMs ??= fact.atMs
      book.admissions = null
      return
    }
    default:
      return
  }
}

function acceptRun(book: RunBook, fact: Fact<'run-accepted'>): void {
  book.requests.delete(fact.runId)
  if (book.runs.has(fact.runId) || book.forgotten.has(fact.runId)) return
  const { resolved: text, ...accepted } = fact
  const resolved = resolvedOf(book.resolved, text)
  if (resolved === null) {
    forget(book, fact.runId)
    return
  }
  const stages = new Map(resolved.plan.stages.map(({ stage }) => [stage, noProgress()]))
  const run: RunState = { runId: fact.runId, accepted, resolved, stages, failing: null, judged: null, judgedAtMs: null }
  book.runs.set(fact.runId, run)
  book.admissions = null
  foldSeriesRun(book, run)
  if (book.runs.size <= RUNS_KEPT_MAX) return
  const [oldest] = book.runs.values()
  const past = [...book.runs.values()].find(({ judged }) => judged !== null) ?? (book.runs.size > UNJUDGED_KEPT_MAX ? oldest : undefined)
  if (past !== undefined) forget(book, past.runId)
}

function forget(book: RunBook, runId: string): void {
  book.runs.delete(runId)
  book.admissions = null
  book.forgotten.add(runId)
  keepNewest(book.forgotten, FORGOTTEN_KEPT_MAX)
}

export const isCancelled = (book: RunBook, run: RunState) => book.cancelled.has(run.runId)

/** Worked out for all runs at once, and asked for many times at one time. */
function admissionOf(book: RunBook, { runId }: RunState, nowMs: number): Admission {
  if (book.admissions?.atMs !== nowMs) book.admissions = { atMs: nowMs, byRun: admissionsAt(book.runs.values(), nowMs) }
  // What the book has let go of holds nobody back and does nothing any more.
  return book.admissions.byRun.get(runId) ?? { admittedMs: null, isOver: true }
}

/** A run is over when it has been judged, or was left alone long after its time. */
export const isOver = (book: RunBook, run: RunState, nowMs: number) => admissionOf(book, run, nowMs).isOver

/** When the run was free to begin, or null while an exclusive run, or as one itself any run, holds it back. */
export const admittedAtMs = (book: RunBook, run: RunState, nowMs: number) => admissionOf(book, run, nowMs).admittedMs

/** Past its timeout: it is judged on what there is. */
export function isOverdue(book: RunBook, run: RunState, nowMs: number): boolean {
  const admittedMs = admittedAtMs(book, run, nowMs)
  return admittedMs !== null && nowMs > admittedMs + run.resolved.plan.timeoutMs
}

export const isRunFact = (message: ResultMessage): message is RunFact => 'runId' in message
