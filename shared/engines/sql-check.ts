import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import { quoteText, type DuckDb } from './duckdb.ts'

const parsed = z.looseObject({
  error: z.boolean(),
  error_message: z.string().optional(),
  statements: z.array(z.looseObject({ node: z.looseObject({ select_list: z.array(z.unknown()).optional() }) })).optional(),
})

/** What is wrong with a piece of SQL by itself, whatever columns there are; null for nothing. Nothing of it is executed. */
export async function sqlProblem(db: DuckDb, sql: string, form: 'expression' | 'query'): Promise<string | null> {
  if (form === 'query') return statementProblem(db, sql)
  // Parentheses that only fit together with those around it would make it another expression where it is put in.
  return (await statementProblem(db, `SELECT ${sql}\n`, 1)) ?? (await statementProblem(db, `SELECT (\n${sql}\n)`, 1))
}

async function statementProblem(db: DuckDb, sql: string, columns: number | null = null): Promise<string | null> {
  const [row] = await db.query(`SELECT json_serialize_sql(${quoteText(sql)}) AS tree`)
  const tree: unknown = JSON.parse(String(row?.['tree']))
  const { error, error_message: message = 'it cannot be parsed', statements = [] } = parsed.parse(tree)
  if (error) return message.startsWith('Only SELECT') ? 'expected a SELECT' : message
  if (statements.length !== 1) return `expected one statement, got ${statements.length}`
  const selected = statements[0]?.node.select_list?.length ?? 0
  if (columns !== null && selected !== columns) return `expected one expression, got ${selected}`
  const outside = tablesOf(tree).find((table) => table !== 'rows')
  return outside === undefined ? null : `reads ${outside}: expected \`rows\` and nothing else`
}

/** Tables and table functions that a syntax tree reads; names that it defines itself aside. */
function tablesOf(tree: unknown): string[] {
  const read: string[] = []
  const own = new Set<string>()
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const one = node as Readonly<Record<string, unknown>>
    if (one['type'] === 'BASE_TABLE') read.push(String(one['table_name']).toLowerCase())
    if (one['type'] === 'TABLE_FUNCTION') read.push(functionName(one['function']))
    if (typeof one['key'] === 'string' && 'value' in one) own.add(one['key'].toLowerCase())
    for (const value of Object.values(one)) walk(value)
  }
  walk(tree)
  return read.filter((name) => !own.has(name) && name !== 'unnest' && name !== 'generate_series' && name !== 'range')
}

const functionName = (node: unknown) =>
  typeof node === 'object' && node !== null && 'function_name' in node ? String(node.function_name) : 'a table function'

/** What the engine says of SQL that does not fit the rows it is put to; null for trouble of another kind. */
export function misfitOf(error: unknown): string | null {
  if (!(error instanceof AssayError) || error.code !== 'ENGINE_FAILED') return null
  const reason = error.cause instanceof Error ? error.cause.message : error.message
  return /^(Binder|Parser|Catalog|Conversion|Invalid Input|Out of Range|Mismatch Type|Not implemented) Error/i.test(reason)
    ? (reason.split('\n', 1)[0] ?? '')
    : null
}
