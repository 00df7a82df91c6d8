import { z } from 'zod'

/** What `assay run --wait --json` says, as far as a job needs it. */
const told = z.object({
  runId: z.string(),
  planName: z.string().nullish(),
  verdict: z.enum(['pass', 'fail', 'inconclusive']).nullish(),
  reasons: z.array(z.string()).default([]),
  refused: z.array(z.string()).default([]),
  reports: z.array(z.string()).default([]),
})

export interface CiOutcome {
  readonly runId: string | null
  readonly planName: string | null
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'none'
  readonly reasons: readonly string[]
  /** As the reporter names them, on its own machine. */
  readonly reports: readonly string[]
  readonly exitCode: number
}

/** An end without a verdict is one as well: never a pass. */
export function outcomeOf(exitCode: number, standardOutput: string): CiOutcome {
  const parsed = told.safeParse(jsonOf(standardOutput))
  if (!parsed.success) {
    const reasons = [`assay ended with exit code ${exitCode} and told no outcome; its messages are in the log of the job`]
    return { runId: null, planName: null, verdict: 'none', reasons, reports: [], exitCode: exitCode === 0 ? NO_OUTCOME : exitCode }
  }
  const { runId, planName, verdict, reasons, refused, reports } = parsed.data
  return { runId, planName: planName ?? null, verdict: verdict ?? 'none', reasons: [...reasons, ...refused], reports, exitCode }
}

/** The CLI's own for a bug of Assay's. */
const NO_OUTCOME = 70

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export interface KeptReports {
  /** Null where there is none. */
  readonly junit: string | null
  readonly reportDir: string
}

/** Lines of GITHUB_OUTPUT. */
export function outputText({ verdict, runId, exitCode }: CiOutcome, { junit, reportDir }: KeptReports): string {
  const outputs = { verdict, 'run-id': runId ?? '', 'exit-code': exitCode, junit: junit ?? '', 'report-dir': reportDir }
  return Object.entries(outputs)
    .map(([name, value]) => `${name}=${String(value).replaceAll(/[\r\n]/g, ' ')}\n`)
    .join('')
}

/** GitHub takes a megabyte a step, and refuses more. */
const SUMMARY_BYTES_MAX = 1_000_000

/** The Markdown report, or what is known where there is none. */
export function summaryText(outcome: CiOutcome, markdown: string | null): string {
  const text =
    markdown ?? `## Assay: ${outcome.verdict}\n\n${whoOf(outcome)}\n\n${outcome.reasons.map((reason) => `- ${reason}`).join('\n')}\n`
  const bytes = Buffer.from(text)
  if (bytes.length <= SUMMARY_BYTES_MAX) return text
  return `${bytes
    .subarray(0, SUMMARY_BYTES_MAX)
    .toString()
    .replace(/\n[^\n]*$/, '')}\n\n(cut: the report is longer than a summary may be)\n`
}

const whoOf = ({ runId, planName }: CiOutcome) =>
  runId === null ? 'No run.' : `Run \`${runId}\`${planName === null ? '' : ` of plan \`${planName}\``}.`

/** A workflow command that shows the first reason beside the job; none for a pass. */
export function annotationOf({ verdict, reasons }: CiOutcome): string | null {
  if (verdict === 'pass') return null
  const text = `${reasons[0] ?? 'no reason was given'}${reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : ''}`
  return `::error title=Assay: ${verdict}::${text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')}`
}
