import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import { parseCanaryId } from '../core/identity.ts'
import type { CanaryId } from '../core/identity.ts'
import { fieldText } from '../core/record-schema.ts'
import { actualSql, expectedSql, differsSql, isDecimal, isFloating, isMap, textSql, type ExpectedField } from './content-values.ts'
import { parquetFiles, quoteIdentifier, quoteText } from './duckdb.ts'
import type { Column, DuckDb, EngineCalls, SqlRow, SqlValue } from './duckdb.ts'
import type { KafkaColumns } from './identity-scan.ts'

export interface ExpectedRecords {
  /** The produced records, one column a field. */
  columns: readonly Column[]
  /** The column that holds the identity. */
  identityField: string
  expect: readonly ExpectedField[]
}

export interface ContentCheckInput {
  expected: ExpectedRecords
  paths: readonly string[]
  /** The files' column that holds the identity. */
  identityField: string
  kafka: KafkaColumns | null
  /** How many mismatches to list; all are counted. */
  limit: number
}

export interface ContentCheck {
  /** Rows of the files that carry an expected identity, and so were compared. */
  comparedCount: number
  mismatchCount: number
  mismatches: Mismatch[]
  /** Expected fields the files have no column for: each shows as a mismatch wherever a value was expected. */
  missingFields: string[]
}

/** Values as text: decimals with all their digits, maps as JSON with sorted keys, bytes in hexadecimal; null is null. */
export interface Mismatch extends CanaryId {
  field: string
  expected: string | null
  actual: string | null
  partition: number | null
  offset: number | null
}

/**
 * Compares every row that carries an expected identity with the projection of what was produced, in the engine. Types
 * are brought to the expected one; a value that does not survive this and the way back is a mismatch.
 */
export async function checkContent(db: DuckDb, input: ContentCheckInput): Promise<ContentCheck> {
  const check: ContentCheck = { comparedCount: 0, mismatchCount: 0, mismatches: [], missingFields: [] }
  if (input.paths.length === 0 || input.expected.columns.every(({ values }) => values.length === 0)) return check
  const table = `expected_records_${++checksSoFar}`
  await db.appendColumns(table, input.expected.columns.map(widened))
  try {
    await assertExactTypes(db, { table, expect: input.expected.expect })
    const present = new Map(
      (await db.query(`DESCRIBE SELECT * FROM ${parquetFiles(input.paths)}`)).map((row) => [
        String(row['column_name']),
        String(row['column_type']),
      ]),
    )
    check.missingFields = input.expected.expect.map(({ field }) => field).filter((field) => !present.has(field))
    const rows = await db.query(comparisonSql(input, { table, present }))
    for (const row of rows) readMismatch(check, row)
    const [counted] = await db.query(comparedSql(input, table))
    check.comparedCount = Number(counted?.['compared_count'] ?? 0)
  } finally {
    await db.query(`DROP TABLE ${table}`)
  }
  return check
}

let checksSoFar = 0

/**
 * The projection alone, by identity, in the order of `expect`: text in the form `fieldText` gives a record's own values.
 * For comparing with records that are not in files.
 */
export function projectRows(db: DuckDb, expected: ExpectedRecords): Promise<Map<string, (string | null)[]>> {
  return db.together((calls) => projected(calls, expected))
}

async function projected(db: EngineCalls, expected: ExpectedRecords): Promise<Map<string, (string | null)[]>> {
  const table = `expected_records_${++checksSoFar}`
  await db.appendColumns(table, expected.columns.map(widened))
  try {
    await assertExactTypes(db, { table, expect: expected.expect })
    const fields = expected.expect.map(
      (one, i) => `${isFloating(one.type) ? expectedSql(one) : textSql(one.type, expectedSql(one))} AS f${i}`,
    )
    const rows = await db.query(
      `-- content check: project what was produced
      SELECT ${quoteIdentifier(expected.identityField)} AS identity, ${fields.join(', ')} FROM ${table}`,
    )
    return new Map(rows.map((row) => [String(row['identity']), expected.expect.map(({ type }, i) => projectedText(type, row[`f${i}`]))]))
  } finally {
    await db.query(`DROP TABLE ${table}`)
  }
}

const MAX_DECIMAL_DIGITS = 38

/** The engine keeps the product of two decimals of up to 18 digits at 18 digits, and fails where that overflows. */
export function widened(column: Column): Column {
  return column.type === 'decimal' ? { ...column, precision: MAX_DECIMAL_DIGITS } : column
}

