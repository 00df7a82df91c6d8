import { COMPARED_BYTES_MAX, isBoundable, type ActualColumn, type Comparable } from '../iceberg/column-bounds.ts'
import type { SchemaField, TableSchema } from '../iceberg/metadata.ts'
import { modelledType } from './column-projection.ts'
import { quoteIdentifier, quoteText } from './duckdb.ts'
import type { DuckDb, SqlRow, SqlValue } from './duckdb.ts'
import { keepNanoseconds } from './parquet-nanoseconds.ts'
import { mappedShape, parquetShapes } from './parquet-tree.ts'

export interface FileColumns {
  readonly rowCount: number
  /** Top-level columns of the schema that can be compared with bounds. */
  readonly columns: readonly ActualColumn[]
}

interface FileColumn {
  readonly name: string
  readonly engineType: string | null
  readonly field: SchemaField | undefined
}

/** All columns that manifests may speak of. */
type KnownColumns = Pick<TableSchema, 'nameMapping'> & { readonly fields: readonly SchemaField[] }

/**
 * Reads every value of a local Parquet file, so that what cannot be decoded shows, and measures the columns that are known
 * by id; in a file without ids, by the table's name mapping or by name. Footer statistics are not asked. Throws ENGINE_FAILED,
 * METADATA_BROKEN.
 */
export async function measureColumns(db: DuckDb, path: string, known: KnownColumns): Promise<FileColumns> {
  await keepNanoseconds([path], known.fields)
  const columns = await topColumns(db, path, known)
  const measures = columns.flatMap(({ name, engineType, field }, i) => {
    const column = quoteIdentifier(name)
    const all = [`count(${column}) AS n${i}`, `bit_xor(hash(${column})) AS h${i}`]
    const type = typeof field?.type === 'string' ? field.type : null
    if (type === null || !isBoundable(type)) return all
    const typed = typedSql(type, { column, engineType })
    const value = /^(float|double)$/.test(type) ? `CASE WHEN NOT isnan(${typed}) THEN ${typed} END` : typed
    return [...all, `${comparableSql(type, `min(${value})`)} AS l${i}`, `${comparableSql(type, `max(${value})`)} AS u${i}`]
  })
  const [row] = (await db.query(`SELECT ${['count(*) AS n', ...measures].join(', ')} FROM ${fileSql(path)}`)) as [SqlRow]
  const rowCount = Number(row['n'])
  return {
    rowCount,
    columns: columns.flatMap(({ name, field }, i): ActualColumn[] => {
      if (field === undefined || typeof field.type !== 'string' || modelledType(field.type) === null) return []
      const { type } = field
      const least = comparable(type, row[`l${i}`])
      const greatest = comparable(type, row[`u${i}`])
      return [{ fieldId: field.id, name, type, valueCount: rowCount, nullCount: rowCount - Number(row[`n${i}`]), least, greatest }]
    }),
  }
}

/** In the type that the table has by now; null where a value is none of it. */
function typedSql(type: string, { column, engineType }: { column: string; engineType: string | null }): string {
  const target = modelledType(type)
  return target === null || target === engineType || target === 'BLOB' || engineType === 'BLOB'
    ? column
    : `TRY_CAST(${column} AS ${target})`
}

/**
 * Where a local file cannot be read: its row groups one after the other, each column by itself. Null where all of it
 * can. A changed byte that decodes to another value is not found here: the engine does not verify checksums of pages.
 */
export async function findDamage(db: DuckDb, path: string): Promise<string | null> {
  let columns: readonly string[]
  let groups: readonly number[]
  try {
    columns = (await topColumns(db, path, { fields: [] })).map(({ name }) => name)
    groups = (await rowGroups(db, path)).map(({ rowCount }) => rowCount)
  } catch (error) {
    return `no readable footer: ${reasonOf(error)}`
  }
  let first = 0
  for (const [group, rowCount] of groups.entries()) {
    const where = `file_row_number BETWEEN ${first} AND ${first + rowCount - 1}`
    if ((await failureOf(db, readSql(path, columns, where))) !== null)
      for (const column of columns) {
        const failure = await failureOf(db, readSql(path, [column], where))
        if (failure !== null) return `row group ${group} of ${groups.length}, column ${column}: ${failure}`
      }
    first += rowCount
  }
  return null
}

async function rowGroups(db: DuckDb, path: string): Promise<{ rowCount: number }[]> {
  const rows = await db.query(
    `SELECT row_group_id, any_value(row_group_num_rows) AS n FROM parquet_metadata(${quoteText(path)}) GROUP BY 1 ORDER BY 1`,
  )
  return rows.map((row) => ({ rowCount: Number(row['n']) }))
}

const readSql = (path: string, columns: readonly string[], where: string) =>
  `SELECT ${columns.map((name) => `bit_xor(hash(${quoteIdentifier(name)}))`).join(', ')} FROM ${fileSql(path)} WHERE ${where}`

async function failureOf(db: DuckDb, sql: string): Promise<string | null> {
  try {
    await db.query(sql)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

/** The engine's own words; the query before them is ours. */
const reasonOf = (error: unknown) => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? ''
}

const fileSql = (path: string) => `read_parquet(${quoteText(path)}, hive_partitioning = false, file_row_number = true)`

async function topColumns(db: DuckDb, path: string, { fields, nameMapping }: KnownColumns): Promise<FileColumn[]> {
  return (await parquetShapes(db, [path])).flatMap((told) => {
    const { columns, hasIds } = mappedShape(told, nameMapping)
    return columns.map(({ name, fieldId, engineType }) => {
      return { name, engineType, field: fields.find((one) => (hasIds ? one.id === fieldId : one.name === name)) }
    })
  })
}

const hexSql = (bytes: string) => `left(hex(${bytes}), ${2 * COMPARED_BYTES_MAX})`

const forms: readonly (readonly [type: RegExp, sql: (value: string) => string, parse: (text: string) => Comparable])[] = [
  [/^(int|long)$/, (value) => `CAST(${value} AS VARCHAR)`, BigInt],
  [/^date$/, (value) => `CAST(date_diff('day', DATE '1970-01-01', ${value}) AS VARCHAR)`, BigInt],
  [/^timestamp(tz)?_ns$/, (value) => `CAST(epoch_ns(${value}) AS VARCHAR)`, BigInt],
  [/^(time|timestamp|timestamptz)$/, (value) => `CAST(epoch_us(${value}) AS VARCHAR)`, BigInt],
  [/^(float|double)$/, (value) => `CAST(CAST(${value} AS DOUBLE) AS VARCHAR)`, (text) => Number(text.replace('inf', 'Infinity'))],
  [/^decimal\(/, (value) => `replace(CAST(${value} AS VARCHAR), '.', '')`, BigInt],
  [/^boolean$/, (value) => `CAST(CAST(${value} AS INTEGER) AS VARCHAR)`, BigInt],
  [/^string$/, (value) => hexSql(`encode(left(${value}, ${COMPARED_BYTES_MAX}))`), (text) => Buffer.from(text, 'hex')],
  [/^(binary|fixed)/, hexSql, (text) => Buffer.from(text, 'hex')],
]
const formOf = (type: string) => forms.find(([pattern]) => pattern.test(type))

const comparableSql = (type: string, value: string) => formOf(type)?.[1](value) ?? 'NULL'

function comparable(type: string, value: SqlValue | undefined): Comparable | null {
  return value === null || value === undefined ? null : (formOf(type)?.[2](String(value)) ?? null)
}
