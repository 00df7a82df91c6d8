import type { RuleCheck } from '../../schemas/results/rules-checked.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import { members } from '../../shared/core/range-set.ts'
import { isSameType, termsAt, type Term, type TermAt } from '../../shared/core/rules.ts'
import { parquetFiles, quoteIdentifier, quoteText } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import {
  askRule,
  BROKEN_LISTED_MAX,
  type AskedRule,
  type BrokenRow,
  type RuleAnswer,
  type RowsToCheck,
} from '../../shared/engines/rule-check.ts'
import type { TableSchema } from '../../shared/iceberg/metadata.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import type { RuleFault, RulesRead } from './events.ts'
import { expectedRelation } from './expected-relation.ts'
import { kafkaColumns } from './run-rows.ts'
import { rowsOfFile, type ReadContext } from './table-files.ts'

export interface RowsOfRules {
  readonly canaries: RunCanaries
  /** Canaries with a row in the files. */
  readonly present: CanarySet
  /** Local Parquet files with the run's rows. */
  readonly paths: readonly string[]
  readonly terms: readonly Term[]
}

/** Terms that are asked of each row of the run. */
export async function checkRowTerms(context: ReadContext, { terms, ...rows }: RowsOfRules): Promise<RulesRead> {
  const own = termsAt(terms, 'row').filter(({ field }) => isThere(context, field))
  return askTerms(context, { ...rows, asked: own.map((term) => ({ term, rule: { holds: term.check.holds } })) })
}

/** Terms that are asked of all rows of the run together. */
export function checkEndTerms(context: ReadContext, { terms, ...rows }: RowsOfRules): Promise<RulesRead> {
  return askTerms(context, { ...rows, asked: termsAt(terms, 'end').map((term) => ({ term, rule: { select: term.check.select } })) })
}

/** A column that is not there is told once, by the term that asks for it. */
const isThere = ({ schema, unread }: ReadContext, field: string | null) =>
  field === null || unread.has(field) || schema.fields.some(({ name }) => name === field)

interface Asked {
  readonly term: Term
  readonly rule: AskedRule
}

async function askTerms(
  context: ReadContext,
  { canaries, present, paths, asked }: Omit<RowsOfRules, 'terms'> & { asked: readonly Asked[] },
): Promise<RulesRead> {
  const read: { checks: RuleCheck[]; faults: RuleFault[] } = { checks: [], faults: [] }
  if (paths.length === 0) return { checks: asked.map(({ term }) => checkOf(term, {})), faults: [] }
  const rows = rowsToCheck(context, parquetFiles(paths), context.schema)
  for (const { term, rule } of asked) {
    const answer = await askRule(context.db, rows, rule)
    if (!answer.ok) {
      read.checks.push(checkOf(term, { unchecked: whyNot(context, rule, answer.reason) }))
      continue
    }
    const expected = answer.broken === 0 ? noneExpected : await expectedToBreak(context, { canaries, present, rows, answer, rule })
    const own = answer.listed.filter((row) => !expected.excuses(row))
    const exempt = answer.listed.length - own.length
    const isWhole = expected.isWhole && answer.broken === answer.listed.length
    const unchecked = isWhole ? null : `of ${answer.broken} rows that break it ${BROKEN_LISTED_MAX} at most can be looked at`
    read.checks.push(checkOf(term, { rows: answer.rows, broken: answer.broken - exempt, exempt, unchecked }))
    read.faults.push(...own.map((row) => faultOf(term, row)))
  }
  return read
}

/** The engine knows of no column that is not read: where the rule names one, that is why it cannot be asked. */
function whyNot({ unread }: ReadContext, rule: AskedRule, reason: string): string {
  const sql = ('holds' in rule ? rule.holds : rule.select).toLowerCase()
  const named = [...unread].filter(([path]) => sql.includes((path.split('.').at(-1) ?? path).toLowerCase()))
  return named.length === 0 ? reason : [...new Set(named.map(([, why]) => why))].join('; ')
}

function rowsToCheck({ topology, hop }: ReadContext, from: string, { fields }: TableSchema): RowsToCheck {
  return { from, columns: fields.map(({ name }) => name), identityField: topology.record.identity, kafka: kafkaColumns(hop) }
}

const checkOf = ({ name, form, severity }: Term, said: Partial<RuleCheck>): RuleCheck => ({
  name,
  form,
  severity,
  rows: 0,
  broken: 0,
  exempt: 0,
  unchecked: null,
  ...said,
})

interface Excuse {
  readonly excuses: (row: BrokenRow) => boolean
  /** False where not all could be listed that was produced to break the rule: nobody can say of a row whether it is among them. */
  readonly isWhole: boolean
}

const noneExpected: Excuse = { excuses: () => false, isWhole: true }

/**
 * Which of the broken rows are broken by what was produced: edge values may break a rule, and then say nothing of the
 * pipeline. The same rule is put to the rows as they should be.
 */
