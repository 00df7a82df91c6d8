import { engineTypeOf } from '../../shared/engines/column-projection.ts'
import { quoteIdentifier } from '../../shared/engines/duckdb.ts'
import type { DuckDb, SqlValue } from '../../shared/engines/duckdb.ts'
import type { SchemaField } from '../../shared/iceberg/metadata.ts'

interface Nested {
  readonly type: string
  readonly fields?: SchemaField[]
  readonly element?: unknown
  readonly key?: unknown
  readonly value?: unknown
}

/** One form for every value: text by value, nested ones as JSON of such texts, maps as sorted pairs. */
const forms: readonly (readonly [type: RegExp, form: (value: string) => string])[] = [
  // Bits: text would not tell all doubles apart.
  [/^float$/, (value) => `CASE WHEN isnan(${value}) THEN '7fc00000' ELSE lower(hex(${value}::FLOAT::BIT::BLOB)) END`],
  [/^double$/, (value) => `CASE WHEN isnan(${value}) THEN '7ff8000000000000' ELSE lower(hex(${value}::DOUBLE::BIT::BLOB)) END`],
  [/^date$/, (value) => `CAST(date_diff('day', DATE '1970-01-01', ${value}) AS VARCHAR)`],
  [/^time$/, (value) => `CAST(epoch_us(${value}) AS VARCHAR)`],
  [/^timestamp(tz)?$/, (value) => `CAST(CAST(epoch_us(${value}) AS HUGEINT) * 1000 AS VARCHAR)`],
  [/^timestamp(tz)?_ns$/, (value) => `CAST(epoch_ns(${value}) AS VARCHAR)`],
  [/^binary$|^fixed/, (value) => `lower(hex(${value}))`],
]

function formSql({ name, type }: Pick<SchemaField, 'name' | 'type'>, value: string): string {
  if (typeof type === 'string') {
    const form = forms.find(([pattern]) => pattern.test(type))?.[1] ?? ((plain: string) => `CAST(${plain} AS VARCHAR)`)
    return `to_json(${form(value)})`
  }
  const nested = type as Nested
  const each = `each_${value.length}`
  const unlessNull = (sql: string) => `CASE WHEN ${value} IS NULL THEN to_json(NULL) ELSE to_json(${sql}) END`
  if (nested.type === 'struct') {
    const parts = (nested.fields ?? []).map(
      (one) => `${quoteIdentifier(one.name)} := ${formSql(one, `${value}.${quoteIdentifier(one.name)}`)}`,
    )
    return unlessNull(`struct_pack(${parts.join(', ')})`)
  }
  if (nested.type === 'list')
    return unlessNull(`list_transform(${value}, lambda ${each}: ${formSql({ name, type: nested.element }, each)})`)
  const pair = `[${formSql({ name, type: nested.key }, `${each}.key`)}, ${formSql({ name, type: nested.value }, `${each}.value`)}]`
  return unlessNull(`list_sort(list_transform(map_entries(${value}), lambda ${each}: to_json(${pair})))`)
}

/** All rows of a `FROM` item in the form of expected.json, as sorted JSON. Throws where a column is not of its Iceberg type. */
export async function canonicalRows(db: DuckDb, { from, fields }: { from: string; fields: readonly SchemaField[] }): Promise<string[]> {
  const told = await db.query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${from})`)
  const types = await db.query(`SELECT ${fields.map((field, i) => `typeof(CAST(NULL AS ${engineTypeOf(field)})) AS t${i}`).join(', ')}`)
  const expected = fields.map(({ name }, i) => ({ column_name: name, column_type: types[0]?.[`t${i}`] as SqlValue }))
  if (JSON.stringify(told) !== JSON.stringify(expected))
    throw new Error(`columns: expected ${JSON.stringify(expected)}, got ${JSON.stringify(told)}`)
  const rows = await db.query(
    `SELECT ${fields.map((field, i) => `${formSql(field, quoteIdentifier(field.name))} AS c${i}`).join(', ')} FROM ${from}`,
  )
  return rows
    .map((row) => JSON.stringify(Object.fromEntries(fields.map(({ name }, i) => [name, JSON.parse(String(row[`c${i}`])) as unknown]))))
    .sort()
}
