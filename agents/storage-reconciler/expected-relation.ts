import { expectedFields, canaryColumns } from '../../shared/engines/canary-columns.ts'
import { widened } from '../../shared/engines/content-check.ts'
import { expectedSql, type ExpectedField } from '../../shared/engines/content-values.ts'
import { quoteIdentifier, type DuckDb } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'

export interface ExpectedRelation {
  /** A `FROM` item. */
  readonly from: string
  readonly columns: readonly string[]
  drop(): Promise<void>
}

let relationsSoFar = 0

/** Canaries as the hop must hold them, under the columns and types that `rows` have: what a rule can be put to as well. */
export async function expectedRelation(
  db: DuckDb,
  {
    canaries,
    members,
    expect,
    rows,
  }: {
    canaries: RunCanaries
    members: Iterable<{ stream: number; seq: number }>
    expect: readonly ExpectedField[]
    rows: string
  },
): Promise<ExpectedRelation> {
  const table = `rule_expected_${++relationsSoFar}`
  const types = new Map(
    (await db.query(`DESCRIBE SELECT * FROM ${rows}`)).map((row) => [String(row['column_name']), String(row['column_type'])]),
  )
  const fields = expectedFields(canaries.fields, expect).filter(({ field }) => types.has(field))
  const part = `${table}_part`
  let isMade = false
  for (const block of blocksOf(members)) {
    const records = block.map(({ stream, seq }) => canaries.at(stream, seq))
    await db.appendColumns(part, canaryColumns(canaries.fields, records).map(widened))
    await db.query(isMade ? `INSERT INTO temp.${table} SELECT * FROM ${part}` : `CREATE TEMP TABLE ${table} AS SELECT * FROM ${part}`)
    await db.query(`DROP TABLE ${part}`)
    isMade = true
  }
  const columns = fields.map((field) => `${asColumn(field, types.get(field.field) ?? field.type)} AS ${quoteIdentifier(field.field)}`)
  return {
    from: `(SELECT ${columns.join(', ')} FROM ${table})`,
    columns: fields.map(({ field }) => field),
    drop: async () => {
      await db.query(`DROP TABLE ${table}`)
    },
  }
}

/** Records on our side at once; the engine keeps them on disk where there are many. */
const BLOCK = 4_096

/** One at least, so that there is a table. */
function* blocksOf<T>(members: Iterable<T>): Generator<T[]> {
  let block: T[] = []
  for (const member of members) {
    block.push(member)
    if (block.length < BLOCK) continue
    yield block
    block = []
  }
  yield block
}

const MICROS = { days: 86_400_000_000, millis: 1_000, micros: 1 } as const

/** In the type of the table's column; null where it does not fit it. */
function asColumn(field: ExpectedField, type: string): string {
  const value = expectedSql(field)
  if (field.unit === undefined || !/^(TIMESTAMP|DATE)/i.test(type)) return `TRY_CAST(${value} AS ${type})`
  const moment = `make_timestamp(${value} * ${MICROS[field.unit]})`
  return /WITH TIME ZONE/i.test(type) ? `make_timestamptz(${value} * ${MICROS[field.unit]})` : `TRY_CAST(${moment} AS ${type})`
}
