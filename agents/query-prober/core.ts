import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import { isOver, stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/run-book.ts'
import { foldWorks, initWorks, sayEnded, sayStarted, stopReason, type RunWorks } from '../../shared/core/run-work.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { ask, isComplete, planFinalPass } from './asking.ts'
import { accuseDown, foldAnswer, foldLineage, foldUnanswerable, judgeWaiting } from './judging.ts'
import { flush, followLineage, newProbeWork, type ProbeWork } from './probe-work.ts'
import type { AnswerMismatch } from './probes/compare.ts'
import type { SnapshotSeen } from './probes/lineage.ts'

/** What is asked of an api hop. The last two ask how it treats a stranger and an id that nobody wrote. */
export type Question =
  | { readonly kind: 'canary'; readonly stream: number; readonly seq: number }
  | { readonly kind: 'window'; readonly stream: number; readonly seqFirst: number; readonly seqLast: number }
  | { readonly kind: 'no-credentials'; readonly stream: number; readonly seq: number }
  | { readonly kind: 'unknown-id'; readonly stream: number; readonly seq: number }

export interface Answer {
  readonly atMs: number
  readonly latencyMs: number
  /** Null when there was no answer. */
  readonly status: number | null
  readonly isJson: boolean
  readonly snapshotId: string | null
  readonly mismatches: readonly AnswerMismatch[]
  readonly error: string | null
}

export type ProberEvent =
  | BusEvent
  | { readonly type: 'answered'; readonly runId: string; readonly id: number; readonly answer: Answer }
  /** Our own trouble: what the answer should be could not be computed. */
  | { readonly type: 'unanswerable'; readonly runId: string; readonly id: number; readonly reason: string }
  | { readonly type: 'lineage-seen'; readonly runId: string; readonly atMs: number; readonly snapshots: readonly SnapshotSeen[] }
  | { readonly type: 'lineage-unseen'; readonly runId: string; readonly hop: string; readonly reason: string }

export type ProberEffect =
  | BusEffect
  | { readonly type: 'begin-probing'; readonly runId: string; readonly resolved: ResolvedRun }
  | { readonly type: 'stop-probing'; readonly runId: string }
  /** Asks at the intended time, compares with what was produced, and answers `answered` within the hop's timeout. */
  | {
      readonly type: 'ask'
      readonly runId: string
      readonly hop: string
      readonly id: number
      readonly question: Question
      readonly intendedAtMs: number
    }
  /** A fresh load of the table from the catalog: its snapshots and their parents. */
  | { readonly type: 'look-at-lineage'; readonly runId: string; readonly hop: string }

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
  for (const { run, stage } of stagesToStart(book, proberCore.name, nowMs)) {
    effects.push(sayStarted(works, { runId: run.runId, stage: stage.stage }))
  }
  for (const due of stagesUnderWay(book, proberCore.name, nowMs)) {
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
    if (run === undefined || isOver(book, run, nowMs)) effects.push(...stopWork(state, runId))
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
