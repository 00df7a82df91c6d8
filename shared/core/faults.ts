import type { Verdict } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { Stage } from '../../topology/plan.ts'
import { hopName } from '../../topology/topology.ts'
import { intendedAtMs } from './canary.ts'
import type { Evidence, Violation } from './evidence.ts'
import { recoveryOf, type Recovery } from './recovery.ts'
import type { RunState } from './run-book.ts'
import { production } from './run-work.ts'

type FaultStage = Extract<Stage, { task: 'inject-fault' }>
type Change = Fact<'fault-changed'>

/** Unix ms. `untilMs`: the recovery, or the end of what the plan allows for it, `allowedUntilMs`, where none is known. */
export interface FaultWindow {
  readonly name: string
  readonly fromMs: number
  readonly untilMs: number
  readonly allowedUntilMs: number
}

export interface FaultReason {
  readonly verdict: Exclude<Verdict, 'pass'>
  readonly text: string
}

const faultStages = ({ resolved }: RunState) => resolved.plan.stages.filter((stage): stage is FaultStage => stage.task === 'inject-fault')

const phaseOf = ({ faults }: Evidence, { stage }: FaultStage, phase: Change['phase']): Change | undefined =>
  faults.find((fault) => fault.stage === stage && fault.phase === phase)

const nameOf = ({ fault, target }: FaultStage) => `${fault} of ${target}`

/**
 * From injection to recovery. What was to be told of it may be lost with who injected it, and no run passes then: it may have begun
 * with the intent, and gone on to the end of its lease. One that could not be healed in its time explains nothing, whoever healed
 * it later.
 */
export function faultWindows(evidence: Evidence, run: RunState): FaultWindow[] {
  return faultStages(run).flatMap((stage) => {
    const phase = (name: Change['phase']) => phaseOf(evidence, stage, name)
    const begun = phase('injected') ?? phase('journalled')
    if (begun === undefined || phase('heal-failed') !== undefined) return []
    // What bit goes on, though one who did not see it may have called it void.
    const ended = phase('healed') ?? (phase('bit') === undefined ? phase('void') : undefined)
    const endedMs = ended?.atMs ?? begun.leaseUntilMs
    const recoveryMs = knownRecovery(evidence, run, stage)?.recoveryMs ?? Infinity
    const allowedUntilMs = endedMs + stage.recoverWithinMs
    const untilMs = Math.min(allowedUntilMs, endedMs + recoveryMs)
    return [{ name: nameOf(stage), fromMs: begun.atMs, untilMs, allowedUntilMs }]
  })
}

/**
 * Whether a fault of ours explains it: expected degradation, not a failure. A canary that was to be sent before the recovery may come late after it; one that was to be sent behind it meets a pipeline
 * that is whole again; and one that was overdue before anything was disturbed is late by itself. Nothing told after the end of what
 * the plan allows is forgiven.
 */
export function forgives(
  window: FaultWindow,
  {
    evidence,
    run,
    violation,
  }: { evidence: Evidence; run: RunState; violation: Pick<Violation, 'violation' | 'hop' | 'rule' | 'stream' | 'standing' | 'atMs'> },
): boolean {
  const { violation: kind, hop, rule, stream, standing, atMs } = violation
  if (kind !== 'late' && kind !== 'stale' && kind !== 'slow') return false
  if (atMs < window.fromMs || atMs > window.allowedUntilMs) return false
  // What recovered are the tables, and the answer is asked for again: for endpoints the plan's whole time counts.
  if (kind === 'stale') return true
  const produced = production(run)
  if (produced === null) return atMs <= window.untilMs
  const clock = { load: run.resolved.plan.load, epochMs: produced.epochMs, shifts: evidence.shifts }
  const [first = 0] = standing.ranges
  const dueMs = kind === 'late' && rule === null ? intendedAtMs(clock, stream, first) + deliverWithin(run, hop) : atMs
  return dueMs >= window.fromMs && intendedAtMs(clock, stream, standing.ranges.at(-1) ?? 0) <= window.untilMs
}

function deliverWithin({ resolved }: RunState, name: string): number {
  const hop = resolved.hops.find((one) => hopName(one) === name)
  return hop === undefined || hop.kind === 'api' ? 0 : hop.deliverWithinMs
}

