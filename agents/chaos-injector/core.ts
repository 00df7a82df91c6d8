import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import { recoveryOf } from '../../shared/core/recovery.ts'
import { isOver, type RunState } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import {
  evidenceOf,
  foldWorks,
  headOf,
  hopsOfKind,
  initWorks,
  ofMyRuns,
  production,
  say,
  sayEnded,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { Stage } from '../../topology/plan.ts'
import type { FaultName } from './faults/faults.ts'
import { foldStanding, placeOf, type At, type StandingFaults } from './standing.ts'

export type InjectorEvent =
  | BusEvent
  /** The fault stands and took hold: just injected, or found standing after a restart. */
  | (At & { readonly type: 'bitten'; readonly injectedAtMs: number; readonly evidence: string; readonly detail: string })
  /** The lease has ended, by whomever; or, not ok, the fault would not go. */
  | (At & { readonly type: 'healed'; readonly ok: boolean; readonly healedAtMs: number; readonly detail: string })
  /** There is no lease, and no trace of one. */
  | (At & { readonly type: 'no-lease'; readonly detail: string })
  | (At & { readonly type: 'leases-cleared'; readonly ok: boolean; readonly detail: string })

export type InjectorEffect =
  | BusEffect
  /** The journalled fact on the topic, lease on disk, watchdog, injection, evidence, in this order. Never a second time. */
  | (At & {
      readonly type: 'inject'
      readonly fault: FaultName
      readonly target: string
      readonly leaseMs: number
      readonly leaseUntilMs: number
    })
  | (At & { readonly type: 'heal'; readonly target: string })
  | (At & { readonly type: 'look-at-lease'; readonly target: string })
  | (At & { readonly type: 'clear-leases' })
type WorldEffect = Exclude<InjectorEffect, BusEffect>

export interface InjectorState {
  readonly works: RunWorks
  readonly standing: StandingFaults
  /** What this process has asked of the world, by `keyOf`: asked again after a while, forgotten with the stage and its fault. */
  readonly asked: Map<string, { readonly at: At; readonly atMs: number }>
}

type FaultStage = Extract<Stage, { task: 'inject-fault' }>
type StopReason = NonNullable<ReturnType<typeof stopReason>>
interface FaultContext {
  readonly run: RunState
  readonly stage: FaultStage
}

const ASK_AGAIN_MS = 30_000

export const injectorCore: AgentCore<AgentBaseConfig, InjectorState, InjectorEvent, InjectorEffect> = {
  name: 'chaos-injector',
  init: (config) => ({ works: initWorks(config), standing: new Map(), asked: new Map() }),
  step(state, event): Step<InjectorState, InjectorEffect> {
    if (isBusEvent(event)) {
      if (event.type === 'fact') foldStanding(state.standing, event.fact)
      const effects: InjectorEffect[] = foldWorks(state.works, event)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: onWorldEvent(state, event) }
  },
}

function onWorldEvent(state: InjectorState, event: Exclude<InjectorEvent, BusEvent>): InjectorEffect[] {
  const { book, nowMs } = state.works.base
  const run = book.runs.get(event.runId)
  const stage = run?.resolved.plan.stages.find((candidate) => candidate.stage === event.stage)
  const isEnded = run === undefined || stage === undefined || run.stages.get(event.stage)?.ended !== null
  const standing = state.standing.get(placeOf(event))
  if (standing !== undefined && (isEnded || isOver(book, run, nowMs))) return onLateEvent(state, standing, event)
  if (isEnded) return []
  if (event.type === 'leases-cleared')
    return [
      sayEnded(
        state.works,
        { runId: run.runId, stage: event.stage },
        event.ok ? { outcome: 'ok', reason: event.detail } : { outcome: 'failed', reason: event.detail },
      ),
    ]
  return stage.task === 'inject-fault' ? onLeaseEvent(state, { run, stage }, event) : []
}

/** What comes of a fault's lease when its stage is at its end: no verdict waits for it, but whoever watches does. */
function onLateEvent(state: InjectorState, standing: Fact<'fault-changed'>, event: Exclude<InjectorEvent, BusEvent>): InjectorEffect[] {
  if (event.type !== 'healed' || !event.ok) return []
  const { runId } = standing
  const { healedAtMs, detail } = event
  return [tell(state, { ...standing, ...headOf(state.works, runId), phase: 'healed', atMs: healedAtMs, detail })]
}

type LeaseEvent = Exclude<InjectorEvent, BusEvent | { type: 'leases-cleared' }>

function onLeaseEvent(state: InjectorState, context: FaultContext, event: LeaseEvent): InjectorEffect[] {
  const has = (phase: FaultPhase) => phaseOf(state.works, context, phase) !== null
  if (has('void') || has('healed') || has('heal-failed')) return []
  const { detail } = event
  switch (event.type) {
    case 'bitten':
      if (has('bit')) return []
      return [
        change(state, context, { phase: 'injected', detail, atMs: event.injectedAtMs }),
        change(state, context, { phase: 'bit', detail: event.evidence }),
      ]
    case 'healed':
      if (!event.ok) return [change(state, context, { phase: 'heal-failed', detail })]
      // Without evidence that it took hold it proves nothing, however well it was healed.
      if (!has('bit')) return [change(state, context, { phase: 'void', detail })]
      return [change(state, context, { phase: 'healed', detail, atMs: event.healedAtMs })]
    case 'no-lease':
      return [change(state, context, { phase: has('injected') ? 'heal-failed' : 'void', detail })]
    default:
      return unreachable(event)
  }
}

function onTick(state: InjectorState): InjectorEffect[] {
  const { works } = state
  const { book, nowMs } = works.base
  const effects: InjectorEffect[] = []
  for (const { run, stage } of ofMyRuns(works, stagesToStart(book, injectorCore.name, nowMs)))
    effects.push(sayStarted(works, { runId: run.runId, stage: stage.stage }))
  const underWay = stagesUnderWay(book, injectorCore.name, nowMs)
  for (const { run, stage } of ofMyRuns(works, underWay)) {
    if (stage.task === 'heal') effects.push(...clearLeases(state, run, stage))
    if (stage.task === 'inject-fault') effects.push(...carryOn(state, { run, stage }))
  }
  effects.push(...lookAfterLeftovers(state, underWay))
  for (const [key, { at }] of state.asked)
    if (!state.standing.has(placeOf(at)) && book.runs.get(at.runId)?.stages.get(at.stage)?.ended !== null) state.asked.delete(key)
  return effects
}

/**
 * Faults that nobody called healed, and nobody else will: their stage has ended or their run is over, and a watchdog tells
 * no one. Each instance asks, whoever has the run: the lease lies where it was written.
 */
function lookAfterLeftovers(state: InjectorState, underWay: readonly DueStage[]): InjectorEffect[] {
  const places = new Set(underWay.map(({ run: { runId }, stage: { stage } }) => placeOf({ runId, stage })))
  return [...state.standing].flatMap(([place, { runId, stage, target }]) =>
    places.has(place) ? [] : ask(state, { type: 'look-at-lease', runId, stage, target }),
  )
}

function clearLeases(state: InjectorState, run: RunState, stage: Stage): InjectorEffect[] {
  const at = { runId: run.runId, stage: stage.stage }
  const stop = stopReason(state.works, run, stage)
  if (stop === null) return ask(state, { type: 'clear-leases', ...at })
  return [sayEnded(state.works, at, { outcome: 'failed', reason: `whether faults of the run still stand is not known: ${stop.reason}` })]
}

/** One step of a fault's life, decided from its facts alone: a restart goes on from them, and injects nothing twice. */
function carryOn(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const at = { runId: run.runId, stage: stage.stage }
  const phase = (name: FaultPhase) => phaseOf(works, context, name)
  const stop = stopReason(works, run, stage)
  const failed = phase('heal-failed')
  if (failed !== null) return [sayEnded(works, at, { outcome: 'failed', reason: failed.detail })]
  if (phase('void') !== null || phase('recovered') !== null || phase('not-recovered') !== null)
    return [sayEnded(works, at, stop?.outcome === 'cancelled' ? stop : { outcome: 'ok' })]
  if (phase('journalled') === null) return injectWhenSteady(state, context, stop)
  if (phase('healed') !== null) return stop === null ? watchRecovery(state, context) : [sayEnded(works, at, stop)]
  // From here on the fault may stand, also when it is not known yet whether it does: no end without a heal.
  const injected = phase('injected')
  const isTime = injected !== null && works.base.nowMs >= injected.atMs + stage.durationMs
  if (stop !== null || isTime) return ask(state, { type: 'heal', ...at, target: stage.target })
  // Journalled by a process before this one, which may have died at any point after.
  if (!state.asked.has(keyOf('inject', at))) return ask(state, { type: 'look-at-lease', ...at, target: stage.target })
  return []
}

/** The pipeline must flow before it is disturbed: a fault on one that stands proves nothing. */
function injectWhenSteady(state: InjectorState, context: FaultContext, stop: StopReason | null): InjectorEffect[] {
  const { works } = state
  const { nowMs } = works.base
  const { run, stage } = context
  const at = { runId: run.runId, stage: stage.stage }
  if (stop?.outcome === 'cancelled') return [sayEnded(works, at, stop)]
  const tables = hopsOfKind(run, 'table').map(({ name }) => name)
  if (stop !== null) {
    const detail = `not injected: no canary of the run was seen in ${tables.join(', ') || 'a table'} within ${stage.timeoutMs} ms`
    return [change(state, context, { phase: 'void', detail })]
  }
  const startedMs = run.stages.get(stage.stage)?.started?.atMs ?? nowMs
  const flows = evidenceOf(works, run.runId).snapshots.some(({ canaries }) => canaries.length > 0)
  if (!flows || nowMs < startedMs + stage.afterMs) return []
  const { fault, target, leaseMs } = stage
  return [
    change(state, context, { phase: 'journalled', detail: 'steady: canaries reach the table', leaseUntilMs: nowMs + leaseMs }),
    ...ask(state, { type: 'inject', ...at, fault, target, leaseMs, leaseUntilMs: nowMs + leaseMs }),
  ]
}

function watchRecovery(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const healed = phaseOf(works, context, 'healed')
  if (healed === null) return []
  const recovery = recoveryOf({
    evidence: evidenceOf(works, run.runId),
    healed,
    tables: hopsOfKind(run, 'table').map(({ name }) => name),
    recoverWithinMs: stage.recoverWithinMs,
    hasProduced: production(run)?.ended != null,
    nowMs: works.base.nowMs,
  })
  return recovery === null ? [] : [change(state, context, recovery)]
}

function phaseOf(works: RunWorks, { run, stage }: FaultContext, phase: FaultPhase): Fact<'fault-changed'> | null {
  return evidenceOf(works, run.runId).faults.find((fault) => fault.stage === stage.stage && fault.phase === phase) ?? null
}

interface Change {
  readonly phase: FaultPhase
  readonly detail: string
  readonly recoveryMs?: number | null
  readonly leaseUntilMs?: number
  /** When it happened, where that was not now: a watchdog heals while nobody else is there to say so. */
  readonly atMs?: number
}

function change(state: InjectorState, context: FaultContext, what: Change): InjectorEffect {
  const { works } = state
  const { run, stage } = context
  const head = headOf(works, run.runId)
  return tell(state, {
    kind: 'fault-changed',
    ...head,
    atMs: what.atMs ?? head.atMs,
    stage: stage.stage,
    fault: stage.fault,
    target: stage.target,
    phase: what.phase,
    leaseUntilMs: what.leaseUntilMs ?? phaseOf(works, context, 'journalled')?.leaseUntilMs ?? head.atMs,
    recoveryMs: what.recoveryMs ?? null,
    detail: what.detail,
  })
}

/** Folded at once, as all that is said. */
function tell({ works, standing }: InjectorState, fact: Fact<'fault-changed'>): InjectorEffect {
  foldStanding(standing, fact)
  return say(works, fact)
}

const keyOf = (type: WorldEffect['type'], { runId, stage }: At) => `${type} ${runId} ${stage}`

function ask(state: InjectorState, effect: WorldEffect): InjectorEffect[] {
  const { nowMs } = state.works.base
  const key = keyOf(effect.type, effect)
  const asked = state.asked.get(key)
  if (asked !== undefined && nowMs - asked.atMs < ASK_AGAIN_MS) return []
  state.asked.set(key, { at: { runId: effect.runId, stage: effect.stage }, atMs: nowMs })
  return [effect]
}
