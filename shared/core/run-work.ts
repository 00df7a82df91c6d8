import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { StageOutcome } from '../../schemas/results/stage-ended.ts'
import type { Stage } from '../../topology/plan.ts'
import { hopName, type Hop } from '../../topology/topology.ts'
import { foldBase, initBase, type AgentBase, type AgentBaseConfig } from './acceptance.ts'
import { keepNewest } from './bounded.ts'
import type { BusEffect, BusEvent } from './bus-events.ts'
import type { SendClock } from './canary.ts'
import { emptyEvidence, foldEvidence, standingViolations, type Evidence } from './evidence.ts'
import { isCancelled, isOver, isRunFact, type RunState } from './run-book.ts'
import type { DueStage } from './stage-rules.ts'
import { holds, runItem } from './shares.ts'
import { topologyDifferences } from './topology-match.ts'
import type { FactHead } from './violations.ts'

/** The base of a core, and the evidence of each run that is not judged yet. */
export interface RunWorks {
  readonly base: AgentBase
  readonly evidence: Map<string, Evidence>
  /** Of the newest judged runs, where it may still be needed: to amend the verdict, or to look again for what was lost. */
  readonly judgedEvidence: Map<string, Evidence>
  /** Runs whose topology was held against this agent's. */
  readonly compared: Set<string>
}

export const initWorks = (config: AgentBaseConfig): RunWorks => ({
  base: initBase(config),
  evidence: new Map(),
  judgedEvidence: new Map(),
  compared: new Set(),
})

/** So many verdicts can still be amended. */
const JUDGED_EVIDENCE_MAX = 24

/** Folds an event of the bus into base and evidence; gives the answers the base owes. */
export function foldWorks(works: RunWorks, event: BusEvent): BusEffect[] {
  const effects = foldBase(works.base, event)
  if (event.type === 'fact') foldRunFact(works, event.fact)
  for (const effect of effects) if (effect.type === 'publish') foldRunFact(works, effect.fact)
  if (event.type !== 'tick' || !works.base.caughtUp) return effects
  letGo(works)
  return [...effects, ...compareTopologies(works)]
}

/** Of a run that nobody judges, only the one who would judge it needs what was said. */
function letGo({ base, evidence, judgedEvidence, compared }: RunWorks): void {
  const { book, nowMs } = base
  for (const runId of evidence.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || (!isJudge(base) && isOver(book, run, nowMs))) evidence.delete(runId)
  }
  for (const runId of compared) if (!book.runs.has(runId)) compared.delete(runId)
  for (const runId of judgedEvidence.keys()) if (!book.runs.has(runId)) judgedEvidence.delete(runId)
}

const hasLost = (evidence: Evidence) => standingViolations(evidence).some(({ violation }) => violation === 'lost')

const isJudge = ({ config }: AgentBase) => config.speaker.agent === 'reporter'

function compareTopologies(works: RunWorks): BusEffect[] {
  const { book, config, nowMs } = works.base
  const effects: BusEffect[] = []
  for (const run of book.runs.values()) {
    if (works.compared.has(run.runId) || isOver(book, run, nowMs)) continue
    works.compared.add(run.runId)
    const told = evidenceOf(works, run.runId).missing
    for (const { hop, reason } of topologyDifferences(config, run.resolved))
      if (!told.some((fact) => fact.reason === reason && fact.hop === hop))
        effects.push(sayMissing(works, { runId: run.runId, hop }, reason))
  }
  return effects
}

function foldRunFact(works: RunWorks, fact: ResultMessage): void {
  const { evidence, judgedEvidence, base } = works
  if (!isRunFact(fact)) return
  const { runId } = fact
  if (fact.kind === 'run-judged') {
    const known = evidence.get(runId)
    evidence.delete(runId)
    if (known === undefined || !(isJudge(base) || hasLost(known))) return
    judgedEvidence.set(runId, known)
    keepNewest(judgedEvidence, JUDGED_EVIDENCE_MAX)
    return
  }
  const run = base.book.runs.get(runId)
  if (run === undefined) return
  if (run.judged === null) foldEvidence(evidenceOf(works, runId), fact)
  else {
    const known = judgedEvidence.get(runId)
    if (known !== undefined) foldEvidence(known, fact)
  }
}

export function evidenceOf(works: RunWorks, runId: string): Evidence {
  let evidence = works.evidence.get(runId) ?? works.judgedEvidence.get(runId)
  if (evidence === undefined) works.evidence.set(runId, (evidence = emptyEvidence()))
  return evidence
}

/** Publishes a fact and folds it at once: this agent must not decide again before it hears itself. */
export function say(works: RunWorks, fact: RunFact): BusEffect {
  foldWorks(works, { type: 'fact', fact })
  return { type: 'publish', fact }
}

