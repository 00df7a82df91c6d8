import type { Verdict } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { HopSummary } from '../../schemas/results/run-judged.ts'
import { agentOfTask } from '../../topology/plan.ts'
import { hopName, SOURCE_HOP, type Hop } from '../../topology/topology.ts'
import { isAudited } from './audit-findings.ts'
import { auditDoubts, auditedReasons } from './audit-judge.ts'
import { CanarySet } from './canary-set.ts'
import { hopEvidence, standingViolations, type Evidence, type Violation } from './evidence.ts'
import { faultReasons, faultWindows, forgives, recoveriesOf } from './faults.ts'
import { breaksFidelity, gravestOf } from './gravity.ts'
import type { LatencySketch } from './latency-sketch.ts'
import { withoutMirror } from './mirror.ts'
import { withoutOwnDelay } from './own-delay.ts'
import { unaccountedAt } from './unaccounted.ts'
import { uncheckedRules } from './rule-evidence.ts'
import type { RunBook, RunState } from './run-book.ts'
import { isBlocked } from './stage-rules.ts'
import { isMissed } from './series.ts'
import { shareText } from './share-text.ts'
import { isWatched, vouchedFor, watcherReasons } from './watcher.ts'

export type Judgement = Pick<
  Fact<'run-judged'>,
  'verdict' | 'reasons' | 'gravest' | 'acknowledged' | 'unknown' | 'failed' | 'hops' | 'recoveries'
>

interface Reason {
  readonly verdict: Exclude<Verdict, 'pass'>
  readonly text: string
}

interface WatchedHop {
  readonly hop: Hop
  readonly index: number
}

/**
 * The verdict of a run: a function of what stands on the two topics, and of nothing else, so that anyone can compute
 * it again. The worst reason wins; no evidence is never a pass.
 */
export function judge(book: RunBook, run: RunState, evidence: Evidence): Judgement {
  if (isMissed(run)) return judgeMissed(run)
  const violations = standingViolations(evidence).filter((violation) => !isAudited(violation))
  const { counted, delayed, untold } = heldAgainst(run, evidence)
  const { load } = run.resolved.plan
  const watched: WatchedHop[] = run.resolved.hops.map((hop, index) => ({ hop, index })).filter(({ hop }) => isWatched(run, hop))
  const hops = [sourceSummary(run, evidence), ...watched.map(({ hop, index }) => summaryOf({ run, evidence, hop, index, violations }))]
  const reasons = [
    ...violationReasons(counted),
    ...budgetReasons(run, hops),
    ...faultReasons(run, evidence),
    ...delayReasons(delayed, `the generator itself sent them up to ${evidence.heldBack.longestMs} ms after their time`),
    ...delayReasons(untold, 'the generator was gone before it told when it sent them'),
    ...evidenceReasons({ book, run, evidence, watched }),
    ...watcherReasons(run, evidence).map(inDoubt),
  ].sort((a, b) => severity[b.verdict] - severity[a.verdict])
  return {
    verdict: reasons[0]?.verdict ?? 'pass',
    reasons: textsOf(reasons),
    gravest: gravestOf(run, counted),
    acknowledged: withoutMirror(load, evidence.acknowledged).size,
    unknown: withoutMirror(load, unknownOf(evidence)).size,
    failed: withoutMirror(load, evidence.failed).size,
    hops,
    recoveries: recoveriesOf(run, evidence),
  }
}

/** A verdict must fit into a message, whatever an agent has to say. */
const REASONS_MAX = 200

function textsOf(reasons: readonly Reason[]): string[] {
  const texts = reasons.slice(0, REASONS_MAX).map(({ text }) => text)
  return reasons.length > texts.length ? [...texts, `${reasons.length - texts.length} reasons more`] : texts
}

/** Violations that stand, that no fault of ours excuses, and those among them that our own delay may explain. */
function heldAgainst(run: RunState, evidence: Evidence) {
  const windows = faultWindows(evidence, run)
  const isForgiven = (violation: Violation) => windows.some((window) => forgives(window, { evidence, run, violation }))
  return withoutOwnDelay(
    standingViolations(evidence).filter((violation) => !isForgiven(violation)),
    evidence,
  )
}

/** Of a run under way: null unless something stands against it that no fault may excuse, and then what is known of it so far. */
export function judgeEarly(book: RunBook, run: RunState, evidence: Evidence): Judgement | null {
  const { counted } = heldAgainst(run, evidence)
  const reasons = violationReasons(counted).map(({ text }) => text)
  return reasons.length === 0 ? null : { ...judge(book, run, evidence), verdict: 'fail', reasons, gravest: gravestOf(run, counted) }
}

