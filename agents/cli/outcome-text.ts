import type { Judgement } from '../../shared/core/judge.ts'
import { exitCodeOfVerdict, exitCodes } from './exit-codes.ts'
import type { RunOutcome } from './followed-run.ts'
import { verdictLines } from './verdict-text.ts'

/** An outcome told to people, to programs, and to the shell. */
export interface ToldOutcome {
  readonly lines: readonly string[]
  readonly json: object
  readonly exitCode: number
}

export function toldOutcome(runId: string, outcome: RunOutcome): ToldOutcome {
  switch (outcome.kind) {
    case 'judged': {
      const { run, judged } = outcome
      const told = {
        runId,
        planName: run.accepted.planName,
        judgement: judged,
        tookMs: judged.atMs - run.accepted.requestedAtMs,
        reports: judged.reports,
      }
      const json = {
        runId,
        planName: told.planName,
        ...judgementFields(judged),
        judgedBy: judged.agent,
        tookMs: told.tookMs,
        reports: judged.reports,
      }
      return { lines: verdictLines(told), json, exitCode: exitCodeOfVerdict(judged.verdict) }
    }
    case 'unjudged': {
      const { run, judgement } = outcome
      const { planName } = run.accepted
      const lines = verdictLines({ runId, planName, judgement, tookMs: null, reports: [] })
      return {
        lines,
        json: { runId, planName, ...judgementFields(judgement), judgedBy: null, tookMs: null, reports: [] },
        exitCode: exitCodeOfVerdict(judgement.verdict),
      }
    }
    case 'refused': {
      const { problems } = outcome.refusal
      const lines = [`REFUSED  ${runId}`, ...problems.map((problem) => `  ${problem}`)]
      return { lines, json: { runId, refused: problems }, exitCode: exitCodes.badInput.code }
    }
    case 'unanswered': {
      const reasons = [`the request was not answered: ${outcome.silent}`]
      const lines = [
        `INCONCLUSIVE  ${runId}`,
        ...reasons.map((reason) => `  ${reason}`),
        '  Are the agents running? `assay agent <name>` starts one.',
      ]
      return { lines, json: { runId, verdict: 'inconclusive', reasons }, exitCode: exitCodes.inconclusive.code }
    }
    default:
      return outcome satisfies never
  }
}

export function judgementFields({ verdict, reasons, acknowledged, unknown, failed, hops, recoveries }: Judgement) {
  return { verdict, reasons, acknowledged, unknown, failed, hops, recoveries }
}
