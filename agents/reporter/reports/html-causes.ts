import { causeSentence, causeTitle, stretchText } from './cause-text.ts'
import type { Cause } from './causes.ts'
import { countText, plural, sinceText } from './figures.ts'
import { codeOf, folded, tableOf } from './html-parts.ts'
import { fairShares } from './json-violations.ts'
import { lookCommands, placeText, type LocatedViolation } from './locate.ts'
import { forPeople, type LookPlaces } from './look-places.ts'
import { markup, type Content, type Markup } from './markup.ts'
import { causesIn, traceUrl, type ReportSource } from './report-source.ts'
import { looksText, twoLooks } from './two-looks.ts'

/** Records named one by one on the page; the JSON report names more, the archive all that were told. */
export const ROWS_MAX = 600
export const CAUSES_MAX = 60
const COMMANDS_OF_SAMPLES = 3
/** Open from the start: a page of one cause shows its records at once. */
const OPEN_ROWS_MAX = 10

export function causesSection(source: ReportSource): Content {
  const causes = causesIn(source)
  if (causes.length === 0) return null
  const shown = causes.slice(0, CAUSES_MAX)
  const left = causes.slice(CAUSES_MAX)
  const rows = fairShares(
    shown.map(({ samples }) => samples.length),
    ROWS_MAX,
  )
  const more = markup`<p>${plural(left.length, 'further cause')} of ${countText(left.reduce((sum, { canaries }) => sum + canaries, 0))} canaries: the JSON report has them.</p>`
  return markup`<section aria-labelledby="violations"><h2 id="violations">Violations, by cause</h2>
${shown.map((cause, index) => causeArticle(source, cause, rows[index] ?? 0))}${left.length > 0 ? more : null}</section>
`
}

function causeArticle(source: ReportSource, cause: Cause, rowsMax: number): Markup {
  const { run } = source
  const looks = twoLooks(run, cause)
  const sinceMs = run.accepted.requestedAtMs
  const [from, until] = [cause.foundFromMs, cause.foundUntilMs].map((ms) => sinceText(ms - sinceMs)) as [string, string]
  const found = `Found ${from === until ? from : `${from} to ${until}`} after the request`
  return markup`<article class="${cause.counts ? 'counted' : 'explained'}"><h3>${causeTitle(cause)}</h3>
<p>${causeSentence(run, cause)}</p>
<p class="soft">${found}, by ${[...new Set(cause.samples.map(({ violation }) => violation.agent))].join(', ')}.${looks === null ? '' : ` ${looksText(looks)}`}</p>
${cause.shape === 'stretches' && cause.stretchesInAll > 1 ? stretchesPart(cause) : null}${samplesPart(source, cause, rowsMax)}${commandsPart(source, cause)}</article>
`
}

function stretchesPart({ stretches, stretchesInAll }: Cause): Markup {
  const rows = stretches.map((stretch) => [stretchText(stretch), countText(stretch.canaries)])
  const summary =
    stretches.length < stretchesInAll
      ? `Where: the longest ${stretches.length} of ${countText(stretchesInAll)} places`
      : `Where: ${stretches.length} places`
  return folded(
    summary,
    tableOf(
      summary,
      [
        { name: 'place', is: 'wide' },
        { name: 'canaries', is: 'num' },
      ],
      rows,
    ),
  )
}

function samplesPart({ environment }: ReportSource, cause: Cause, rowsMax: number): Content {
  const shown = cause.samples.slice(0, rowsMax)
  if (shown.length === 0) return null
  const summary =
    shown.length < cause.violations
      ? `The first ${countText(shown.length)} of ${countText(cause.violations)} findings`
      : plural(shown.length, 'finding')
  const columns = ['canary', 'where', 'expected', 'found', 'trace'].map((name) => ({ name, is: 'wide' as const }))
  const table = tableOf(
    `${causeTitle(cause)}: ${summary}`,
    columns,
    shown.map((one) => cellsOf(environment, one)),
  )
  return shown.length <= OPEN_ROWS_MAX ? markup`<details open><summary>${summary}</summary>${table}</details>\n` : folded(summary, table)
}

function cellsOf(environment: ReportSource['environment'], located: LocatedViolation): Content[] {
  const { violation, canaryId } = located
  const more = violation.standing.size - 1
  const trace = traceUrl(environment, violation.traceId)
  const isWeb = trace !== null && /^https?:/.test(trace)
  return [
    markup`${codeOf(canaryId)}${more > 0 ? ` and ${countText(more)} more of the stream` : null}`,
    placeText(located) || '–',
    codeOf(violation.expected),
    codeOf(violation.actual),
    isWeb ? markup`<a href="${trace}" rel="noreferrer">${codeOf(violation.traceId)}</a>` : codeOf(violation.traceId),
  ]
}

function commandsPart({ run, environment }: ReportSource, cause: Cause): Content {
  const commands = cause.samples.slice(0, COMMANDS_OF_SAMPLES).flatMap((one) => lookCommands(run, one, environment))
  if (commands.length === 0) return null
  const isTable = cause.hop.startsWith('table:')
  return folded(
    'Look yourself',
    markup`${isTable && environment.lake !== undefined ? lakePart(environment, environment.lake) : null}<pre>${[...new Set(commands)].join('\n')}</pre>`,
  )
}

function lakePart(where: LookPlaces, { catalog, warehouse, s3, s3Region }: NonNullable<ReportSource['environment']['lake']>): Markup {
  const bare = forPeople(where, s3).replace(/^https?:\/\//, '')
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  const lines = [
    'LOAD avro; LOAD httpfs; LOAD iceberg;',
    `CREATE SECRET (TYPE s3, KEY_ID getenv('PIPELINE_S3_ACCESS_KEY'), SECRET getenv('PIPELINE_S3_SECRET_KEY'), REGION ${text(s3Region)}, ENDPOINT ${text(bare)}, URL_STYLE 'path', USE_SSL ${String(s3.startsWith('https:'))});`,
    `ATTACH ${text(warehouse ?? 'warehouse')} AS lake (TYPE iceberg, ENDPOINT ${text(forPeople(where, catalog))}, AUTHORIZATION_TYPE 'none');`,
    'USE lake;',
  ]
  return markup`<p class="soft">In DuckDB, with the keys of the store in the environment:</p><pre>${lines.join('\n')}</pre>`
}