async function expectedToBreak(
  { db, hop }: ReadContext,
  {
    canaries,
    present,
    rows,
    answer,
    rule,
  }: Pick<RowsOfRules, 'canaries' | 'present'> & { rows: RowsToCheck; answer: Extract<RuleAnswer, { ok: true }>; rule: AskedRule },
): Promise<Excuse> {
  // What is selected may hang on all rows together.
  const wanted = 'holds' in rule ? answer.listed.flatMap(({ identity }) => parseCanaryId(identity ?? '') ?? []) : membersOf(present)
  const relation = await expectedRelation(db, { canaries, members: wanted, expect: hop.expect, rows: rows.from })
  try {
    const should = await askRule(db, { ...rows, from: relation.from, columns: relation.columns, kafka: null }, rule)
    // A rule over columns that nobody can expect, such as where a row came from, excuses none.
    if (!should.ok) return noneExpected
    if (should.broken > should.listed.length) return { excuses: () => true, isWhole: false }
    const identities = new Set(should.listed.map(({ identity }) => identity))
    const answers = new Set(should.listed.map(({ shown }) => shown))
    return { excuses: ({ identity, shown }) => (identity === null ? answers.has(shown) : identities.has(identity)), isWhole: true }
  } finally {
    await relation.drop()
  }
}

function* membersOf(present: CanarySet): Generator<{ stream: number; seq: number }> {
  for (const stream of present.streams()) for (const seq of members(present.ranges(stream))) yield { stream, seq }
}

function faultOf({ violation, name, field, expected }: Term, { identity, partition, offset, shown }: BrokenRow): RuleFault {
  const id = identity === null ? null : parseCanaryId(identity)
  const place = id === null ? null : { stream: id.stream, seq: id.seq, partition: partition ?? -1, offset: offset ?? -1 }
  return { violation, rule: name, field, expected, actual: actualOf(field, shown), place, file: null, partition, offset }
}

/** Of a term of one column its value, of a rule the columns it speaks of. */
function actualOf(field: string | null, shown: string): string {
  if (field === null) return shown
  const values: unknown = JSON.parse(shown)
  const value = typeof values === 'object' && values !== null ? (values as Readonly<Record<string, string | null>>)[field] : undefined
  return value === undefined ? shown : (value ?? 'null')
}

/** Rules for the rows of everybody, asked of the rows of others in one data file that a snapshot added. */
export async function checkFileTerms(
  context: ReadContext,
  { file, deletes, terms }: { file: TableFile; deletes: readonly TableFile[]; terms: readonly Term[] },
): Promise<RulesRead> {
  const own = termsAt(terms, 'row').filter(({ check }) => check.rows === 'all')
  const read: { checks: RuleCheck[]; faults: RuleFault[] } = { checks: [], faults: [] }
  if (own.length === 0) return read
  const { marker } = context.topology.record
  const isOther = `${quoteIdentifier(marker.field)} IS DISTINCT FROM ${quoteText(marker.value)}`
  const from = `(SELECT * FROM ${await rowsOfFile(context, { file, deletes })} WHERE ${isOther})`
  const rows = rowsToCheck(context, from, context.schema)
  for (const term of own) {
    const answer = await askRule(context.db, rows, { holds: term.check.holds })
    if (!answer.ok) {
      read.checks.push(checkOf(term, { unchecked: whyNot(context, term.check, answer.reason) }))
      continue
    }
    read.checks.push(checkOf(term, { rows: answer.rows, broken: answer.broken }))
    const [first] = answer.listed
    if (first === undefined) continue
    const { violation, name, field, expected } = term
    const actual = `${answer.broken} of ${answer.rows} rows of others in the file, the first ${first.shown}`
    const { partition, offset } = first
    read.faults.push({ violation, rule: name, field, expected, actual, place: null, file: file.path, partition, offset })
  }
  return read
}

/** What a contract says of columns, against the schema that the snapshot has. */
export function checkSchemaTerms(terms: readonly TermAt<'schema'>[], { fields }: TableSchema, rows: number): RulesRead {
  const faults = terms.flatMap(({ violation, name, field, expected, check }): RuleFault[] => {
    const column = fields.find((one) => one.name === field)
    const type = column === undefined ? null : typeText(column.type)
    if (type !== null && (check.type === null || isSameType(check.type, type))) return []
    const actual = type === null ? 'no such column' : `a column of type ${type}`
    return [{ violation, rule: name, field, expected, actual, place: null, file: null, partition: null, offset: null }]
  })
  const broken = new Set(faults.map(({ rule }) => rule))
  return { checks: terms.map((term) => checkOf(term, { rows, broken: broken.has(term.name) ? rows : 0 })), faults }
}

const typeText = (type: unknown) => (typeof type === 'string' ? type : JSON.stringify(type))

export const joinedRules = (parts: readonly RulesRead[]): RulesRead => ({
  checks: [
    ...Map.groupBy(
      parts.flatMap(({ checks }) => checks),
      ({ name }) => name,
    ).values(),
  ].map(sum),
  faults: parts.flatMap(({ faults }) => faults),
})

function sum(checks: readonly RuleCheck[]): RuleCheck {
  const [first] = checks as readonly [RuleCheck]
  const total = (of: (check: RuleCheck) => number) => checks.reduce((all, check) => all + of(check), 0)
  return {
    ...first,
    rows: total(({ rows }) => rows),
    broken: total(({ broken }) => broken),
    exempt: total(({ exempt }) => exempt),
    unchecked: checks.find(({ unchecked }) => unchecked !== null)?.unchecked ?? null,
  }
}
