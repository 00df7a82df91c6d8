import { keepNewest } from '../../../shared/core/bounded.ts'
import type { BusEvent } from '../../../shared/core/bus-events.ts'
import type { Evidence } from '../../../shared/core/evidence.ts'
import { requestRunId, type RunBook, type RunState } from '../../../shared/core/run-book.ts'
import type { RunWorks } from '../../../shared/core/run-work.ts'
import { phaseOf, rowOf, runViewOf, type KnownRun } from './run-view.ts'
import type { AgentView, RequestView, RowView, RunView, ViolationsView } from './views.ts'
import { violationsOf, type Whereabouts } from './violation-views.ts'

/** So many runs are shown, the newest; and of all judged ones together so many violations are kept one by one. */
export const HISTORY_MAX = 100
export const KEPT_VIOLATIONS_MAX = 4_000
const REQUESTS_MAX = 50
const REQUEST_SHOWN_MS = 10 * 60_000
const AGENTS_MAX = 50

interface JudgedRun {
  readonly told: Pick<Evidence, 'faults' | 'missing'>
  violations: ViolationsView
}

/**
 * What the page knows beyond the reporter's own state: evidence is dropped there once a run is judged, and requests
 * once they are answered. A pure fold; evidence is the reporter's, by reference.
 */
export interface PageBook {
  readonly where: Whereabouts
  readonly evidence: Map<string, Evidence>
  readonly judged: Map<string, JudgedRun>
  readonly requests: Map<number, RequestView>
  /** Refusals heard before their request, by control offset. */
  readonly refusals: Map<number, readonly string[]>
  readonly agents: Map<string, AgentView>
}

export const emptyPageBook = (where: Whereabouts): PageBook => ({
  where,
  evidence: new Map(),
  judged: new Map(),
  requests: new Map(),
  refusals: new Map(),
  agents: new Map(),
})

/** Call it after the reporter has folded the same event into `works`. */
export function foldPageBook(pages: PageBook, event: BusEvent, works: RunWorks): void {
  if (event.type === 'control-unreadable') {
    const { offset, problems, excerpt } = event
    const request = { controlOffset: offset, runId: null, plan: excerpt, requestedBy: '', atMs: works.base.nowMs, problems }
    keep(pages.requests, { key: offset, value: request, max: REQUESTS_MAX })
  }
  if (event.type === 'control') foldControl(pages, event, works.base.book)
  if (event.type !== 'fact') return
  const { fact } = event
  if (fact.kind === 'agent-heartbeat') {
    const { agent, atMs, version } = fact
    if (atMs >= (pages.agents.get(agent)?.heardAtMs ?? 0))
      keep(pages.agents, { key: agent, value: { agent, heardAtMs: atMs, version }, max: AGENTS_MAX })
    return
  }
  if (fact.kind === 'request-refused') {
    keep(pages.refusals, { key: fact.controlOffset, value: fact.problems, max: REQUESTS_MAX })
    const request = pages.requests.get(fact.controlOffset)
    if (request !== undefined) pages.requests.set(fact.controlOffset, { ...request, problems: fact.problems })
    return
  }
  if (fact.kind === 'run-judged') {
    keepJudged(pages, works.base.book.runs.get(fact.runId))
    return
  }
  const evidence = works.evidence.get(fact.runId)
  if (evidence !== undefined) pages.evidence.set(fact.runId, evidence)
}

/** Windows of a series are asked for by agents, each minute: they are no news. */
function foldControl(pages: PageBook, { message, offset, atMs }: Extract<BusEvent, { type: 'control' }>, book: RunBook): void {
  if (message.kind !== 'run-requested' || message.window !== null) return
  const runId = requestRunId(message, offset, atMs)
  if (book.runs.has(runId) || book.forgotten.has(runId)) return
  const plan = message.plan.startsWith('{') ? 'a plan of its own' : message.plan
  const problems = pages.refusals.get(offset) ?? null
  const request = { controlOffset: offset, runId, plan, requestedBy: message.requestedBy, atMs, problems }
  keep(pages.requests, { key: offset, value: request, max: REQUESTS_MAX })
}

function keepJudged(pages: PageBook, run: RunState | undefined): void {
  if (run === undefined || pages.judged.has(run.runId)) return
  const evidence = pages.evidence.get(run.runId)
  pages.evidence.delete(run.runId)
  if (evidence === undefined) return
  const { faults, missing } = evidence
  const violations = violationsOf(run, evidence, pages.where)
  keep(pages.judged, { key: run.runId, value: { told: { faults, missing }, violations }, max: HISTORY_MAX })
  let kept = 0
  for (const one of [...pages.judged.values()].reverse()) {
    kept += one.violations.listed.length
    if (kept > KEPT_VIOLATIONS_MAX) one.violations = { ...one.violations, listed: [], leftOut: one.violations.canaries }
  }
}

/** The oldest go when there are more than `max`. */
function keep<Key, Value>(kept: Map<Key, Value>, { key, value, max }: { key: Key; value: Value; max: number }): void {
  kept.set(key, value)
  keepNewest(kept, max)
}

/** Runs that are shown, the newest first. */
export function shownRuns({ runs }: RunBook): RunState[] {
  return [...runs.values()].sort(byRequest).slice(0, HISTORY_MAX)
}

const byRequest = (a: RunState, b: RunState) =>
  b.accepted.requestedAtMs - a.accepted.requestedAtMs || (a.runId < b.runId ? 1 : a.runId > b.runId ? -1 : 0)

/** What somebody who asks for no run in particular wants to see: the newest that is under way, else the newest. */
export function latestRun(book: RunBook, nowMs: number): RunState | null {
  const runs = shownRuns(book)
  const isUnderWay = (run: RunState) => ['running', 'cancelling'].includes(phaseOf(book, run, nowMs))
  return runs.find(isUnderWay) ?? runs[0] ?? null
}

export const latestFailed = (book: RunBook): RunState | null =>
  [...book.runs.values()].filter(({ judged, failing }) => (judged ?? failing)?.verdict === 'fail').sort(byRequest)[0] ?? null

function knownRun(pages: PageBook, { base }: RunWorks, run: RunState): KnownRun {
  const evidence = run.judged === null ? (pages.evidence.get(run.runId) ?? null) : null
  return { book: base.book, run, evidence, kept: pages.judged.get(run.runId)?.told ?? null, nowMs: base.nowMs }
}

export const rowView = (pages: PageBook, works: RunWorks, run: RunState): RowView => rowOf(knownRun(pages, works, run))

export const runView = (pages: PageBook, works: RunWorks, run: RunState): RunView =>
  runViewOf(knownRun(pages, works, run), pages.where.jaegerUi)

/** Null where nothing was heard that could hold any. */
export function violationsView(pages: PageBook, run: RunState): ViolationsView | null {
  const evidence = pages.evidence.get(run.runId)
  if (evidence !== undefined) return violationsOf(run, evidence, pages.where)
  return pages.judged.get(run.runId)?.violations ?? null
}

/** Those that are no run, for a while. */
export function requestViews({ requests }: PageBook, { base: { book, nowMs } }: RunWorks): RequestView[] {
  return [...requests.values()].filter(({ runId, atMs }) => (runId === null || !book.runs.has(runId)) && nowMs - atMs < REQUEST_SHOWN_MS)
}

export const agentViews = ({ agents }: PageBook): AgentView[] => [...agents.values()].sort((a, b) => (a.agent < b.agent ? -1 : 1))
