import type { AuditField, AuditPrint, ComparedAs } from '../../schemas/results/audit-window.ts'
import { ENTRY_MARK, FIELD_MARK, VALUE_MARK } from '../core/audit-fields.ts'
import { addPrints, partCount, printText, type AuditInterval } from '../core/audit-print.ts'
import { emptyPrint } from '../core/audit-print.ts'
import { decimalTextSql } from './content-values.ts'
import { quoteIdentifier, type DuckDb } from './duckdb.ts'
import type { KafkaColumns } from './identity-scan.ts'

const chr = (mark: string) => `chr(${mark.charCodeAt(0)})`

/** The text of a row's value, the same as `canonicalText` gives for an equal value of a record. */
export function canonicalSql(as: ComparedAs, column: string, type: string): string {
  switch (as) {
    case 'exact': {
      const isFraction = type.startsWith('decimal(') && !type.endsWith(',0)')
      return isFraction ? `rtrim(rtrim(${decimalTextSql(type, column)}, '0'), '.')` : `CAST(${column} AS VARCHAR)`
    }
    case 'floating':
      return `CASE WHEN isnan(${column}) THEN 'nan' ELSE CAST(CAST(CAST(${column} AS DOUBLE) + 0.0 AS BIT) AS VARCHAR) END`
    case 'text':
    case 'key':
      return `nfc_normalize(CAST(${column} AS VARCHAR))`
    case 'boolean':
    case 'uuid':
      return `CAST(${column} AS VARCHAR)`
    case 'bytes':
      return `lower(hex(${column}))`
    case 'days':
      return `CAST(date_diff('day', DATE '1970-01-01', ${column}) AS VARCHAR)`
    case 'micros':
      return `CAST(${type.endsWith('_ns') ? nanosAsMicros(column) : `epoch_us(${column})`} AS VARCHAR)`
    case 'map':
      return `CASE WHEN ${column} IS NOT NULL THEN array_to_string(list_transform(list_sort(map_entries(${column})),
        lambda assay_entry: assay_entry.key || ${chr(VALUE_MARK)} || coalesce('+' || assay_entry.value, '-')), ${chr(ENTRY_MARK)}) END`
  }
}

/** Nanoseconds that are no whole microseconds stay what they are: no record has such a number. */
const nanosAsMicros = (column: string) =>
  `CASE WHEN epoch_ns(${column}) % 1000 = 0 THEN epoch_ns(${column}) // 1000 ELSE epoch_ns(${column}) END`

/** A `FROM` item over rows of the table, and what is looked at in them. */
export interface AuditedRows {
  readonly from: string
  readonly kafka: KafkaColumns
  readonly fields: readonly AuditField[]
  /** The table's type of each column, as `columnTypeText` has it. */
  readonly types: ReadonlyMap<string, string>
}

const placeSql = ({ kafka }: AuditedRows) =>
  `CAST(${quoteIdentifier(kafka.partitionField)} AS BIGINT) AS p, CAST(${quoteIdentifier(kafka.offsetField)} AS BIGINT) AS o`

const valueSql = ({ types }: AuditedRows, { field, as }: AuditField) => {
  const type = types.get(field)
  return type === undefined ? 'CAST(NULL AS VARCHAR)' : canonicalSql(as, quoteIdentifier(field), type)
}

export interface TablePrints {
  readonly interval: AuditInterval
  readonly prints: AuditPrint[]
  lastRecord: number | null
}

export const emptyTablePrints = (interval: AuditInterval): TablePrints => ({
  interval,
  prints: Array.from({ length: partCount(interval) }, emptyPrint),
  lastRecord: null,
})

/** Adds the rows to the prints of the intervals they stand in. Memory grows with the parts, not with the rows. Throws ENGINE_FAILED. */
export async function addRows(db: DuckDb, rows: AuditedRows, into: readonly TablePrints[]): Promise<void> {
  const marked = rows.fields.map((field) => `|| ${chr(FIELD_MARK)} || coalesce('+' || ${valueSql(rows, field)}, '-')`)
  const wanted = into.map(
    ({ interval: { partition, offsetFirst, offsetLast, step } }, i) => `(${i}, ${partition}, ${offsetFirst}, ${offsetLast}, ${step})`,
  )
  const found = await db.query(`-- audit: fingerprints of rows
    SELECT i, (o - first) // step AS part, count(*) AS n, sum(h) AS s, bit_xor(h) AS x, max(o) AS last_record
    FROM (SELECT i, p, o, first, step, md5_number_lower(CAST(p AS VARCHAR) || ${chr(FIELD_MARK)} || CAST(o AS VARCHAR) ${marked.join(' ')}) AS h
      FROM (SELECT *, ${placeSql(rows)} FROM ${rows.from}) assay_rows
      JOIN (VALUES ${wanted.join(', ')}) assay_wanted(i, wanted_partition, first, last, step) ON p = wanted_partition AND o BETWEEN first AND last)
    GROUP BY 1, 2`)
  for (const row of found) {
    const one = into[Number(row['i'])] as TablePrints
    const part = Number(row['part'])
    const print = { count: Number(row['n']), sum: printText(row['s'] as bigint), xor: printText(row['x'] as bigint) }
    one.prints[part] = addPrints(one.prints[part] as AuditPrint, print)
    one.lastRecord = Math.max(one.lastRecord ?? -1, Number(row['last_record']))
  }
}

export interface RowAt {
  readonly partition: number
  readonly offset: number
  readonly values: (string | null)[]
}

/** More rows of one place say nothing more. */
const ROWS_MAX = 10_000

/** Rows at single offsets, with the text of their values. */
export async function rowsAt(db: DuckDb, rows: AuditedRows, places: readonly { partition: number; offset: number }[]): Promise<RowAt[]> {
  const values = rows.fields.map((field, i) => `, ${valueSql(rows, field)} AS v${i}`)
  const wanted = places.map(({ partition, offset }) => `(${partition}, ${offset})`)
  const found = await db.query(`-- audit: rows at single offsets
    SELECT p, o${values.join('')} FROM (SELECT *, ${placeSql(rows)} FROM ${rows.from}) assay_rows
    WHERE (p, o) IN (VALUES ${wanted.join(', ')}) ORDER BY p, o LIMIT ${ROWS_MAX}`)
  return found.map((row) => ({
    partition: Number(row['p']),
    offset: Number(row['o']),
    values: rows.fields.map((_, i) => (row[`v${i}`] == null ? null : String(row[`v${i}`]))),
  }))
}
