import { hopName } from '../../topology/topology.ts'
import { agentOfTask } from '../../topology/plan.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import type { Violation } from '../../shared/core/evidence.ts'
import { withoutMirror } from '../../shared/core/mirror.ts'
import { isCancelled, type RunState } from '../../shared/core/run-book.ts'
import { countText, msText, tableLines } from './figures.ts'
import { runOf, type FollowedRun } from './followed-run.ts'
import { violationLine } from './verdict-text.ts'

/** Counts at a moment, kept to tell a rate from. */
export interface ProgressSample {
  readonly atMs: number
  readonly seen: ReadonlyMap<string, number>
}

const SOURCE = 'source'

export function sampleOf(followed: FollowedRun, atMs: number): ProgressSample {
  const { evidence } = followed
  const run = runOf(followed)
  const ofPipeline = (canaries: CanarySet) => (run === null ? canaries : withoutMirror(run.resolved.plan.load, canaries)).size
  const seen = new Map([[SOURCE, ofPipeline(evidence.acknowledged)]])
  for (const hop of run?.resolved.hops ?? []) {
    const name = hopName(hop)
    const canaries = hop.kind === 'api' ? evidence.probes.get(name)?.compared : evidence.hops.get(name)?.sighted
    seen.set(name, canaries === undefined ? 0 : ofPipeline(canaries))
  }
  return { atMs, seen }
}

/** The state of a run as a block that can be drawn over: stages, hops, the last violations. */
export function watchLines(followed: FollowedRun, sample: ProgressSample, previous: ProgressSample | null): string[] {
  const run = runOf(followed)
  if (run === null) return [`run ${followed.runId}: not accepted yet`]
  const violations = [...followed.evidence.violations.values()].filter(({ standing }) => !standing.isEmpty)
  return [
    headLine(followed, run, sample.atMs),
    `  ${stagesText(run)}`,
    ...hopRows({ followed, run, sample, previous }),
    ...lastViolations(violations),
  ]
}

function headLine(followed: FollowedRun, run: RunState, atMs: number): string {
  const seconds = Math.max(0, (atMs - run.accepted.requestedAtMs) / 1000).toFixed(0)
  return `${run.accepted.planName}  ${run.runId}  ${seconds} s${isCancelled(followed.book, run) ? '  cancelled' : ''}${run.failing === null ? '' : '  fails already'}`
}

export function stagesText(run: RunState): string {
  return run.resolved.plan.stages
    .map(({ stage, task }) => {
      const progress = run.stages.get(stage)
      const state = progress?.ended?.outcome ?? (progress?.started == null ? `waits (${agentOfTask[task]})` : 'runs')
      return `${stage}: ${state}`
    })
    .join('  ')
}

interface HopRows {
  readonly followed: FollowedRun
  readonly run: RunState
  readonly sample: ProgressSample
  readonly previous: ProgressSample | null
}

function hopRows({ followed, run, sample, previous }: HopRows): string[] {
  const { evidence } = followed
  const rows = [...sample.seen].map(([hop, seen]) => {
    const latency = hop === SOURCE ? evidence.produceLatency : (evidence.hops.get(hop)?.latency ?? evidence.probes.get(hop)?.latency)
    const quantiles = [0.5, 0.99].map((q) => msText(latency?.quantile(q) ?? null))
    const late = withoutMirror(run.resolved.plan.load, evidence.hops.get(hop)?.late ?? new CanarySet()).size
    return [
      hop,
      countText(seen),
      `${countText(rateOf(hop, sample, previous))}/s`,
      ...quantiles,
      late === 0 ? '' : `${countText(late)} late`,
    ]
  })
  return tableLines([['hop', `of ${countText(run.resolved.plan.load.canaries)}`, 'rate', 'p50', 'p99', ''], ...rows]).map(
    (line) => `  ${line.trimEnd()}`,
  )
}

function rateOf(hop: string, sample: ProgressSample, previous: ProgressSample | null): number {
  if (previous === null || sample.atMs <= previous.atMs) return 0
  return Math.round((((sample.seen.get(hop) ?? 0) - (previous.seen.get(hop) ?? 0)) * 1000) / (sample.atMs - previous.atMs))
}

const VIOLATIONS_DRAWN = 5

function lastViolations(violations: readonly Violation[]): string[] {
  if (violations.length === 0) return []
  const canaries = violations.reduce((sum, { standing }) => sum + standing.size, 0)
  return [
    `  violations: ${countText(canaries)}, the last:`,
    ...violations.slice(-VIOLATIONS_DRAWN).map((violation) => `    ${violationLine(violation)}`),
  ]
}

/** The same on one line. */
export function progressLine(followed: FollowedRun, sample: ProgressSample): string {
  const run = runOf(followed)
  if (run === null) return 'waiting for the agents to accept the run'
  const counts = [...sample.seen].map(([hop, seen]) => `${hop} ${countText(seen)}`)
  const standing = [...followed.evidence.violations.values()].reduce((sum, violation) => sum + violation.standing.size, 0)
  const seconds = Math.max(0, (sample.atMs - run.accepted.requestedAtMs) / 1000).toFixed(0)
  return `${seconds} s  of ${countText(run.resolved.plan.load.canaries)}: ${counts.join(', ')}; violations ${countText(standing)}`
}