export function faultReasons(run: RunState, evidence: Evidence): FaultReason[] {
  return faultStages(run).flatMap((stage): FaultReason[] => {
    const phase = (name: Change['phase']) => phaseOf(evidence, stage, name)
    const what = nameOf(stage)
    const inDoubt = (text: string): FaultReason[] => [{ verdict: 'inconclusive', text }]
    const failedHeal = phase('heal-failed')
    if (failedHeal !== undefined) return inDoubt(`${what} could not be healed: ${failedHeal.detail}`)
    const isVoid = phase('void')
    const untold =
      isVoid !== undefined
        ? inDoubt(`${what} did not take hold: ${isVoid.detail}`)
        : phase('bit') === undefined
          ? inDoubt(`no evidence that ${what} took hold`)
          : []
    const notRecovered = phase('not-recovered')
    if (notRecovered !== undefined) return [...notRecoveredReasons({ run, evidence, stage }, notRecovered), ...untold]
    if (untold.length > 0) return untold
    if (phase('recovered') === undefined) return inDoubt(`no evidence that the pipeline recovered from ${what}`)
    return phase('healed') === undefined ? inDoubt(`no evidence that ${what} was healed`) : []
  })
}

/** Recoveries as they are known now: what the tables show may have been read after the injector's patience ended. */
export function recoveriesOf(run: RunState, evidence: Evidence): { fault: Change['fault']; target: string; recoveryMs: number | null }[] {
  return faultStages(run).flatMap((stage) => {
    const known = knownRecovery(evidence, run, stage)
    return known === null ? [] : [{ fault: stage.fault, target: stage.target, recoveryMs: known.recoveryMs }]
  })
}

/** As the injector told it; where it saw none in time, as the commits that are known now show it. */
function knownRecovery(evidence: Evidence, run: RunState, stage: FaultStage): Recovery | null {
  const recovered = phaseOf(evidence, stage, 'recovered')
  if (recovered !== undefined) return { phase: 'recovered', recoveryMs: recovered.recoveryMs, detail: recovered.detail }
  const told = phaseOf(evidence, stage, 'not-recovered')
  const healed = phaseOf(evidence, stage, 'healed')
  if (told === undefined) return null
  const asTold: Recovery = { phase: 'not-recovered', recoveryMs: told.recoveryMs, detail: told.detail }
  if (told.recoveryMs !== null || healed === undefined) return asTold
  const tables = run.resolved.hops.filter(({ kind }) => kind === 'table').map(hopName)
  const shown = recoveryOf({ evidence, healed, tables, recoverWithinMs: stage.recoverWithinMs, hasProduced: true, nowMs: Infinity })
  return shown?.recoveryMs == null ? asTold : shown
}

function notRecoveredReasons(
  { run, evidence, stage }: { run: RunState; evidence: Evidence; stage: FaultStage },
  told: Change,
): FaultReason[] {
  const known = knownRecovery(evidence, run, stage)
  if (known?.phase === 'recovered') return []
  const blindness = known?.recoveryMs == null ? blindnessUntil(told.atMs, { run, evidence }) : null
  if (blindness !== null)
    return [{ verdict: 'inconclusive', text: `whether the pipeline recovered from ${nameOf(stage)} is not known: ${blindness}` }]
  return [{ verdict: 'fail', text: `not-recovered: ${nameOf(stage)}: ${(known ?? told).detail}` }]
}

/** Why nobody can say what the tables held at that time; null when they were read as far. */
function blindnessUntil(atMs: number, { run, evidence }: { run: RunState; evidence: Evidence }): string | null {
  const stages = run.resolved.plan.stages.filter(({ task }) => task === 'reconcile-table')
  if (stages.length === 0) return 'no stage of the plan looks at the table'
  for (const { stage } of stages) {
    const ended = run.stages.get(stage)?.ended ?? null
    if (ended === null) return `stage ${stage} of storage-reconciler did not end`
    if (ended.atMs < atMs) return `stage ${stage} of storage-reconciler ended before`
  }
  const missing = evidence.missing.find(({ agent }) => agent === 'storage-reconciler')
  return missing === undefined ? null : `${missing.hop}: ${missing.reason}`
}
