import { AssayError } from '../core/errors.ts'
import { quoteIdentifier, quoteText, type DuckDb, type SqlRow } from './duckdb.ts'
import type { KafkaColumns } from './identity-scan.ts'
import { misfitOf } from './sql-check.ts'

/** A rule put to rows. `holds` is asked of each; `select` names the offending ones of `rows`. */
export type AskedRule = { readonly holds: string } | { readonly select: string }

export interface RowsToCheck {
  /** A `FROM` item. */
  readonly from: string
  readonly columns: readonly string[]
  readonly identityField: string
  readonly kafka: KafkaColumns | null
}

export interface BrokenRow {
  /** As it stands in the row; null where the rows of an answer have none. */
  readonly identity: string | null
  readonly partition: number | null
  readonly offset: number | null
  /** The row as JSON, or its columns that the rule names. */
  readonly shown: string
}

export type RuleAnswer =
  | { readonly ok: true; readonly rows: number; readonly broken: number; readonly listed: readonly BrokenRow[] }
  | { readonly ok: false; readonly reason: string }

/** Beyond, broken rows are counted and not listed. */
export const BROKEN_LISTED_MAX = 10_000

/** Asks one rule of rows. SQL that does not fit them is an answer; the engine's own trouble is thrown, as ENGINE_FAILED. */
export async function askRule(db: DuckDb, rows: RowsToCheck, rule: AskedRule): Promise<RuleAnswer> {
  try {
    const [counted] = await db.query(`SELECT count(*) AS n FROM ${rows.from}`)
    const broken = 'holds' in rule ? await brokenByRow(db, rows, rule.holds) : await brokenBySelect(db, rows, rule.select)
    return { ok: true, rows: Number(counted?.['n'] ?? 0), broken: Number(broken[0]?.['total'] ?? 0), listed: broken.map(brokenRow) }
  } catch (error) {
    const reason = error instanceof AssayError && error.code === 'INPUT_INVALID' ? error.message : misfitOf(error)
    if (reason === null) throw error
    return { ok: false, reason }
  }
}

async function brokenByRow(db: DuckDb, rows: RowsToCheck, holds: string): Promise<SqlRow[]> {
  const [described] = await db.query(`DESCRIBE SELECT (\n${holds}\n) AS holds FROM ${rows.from}`)
  const type = String(described?.['column_type'])
  if (type !== 'BOOLEAN') throw new AssayError('INPUT_INVALID', `expected a boolean expression, got ${type}`)
  const named = rows.columns.filter((name) => holds.toLowerCase().includes(name.toLowerCase()))
  return db.query(`-- rule: rows that break it
    SELECT ${placeSql(rows, rows.columns)}, ${shownSql(named.length === 0 ? rows.columns : named)} AS shown, count(*) OVER () AS total
    FROM ${rows.from} WHERE NOT (\n${holds}\n) ORDER BY 1, 2, 3 LIMIT ${BROKEN_LISTED_MAX}`)
}

async function brokenBySelect(db: DuckDb, rows: RowsToCheck, select: string): Promise<SqlRow[]> {
  const body = `WITH rows AS (SELECT * FROM ${rows.from}), offending AS (\n${select}\n)`
  const columns = (await db.query(`DESCRIBE ${body} SELECT * FROM offending`)).map((row) => String(row['column_name']))
  return db.query(`-- rule: what it selects
    ${body} SELECT ${placeSql(rows, columns)}, ${shownSql(columns)} AS shown, count(*) OVER () AS total
    FROM offending ORDER BY 1, 2, 3, 4 LIMIT ${BROKEN_LISTED_MAX}`)
}

function placeSql({ identityField, kafka }: RowsToCheck, columns: readonly string[]): string {
  const value = (name: string | undefined, type: string) =>
    name !== undefined && columns.includes(name) ? `CAST(${quoteIdentifier(name)} AS ${type})` : `NULL::${type}`
  return `${value(identityField, 'VARCHAR')} AS identity, ${value(kafka?.partitionField, 'BIGINT')} AS kafka_partition,
    ${value(kafka?.offsetField, 'BIGINT')} AS kafka_offset`
}

/** `{"price":"-1.5","side":"BUY"}`: all values as text, with every digit they have. */
const shownSql = (columns: readonly string[]) =>
  `CAST(json_object(${columns.map((name) => `${quoteText(name)}, CAST(${quoteIdentifier(name)} AS VARCHAR)`).join(', ')}) AS VARCHAR)`

const brokenRow = (row: SqlRow): BrokenRow => ({
  identity: row['identity'] === null ? null : String(row['identity']),
  partition: row['kafka_partition'] === null ? null : Number(row['kafka_partition']),
  offset: row['kafka_offset'] === null ? null : Number(row['kafka_offset']),
  shown: String(row['shown']),
})
