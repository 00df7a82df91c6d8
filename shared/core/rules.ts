import type { ViolationKind } from '../../schemas/parts.ts'
import type { RuleCheck } from '../../schemas/results/rules-checked.ts'
import type { Contract } from '../../topology/rules.ts'
import type { Hop, TableHop } from '../../topology/topology.ts'

/** One thing that is held against rows: a rule, or a term of a contract, in words and as SQL. */
export interface Term {
  readonly name: string
  readonly form: RuleCheck['form']
  readonly severity: RuleCheck['severity']
  readonly violation: Extract<ViolationKind, 'rule-broken' | 'schema-violated' | 'late'>
  readonly field: string | null
  readonly expected: string
  readonly check: TermCheck
}

export type TermCheck =
  /** The column must be in the schema, of this type where one is named. */
  | { readonly at: 'schema'; readonly type: string | null }
  /** Must not be false of any row. */
  | { readonly at: 'row'; readonly holds: string; readonly rows: 'canaries' | 'all' }
  /** Selects the offending ones of `rows`. */
  | { readonly at: 'end'; readonly select: string }
  | { readonly at: 'commit'; readonly withinMs: number }

export type TermAt<At extends TermCheck['at']> = Term & { readonly check: Extract<TermCheck, { at: At }> }

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const text = (value: string) => `'${value.replaceAll("'", "''")}'`

export function termsOf(hop: Hop): Term[] {
  switch (hop.kind) {
    case 'topic':
      return contractTerms(hop.contract)
    case 'table':
      return [...ruleTerms(hop), ...contractTerms(hop.contract)]
    case 'source':
    case 'api':
      return []
    default:
      return hop satisfies never
  }
}

export const termsAt = <At extends TermCheck['at']>(terms: readonly Term[], at: At): TermAt<At>[] =>
  terms.filter((term): term is TermAt<At> => term.check.at === at)

function ruleTerms({ rules }: TableHop): Term[] {
  return rules.map(({ name, description, severity, each, sql, rows }): Term => {
    const head = { name, form: 'rule', severity, violation: 'rule-broken', field: null } as const
    if (each !== undefined) return { ...head, expected: description || oneLine(each), check: { at: 'row', holds: each, rows } }
    return { ...head, expected: description || `no row of ${oneLine(sql ?? '')}`, check: { at: 'end', select: sql ?? '' } }
  })
}

const oneLine = (sql: string) => sql.replaceAll(/\s+/g, ' ')

function contractTerms(contract: Contract | null): Term[] {
  if (contract === null) return []
  const terms = Object.entries(contract.columns).flatMap(([field, column]) => columnTerms(field, column))
  for (const fields of contract.unique) {
    const columns = fields.map(quoted).join(', ')
    const set = fields.map((field) => `${quoted(field)} IS NOT NULL`).join(' AND ')
    terms.push({
      ...contractTerm(`unique ${fields.join(', ')}`, 'rule-broken'),
      field: fields.join(', '),
      expected: `no other record with the same ${fields.join(', ')}`,
      check: { at: 'end', select: `SELECT * FROM rows WHERE ${set} QUALIFY count(*) OVER (PARTITION BY ${columns}) > 1` },
    })
  }
  if (contract.freshness !== null) {
    const { withinMs } = contract.freshness
    const expected = `the newest at most ${withinMs} ms old at commit`
    terms.push({ ...contractTerm('freshness', 'late'), field: null, expected, check: { at: 'commit', withinMs } })
  }
  return terms
}

const contractTerm = (what: string, violation: Term['violation']) =>
  ({ name: `contract: ${what}`, form: 'contract', severity: 'failure', violation }) as const

function columnTerms(field: string, { type, notNull, range, oneOf }: Contract['columns'][string]): Term[] {
  const column = quoted(field)
  const unlessNull = (holds: string) => ({ at: 'row', holds: `${column} IS NULL OR ${holds}`, rows: 'canaries' }) as const
  const terms: Term[] = [
    {
      ...contractTerm(field, 'schema-violated'),
      field,
      expected: type === undefined ? 'a column of this name' : `a column of type ${type}`,
      check: { at: 'schema', type: type ?? null },
    },
  ]
  if (notNull)
    terms.push({
      ...contractTerm(`${field} not null`, 'schema-violated'),
      field,
      expected: 'a value, not null',
      check: { at: 'row', holds: `${column} IS NOT NULL`, rows: 'canaries' },
    })
  if (range !== undefined) {
    const [least, most] = range
    const check = unlessNull(`${column} BETWEEN ${least} AND ${most}`)
    terms.push({ ...contractTerm(`${field} range`, 'rule-broken'), field, expected: `from ${least} to ${most}`, check })
  }
  if (oneOf !== undefined) {
    const check = unlessNull(`CAST(${column} AS VARCHAR) IN (${oneOf.map(text).join(', ')})`)
    terms.push({ ...contractTerm(`${field} one of`, 'rule-broken'), field, expected: `one of ${oneOf.join(', ')}`, check })
  }
  return terms
}

/** What is said of a column of one type, compared as people write it. */
export const isSameType = (expected: string, actual: string) => plainType(expected) === plainType(actual)
const plainType = (type: string) => type.toLowerCase().replaceAll(/\s+/g, '')

/** Columns whose name stands in the SQL of a term, and perhaps one or two more: they are read besides. */
export function columnsOfTerms(terms: readonly Term[], columns: readonly string[]): string[] {
  const sqls = terms.map(({ check }) => (check.at === 'row' ? check.holds : check.at === 'end' ? check.select : '').toLowerCase())
  const fields = new Set(terms.map(({ field }) => field))
  return columns.filter((name) => fields.has(name) || sqls.some((sql) => sql.includes(name.toLowerCase())))
}