export const headOf = (works: RunWorks, runId: string): FactHead => ({ runId, ...works.base.config.speaker, atMs: works.base.nowMs })

export type StageStart = Partial<
  Pick<Fact<'stage-started'>, 'epochMs' | 'positions' | 'snapshotId' | 'sequenceNumber' | 'tableUuid' | 'topicIds'>
>

export const sayStarted = (works: RunWorks, at: { runId: string; stage: string }, start: StageStart = {}): BusEffect =>
  say(works, {
    kind: 'stage-started',
    ...headOf(works, at.runId),
    stage: at.stage,
    epochMs: start.epochMs ?? works.base.nowMs,
    positions: start.positions ?? [],
    snapshotId: start.snapshotId ?? null,
    sequenceNumber: start.sequenceNumber ?? null,
    tableUuid: start.tableUuid ?? null,
    topicIds: start.topicIds ?? [],
  })

export const sayEnded = (
  works: RunWorks,
  at: { runId: string; stage: string },
  end: { outcome: StageOutcome; reason?: string },
): BusEffect =>
  say(works, { kind: 'stage-ended', ...headOf(works, at.runId), stage: at.stage, outcome: end.outcome, reason: end.reason ?? '' })

export const sayMissing = (works: RunWorks, at: { runId: string; hop: string }, reason: string): BusEffect =>
  say(works, { kind: 'evidence-missing', ...headOf(works, at.runId), hop: at.hop, reason })

/** What is wrong in ever new words is wrong all the same: of a hop so many are told. */
const MISSING_MAX = 20

/** Nothing where it has been said of the hop already. */
export function sayMissingOnce(works: RunWorks, at: { runId: string; hop: string }, reason: string): BusEffect[] {
  const known = evidenceOf(works, at.runId).missing.filter(({ hop }) => hop === at.hop)
  return known.length >= MISSING_MAX || known.some((one) => one.reason === reason) ? [] : [sayMissing(works, at, reason)]
}

/** Why a stage must stop now whatever its work says: cancelled, or past its timeout. */
export function stopReason(works: RunWorks, run: RunState, stage: Stage): { outcome: StageOutcome; reason: string } | null {
  const startedMs = run.stages.get(stage.stage)?.started?.atMs
  if (isCancelled(works.base.book, run) && !stage.always)
    return { outcome: 'cancelled', reason: works.base.book.cancelled.get(run.runId)?.reason ?? '' }
  if (startedMs !== undefined && works.base.nowMs > startedMs + stage.timeoutMs) {
    return { outcome: 'inconclusive', reason: `not done within ${stage.timeoutMs} ms` }
  }
  return null
}

/** Whether this instance works on the run as a whole. */
export const isMyRun = ({ base }: RunWorks, runId: string) => holds(base.shares, runItem(runId))

export const ofMyRuns = (works: RunWorks, due: readonly DueStage[]) => due.filter(({ run }) => isMyRun(works, run.runId))

/** Progress of the plan's produce stage: its epoch once started, its end once ended. */
export function production(run: RunState): { epochMs: number; ended: Fact<'stage-ended'> | null } | null {
  const stage = run.resolved.plan.stages.find(({ task }) => task === 'produce')
  const progress = stage === undefined ? undefined : run.stages.get(stage.stage)
  return progress?.started == null ? null : { epochMs: progress.started.epochMs, ended: progress.ended }
}

/** When canaries of the run are meant to be sent; null until the produce stage has started. */
export function sendClock(works: RunWorks, run: RunState): SendClock | null {
  const produced = production(run)
  return produced === null ? null : { load: run.resolved.plan.load, epochMs: produced.epochMs, shifts: evidenceOf(works, run.runId).shifts }
}

export type HopOf<Kind extends Hop['kind']> = Extract<Hop, { kind: Kind }>
export interface NamedHop<Kind extends Hop['kind']> {
  readonly name: string
  readonly hop: HopOf<Kind>
}

export function hopsOfKind<Kind extends Hop['kind']>(run: RunState, kind: Kind): NamedHop<Kind>[] {
  return run.resolved.hops.filter((hop): hop is HopOf<Kind> => hop.kind === kind).map((hop) => ({ name: hopName(hop), hop }))
}

/** Hops that hold records one by one, at offsets. */
export type RecordHop = HopOf<'source' | 'topic'>

/** In the order a record passes them. The generator writes to the first. */
export function recordHops(run: RunState): NamedHop<RecordHop['kind']>[] {
  return run.resolved.hops
    .filter((hop): hop is RecordHop => hop.kind === 'source' || hop.kind === 'topic')
    .map((hop) => ({ name: hopName(hop), hop }))
}

/** Name of the hop a record passes just before this one; null for the first. */
export function hopBefore(run: RunState, name: string): string | null {
  const names = run.resolved.hops.map(hopName)
  return names[names.indexOf(name) - 1] ?? null
}
