import { quoteIdentifier } from './duckdb.ts'

/** One field as a hop must hold it: an expression over the produced record's fields, of the given DuckDB type. */
export interface ExpectedField {
  field: string
  type: string
  sql: string
  /** Of a moment or a day that is expected as an integer: since 1970, counted in these. */
  unit?: 'days' | 'millis' | 'micros'
}

export function expectedSql({ sql, type }: ExpectedField): string {
  return `CAST((${sql}) AS ${type})`
}

/**
 * The value of a column as SQL, and the DuckDB type it then has; the type is undefined where the files have no such column.
 * Columns that hold moments or days give the integers that are expected: that a table has a type for time is no difference.
 */
export function actualSql({ field, type, unit }: ExpectedField, columnType: string | undefined): { sql: string; type: string | undefined } {
  if (columnType === undefined) return { sql: 'NULL', type: undefined }
  const column = quoteIdentifier(field)
  const isMoment = /^TIMESTAMP/i.test(columnType)
  if (unit !== undefined && (isMoment || /^DATE$/i.test(columnType)))
    return { sql: isMoment ? momentSql(column, { unit, columnType }) : dateSql(column, unit), type: 'BIGINT' }
  // Without the zone of whoever runs the engine.
  if (/^TIMESTAMP WITH TIME ZONE$/i.test(columnType) && /^TIMESTAMP(_MS|_S|_NS)?$/i.test(type))
    return { sql: `make_timestamp(epoch_us(${column}))`, type: 'TIMESTAMP' }
  return { sql: column, type: columnType }
}

const MICROS = { micros: 1, millis: 1_000, days: 86_400_000_000 } as const

/** Where the moment does not come out even in the unit, it stays in what the column has: a number that is expected nowhere. */
function momentSql(column: string, { unit, columnType }: { unit: keyof typeof MICROS; columnType: string }): string {
  const isNanos = /^TIMESTAMP_NS$/i.test(columnType)
  const value = isNanos ? `epoch_ns(${column})` : `epoch_us(${column})`
  const size = MICROS[unit] * (isNanos ? 1_000 : 1)
  return size === 1 ? value : `CASE WHEN ${value} % ${size} = 0 THEN ${value} // ${size} ELSE ${value} END`
}

function dateSql(column: string, unit: keyof typeof MICROS): string {
  return `date_diff('day', DATE '1970-01-01', ${column}) * ${MICROS.days / MICROS[unit]}`
}

interface ComparedSql {
  readonly expected: string
  readonly actual: string
  readonly actualType: string | undefined
}

/** Never null, whatever the values. */
export function differsSql({ type }: ExpectedField, { expected, actual, actualType }: ComparedSql): string {
  const brought = broughtSql(type, actual)
  const differs = `${comparableSql(type, expected)} IS DISTINCT FROM ${comparableSql(type, brought)}`
  return `(${differs} OR NOT ${survivesSql(type, actual, actualType)})`
}

/** A value in the expected type; null where it cannot be. */
export const broughtSql = (type: string, actual: string) => `TRY_CAST(${actual} AS ${type})`

/** Whether a value comes through the expected type unchanged. Never null. */
export function survivesSql(type: string, actual: string, actualType: string | undefined): string {
  if (isMap(type) || actualType === undefined || actualType === type) return 'true'
  return `(TRY_CAST(${broughtSql(type, actual)} AS ${actualType}) IS NOT DISTINCT FROM ${actual})`
}

/** Equal for equal values. */
export const comparableSql = (type: string, value: string) => (isMap(type) ? sortedEntriesSql(value) : value)

/** The map's own order is no part of its value. The engine takes the entries of no map for those of an empty one. */
function sortedEntriesSql(map: string): string {
  return `CASE WHEN ${map} IS NOT NULL THEN list_sort(map_entries(${map})) END`
}

export function textSql(type: string, value: string): string {
  if (isMap(type)) return `CASE WHEN ${value} IS NOT NULL THEN CAST(to_json(map_from_entries(${sortedEntriesSql(value)})) AS VARCHAR) END`
  if (/^BLOB$/i.test(type)) return `lower(hex(${value}))`
  return decimalTextSql(type, value)
}

/** Of a decimal that is all fraction, such as decimal(4,4), the engine leaves out the zero before the point. */
export function decimalTextSql(type: string, value: string): string {
  const text = `CAST(${value} AS VARCHAR)`
  return /^(DECIMAL|NUMERIC)\((\d+), *\2\)$/i.test(type) ? `regexp_replace(${text}, '^(-?)[.]', '\\1' || '0.')` : text
}

export const isMap = (type: string) => /^MAP\(/i.test(type)
export const isDecimal = (type: string) => /^(DECIMAL|NUMERIC)\b/i.test(type)
export const isFloating = (type: string) => /^(DOUBLE|FLOAT|REAL)$/i.test(type)