/** Of windows that nobody ran there is no evidence at all. */
function judgeMissed({ accepted: { window } }: RunState): Judgement {
  const { index, indexLast } = window ?? { index: 0, indexLast: 0 }
  const which = index === indexLast ? `window ${index} was` : `windows ${index} to ${indexLast ?? index} were`
  return {
    verdict: 'inconclusive',
    reasons: [`${which} not run: no agent was there to begin in time`],
    gravest: null,
    acknowledged: 0,
    unknown: 0,
    failed: 0,
    hops: [],
    recoveries: [],
  }
}

/** Whether two judgements say the same: a verdict is amended only where they do not. */
export function isSameJudgement(left: Judgement, right: Judgement): boolean {
  const said = ({ verdict, reasons, acknowledged, unknown, failed, hops, recoveries }: Judgement) =>
    JSON.stringify([
      [verdict, reasons, acknowledged, unknown, failed],
      hops.map(({ hop, sighted, violations }) => [hop, sighted, violations.map(({ violation, count }) => [violation, count])]),
      recoveries.map(({ fault, target, recoveryMs }) => [fault, target, recoveryMs]),
    ])
  return said(left) === said(right)
}

const severity: Record<Verdict, number> = { pass: 0, inconclusive: 1, fail: 2 }

/** Intended and vouched for in no way, or known to have timed out: may appear once or not at all. */
export const unknownOf = (evidence: Evidence) => evidence.intended.minus(evidence.acknowledged).minus(evidence.failed)

const byKindAndHop = (violations: readonly Violation[]) => canariesBy(violations, ({ violation, hop }) => `${violation} at ${hop}`)

const violationReasons = (violations: readonly Violation[]): Reason[] => [
  ...byKindAndHop(violations.filter((violation) => !isAudited(violation))).map(([what, canaries]): Reason => ({
    verdict: 'fail',
    text: `${canaries.size} ${what}`,
  })),
  ...auditedReasons(violations),
]

const delayReasons = (delayed: readonly Violation[], why: string): Reason[] =>
  byKindAndHop(delayed).map(([what, { size }]) => inDoubt(`${size} ${what} say nothing of the pipeline: ${why}`))

const inDoubt = (text: string): Reason => ({ verdict: 'inconclusive', text })

/** Canaries, each once: a record of which two fields are wrong is one wrong record. */
function canariesBy<Key>(violations: readonly Violation[], keyOf: (violation: Violation) => Key): [Key, CanarySet][] {
  const groups = new Map<Key, CanarySet>()
  for (const violation of violations) {
    const key = keyOf(violation)
    const group = groups.get(key) ?? new CanarySet()
    group.addAll([{ stream: violation.stream, ranges: [...violation.standing.ranges] }])
    groups.set(key, group)
  }
  return [...groups]
}

function budgetReasons(run: RunState, hops: readonly HopSummary[]): Reason[] {
  const { budgets } = run.resolved.plan
  return hops.flatMap((hop): Reason[] => {
    const reasons: Reason[] = []
    if (hop.fidelity !== null && hop.fidelity < budgets.fidelity) {
      reasons.push({
        verdict: 'fail',
        text: `fidelity at ${hop.hop} is ${shareText(hop.fidelity)}, less than ${budgets.fidelity * 100} %`,
      })
    }
    if (hop.hop.startsWith('api:') && budgets.apiP95Ms !== null && hop.p95Ms !== null && hop.p95Ms > budgets.apiP95Ms) {
      reasons.push({ verdict: 'fail', text: `p95 of ${hop.hop} is ${hop.p95Ms.toFixed(1)} ms, more than ${budgets.apiP95Ms} ms` })
    }
    return reasons
  })
}