/** A projection that falls into floating point on its way to a decimal would make the judge itself inexact. */
async function assertExactTypes(db: EngineCalls, { table, expect }: { table: string; expect: readonly ExpectedField[] }): Promise<void> {
  const exact = expect.filter(({ type }) => isDecimal(type))
  if (exact.length === 0) return
  const types = await db.query(`DESCRIBE SELECT ${exact.map(({ sql }, i) => `(${sql}) AS f${i}`).join(', ')} FROM ${table}`)
  types.forEach((row, i) => {
    const { field, type, sql } = exact[i] as ExpectedField
    if (isFloating(String(row['column_type']))) {
      throw new AssayError(
        'INPUT_INVALID',
        `expect ${field}: expected an expression that stays ${type}, got ${String(row['column_type'])} from "${sql}"`,
      )
    }
  })
}

interface Tables {
  table: string
  present: ReadonlyMap<string, string>
}

function comparisonSql(input: ContentCheckInput, tables: Tables): string {
  const { expect } = input.expected
  const projected = expect.map((one, i) => `${expectedSql(one)} AS e${i}`)
  const found = expect.map((one) => actualSql(one, tables.present.get(one.field)))
  const actual = found.map(({ sql }, i) => `${sql} AS a${i}`)
  const differences = expect.map((one, i) => differsSql(one, { expected: `e${i}`, actual: `a${i}`, actualType: found[i]?.type }))
  const cells = expect.map(
    (one, i) =>
      `CASE WHEN d${i} THEN {'field': ${quoteText(one.field)}, 'expected': ${textSql(one.type, `e${i}`)}, 'actual': ${textSql(found[i]?.type ?? 'VARCHAR', `a${i}`)}} END`,
  )
  return `-- content check: compare rows with what was produced
    WITH expected AS (SELECT ${quoteIdentifier(input.expected.identityField)} AS identity, ${projected.join(', ')} FROM ${tables.table}),
    actual AS (SELECT ${quoteIdentifier(input.identityField)} AS identity, ${kafkaSql(input.kafka)}, ${actual.join(', ')} FROM ${parquetFiles(input.paths)}),
    compared AS (SELECT *, ${differences.map((sql, i) => `${sql} AS d${i}`).join(', ')} FROM expected JOIN actual USING (identity)),
    cells AS (SELECT identity, kafka_partition, kafka_offset, unnest([${cells.join(', ')}]) AS cell
      FROM compared WHERE ${expect.map((_, i) => `d${i}`).join(' OR ')})
    SELECT identity, kafka_partition, kafka_offset, cell.field AS field, cell.expected AS expected, cell.actual AS actual, count(*) OVER () AS total
    FROM cells WHERE cell IS NOT NULL ORDER BY identity, kafka_partition, kafka_offset, field LIMIT ${input.limit}`
}

function comparedSql({ expected, paths, identityField }: ContentCheckInput, table: string): string {
  return `SELECT count(*) AS compared_count FROM ${parquetFiles(paths)}
    WHERE ${quoteIdentifier(identityField)} IN (SELECT ${quoteIdentifier(expected.identityField)} FROM ${table})`
}

function readMismatch(check: ContentCheck, row: SqlRow): void {
  check.mismatchCount = Number(row['total'])
  const identity = String(row['identity'])
  const id = parseCanaryId(identity)
  if (id === null) throw new AssayError('INPUT_INVALID', `content check: expected records with identities of canaries, got "${identity}"`)
  check.mismatches.push({
    ...id,
    field: String(row['field']),
    expected: textOrNull(row['expected']),
    actual: textOrNull(row['actual']),
    partition: numberOrNull(row['kafka_partition']),
    offset: numberOrNull(row['kafka_offset']),
  })
}

function kafkaSql(kafka: KafkaColumns | null): string {
  if (kafka === null) return 'NULL::INTEGER AS kafka_partition, NULL::BIGINT AS kafka_offset'
  return `${quoteIdentifier(kafka.partitionField)} AS kafka_partition, ${quoteIdentifier(kafka.offsetField)} AS kafka_offset`
}

/** The engine sorts keys by their UTF-8 bytes, `fieldText` by their UTF-16 units: here the latter's order is kept. */
function projectedText(type: string, value: SqlValue | undefined): string | null {
  if (typeof value !== 'string' || !isMap(type)) return textOrNull(value)
  return fieldText({ kind: 'string-map' }, z.record(z.string(), z.string()).parse(JSON.parse(value)))
}

function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}
