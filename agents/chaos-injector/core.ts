import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { hopEvidence } from '../../shared/core/evidence.ts'
import { stagesToStart, stagesUnderWay, type RunState } from '../../shared/core/run-book.ts'
import {
  evidenceOf,
  foldWorks,
  headOf,
  hopsOfKind,
  initWorks,
  say,
  sayEnded,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { Stage } from '../../topology/plan.ts'
import type { FaultName } from './faults/faults.ts'

export type InjectorEvent =
  | BusEvent
  /** `evidence` that the fault took hold, or null: then it has been healed already. */
  | { readonly type: 'injected'; readonly runId: string; readonly stage: string; readonly evidence: string | null; readonly detail: string }
  | { readonly type: 'healed'; readonly runId: string; readonly stage: string; readonly ok: boolean; readonly detail: string }
  /** What the journal says after a restart. */
  | {
      readonly type: 'lease-seen'
      readonly runId: string
      readonly stage: string
      readonly open: boolean
      readonly evidence: string | null
    }
  | { readonly type: 'leases-cleared'; readonly runId: string; readonly stage: string; readonly ok: boolean; readonly detail: string }

export type InjectorEffect =
  | BusEffect
  /** Journal, watchdog, injection, evidence, in this order. */
  | {
      readonly type: 'inject'
      readonly runId: string
      readonly stage: string
      readonly fault: FaultName
      readonly target: string
      readonly leaseUntilMs: number
    }
  | { readonly type: 'heal'; readonly runId: string; readonly stage: string }
  | { readonly type: 'look-at-lease'; readonly runId: string; readonly stage: string }
  | { readonly type: 'clear-leases'; readonly runId: string; readonly stage: string }

export interface InjectorState {
  readonly works: RunWorks
  /** Effects under way, by run and stage: asked once in this process's life, again after the retry time. */
  readonly askedMs: Map<string, number>
}

type FaultStage = Extract<Stage, { task: 'inject-fault' }>
interface FaultContext {
  readonly run: RunState
  readonly stage: FaultStage
}

const ASK_AGAIN_MS = 30_000

export const injectorCore: AgentCore<AgentBaseConfig, InjectorState, InjectorEvent, InjectorEffect> = {
  name: 'chaos-injector',
  init: (config) => ({ works: initWorks(config), askedMs: new Map() }),
  step(state, event): Step<InjectorState, InjectorEffect> {
    if (isBusEvent(event)) {
      const effects: InjectorEffect[] = foldWorks(state.works, event)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: onWorldEvent(state, event) }
  },
}

function onWorldEvent(state: InjectorState, event: Exclude<InjectorEvent, BusEvent>): InjectorEffect[] {
  const run = state.works.base.book.runs.get(event.runId)
  const stage = run?.resolved.plan.stages.find((candidate) => candidate.stage === event.stage)
  if (run === undefined || stage === undefined || run.stages.get(event.stage)?.ended !== null) return []
  if (event.type === 'leases-cleared') {
    return [
      sayEnded(
        state.works,
        { runId: run.runId, stage: event.stage },
        event.ok ? { outcome: 'ok', reason: event.detail } : { outcome: 'failed', reason: event.detail },
      ),
    ]
  }
  if (stage.task !== 'inject-fault') return []
  const context = { run, stage }
  switch (event.type) {
    case 'injected':
      return injected(state, context, event)
    case 'lease-seen':
      if (event.open)
        return injected(state, context, { evidence: event.evidence, detail: 'found standing after a restart of the injector' })
      return [
        change(state, context, { phase: 'void', detail: 'the injector restarted before the fault was injected, or its lease had run out' }),
      ]
    case 'healed':
      return [change(state, context, { phase: event.ok ? 'healed' : 'heal-failed', detail: event.detail })]
    default:
      return unreachable(event)
  }
}

function injected(
  state: InjectorState,
  context: FaultContext,
  { evidence, detail }: { evidence: string | null; detail: string },
): InjectorEffect[] {
  if (evidence === null) return [change(state, context, { phase: 'void', detail })]
  return [change(state, context, { phase: 'injected', detail }), change(state, context, { phase: 'bit', detail: evidence })]
}

function onTick(state: InjectorState): InjectorEffect[] {
  const { works } = state
  const { book, nowMs } = works.base
  const effects: InjectorEffect[] = []
  for (const { run, stage } of stagesToStart(book, injectorCore.name, nowMs))
    effects.push(sayStarted(works, { runId: run.runId, stage: stage.stage }))
  for (const { run, stage } of stagesUnderWay(book, injectorCore.name, nowMs)) {
    if (stage.task === 'heal') effects.push(...ask(state, { type: 'clear-leases', runId: run.runId, stage: stage.stage }))
    if (stage.task === 'inject-fault') effects.push(...carryOn(state, { run, stage }))
  }
  return effects
}

/** One step of a fault's life, decided from its facts alone: a restart goes on from them, and injects nothing twice. */
function carryOn(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const at = { runId: run.runId, stage: stage.stage }
  const phase = (name: FaultPhase) => phaseOf(works, context, name)
  const stop = stopReason(works, run, stage)
  const stands = phase('injected') !== null && phase('healed') === null && phase('heal-failed') === null
  if (stands && (stop !== null || works.base.nowMs >= (phase('injected')?.atMs ?? 0) + stage.durationMs))
    return ask(state, { type: 'heal', ...at })
  if (stands) return []
  if (phase('heal-failed') !== null) return [sayEnded(works, at, { outcome: 'failed', reason: phase('heal-failed')?.detail ?? '' })]
  if (stop !== null) return [sayEnded(works, at, stop)]
  if (phase('void') !== null || phase('recovered') !== null || phase('not-recovered') !== null)
    return [sayEnded(works, at, { outcome: 'ok' })]
  if (phase('healed') !== null) return watchRecovery(state, context)
  // Journalled and not injected: by this process, or by one before it that may have died in between.
  if (phase('journalled') !== null) return state.askedMs.has(`inject ${keyOf(at)}`) ? [] : ask(state, { type: 'look-at-lease', ...at })
  return injectWhenSteady(state, context)
}

/** The pipeline must flow before it is disturbed: a fault on one that stands proves nothing. */
function injectWhenSteady(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const startedMs = run.stages.get(stage.stage)?.started?.atMs ?? works.base.nowMs
  const flows = evidenceOf(works, run.runId).snapshots.some(({ canaries }) => canaries.length > 0)
  if (!flows || works.base.nowMs < startedMs + stage.afterMs) return []
  const leaseUntilMs = works.base.nowMs + stage.leaseMs
  const journalled = say(works, {
    ...changeOf(state, context, { phase: 'journalled', detail: 'steady: canaries reach the table' }),
    leaseUntilMs,
  })
  return [
    journalled,
    ...ask(state, { type: 'inject', runId: run.runId, stage: stage.stage, fault: stage.fault, target: stage.target, leaseUntilMs }),
  ]
}

/** Recovered once everything acknowledged up to the healing is in the table. */
function watchRecovery(state: InjectorState, context: FaultContext): InjectorEffect[] {
  const { works } = state
  const { run, stage } = context
  const healed = phaseOf(works, context, 'healed')
  const table = hopsOfKind(run, 'table')[0]
  if (healed === null || table === undefined) return []
  const evidence = evidenceOf(works, run.runId)
  const owed = new CanarySet()
  for (const segment of evidence.ledger) if (segment.atMs <= healed.atMs) owed.addAll(segment.canaries)
  const accused = new CanarySet()
  for (const { violation, stream, standing } of evidence.violations.values())
    if (violation === 'lost') accused.addAll([{ stream, ranges: [...standing.ranges] }])
  const missing = owed.minus(hopEvidence(evidence, table.name).sighted).minus(accused)
  if (missing.size === 0)
    return [
      change(state, context, {
        phase: 'recovered',
        detail: `${owed.size} canaries owed at the healing are in ${table.name}`,
        recoveryMs: recoveryMs(works, context, owed),
      }),
    ]
  if (works.base.nowMs <= healed.atMs + stage.recoverWithinMs) return []
  return [
    change(state, context, {
      phase: 'not-recovered',
      detail: `${missing.size} of ${owed.size} canaries are not in ${table.name} ${stage.recoverWithinMs} ms after the healing`,
    }),
  ]
}

/** From the healing to the commit of the snapshot with which the last owed canary came. */
function recoveryMs(works: RunWorks, context: FaultContext, owed: CanarySet): number {
  const healedMs = phaseOf(works, context, 'healed')?.atMs ?? 0
  const lastMs = evidenceOf(works, context.run.runId).snapshots.reduce(
    (last, { canaries, committedAtMs }) => (CanarySet.of(canaries).and(owed).size > 0 ? Math.max(last, committedAtMs) : last),
    0,
  )
  return Math.max(0, lastMs - healedMs)
}

function phaseOf(works: RunWorks, { run, stage }: FaultContext, phase: FaultPhase): Fact<'fault-changed'> | null {
  return evidenceOf(works, run.runId).faults.find((fault) => fault.stage === stage.stage && fault.phase === phase) ?? null
}

interface Change {
  readonly phase: FaultPhase
  readonly detail: string
  readonly recoveryMs?: number
}

const change = (state: InjectorState, context: FaultContext, what: Change): InjectorEffect =>
  say(state.works, changeOf(state, context, what))

function changeOf(
  { works }: InjectorState,
  context: FaultContext,
  { phase, detail, recoveryMs = undefined }: Change,
): Fact<'fault-changed'> {
  const { run, stage } = context
  const leaseUntilMs = phaseOf(works, context, 'journalled')?.leaseUntilMs ?? works.base.nowMs
  return {
    kind: 'fault-changed',
    ...headOf(works, run.runId),
    stage: stage.stage,
    fault: stage.fault,
    target: stage.target,
    phase,
    leaseUntilMs,
    recoveryMs: recoveryMs ?? null,
    detail,
  }
}

const keyOf = ({ runId, stage }: { runId: string; stage: string }) => `${runId} ${stage}`

function ask(state: InjectorState, effect: Exclude<InjectorEffect, BusEffect>): InjectorEffect[] {
  const key = `${effect.type} ${keyOf(effect)}`
  const askedMs = state.askedMs.get(key)
  if (askedMs !== undefined && state.works.base.nowMs - askedMs < ASK_AGAIN_MS) return []
  state.askedMs.set(key, state.works.base.nowMs)
  return [effect]
}
