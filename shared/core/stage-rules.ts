import type { Stage } from '../../topology/plan.ts'
import { agentOfTask } from '../../topology/plan.ts'
import type { AgentName } from './agent.ts'
import { isCancelled, isOver, isOverdue, admittedAtMs, type RunBook, type RunState } from './run-book.ts'
import { isMissed } from './series.ts'
import type { StageProgress } from './stage-progress.ts'

export interface DueStage {
  readonly run: RunState
  readonly stage: Stage
}

/** Stages of this agent that may start now: not started, what they need is there, the run is admitted. */
export function stagesToStart(book: RunBook, agent: AgentName, nowMs: number): DueStage[] {
  const due: DueStage[] = []
  for (const run of book.runs.values()) {
    if (isMissed(run) || isOver(book, run, nowMs) || admittedAtMs(book, run, nowMs) === null) continue
    for (const stage of run.resolved.plan.stages) {
      if (agentOfTask[stage.task] !== agent || run.stages.get(stage.stage)?.started !== null) continue
      if (run.stages.get(stage.stage)?.ended !== null) continue
      if (mayStart(book, { run, stage }, nowMs)) due.push({ run, stage })
    }
  }
  return due
}

function mayStart(book: RunBook, { run, stage }: DueStage, nowMs: number): boolean {
  const progress = (name: string) => run.stages.get(name) as StageProgress
  if (stage.always) {
    // Clean-up does not ask how things ended, only that they did; what never began cannot end once the run is off.
    const off = isOff(book, run, nowMs)
    return stage.needs.every((name) => {
      const { started, ended } = progress(name)
      return (
        ended !== null || (off && started === null) || isBlocked(run, name) || absentSinceMs(book, { run, stage: name }, nowMs) !== null
      )
    })
  }
  if (isOff(book, run, nowMs)) return false
  return (
    stage.needs.every((name) => progress(name).ended?.outcome === 'ok') &&
    stage.needsStarted.every((name) => progress(name).started !== null)
  )
}

/** Nothing that is not under way begins any more; who looked at what is being cleaned up would see it go. */
const isOff = (book: RunBook, run: RunState, nowMs: number) =>
  isCancelled(book, run) ||
  isOverdue(book, run, nowMs) ||
  run.resolved.plan.stages.some(({ stage, task }) => task === 'clean-up' && run.stages.get(stage)?.started != null)

/** A stage that can never start any more, because one it needs ended badly. */
export function isBlocked(run: RunState, name: string): boolean {
  const progress = run.stages.get(name)
  const stage = run.resolved.plan.stages.find((candidate) => candidate.stage === name)
  if (progress === undefined || stage === undefined || progress.started !== null || stage.always) return false
  return (
    stage.needs.some((need) => {
      const ended = run.stages.get(need)?.ended
      return (ended !== null && ended !== undefined && ended.outcome !== 'ok') || isBlocked(run, need)
    }) || stage.needsStarted.some((need) => isBlocked(run, need))
  )
}

/** How long a stage may be free to start before its agent counts as absent. */
export const START_WITHIN_MS = 30_000

/** Whether nothing more will come of the run's stages: each has ended, or can no longer start, or its agent is not there. */
export function allStagesDone(book: RunBook, run: RunState, nowMs: number): boolean {
  if (isMissed(run)) return true
  const off = isOff(book, run, nowMs)
  return run.resolved.plan.stages.every((stage) => {
    const progress = run.stages.get(stage.stage) as StageProgress
    if (progress.ended !== null) return true
    return (
      progress.started === null &&
      ((off && !stage.always) || isBlocked(run, stage.stage) || absentSinceMs(book, { run, stage: stage.stage }, nowMs) !== null)
    )
  })
}

/** Since when a stage has been free to start for too long, and not started, or waits for such a one; null where it is not so. */
function absentSinceMs(book: RunBook, { run, stage: name }: { run: RunState; stage: string }, nowMs: number): number | null {
  const stage = run.resolved.plan.stages.find((one) => one.stage === name)
  if (stage === undefined || run.stages.get(name)?.started !== null) return null
  if (mayStart(book, { run, stage }, nowMs)) {
    const sinceMs = freeSinceMs(book, { run, stage }, nowMs) + START_WITHIN_MS
    return nowMs > sinceMs ? sinceMs : null
  }
  const waitsFor = [...stage.needs, ...stage.needsStarted].flatMap((need) => absentSinceMs(book, { run, stage: need }, nowMs) ?? [])
  return waitsFor.length === 0 ? null : Math.min(...waitsFor)
}

function agentOf({ resolved }: RunState, name: string): AgentName | null {
  const stage = resolved.plan.stages.find((one) => one.stage === name)
  return stage === undefined ? null : agentOfTask[stage.task]
}

function freeSinceMs(book: RunBook, { run, stage }: DueStage, nowMs: number): number {
  const times = [admittedAtMs(book, run, nowMs) ?? nowMs]
  // Of an agent that did not begin the one, the other is not waited for.
  const absentMs = (need: string) =>
    stage.always && agentOf(run, need) !== agentOfTask[stage.task] ? absentSinceMs(book, { run, stage: need }, nowMs) : null
  for (const need of stage.needs) times.push(run.stages.get(need)?.ended?.atMs ?? absentMs(need) ?? 0)
  for (const need of stage.needsStarted) times.push(run.stages.get(need)?.started?.atMs ?? 0)
  return Math.max(...times)
}

/** Stages this agent had started and not ended when it was last alive, or has under way now. */
export function stagesUnderWay(book: RunBook, agent: AgentName, nowMs: number): DueStage[] {
  return [...book.runs.values()]
    .filter((run) => !isOver(book, run, nowMs))
    .flatMap((run) => run.resolved.plan.stages.map((stage) => ({ run, stage })))
    .filter(({ run, stage }) => {
      const progress = run.stages.get(stage.stage)
      return agentOfTask[stage.task] === agent && progress?.started !== null && progress?.ended === null
    })
}