/** Everything that should have been looked at and was not. */
function evidenceReasons({
  book,
  run,
  evidence,
  watched,
}: {
  book: RunBook
  run: RunState
  evidence: Evidence
  watched: readonly WatchedHop[]
}): Reason[] {
  const reasons: Reason[] = []
  const doubt = (text: string) => reasons.push({ verdict: 'inconclusive', text })
  const cancelled = book.cancelled.get(run.runId)
  // Who cancels a series names its first run, which may have had its verdict long before.
  if (cancelled !== undefined && cancelled.atMs <= (run.judgedAtMs ?? Infinity)) doubt(`cancelled: ${cancelled.reason}`)
  for (const stage of run.resolved.plan.stages) {
    const progress = run.stages.get(stage.stage)
    const agent = agentOfTask[stage.task]
    // What is left behind says nothing of the pipeline: the report tells it apart from the verdict.
    if (stage.task === 'clean-up' || progress?.ended?.outcome === 'ok') continue
    if (progress?.ended != null) doubt(`stage ${stage.stage} of ${agent} ended ${progress.ended.outcome}: ${progress.ended.reason}`)
    else if (progress?.started != null) doubt(`stage ${stage.stage} of ${agent} did not end`)
    else if (!isBlocked(run, stage.stage) && !waitsForAbsent(run, stage))
      doubt(`stage ${stage.stage} did not start: nothing was heard from ${agent}`)
  }
  reasons.push(...auditDoubts(run, evidence))
  if (owedFromSource(run, evidence).size === 0) doubt('no canary was acknowledged')
  for (const { hop, reason } of evidence.missing) doubt(`${hop}: ${reason}`)
  for (const text of uncheckedRules(
    watched.map(({ hop }) => hop),
    evidence,
  ))
    doubt(text)
  for (const { hop, index } of watched) {
    const unaccounted = unaccountedAt(run, evidence, { hop, expected: expectedAt(run, evidence, index) })
    if (unaccounted > 0) doubt(`${unaccounted} canaries at ${hopName(hop)} were neither sighted nor judged`)
  }
  return reasons
}

/** A stage that could not start because one before it never did: that one is named instead. */
function waitsForAbsent(run: RunState, stage: { needs: readonly string[]; needsStarted: readonly string[] }): boolean {
  return (
    stage.needsStarted.some((need) => run.stages.get(need)?.started === null) ||
    stage.needs.some((need) => {
      const progress = run.stages.get(need)
      return progress?.ended === null || progress?.ended?.outcome !== 'ok'
    })
  )
}

function sourceSummary({ resolved }: RunState, evidence: Evidence): HopSummary {
  const acknowledged = withoutMirror(resolved.plan.load, evidence.acknowledged).size
  return {
    hop: SOURCE_HOP,
    expected: acknowledged,
    sighted: acknowledged,
    violations: [],
    fidelity: null,
    ...quantiles(evidence.produceLatency),
  }
}

interface HopToSummarise {
  run: RunState
  evidence: Evidence
  hop: Hop
  index: number
  violations: readonly Violation[]
}

function summaryOf({ run, evidence, hop, index, violations }: HopToSummarise): HopSummary {
  const name = hopName(hop)
  const expected = expectedAt(run, evidence, index)
  const probe = evidence.probes.get(name)
  const sighted = hop.kind === 'api' ? (probe?.compared ?? new CanarySet()) : hopEvidence(evidence, name).sighted
  const here = violations.filter((violation) => violation.hop === name)
  const bad = new CanarySet()
  for (const { violation, stream, standing } of here)
    if (breaksFidelity.has(violation)) bad.addAll([{ stream, ranges: [...standing.ranges] }])
  const latency = hop.kind === 'api' ? probe?.latency : hopEvidence(evidence, name).latency
  return {
    hop: name,
    expected: expected.size,
    sighted: sighted.and(expected).size,
    violations: canariesBy(here, ({ violation }) => violation).map(([violation, canaries]) => ({ violation, count: canaries.size })),
    fidelity: fidelityOf(bad, sighted),
    ...quantiles(latency ?? null),
  }
}

/** Of those that were looked at: look-ups are a sample, and what a stopped run never came to is not whole. */
function fidelityOf(bad: CanarySet, sighted: CanarySet): number | null {
  const looked = bad.size + sighted.minus(bad).size
  return looked === 0 ? null : 1 - bad.size / looked
}

/** Canaries that had to be at a hop: acknowledged ones, and of these only what the hop before has seen. */
function expectedAt(run: RunState, evidence: Evidence, index: number): CanarySet {
  // APIs stand beside each other behind the last hop that stores.
  const before = run.resolved.hops.slice(0, index).findLast((hop) => hop.kind !== 'api')
  const owed = owedFromSource(run, evidence)
  return before === undefined ? owed : owed.and(hopEvidence(evidence, hopName(before)).sighted)
}

const owedFromSource = (run: RunState, evidence: Evidence) => withoutMirror(run.resolved.plan.load, vouchedFor(run, evidence))

const quantiles = (latency: LatencySketch | null) => ({
  p50Ms: latency?.quantile(0.5) ?? null,
  p95Ms: latency?.quantile(0.95) ?? null,
  p99Ms: latency?.quantile(0.99) ?? null,
  maxMs: latency?.maxMs ?? null,
})
