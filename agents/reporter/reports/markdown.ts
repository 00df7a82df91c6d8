import type { HopSummary } from '../../../schemas/results/run-judged.ts'
import { mirrorViolation, withoutMirror } from '../../../shared/core/mirror.ts'
import { shareText } from '../../../shared/core/share-text.ts'
import { watchedDefects } from '../../../shared/core/watcher.ts'
import { auditMarkdown } from './audit-section.ts'
import { causeSentence, causeTitle } from './cause-text.ts'
import type { Cause } from './causes.ts'
import { countText, msText, plural } from './figures.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import { lookCommand, placeText, type LocatedViolation } from './locate.ts'
import { machineText } from './machine.ts'
import { notChecked } from './not-checked.ts'
import { oneLine } from './quoting.ts'
import { RULE_COLUMNS, rulesTable } from './rules-held.ts'
import { causesIn, EARLY_NOTE, traceUrl, type ReportSource } from './report-source.ts'
import { twoLooks } from './two-looks.ts'
import { seenText, WATCHER_NOTE, WATCHER_UNKNOWN } from './watcher-text.ts'

/** Code hosts refuse a comment of more than 65,536 characters. */
export const MARKDOWN_CHARS_MAX = 60_000
/** How many violations of a kind at a hop are located; the next number is taken when the text gets too long. */
export const LOCATED_STEPS = [20, 5, 1, 0] as const
const LINES_MAX = 20
const CAUSES_MAX = 30
const TEXT_MAX = 300

/** A report that fits a pull-request comment: verdict, why and where on the first screen, the rest below. */
export function markdownReport(source: ReportSource): string {
  const texts = LOCATED_STEPS.map((locatedMax) => () => render(source, locatedMax))
  for (const text of texts) {
    const rendered = text()
    if (rendered.length <= MARKDOWN_CHARS_MAX) return rendered
  }
  return `${render(source, 0).slice(0, MARKDOWN_CHARS_MAX)}\n\n… cut off here; the JSON report holds the rest.\n`
}

