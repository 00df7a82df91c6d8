import type { FaultPhase } from '../../schemas/results/fault-changed.ts'
import type { Fact } from '../../schemas/results.ts'
import { unreachable } from '../../shared/core/assert.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { isOver } from '../../shared/core/run-book.ts'
import { headOf, sayEnded } from '../../shared/core/run-work.ts'
import type { InjectorEffect, InjectorEvent, LeaseEvent } from './events.ts'
import { ask, change, meOf, phaseOf, seesTo, tell, type Change, type FaultContext, type InjectorState } from './fault-work.ts'
import { placeOf } from './standing.ts'

type WorldEvent = Exclude<InjectorEvent, BusEvent>

/** What comes of what was asked of the world. */
export function onWorldEvent(state: InjectorState, event: WorldEvent): InjectorEffect[] {
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
function onLateEvent(state: InjectorState, standing: Fact<'fault-changed'>, event: WorldEvent): InjectorEffect[] {
  if (!seesTo(state, standing)) return []
  const { runId, stage, target } = standing
  const late = (what: Change) => tell(state, { ...standing, ...headOf(state.works, runId), ...what })
  const isTold = standing.phase !== 'journalled'
  switch (event.type) {
    case 'bitten':
      // Nobody heals as planned what nobody knew to stand.
      return isTold ? [] : [...bitten(event).map(late), ...ask(state, { type: 'heal', runId, stage, target })]
    case 'healed':
      return event.ok ? [late({ phase: isTold ? 'healed' : 'void', detail: event.detail, atMs: event.healedAtMs })] : []
    case 'no-lease':
      if (isTold) return []
      if (standing.instance === meOf(state)) return [late({ phase: 'void', detail: event.detail })]
      // Another's intent, and nothing here to look for.
      if (state.works.base.nowMs >= standing.leaseUntilMs) state.standing.delete(placeOf(standing))
      return []
    case 'leases-cleared':
      return []
    default:
      return unreachable(event)
  }
}

const bitten = ({ injectedAtMs, evidence, detail }: Extract<LeaseEvent, { type: 'bitten' }>): Change[] => [
  { phase: 'injected', detail, atMs: injectedAtMs },
  { phase: 'bit', detail: evidence },
]

function onLeaseEvent(state: InjectorState, context: FaultContext, event: LeaseEvent): InjectorEffect[] {
  const has = (phase: FaultPhase) => phaseOf(state.works, context, phase) !== null
  const at = { runId: context.run.runId, stage: context.stage.stage }
  const journalled = phaseOf(state.works, context, 'journalled')
  if (has('healed') || has('heal-failed') || (journalled !== null && !seesTo(state, journalled))) return []
  // It may stand although it was called void: by another, who did not see its lease.
  if (has('void') && event.type !== 'bitten' && !state.standing.has(placeOf(at))) return []
  const { detail } = event
  switch (event.type) {
    case 'bitten':
      return has('bit') ? [] : bitten(event).map((what) => change(state, context, what))
    case 'healed': {
      if (!event.ok) return [change(state, context, { phase: 'heal-failed', detail })]
      // Without evidence that it took hold it proves nothing, however well it was healed.
      const phases: FaultPhase[] = [...(has('bit') ? [] : ['void' as const]), ...(has('injected') || has('bit') ? ['healed' as const] : [])]
      return phases.map((phase) => change(state, context, { phase, detail, atMs: event.healedAtMs }))
    }
    case 'no-lease':
      if (journalled !== null && journalled.instance !== meOf(state)) return endWithoutLease(state, journalled, detail)
      return [change(state, context, { phase: has('injected') ? 'heal-failed' : 'void', detail })]
    default:
      return unreachable(event)
  }
}

/** Who journalled it is silent, and its lease is not to be seen from here: while its time runs the fault may stand. */
function endWithoutLease({ works }: InjectorState, journalled: Fact<'fault-changed'>, detail: string): InjectorEffect[] {
  const { runId, stage, instance, leaseUntilMs } = journalled
  if (works.base.nowMs < leaseUntilMs) return []
  const reason = `what became of its fault is not known: instance ${instance}, which has its lease, is silent; ${detail}`
  return [sayEnded(works, { runId, stage }, { outcome: 'failed', reason })]
}
