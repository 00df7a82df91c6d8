import { runTraceIdOf } from '../../../shared/core/identity.ts'
import { withoutMirror } from '../../../shared/core/mirror.ts'
import { countText } from './figures.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import { auditHtml } from './audit-section.ts'
import { causesSection } from './html-causes.ts'
import { codeOf, folded, listOf } from './html-parts.ts'
import { environmentSection, faultsSection, hopsTable, notCheckedSection, timesSection } from './html-run.ts'
import { styleSheet } from './html-style.ts'
import { watcherSection } from './html-watcher.ts'
import { markup, markupOf, raw, type Content, type Markup } from './markup.ts'
import { pipelineDrawing } from './pipeline-drawing.ts'
import { rulesSection } from './rules-held.ts'
import { EARLY_NOTE, traceUrl, type ReportSource } from './report-source.ts'

const REASONS_OPEN_MAX = 8

/** Nothing is loaded and nothing runs, whatever a record holds. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/** One file that needs neither network nor scripts: verdict, why and where first, the evidence below. */
export function htmlReport(source: ReportSource): string {
  const { run, judgement } = source
  return markupOf(markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${judgement.verdict}: ${run.accepted.planName}, run ${run.runId}</title>
<link rel="icon" href="data:,">
<style>${raw(styleSheet)}</style>
</head>
<body>
<main>
${head(source)}${why(source)}<section aria-labelledby="where"><h2 id="where">Where</h2>
${pipelineDrawing(source)}${hopsTable(source)}</section>
${causesSection(source)}${auditHtml(source)}${rulesSection(source)}${timesSection(source)}${faultsSection(source)}${watcherSection(source)}${notCheckedSection(source)}${environmentSection(source)}${foot(source)}</main>
</body>
</html>
`)
}

function head({ run, evidence, judgement, atMs }: ReportSource): Markup {
  const { accepted } = run
  const { verdict, acknowledged, unknown, failed } = judgement
  const ledger = [
    `${countText(acknowledged)} of ${countText(withoutMirror(run.resolved.plan.load, evidence.intended).size)} canaries acknowledged`,
    ...(unknown > 0 ? [`${countText(unknown)} of unknown outcome`] : []),
    ...(failed > 0 ? [`${countText(failed)} refused`] : []),
  ]
  return markup`<header class="verdict ${verdict}"><h1><span class="badge">${verdict}</span> ${accepted.planName}</h1>
<p class="said">Run ${codeOf(run.runId)}, asked for by ${accepted.requestedBy}, judged ${momentText(atMs)}, ${((atMs - accepted.requestedAtMs) / 1000).toFixed(1)} s after the request. ${ledger.join(', ')}.</p></header>
`
}

function why({ judgement: { verdict, reasons }, isEarly }: ReportSource): Markup {
  const rest = reasons.slice(REASONS_OPEN_MAX)
  const said: Content =
    reasons.length === 0
      ? markup`<p>Every acknowledged canary was seen at every hop: once, intact, in order, on time.</p>\n`
      : markup`${listOf(reasons.slice(0, REASONS_OPEN_MAX))}${rest.length === 0 ? null : folded(`${countText(rest.length)} more`, listOf(rest))}`
  const doubt =
    verdict === 'inconclusive'
      ? markup`<p class="soft">Evidence is missing: this is neither a pass nor a finding against the pipeline.</p>\n`
      : null
  const early = isEarly ? markup`<p class="soft">${EARLY_NOTE}</p>\n` : null
  return markup`<section aria-labelledby="why"><h2 id="why">Why</h2>
${said}${doubt}${early}</section>
`
}

function foot({ run, environment }: ReportSource): Markup {
  const trace = traceUrl(environment, runTraceIdOf(run.runId))
  const link = trace !== null && /^https?:/.test(trace) ? markup` <a href="${trace}" rel="noreferrer">The run as a trace.</a>` : null
  return markup`<footer>Compute the verdict again from the two topics: ${codeOf(`assay verdict ${run.runId}`)}.${link} All figures are in the JSON report.</footer>
`
}
