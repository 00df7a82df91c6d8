import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact } from '../../schemas/results.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, say, type RunWorks } from '../../shared/core/run-work.ts'
import type { Stage } from '../../topology/plan.ts'
import type { InjectorEffect, WorldEffect } from './events.ts'
import { isSilent, type Presence } from './presence.ts'
import { foldStanding, type At, type StandingFaults } from './standing.ts'

export interface InjectorState {
  readonly works: RunWorks
  readonly standing: StandingFaults
  readonly presence: Presence
  /** What this process has asked of the world, by `keyOf`: asked again after a while, forgotten with the stage and its fault. */
  readonly asked: Map<string, { readonly at: At; readonly atMs: number }>
}

export type FaultStage = Extract<Stage, { task: 'inject-fault' }>

export interface FaultContext {
  readonly run: RunState
  readonly stage: FaultStage
}

const ASK_AGAIN_MS = 30_000

export const meOf = ({ works }: InjectorState) => works.base.config.speaker.instance

/** A lease lies with who journalled it, and so does what becomes of it; others see to it once that one is silent. */
export const seesTo = (state: InjectorState, { instance }: Fact<'fault-changed'>) =>
  instance === meOf(state) || isSilent(state.presence, instance, state.works.base.nowMs)

export function phaseOf(works: RunWorks, { run, stage }: FaultContext, phase: FaultPhase): Fact<'fault-changed'> | null {
  return evidenceOf(works, run.runId).faults.find((fault) => fault.stage === stage.stage && fault.phase === phase) ?? null
}

/** What is told of a fault. */
export interface Change {
  readonly phase: FaultPhase
  readonly detail: string
  readonly recoveryMs?: number | null
  readonly leaseUntilMs?: number
  /** When it happened, where that was not now: a watchdog heals while nobody else is there to say so. */
  readonly atMs?: number
}

export function change(state: InjectorState, context: FaultContext, what: Change): InjectorEffect {
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
export function tell({ works, standing }: InjectorState, fact: Fact<'fault-changed'>): InjectorEffect {
  foldStanding(standing, fact, works.base.config.speaker.instance)
  return say(works, fact)
}

export const keyOf = (type: WorldEffect['type'], { runId, stage }: At) => `${type} ${runId} ${stage}`

export function ask(state: InjectorState, effect: WorldEffect): InjectorEffect[] {
  const { nowMs } = state.works.base
  const key = keyOf(effect.type, effect)
  const asked = state.asked.get(key)
  if (asked !== undefined && nowMs - asked.atMs < ASK_AGAIN_MS) return []
  state.asked.set(key, { at: { runId: effect.runId, stage: effect.stage }, atMs: nowMs })
  return [effect]
}
