import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { isBusEvent } from '../../shared/core/bus-events.ts'
import { recoveryOf } from '../../shared/core/recovery.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import {
  evidenceOf,
  foldWorks,
  hopsOfKind,
  initWorks,
  isMyRun,
  ofMyRuns,
  production,
  sayEnded,
  sayStarted,
  stopReason,
} from '../../shared/core/run-work.ts'
import type { Stage } from '../../topology/plan.ts'
import type { InjectorEffect, InjectorEvent } from './events.ts'
import { ask, change, keyOf, meOf, phaseOf, seesTo, type FaultContext, type InjectorState } from './fault-work.ts'
import { onWorldEvent } from './lease-answers.ts'
import { foldPresence, nobody } from './presence.ts'
import { foldStanding, placeOf } from './standing.ts'

type StopReason = NonNullable<ReturnType<typeof stopReason>>

export const injectorCore: AgentCore<AgentBaseConfig, InjectorState, InjectorEvent, InjectorEffect> = {
  name: 'chaos-injector',
  init: (config) => ({ works: initWorks(config), standing: new Map(), presence: nobody(), asked: new Map() }),
  step(state, event): Step<InjectorState, InjectorEffect> {
    if (isBusEvent(event)) {
      if (event.type === 'fact') foldStanding(state.standing, event.fact, meOf(state))
      const effects: InjectorEffect[] = foldWorks(state.works, event)
      foldPresence(state.presence, event, state.works.base)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: onWorldEvent(state, event) }
  },
}

function onTick(state: InjectorState): InjectorEffect[] {
  const { works } = state
  const { book, nowMs } = works.base
  const effects: InjectorEffect[] = []
  for (const { run, stage } of ofMyRuns(works, stagesToStart(book, injectorCore.name, nowMs)))
    effects.push(sayStarted(works, { runId: run.runId, stage: stage.stage }))
  const underWay = stagesUnderWay(book, injectorCore.name, nowMs)
  for (const { run, stage } of underWay) {
    if (stage.task === 'heal' && isMyRun(works, run.runId)) effects.push(...clearLeases(state, run, stage))
    if (stage.task === 'inject-fault') effects.push(...carryOn(state, { run, stage }))
  }
  effects.push(...lookAfterLeftovers(state, underWay))
  for (const [key, { at }] of state.asked)
    if (!state.standing.has(placeOf(at)) && book.runs.get(at.runId)?.stages.get(at.stage)?.ended !== null) state.asked.delete(key)
  return effects
}

/**
 * Faults that nobody called healed, and nobody else will: their stage has ended or their run is over, and a watchdog tells
 * no one. Who has the lease asks, whoever has the run.
 */
function lookAfterLeftovers(state: InjectorState, underWay: readonly DueStage[]): InjectorEffect[] {
  const places = new Set(underWay.map(({ run: { runId }, stage: { stage } }) => placeOf({ runId, stage })))
  return [...state.standing].flatMap(([place, fact]) => {
    const { runId, stage, target } = fact
    return places.has(place) || !seesTo(state, fact) ? [] : ask(state, { type: 'look-at-lease', runId, stage, target })
  })
}

function clearLeases(state: InjectorState, run: RunState, stage: Stage): InjectorEffect[] {
  const at = { runId: run.runId, stage: stage.stage }
  const stop = stopReason(state.works, run, stage)
  if (stop === null) return ask(state, { type: 'clear-leases', ...at })
  return [sayEnded(state.works, at, { outcome: 'failed', reason: `whether faults of the run still stand is not known: ${stop.reason}` })]
}

/** One step of a fault's life, decided from its facts alone: a restart goes on from them, and injects nothing twice. */
function carryOn(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works, standing } = state
  const { run, stage } = context
  const at = { runId: run.runId, stage: stage.stage }
  const phase = (name: FaultPhase) => phaseOf(works, context, name)
  const stop = stopReason(works, run, stage)
  const [journalled, failed] = [phase('journalled'), phase('heal-failed')]
  const mayStand = failed === null && phase('healed') === null && (phase('void') === null || standing.has(placeOf(at)))
  if (journalled !== null && mayStand) return seeToLease(state, context, { journalled, isStopped: stop !== null })
  if (!isMyRun(works, run.runId)) return []
  if (failed !== null) return [sayEnded(works, at, { outcome: 'failed', reason: failed.detail })]
  if (phase('void') !== null || phase('recovered') !== null || phase('not-recovered') !== null)
    return [sayEnded(works, at, stop?.outcome === 'cancelled' ? stop : { outcome: 'ok' })]
  if (journalled === null) return injectWhenSteady(state, context, stop)
  return stop === null ? watchRecovery(state, context) : [sayEnded(works, at, stop)]
}

/** The fault may stand, also when it is not known yet whether it does: no end without a heal. */
function seeToLease(
  state: InjectorState,
  context: FaultContext,
  { journalled, isStopped }: { journalled: Fact<'fault-changed'>; isStopped: boolean },
): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const at = { runId: run.runId, stage: stage.stage }
  const isMine = journalled.instance === meOf(state)
  if (!isMine && !(isMyRun(works, run.runId) && seesTo(state, journalled))) return []
  const injected = phaseOf(works, context, 'injected')
  const isDue = injected !== null && (phaseOf(works, context, 'void') !== null || works.base.nowMs >= injected.atMs + stage.durationMs)
  if (isStopped || isDue) return ask(state, { type: 'heal', ...at, target: stage.target })
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
