import type { Fact } from '../../schemas/results.ts'
import { ABANDON_AFTER_MS } from '../../shared/core/admission.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { emptyEvidence, foldEvidence, type Evidence } from '../../shared/core/evidence.ts'
import { judge, type Judgement } from '../../shared/core/judge.ts'
import {
  admittedAtMs,
  emptyRunBook,
  foldRunBook,
  isRunFact,
  requestRunId,
  type RunBook,
  type RunState,
} from '../../shared/core/run-book.ts'
import { allStagesDone } from '../../shared/core/stage-rules.ts'
import { doubted } from './verdict-text.ts'

/** One run as the two topics tell it: a fold, like every agent's. */
export interface FollowedRun {
  readonly runId: string
  readonly book: RunBook
  readonly evidence: Evidence
  /** Refusals that came before the request they answer was seen, by control offset. */
  readonly refusals: Map<number, Fact<'request-refused'>>
  /** Last heartbeat of each agent, Unix ms of its clock. */
  readonly heartbeats: Map<string, number>
  controlOffset: number | null
  /** When every stage was first seen to be done. */
  stagesDoneSinceMs: number | null
}

const REFUSALS_KEPT_MAX = 1_000
/** How long the agents may take to answer a request. */
export const ANSWER_WAIT_MS = 30_000
/** How long the reporter may take once nothing more will come of the stages. */
export const VERDICT_WAIT_MS = 20_000
/** An agent whose last heartbeat is older was not heard from. */
const SILENT_AFTER_MS = 30_000

export const followedRun = (runId: string): FollowedRun => ({
  runId,
  book: emptyRunBook(),
  evidence: emptyEvidence(),
  refusals: new Map(),
  heartbeats: new Map(),
  controlOffset: null,
  stagesDoneSinceMs: null,
})

export function foldFollowed(followed: FollowedRun, event: BusEvent): void {
  const judged = followed.book.runs.get(followed.runId)?.judged ?? null
  foldRunBook(followed.book, event)
  if (event.type === 'control' && event.message.kind === 'run-requested') {
    if (requestRunId(event.message, event.offset, event.atMs) === followed.runId) followed.controlOffset ??= event.offset
  }
  if (event.type !== 'fact') return
  const { fact } = event
  if (fact.kind === 'agent-heartbeat') followed.heartbeats.set(fact.agent, Math.max(fact.atMs, followed.heartbeats.get(fact.agent) ?? 0))
  if (fact.kind === 'request-refused') {
    if (followed.refusals.size >= REFUSALS_KEPT_MAX) followed.refusals.clear()
    followed.refusals.set(fact.controlOffset, fact)
  }
  // What came after the verdict was not before the judge.
  if (isRunFact(fact) && fact.runId === followed.runId && judged === null) foldEvidence(followed.evidence, fact)
}

export const runOf = (followed: FollowedRun): RunState | null => followed.book.runs.get(followed.runId) ?? null

/** The judgement on what stands so far; null before the run was accepted. */
export function judgedSoFar(followed: FollowedRun): Judgement | null {
  const run = runOf(followed)
  return run === null ? null : judge(followed.book, run, followed.evidence)
}

export type RunOutcome =
  | { readonly kind: 'judged'; readonly run: RunState; readonly judged: Fact<'run-judged'> }
  | { readonly kind: 'refused'; readonly refusal: Fact<'request-refused'> }
  | { readonly kind: 'unanswered'; readonly silent: string }
  /** No verdict came: this is our own, from the two topics. */
  | { readonly kind: 'unjudged'; readonly run: RunState; readonly judgement: Judgement }

export interface WaitLimits {
  readonly sinceMs: number
  /** Instead of the plan's own timeout. */
  readonly timeoutMs?: number | undefined
}

/** How the run came out, or null while it is worth waiting. Call it now and then with the time. */
export function outcomeOf(followed: FollowedRun, nowMs: number, limits: WaitLimits): RunOutcome | null {
  const run = runOf(followed)
  const over = limits.timeoutMs !== undefined && nowMs > limits.sinceMs + limits.timeoutMs
  if (run === null) {
    const refusal = followed.controlOffset === null ? undefined : followed.refusals.get(followed.controlOffset)
    if (refusal !== undefined) return { kind: 'refused', refusal }
    return over || nowMs > limits.sinceMs + ANSWER_WAIT_MS ? { kind: 'unanswered', silent: silentText(followed, nowMs) } : null
  }
  if (run.judged !== null) return { kind: 'judged', run, judged: run.judged }
  if (!over && !isUnjudged(followed, run, nowMs)) return null
  const reason =
    over && !isUnjudged(followed, run, nowMs)
      ? `no verdict within ${limits.timeoutMs} ms`
      : `${reporterText(followed, nowMs)}; computed here from the two topics`
  return { kind: 'unjudged', run, judgement: doubted(judge(followed.book, run, followed.evidence), reason) }
}

function isUnjudged(followed: FollowedRun, run: RunState, nowMs: number): boolean {
  // While an exclusive run holds this one back its time has not begun.
  const admittedMs = admittedAtMs(followed.book, run, nowMs)
  if (admittedMs === null) return false
  if (nowMs > admittedMs + run.resolved.plan.timeoutMs + ABANDON_AFTER_MS) return true
  if (!allStagesDone(followed.book, run, nowMs)) {
    followed.stagesDoneSinceMs = null
    return false
  }
  followed.stagesDoneSinceMs ??= nowMs
  return nowMs > followed.stagesDoneSinceMs + VERDICT_WAIT_MS
}

function reporterText(followed: FollowedRun, nowMs: number): string {
  const lastMs = followed.heartbeats.get('reporter')
  if (lastMs === undefined || nowMs - lastMs > SILENT_AFTER_MS) return 'nothing was heard from reporter'
  return 'reporter is alive and gave no verdict'
}

function silentText(followed: FollowedRun, nowMs: number): string {
  const alive = [...followed.heartbeats].filter(([, lastMs]) => nowMs - lastMs <= SILENT_AFTER_MS).map(([agent]) => agent)
  return alive.length === 0 ? 'no agent was heard from' : `heard from ${alive.sort().join(', ')}, and none of them answered`
}
