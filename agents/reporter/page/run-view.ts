import { basename } from 'node:path'
import type { Fact } from '../../../schemas/results.ts'
import type { HopSummary } from '../../../schemas/results/run-judged.ts'
import { standingViolations, type Evidence } from '../../../shared/core/evidence.ts'
import { runTraceIdOf } from '../../../shared/core/identity.ts'
import { judge } from '../../../shared/core/judge.ts'
import { withoutMirror } from '../../../shared/core/mirror.ts'
import { isCancelled, isOver, type RunBook, type RunState } from '../../../shared/core/run-book.ts'
import { isWatched } from '../../../shared/core/watcher.ts'
import { agentOfTask } from '../../../topology/plan.ts'
import { hopName, SOURCE_HOP, type Hop } from '../../../topology/topology.ts'
import type { FaultView, HopView, PlainHop, RowView, RunPhase, RunView, StageView } from './views.ts'

const REASONS_MAX = 20
const MISSING_MAX = 20

/** A run with what is known of it. */
export interface KnownRun {
  readonly book: RunBook
  readonly run: RunState
  /** Null once it is judged, and before anything is known. */
  readonly evidence: Evidence | null
  /** What is kept of a judged one beside its verdict. */
  readonly kept: Pick<Evidence, 'faults' | 'missing'> | null
  readonly nowMs: number
}

export function rowOf({ book, run, evidence, nowMs }: KnownRun): RowView {
  const { judged, failing, accepted } = run
  const live = evidence === null ? 0 : standingViolations(evidence).reduce((sum, { standing }) => sum + standing.size, 0)
  return {
    runId: run.runId,
    plan: accepted.planName,
    phase: phaseOf(book, run, nowMs),
    verdict: (judged ?? failing)?.verdict ?? null,
    requestedAtMs: accepted.requestedAtMs,
    judgedAtMs: judged?.atMs ?? null,
    acknowledged: judged?.acknowledged ?? (evidence === null ? 0 : withoutMirror(run.resolved.plan.load, evidence.acknowledged).size),
    violations: judged === null ? live : judged.hops.reduce((sum, hop) => sum + badOf(hop), 0),
    reason: judged?.reasons[0] ?? '',
    window: accepted.window?.index ?? null,
  }
}

const badOf = ({ violations }: HopSummary) => violations.reduce((sum, { count }) => sum + count, 0)

export function phaseOf(book: RunBook, run: RunState, nowMs: number): RunPhase {
  if (run.judged !== null) return 'judged'
  if (isOver(book, run, nowMs)) return 'abandoned'
  if (isCancelled(book, run)) return 'cancelling'
  return [...run.stages.values()].some(({ started }) => started !== null) ? 'running' : 'waiting'
}

export function runViewOf(known: KnownRun, jaegerUi: string | null): RunView {
  const { book, run, evidence, nowMs } = known
  const told = evidence ?? known.kept
  const { accepted, resolved, judged, failing } = run
  const { plan } = resolved
  const phase = phaseOf(book, run, nowMs)
  const figures = judged ?? (evidence === null ? null : judge(book, run, evidence))
  const reasons = judged?.reasons ?? []
  const rollsOn = plan.repeatEveryMs !== null && accepted.window === null && !isCancelled(book, run)
  return {
    runId: run.runId,
    plan: accepted.planName,
    description: plan.description,
    phase,
    verdict: (judged ?? failing)?.verdict ?? null,
    reasons: reasons.slice(0, REASONS_MAX),
    others: Math.max(0, reasons.length - REASONS_MAX),
    requestedBy: accepted.requestedBy,
    requestedAtMs: accepted.requestedAtMs,
    producedFromMs: producedFromMs(run),
    judgedAtMs: judged?.atMs ?? null,
    timeoutMs: plan.timeoutMs,
    window: accepted.window,
    repeatEveryMs: accepted.window === null ? plan.repeatEveryMs : null,
    cancelled: book.cancelled.get(run.runId)?.reason ?? null,
    mayCancel: phase === 'waiting' || phase === 'running' || rollsOn,
    planned: plan.load.canaries,
    ratePerSecond: plan.load.ratePerSecond,
    acknowledged: figures?.acknowledged ?? 0,
    unknown: figures?.unknown ?? 0,
    failed: figures?.failed ?? 0,
    hops: hopsOf(run, figures?.hops ?? []),
    stages: stagesOf(run),
    faults: faultsOf(told?.faults ?? []),
    missing: (told?.missing ?? []).slice(0, MISSING_MAX).map(({ hop, reason }) => ({ hop, reason })),
    reports: ((judged ?? failing)?.reports ?? []).map((path) => basename(path)),
    traceUrl: traceUrlOf(jaegerUi, runTraceIdOf(run.runId)),
  }
}

export const traceUrlOf = (jaegerUi: string | null, traceId: string) =>
  jaegerUi === null ? null : `${jaegerUi.replace(/\/+$/, '')}/trace/${traceId}`

function producedFromMs(run: RunState): number | null {
  const stage = run.resolved.plan.stages.find(({ task }) => task === 'produce')
  return stage === undefined ? null : (run.stages.get(stage.stage)?.started?.epochMs ?? null)
}

export function plainHop(hop: Hop): PlainHop {
  const name = hopName(hop)
  return { hop: name, kind: hop.kind, name: name.slice(name.indexOf(':') + 1) }
}

/** What the generator vouches for, and the hops behind it in the order a record passes them. */
export function plainHops(hops: readonly Hop[]): PlainHop[] {
  return [{ hop: SOURCE_HOP, kind: 'source', name: 'generator' }, ...hops.map(plainHop)]
}

function hopsOf(run: RunState, summaries: readonly HopSummary[]): HopView[] {
  const { hops } = run.resolved
  return plainHops(hops).map((plain, index) => {
    const hop = hops[index - 1]
    const summary = summaries.find((candidate) => candidate.hop === plain.hop)
    return {
      ...plain,
      watched: hop === undefined || isWatched(run, hop),
      sampled: hop?.kind === 'api' && hop.per === 'canary',
      expected: summary?.expected ?? 0,
      seen: summary?.sighted ?? 0,
      violations: (summary?.violations ?? []).map(({ violation, count }) => ({ kind: violation, canaries: count })),
      fidelity: summary?.fidelity ?? null,
      p50Ms: summary?.p50Ms ?? null,
      p95Ms: summary?.p95Ms ?? null,
      p99Ms: summary?.p99Ms ?? null,
      maxMs: summary?.maxMs ?? null,
      deliverWithinMs: hop !== undefined && 'deliverWithinMs' in hop ? hop.deliverWithinMs : null,
    }
  })
}

function stagesOf(run: RunState): StageView[] {
  return run.resolved.plan.stages.map(({ stage, task }) => {
    const progress = run.stages.get(stage)
    return {
      stage,
      task,
      agent: agentOfTask[task],
      state: progress?.ended?.outcome ?? (progress?.started == null ? 'waits' : 'runs'),
      startedAtMs: progress?.started?.atMs ?? null,
      endedAtMs: progress?.ended?.atMs ?? null,
      reason: progress?.ended?.reason ?? '',
    }
  })
}

/** How far each fault has come. */
function faultsOf(facts: readonly Fact<'fault-changed'>[]): FaultView[] {
  return [...Map.groupBy(facts, ({ stage }) => stage).values()].flatMap((steps) => {
    const last = steps.at(-1)
    if (last === undefined) return []
    const { stage, fault, target, phase, atMs, recoveryMs, detail } = last
    return [{ stage, fault, target, phase, atMs, recoveryMs, detail }]
  })
}
