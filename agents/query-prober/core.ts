import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { isBusEvent, type BusEvent } from '../../shared/core/bus-events.ts'
import { isOver } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import { foldWorks, initWorks, isMyRun, ofMyRuns, sayEnded, sayStarted, stopReason, type RunWorks } from '../../shared/core/run-work.ts'
import { ask, isComplete, planFinalPass } from './asking.ts'
import type { ProberEffect, ProberEvent } from './events.ts'
import { accuseDown, foldAnswer, foldLineage, foldUnanswerable, judgeWaiting } from './judging.ts'
import { flush, followLineage, newProbeWork, type ProbeWork } from './probe-work.ts'

export interface ProberState {
  readonly works: RunWorks
  readonly active: Map<string, ProbeWork>
}

export const proberCore: AgentCore<AgentBaseConfig, ProberState, ProberEvent, ProberEffect> = {
  name: 'query-prober',
  init: (config) => ({ works: initWorks(config), active: new Map() }),
  step(state, event): Step<ProberState, ProberEffect> {
    if (isBusEvent(event)) {
      const effects: ProberEffect[] = foldWorks(state.works, event)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: onWorldEvent(state, event) }
  },
}

function onWorldEvent({ works, active }: ProberState, event: Exclude<ProberEvent, BusEvent>): ProberEffect[] {
  const work = active.get(event.runId)
  const run = works.base.book.runs.get(event.runId)
  if (work === undefined || run === undefined) return []
  switch (event.type) {
    case 'answered':
      return foldAnswer(works, { run, work }, event)
    case 'unanswerable':
      return foldUnanswerable(works, { run, work }, event)
    case 'lineage-seen':
    case 'lineage-unseen':
      return foldLineage(works, { run, work }, event)
    default:
      return unreachable(event)
  }
}

function onTick(state: ProberState): ProberEffect[] {
  const { works, active } = state
  const { book, nowMs } = works.base
  const effects: ProberEffect[] = []
  for (const { run, stage } of ofMyRuns(works, stagesToStart(book, proberCore.name, nowMs))) {
    effects.push(sayStarted(works, { runId: run.runId, stage: stage.stage }))
  }
  for (const due of ofMyRuns(works, stagesUnderWay(book, proberCore.name, nowMs))) {
    const { run, stage } = due
    // Also for one that was started before this process was: what it told stands on the results topic.
    if (!active.has(run.runId)) {
      active.set(run.runId, newProbeWork(works, run, stage.stage))
      effects.push({ type: 'begin-probing', runId: run.runId, resolved: run.resolved })
    }
    effects.push(...carryOn(state, due))
  }
  for (const runId of active.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || isOver(book, run, nowMs) || !isMyRun(works, runId)) effects.push(...stopWork(state, runId))
  }
  return effects
}

function carryOn(state: ProberState, { run, stage }: DueStage): ProberEffect[] {
  const { works } = state
  const work = state.active.get(run.runId)
  if (work === undefined || stage.task !== 'probe-api') return []
  followLineage(works, { run, work })
  const effects = [...judgeWaiting(works, { run, work }), ...accuseDown(works, { run, work })]
  planFinalPass(works, { run, work })
  const stop = stopReason(works, run, stage)
  const isDone = isComplete(works, { run, work })
  for (const hop of work.hops.values()) effects.push(...flush(works, { run, work, hop }, stop !== null || isDone ? 'all' : 'due'))
  if (stop === null && !isDone) return [...effects, ...ask(works, { run, work }, stage.requestsPerSecond)]
  const end = isDone ? ({ outcome: 'ok' } as const) : (stop ?? ({ outcome: 'ok' } as const))
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, end), ...stopWork(state, run.runId)]
}

function stopWork(state: ProberState, runId: string): ProberEffect[] {
  return state.active.delete(runId) ? [{ type: 'stop-probing', runId }] : []
}
