import type { ViolationKind } from '../../../schemas/parts.ts'
import type { HopSummary } from '../../../schemas/results/run-judged.ts'
import type { StageProgress } from '../../../shared/core/stage-progress.ts'
import { agentOfTask, type Stage } from '../../../topology/plan.ts'
import { causeSentence, causeTitle } from './cause-text.ts'
import type { Cause } from './causes.ts'
import { countText } from './figures.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import { placeText } from './locate.ts'
import { markup, markupOf, printable, type Content, type Markup } from './markup.ts'
import { causesIn, type ReportSource } from './report-source.ts'

/** How many records a failed check names one by one. */
export const NAMED_MAX = 20
const TEXT_MAX = 1_000

interface TestCase {
  readonly name: string
  readonly seconds: number
  readonly result: 'passed' | 'failed' | 'error'
  readonly message: string
  readonly detail: string
}

interface TestSuite {
  readonly name: string
  readonly cases: readonly TestCase[]
}

/** What each kind of hop is checked for; a finding of another kind gets a case of its own. */
const checksOf: Readonly<Record<string, readonly ViolationKind[]>> = {
  source: ['lost', 'duplicated', 'corrupted', 'header-lost', 'unexpected'],
  topic: [
    ...(['lost', 'late', 'duplicated', 'reordered', 'corrupted', 'precision-lost'] as const),
    ...(['schema-violated', 'unexpected', 'header-lost'] as const),
  ],
  table: ['lost', 'late', 'duplicated', 'corrupted', 'precision-lost', 'metadata-broken'],
  api: ['wrong-answer', 'stale', 'slow', 'unavailable'],
}

/**
 * JUnit XML as Surefire writes it and continuous integration reads it: a suite for each hop with a case for each
 * check, one for the stages and one for the verdict. `failure` is a finding against the pipeline, `error` evidence
 * that is missing: a run fails exactly where a case failed, and is inconclusive where none did and one is in error.
 */
export function junitReport(source: ReportSource): string {
  const { run, atMs } = source
  const seconds = Math.max(0, atMs - run.accepted.requestedAtMs) / 1000
  const suites = [
    { name: `run ${run.accepted.planName}`, cases: [verdictCase(source, seconds)] },
    ...source.judgement.hops.map((hop) => ({ name: hop.hop, cases: hopCases(source, hop) })),
    { name: 'stages', cases: run.resolved.plan.stages.map((stage) => stageCase(stage, run.stages.get(stage.stage))) },
  ]
  const all = suites.flatMap(({ cases }) => cases)
  return `<?xml version="1.0" encoding="UTF-8"?>\n${markupOf(
    markup`<testsuites name="assay" ${counts(all)} time="${seconds}">
${suites.map((suite) => suiteMarkup(source, suite))}</testsuites>
`,
  )}`
}

function verdictCase({ judgement }: ReportSource, seconds: number): TestCase {
  const { verdict, reasons } = judgement
  const result = { pass: 'passed', fail: 'failed', inconclusive: 'error' } as const
  return { name: 'verdict', seconds, result: result[verdict], message: `${verdict}: ${reasons[0] ?? ''}`, detail: reasons.join('\n') }
}

function hopCases(source: ReportSource, summary: HopSummary): TestCase[] {
  const { hop } = summary
  const causes = causesIn(source).filter((cause) => cause.hop === hop)
  const kinds = new Set([...(checksOf[hop.split(':')[0] ?? ''] ?? []), ...causes.map(({ kind }) => kind)])
  // The source vouches for itself: nothing is looked for there.
  const checks = hop === 'source' ? [] : [...kinds]
  return [
    evidenceCase(source, summary),
    ...checks.map((kind) =>
      checkCase(
        source,
        kind,
        causes.filter((cause) => cause.kind === kind),
      ),
    ),
  ]
}

function evidenceCase({ evidence }: ReportSource, { hop, expected, sighted }: HopSummary): TestCase {
  const missing = evidence.missing.filter((fact) => fact.hop === hop).map(({ reason }) => reason)
  const nothing = expected > 0 && sighted === 0 ? [`none of ${countText(expected)} expected canaries was seen`] : []
  const reasons = [...missing, ...nothing]
  return {
    name: 'evidence',
    seconds: 0,
    result: reasons.length > 0 ? 'error' : 'passed',
    message: reasons[0] ?? '',
    detail: reasons.join('\n'),
  }
}

function checkCase(source: ReportSource, kind: ViolationKind, causes: readonly Cause[]): TestCase {
  const counted = causes.filter(({ counts: against }) => against)
  const records = counted.flatMap(({ samples }) => samples).slice(0, NAMED_MAX)
  const lines = [
    ...counted.map((cause) => `${causeTitle(cause)}: ${causeSentence(source.run, cause)}`),
    ...records.map((one) => {
      const { expected, actual, traceId } = one.violation
      return `${one.canaryId}  ${placeText(one)}  expected ${expected}, found ${actual}  trace ${traceId}`
    }),
  ]
  const [first] = counted
  return {
    name: kind,
    seconds: 0,
    result: first === undefined ? 'passed' : 'failed',
    message: first === undefined ? '' : `${causeTitle(first)}: ${causeSentence(source.run, first)}`,
    detail: lines.join('\n'),
  }
}

function stageCase({ stage, task }: Stage, progress: StageProgress | undefined): TestCase {
  const startedMs = progress?.started?.atMs
  const ended = progress?.ended ?? null
  const seconds = startedMs === undefined || ended === null ? 0 : Math.max(0, ended.atMs - startedMs) / 1000
  const how = ended !== null ? `ended ${ended.outcome}: ${ended.reason}` : startedMs === undefined ? 'did not start' : 'did not end'
  const said = `stage ${stage} of ${agentOfTask[task]} ${how}`
  return { name: stage, seconds, result: ended?.outcome === 'ok' ? 'passed' : 'error', message: said, detail: said }
}

function suiteMarkup({ run, environment }: ReportSource, { name, cases }: TestSuite): Markup {
  const seconds = cases.reduce((sum, one) => sum + one.seconds, 0)
  const startedAt = momentText(run.accepted.requestedAtMs).slice(0, 19).replace(' ', 'T')
  return markup`  <testsuite name="${attribute(name)}" ${counts(cases)} skipped="0" time="${seconds}" timestamp="${startedAt}" hostname="${attribute(environment.host)}">
    <properties>
      <property name="runId" value="${run.runId}"/>
      <property name="seed" value="${run.resolved.seed}"/>
    </properties>
${cases.map((one) => caseMarkup(name, one))}  </testsuite>
`
}

function caseMarkup(suite: string, { name, seconds, result, message, detail }: TestCase): Markup {
  const open = markup`    <testcase classname="${attribute(suite)}" name="${attribute(name)}" time="${seconds}"`
  if (result === 'passed') return markup`${open}/>\n`
  const said: Content = markup`message="${attribute(message)}" type="${result === 'failed' ? 'violation' : 'inconclusive'}"`
  return result === 'failed'
    ? markup`${open}>\n      <failure ${said}>${printable(detail)}</failure>\n    </testcase>\n`
    : markup`${open}>\n      <error ${said}>${printable(detail)}</error>\n    </testcase>\n`
}

/** An attribute is one line to whoever reads it: line ends in it would be lost. */
const attribute = (text: string) => text.replace(/\s+/g, ' ').slice(0, TEXT_MAX)

function counts(cases: readonly TestCase[]): Markup {
  const of = (result: TestCase['result']) => cases.filter((one) => one.result === result).length
  return markup`tests="${cases.length}" failures="${of('failed')}" errors="${of('error')}"`
}
