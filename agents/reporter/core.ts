import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { ABANDON_AFTER_MS } from '../../shared/core/admission.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { isGraver } from '../../shared/core/gravity.ts'
import { isSameJudgement, judge, judgeEarly, type Judgement } from '../../shared/core/judge.ts'
import { admittedAtMs, type RunState } from '../../shared/core/run-book.ts'
import { allStagesDone } from '../../shared/core/stage-rules.ts'
import { evidenceOf, foldWorks, headOf, initWorks, say, type RunWorks } from '../../shared/core/run-work.ts'

export type ReporterEvent = BusEvent | { readonly type: 'reports-written'; readonly runId: string; readonly paths: readonly string[] }

/** The judgement is carried along: what is published is what was reported. */
export interface WriteReports {
  readonly type: 'write-reports'
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  /** Of a run that is under way. */
  readonly isEarly: boolean
  readonly atMs: number
}

export type ReporterEffect = BusEffect | WriteReports

interface Reporting {
  readonly judgement: Judgement
  /** Null before the verdict. */
  readonly revision: number | null
  readonly factsHeard: number
}

export interface ReporterState {
  readonly works: RunWorks
  /** Judged, and waiting for the reports to be written. */
  readonly reporting: Map<string, Reporting>
  /** How many facts had been heard when a judged run was last judged again. */
  readonly judgedAgain: Map<string, number>
  /** How many violations a run under way had, and steps of faults that may excuse them, when it was last looked at. */
  readonly lookedAt: Map<string, number>
}

/** Late facts come in bursts: one amendment tells of all. */
const AMEND_AFTER_MS = 5_000

export const reporterCore: AgentCore<AgentBaseConfig, ReporterState, ReporterEvent, ReporterEffect> = {
  name: 'reporter',
  init: (config) => ({ works: initWorks(config), reporting: new Map(), judgedAgain: new Map(), lookedAt: new Map() }),
  step(state, event): Step<ReporterState, ReporterEffect> {
    if (isBusEvent(event)) {
      const effects: ReporterEffect[] = foldWorks(state.works, event)
      if (event.type === 'tick' && state.works.base.caughtUp)
        effects.push(...judgeWhatIsDone(state), ...amendVerdicts(state), ...reportWhatFails(state))
      return { state, effects }
    }
    return { state, effects: publishReported(state, event.runId, event.paths) }
  },
}

function judgeWhatIsDone(state: ReporterState): ReporterEffect[] {
  const { works, reporting } = state
  const { book } = works.base
  const effects: ReporterEffect[] = []
  for (const run of book.runs.values()) {
    if (run.judged !== null || reporting.has(run.runId) || !isReadyToJudge(state, run)) continue
    const evidence = evidenceOf(works, run.runId)
    effects.push(report(state, { run, evidence, judgement: judge(book, run, evidence), revision: 0 }))
  }
  return effects
}

/** What was said of a run after its verdict may change it: a lost canary that arrived was late. */
function amendVerdicts(state: ReporterState): ReporterEffect[] {
  const { works, reporting, judgedAgain } = state
  const { book, nowMs } = works.base
  for (const runId of judgedAgain.keys()) if (!works.judgedEvidence.has(runId)) judgedAgain.delete(runId)
  const effects: ReporterEffect[] = []
  for (const [runId, evidence] of works.judgedEvidence) {
    const run = book.runs.get(runId)
    if (run === undefined || run.judged === null || reporting.has(runId) || nowMs - run.judged.atMs < AMEND_AFTER_MS) continue
    if (evidence.heard <= (judgedAgain.get(runId) ?? run.judged.factsHeard)) continue
    judgedAgain.set(runId, evidence.heard)
    const judgement = judge(book, run, evidence)
    if (isSameJudgement(run.judged, judgement)) continue
    effects.push(report(state, { run, evidence, judgement, revision: run.judged.revision + 1 }))
  }
  return effects
}

/**
 * Nobody need wait for a verdict that can only be fail; nor, told of delays, for worse that has come to light. Told again
 * after a restart between report and fact.
 */
function reportWhatFails(state: ReporterState): ReporterEffect[] {
  const { works, reporting, lookedAt } = state
  const { book } = works.base
  for (const runId of lookedAt.keys()) if (!works.evidence.has(runId)) lookedAt.delete(runId)
  const effects: ReporterEffect[] = []
  for (const [runId, evidence] of works.evidence) {
    const run = book.runs.get(runId)
    if (run === undefined || run.judged !== null || reporting.has(runId)) continue
    const known = evidence.violations.size + evidence.faults.length
    if (known <= (lookedAt.get(runId) ?? 0)) continue
    lookedAt.set(runId, known)
    const judgement = judgeEarly(book, run, evidence)
    if (judgement !== null && isNews(run, judgement)) effects.push(report(state, { run, evidence, judgement, revision: null }))
  }
  return effects
}

const isNews = ({ failing }: RunState, { gravest }: Judgement) => failing === null || isGraver(gravest, failing.gravest)

interface Judged extends Pick<WriteReports, 'run' | 'evidence' | 'judgement'> {
  readonly revision: number | null
}

function report({ works, reporting }: ReporterState, { run, evidence, judgement, revision }: Judged): WriteReports {
  reporting.set(run.runId, { judgement, revision, factsHeard: evidence.heard })
  return { type: 'write-reports', run, evidence, judgement, isEarly: revision === null, atMs: works.base.nowMs }
}

/**
 * A run is judged when all its stages are done, or long past its time on what there is. Every stage tells its findings
 * before it ends, on the same partition, so nothing of a stage that has ended is still under way.
 */
function isReadyToJudge({ works }: ReporterState, run: RunState): boolean {
  const { book, nowMs } = works.base
  const admittedMs = admittedAtMs(book, run, nowMs)
  if (admittedMs === null) return false
  return allStagesDone(book, run, nowMs) || nowMs > admittedMs + run.resolved.plan.timeoutMs + ABANDON_AFTER_MS / 2
}

function publishReported({ works, reporting }: ReporterState, runId: string, paths: readonly string[]): ReporterEffect[] {
  const reported = reporting.get(runId)
  const run = works.base.book.runs.get(runId)
  reporting.delete(runId)
  if (reported === undefined || run === undefined) return []
  const { judgement, revision, factsHeard } = reported
  const said = { ...headOf(works, runId), factsHeard, reports: [...paths] }
  if (revision === null) {
    const { verdict, reasons, gravest } = judgement
    const isTold = run.judged !== null || !isNews(run, judgement)
    return isTold ? [] : [say(works, { kind: 'run-failing', ...said, verdict, reasons, gravest })]
  }
  // Another reporter was faster.
  if (run.judged !== null && run.judged.revision >= revision) return []
  return [say(works, { kind: 'run-judged', ...said, ...judgement, revision })]
}