function render(source: ReportSource, locatedMax: number): string {
  const sections = [
    head(source),
    hopTable(source.judgement.hops),
    ...causeSections(source, causesIn(source), locatedMax),
    auditMarkdown(source, line),
    rulesPart(source),
    recoverySection(source),
    watcherSection(source),
    notCheckedSection(source),
    foot(source),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function head({ run, evidence, judgement, isEarly, atMs }: ReportSource): string {
  const { accepted } = run
  const { verdict, reasons, acknowledged } = judgement
  const seconds = ((atMs - accepted.requestedAtMs) / 1000).toFixed(1)
  const lines = [
    `# Assay: ${verdict.toUpperCase()}, plan ${line(accepted.planName)}`,
    '',
    `Run \`${run.runId}\`, asked for by ${line(accepted.requestedBy)}, judged ${momentText(atMs)}, ${seconds} s after the request. ` +
      `${countText(acknowledged)} of ${countText(withoutMirror(run.resolved.plan.load, evidence.intended).size)} canaries acknowledged.`,
    '',
    '## Why',
    '',
  ]
  if (isEarly) lines.push(EARLY_NOTE, '')
  if (reasons.length === 0) lines.push('Every acknowledged canary was seen at every hop: once, intact, in order, on time.')
  return [...lines, ...bullets(reasons.map(line))].join('\n')
}

/** The hops in order; the source's fidelity is not judged. */
function hopTable(hops: readonly HopSummary[]): string {
  const rows = hops.map(({ hop, expected, sighted, violations, fidelity, p50Ms, p95Ms, p99Ms, maxMs }) => {
    const found = violations.map(({ violation, count }) => `${countText(count)} ${violation}`).join(', ')
    return [
      cell(hop),
      countText(expected),
      countText(sighted),
      found || '0',
      shareText(fidelity),
      msText(p50Ms),
      msText(p95Ms),
      msText(p99Ms),
      msText(maxMs),
    ]
  })
  const header = ['hop', 'expected', 'sighted', 'violations', 'fidelity', 'p50', 'p95', 'p99', 'max']
  const note = 'Latencies count from the intended send time; those of `api:` hops are of the requests.'
  return ['## Where', '', tableRow(header), '|---|--:|--:|---|--:|--:|--:|--:|--:|', ...rows.map(tableRow), '', note].join('\n')
}

function causeSections(source: ReportSource, causes: readonly Cause[], locatedMax: number): string[] {
  if (causes.length === 0) return []
  const left = causes.slice(CAUSES_MAX)
  const more = left.length === 0 ? [] : [`${plural(left.length, 'further cause')}, in the JSON report.`]
  return ['## Violations, by cause', ...causes.slice(0, CAUSES_MAX).map((cause) => causeSection(source, cause, locatedMax)), ...more]
}

function causeSection(source: ReportSource, cause: Cause, locatedMax: number): string {
  const { run, environment } = source
  const shown = cause.samples.slice(0, locatedMax)
  const looks = twoLooks(run, cause)
  const lines = [`### ${line(causeTitle(cause))}`, '', line(causeSentence(run, cause))]
  if (looks !== null) lines.push('', `First look: ${line(looks.first)}. ${looks.secondIs}: ${line(looks.second)}.`)
  if (shown.length > 0)
    lines.push(
      '',
      tableRow(['canary', 'where', 'expected', 'found', 'trace']),
      '|---|---|---|---|---|',
      ...shown.map((one) => tableRow(cellsOf(source, one))),
    )
  if (shown.length < cause.violations) {
    lines.push(
      '',
      shown.length === 0
        ? 'The JSON report lists them.'
        : `The first ${shown.length} of ${countText(cause.violations)}; the JSON report lists more.`,
    )
  }
  const commands = shown.map((one) => lookCommand(run, one, environment)).filter((command) => command !== null)
  if (commands.length > 0)
    lines.push(
      '',
      '<details><summary>Look yourself</summary>',
      '',
      fence(commands),
      ...commands,
      fence(commands).slice(0, -2),
      '',
      '</details>',
    )
  return lines.join('\n')
}

/** Longer than any run of backticks in what it holds. */
const fence = (lines: readonly string[]) =>
  `${'`'.repeat(Math.max(3, ...lines.map((text) => (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length + 1), 0))))}sh`

function cellsOf({ environment }: ReportSource, located: LocatedViolation): string[] {
  const { violation, canaryId } = located
  const more = violation.standing.size - 1
  const field = violation.field === null ? '' : `${violation.field}: `
  const trace = traceUrl(environment, violation.traceId)
  return [
    `${code(canaryId)}${more > 0 ? ` and ${countText(more)} more of the stream` : ''}`,
    cell(placeText(located)) || '–',
    code(`${field}${violation.expected}`),
    code(`${field}${violation.actual}`),
    trace === null ? code(violation.traceId) : `[${code(violation.traceId)}](<${encodeURI(trace)}>)`,
  ]
}

function rulesPart(source: ReportSource): string {
  const rows = rulesTable(source)
  if (rows.length === 0) return ''
  const more = rows.length > LINES_MAX ? ['', `and ${rows.length - LINES_MAX} more, in the JSON report`] : []
  const shown = rows.slice(0, LINES_MAX).map((cells) => tableRow(cells.map(cell)))
  return ['## Rules and contracts', '', tableRow(RULE_COLUMNS), '|---|---|--:|--:|--:|---|', ...shown, ...more].join('\n')
}

function recoverySection({ evidence, judgement }: ReportSource): string {
  if (evidence.faults.length === 0) return ''
  const recovered = judgement.recoveries.map(({ fault, target, recoveryMs }) =>
    recoveryMs === null
      ? `${fault} of ${target}: not recovered`
      : `${fault} of ${target}: recovered ${msText(recoveryMs)} after it was healed`,
  )
  const steps = evidence.faults.map(
    ({ fault, target, phase, atMs, detail }) => `${momentText(atMs)} ${fault} of ${target}: ${phase}${detail === '' ? '' : ` (${detail})`}`,
  )
  return ['## Faults and recoveries', '', ...bullets([...recovered, ...steps].map(line))].join('\n')
}

function watcherSection({ run, evidence }: ReportSource): string {
  if (run.resolved.plan.load.mirror === undefined) return ''
  const rows = watchedDefects(run, evidence).map((one) =>
    tableRow([cell(one.hop), one.defect, mirrorViolation[one.defect], cell(seenText(one))]),
  )
  const table = ['', tableRow(['hop', 'planted', 'to be told as', 'seen']), '|---|---|---|---|', ...rows]
  return ['## The watcher watched', '', rows.length === 0 ? WATCHER_UNKNOWN : WATCHER_NOTE, ...(rows.length === 0 ? [] : table)].join('\n')
}

function notCheckedSection(source: ReportSource): string {
  const notes = notChecked(source)
  return ['## Not checked', '', ...(notes.length === 0 ? ['Nothing was left out.'] : bullets(notes.map(line)))].join('\n')
}

function foot({ run, environment }: ReportSource): string {
  const again = `Compute the verdict again from the two topics: \`assay verdict ${run.runId}\`.`
  const machine = environment.machine === undefined ? '' : ` ${line(machineText(environment.machine))}.`
  const servers = environment.pipelineVersions == null ? '' : ` Pipeline: ${line(environment.pipelineVersions)}.`
  return `---\n${again} Assay ${line(environment.assayVersion)} on ${line(environment.host)}, topology ${line(run.resolved.topology)}, seed ${run.resolved.seed}.${machine}${servers}`
}

function bullets(texts: readonly string[]): string[] {
  const shown = texts.slice(0, LINES_MAX).map((text) => `- ${text}`)
  return texts.length > LINES_MAX ? [...shown, `- and ${texts.length - LINES_MAX} more, in the JSON report`] : shown
}

const tableRow = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

/** What others wrote, on one line, with nothing in it that would become markup. */
function line(text: string): string {
  const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  return oneLine(short).replace(/[\\`*_[\]<>|#@]/g, (character) =>
    character === '<' ? '&lt;' : character === '@' ? '@\u200b' : `\\${character}`,
  )
}
const cell = line

/** Inline code inside a table: a pipe still ends the cell there, and a backtick the code. */
function code(text: string): string {
  const flat = oneLine(text).slice(0, TEXT_MAX).replaceAll('|', '\\|')
  if (flat.trim() === '') return '–'
  return flat.includes('`') ? `\`\` ${flat.replaceAll('``', "''")} \`\`` : `\`${flat}\``
}
