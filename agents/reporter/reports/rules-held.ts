import { z } from 'zod'
import { hopName } from '../../../topology/topology.ts'
import { countText } from './figures.ts'
import { tableOf } from './html-parts.ts'
import { markup, type Content } from './markup.ts'
import type { ReportSource } from './report-source.ts'

export const heldRule = z.strictObject({
  hop: z.string(),
  name: z.string().describe('Of the rule; a term of a contract begins with `contract:`.'),
  form: z.enum(['rule', 'contract']),
  severity: z.enum(['failure', 'warning']),
  rows: z.int().describe('Rows or records it was held against, each time it was asked.'),
  broken: z.int(),
  exempt: z.int().describe('Canaries that were produced so that they break it.'),
  unchecked: z.string().nullable().describe('Why it could not be checked.'),
})
export type HeldRule = z.infer<typeof heldRule>

type HeldIn = Pick<ReportSource, 'run' | 'evidence'>

/** Rules and contracts that were held against something, in the order of the hops. */
export function rulesHeld({ run, evidence }: HeldIn): HeldRule[] {
  const order = run.resolved.hops.map(hopName)
  return [...evidence.rules.values()]
    .map(({ hop, name, form, severity, rows, broken, exempt, unchecked }) => ({
      hop,
      name,
      form,
      severity,
      rows,
      broken,
      exempt,
      unchecked,
    }))
    .sort((a, b) => order.indexOf(a.hop) - order.indexOf(b.hop))
}

export const RULE_COLUMNS = ['hop', 'rule', 'rows', 'broken', 'by production', 'outcome'] as const

export const rulesTable = (source: HeldIn): string[][] =>
  rulesHeld(source).map((held) => [
    held.hop,
    held.name,
    countText(held.rows),
    countText(held.broken),
    countText(held.exempt),
    outcomeText(held),
  ])

function outcomeText({ severity, broken, unchecked }: HeldRule): string {
  if (unchecked !== null) return `not checked: ${unchecked}`
  if (broken === 0) return 'holds'
  return severity === 'warning' ? 'warning' : 'broken'
}

/** What was held against what, and what was broken. Nothing where a topology declares no rules. */
export function rulesSection(source: HeldIn): Content {
  const rows = rulesTable(source)
  if (rows.length === 0) return null
  const columns = RULE_COLUMNS.map((name) =>
    name === 'rows' || name === 'broken' || name === 'by production' ? { name, is: 'num' as const } : { name, is: 'wide' as const },
  )
  return markup`<section aria-labelledby="rules"><h2 id="rules">Rules and contracts</h2>
${tableOf('Rules and contracts', columns, rows)}</section>
`
}
