import { z } from 'zod'
import { auditsOf } from '../../../shared/core/audit-judge.ts'
import { countText, plural } from './figures.ts'
import { factsOf, listOf } from './html-parts.ts'
import { markup, type Content } from './markup.ts'
import type { ReportSource } from './report-source.ts'

export const auditOfReport = z.strictObject({
  hop: z.string(),
  topic: z.string().nullable(),
  way: z
    .enum(['offsets', 'event-time'])
    .describe(
      'Windows of source offsets, by count and fingerprint of partition, offset and fields; or, of a table that does not store those, windows of event time by count alone.',
    ),
  fields: z.array(z.string()).describe('What is compared of each record, beside partition and offset.'),
  windows: z.int(),
  agreed: z.int().describe('Windows that are the same in topic and table.'),
  compared: z.int().describe('Records in the topic that were held against the table.'),
  leftOut: z.int().describe('Records without a value, which are no rows anywhere.'),
  differences: z.int().describe('What was found; each stands among the violations.'),
  notCompared: z.array(z.string()),
  isDone: z.boolean(),
})
export type AuditOfReport = z.infer<typeof auditOfReport>

const NOT_COMPARED_MAX = 100

/** One for each table whose traffic the plan audits; none where it does not. */
export function auditsOfReport({ run, evidence }: Pick<ReportSource, 'run' | 'evidence'>): AuditOfReport[] {
  return auditsOf(run, evidence).map(({ hop, way, state }) => {
    const audit = evidence.audits.get(hop)
    return {
      hop,
      topic: audit?.topic ?? null,
      way,
      fields: (audit?.fields ?? []).map(({ field }) => field),
      windows: state.windows,
      agreed: state.agreed,
      compared: state.compared,
      leftOut: state.leftOut,
      differences: state.findings.length,
      notCompared: state.gone.slice(0, NOT_COMPARED_MAX),
      isDone: state.isDone,
    }
  })
}

const WAYS = {
  offsets: 'by the source offsets that the table stores: count and fingerprint of each window, whatever the order',
  'event-time':
    'by event time, as the table does not store source offsets: the count of each window alone, in which a record too many hides one that is missing',
} as const satisfies Record<AuditOfReport['way'], string>

/** In words, a line each. */
function linesOf({
  way,
  topic,
  fields,
  windows,
  agreed,
  compared,
  leftOut,
  differences,
  isDone,
}: AuditOfReport): [name: string, text: string][] {
  const lines: [string, string][] = [
    ['way', WAYS[way]],
    ['topic', topic ?? 'not told'],
    ...(way === 'offsets'
      ? [['fields', fields.length === 0 ? 'none: partition and offset alone' : fields.join(', ')] as [string, string]]
      : []),
    ['windows', `${countText(agreed)} of ${countText(windows)} the same on both sides${isDone ? '' : '; not all were compared'}`],
    ['records compared', countText(compared)],
    ['differences', differences === 0 ? 'none' : `${countText(differences)}, among the violations`],
  ]
  if (leftOut > 0) lines.push(['left out', `${plural(leftOut, 'record')} without a value`])
  return lines
}

/** `escape` makes a text of others harmless in the document. Empty without an audit. */
export function auditMarkdown(source: ReportSource, escape: (text: string) => string): string {
  const audits = auditsOfReport(source)
  if (audits.length === 0) return ''
  const parts = audits.flatMap((audit) => [
    '',
    `### ${escape(audit.hop)}`,
    '',
    ...linesOf(audit).map(([name, text]) => `- ${name}: ${escape(text)}`),
    ...audit.notCompared.map((reason) => `- not compared: ${escape(reason)}`),
  ])
  return ['## Audit of all traffic', ...parts].join('\n')
}

export function auditHtml(source: ReportSource): Content {
  const audits = auditsOfReport(source)
  if (audits.length === 0) return null
  const parts = audits.map((audit) => {
    const left = audit.notCompared.length === 0 ? null : listOf(audit.notCompared)
    return markup`<h3>${audit.hop}</h3>${factsOf(linesOf(audit))}${left}`
  })
  return markup`<section aria-labelledby="audit"><h2 id="audit">Audit of all traffic</h2>
${parts}</section>
`
}
