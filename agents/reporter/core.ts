import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { judge, type Judgement } from '../../shared/core/judge.ts'
import { ABANDON_AFTER_MS, admittedAtMs, allStagesDone, type RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, foldWorks, headOf, initWorks, say, type RunWorks } from '../../shared/core/run-work.ts'

export type ReporterEvent = BusEvent | { readonly type: 'reports-written'; readonly runId: string; readonly paths: readonly string[] }

/** The judgement is carried along: what is published is what was reported. */
export interface WriteReports {
  readonly type: 'write-reports'
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  readonly atMs: number
}

export type ReporterEffect = BusEffect | WriteReports

export interface ReporterState {
  readonly works: RunWorks
  /** Judged, and waiting for the reports to be written. */
  readonly reporting: Map<string, { readonly judgement: Judgement; readonly factsHeard: number }>
}

export const reporterCore: AgentCore<AgentBaseConfig, ReporterState, ReporterEvent, ReporterEffect> = {
  name: 'reporter',
  init: (config) => ({ works: initWorks(config), reporting: new Map() }),
  step(state, event): Step<ReporterState, ReporterEffect> {
    if (isBusEvent(event)) {
      const effects: ReporterEffect[] = foldWorks(state.works, event)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...judgeWhatIsDone(state)] : effects }
    }
    return { state, effects: publishVerdict(state, event.runId, event.paths) }
  },
}

function judgeWhatIsDone(state: ReporterState): ReporterEffect[] {
  const { works, reporting } = state
  const { book, nowMs } = works.base
  const effects: ReporterEffect[] = []
  for (const run of book.runs.values()) {
    if (run.judged !== null || reporting.has(run.runId) || !isReadyToJudge(state, run)) continue
    const evidence = evidenceOf(works, run.runId)
    const judgement = judge(book, run, evidence)
    reporting.set(run.runId, { judgement, factsHeard: evidence.heard })
    effects.push({ type: 'write-reports', run, evidence, judgement, atMs: nowMs })
  }
  return effects
}

/**
 * A run is judged once: when all its stages are done, or long past its time on what there is. Every stage tells its
 * findings before it ends, on the same partition, so nothing of a stage that has ended is still under way.
 */
function isReadyToJudge({ works }: ReporterState, run: RunState): boolean {
  const { book, nowMs } = works.base
  const admittedMs = admittedAtMs(book, run, nowMs)
  if (admittedMs === null) return false
  return allStagesDone(book, run, nowMs) || nowMs > admittedMs + run.resolved.plan.timeoutMs + ABANDON_AFTER_MS / 2
}

function publishVerdict({ works, reporting }: ReporterState, runId: string, paths: readonly string[]): ReporterEffect[] {
  const reported = reporting.get(runId)
  const run = works.base.book.runs.get(runId)
  if (reported === undefined || run === undefined || run.judged !== null) return []
  reporting.delete(runId)
  return [
    say(works, {
      kind: 'run-judged',
      ...headOf(works, runId),
      ...reported.judgement,
      factsHeard: reported.factsHeard,
      reports: [...paths],
    }),
  ]
}
