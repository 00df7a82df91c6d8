import { RUN_ID_LENGTH, SEQ_DIGITS, STREAM_DIGITS } from '../core/identity.ts'
import { widened, type ExpectedRecords } from './content-check.ts'
import { actualSql, broughtSql, comparableSql, expectedSql, isMap, survivesSql } from './content-values.ts'
import { parquetFiles, quoteIdentifier, type DuckDb } from './duckdb.ts'

/** Canaries whose content is summed up in one number: so many consecutive seqs of a stream. */
export const GROUP_SEQS = 4_096

export const groupOf = (stream: number, seq: number) => `${stream}/${Math.floor(seq / GROUP_SEQS)}`

/** By group: how many rows it has, and a fingerprint of them that is the same in whatever order they come. */
export type Fingerprints = ReadonlyMap<string, string>

/**
 * Fingerprints of the rows of files, read once, whatever their number. Values are brought to the type that is expected and hashed with
 * their identity; hashes are added up, not combined by exclusive or, so that a row that comes twice does not cancel out.
 */
export async function actualFingerprints(
  db: DuckDb,
  { expect, paths, identityField }: Pick<ExpectedRecords, 'expect'> & { paths: readonly string[]; identityField: string },
): Promise<Fingerprints> {
  const present = new Map(
    (await db.query(`DESCRIBE SELECT * FROM ${parquetFiles(paths)}`)).map((row) => [
      String(row['column_name']),
      String(row['column_type']),
    ]),
  )
  const found = expect.map((one) => ({ one, ...actualSql(one, present.get(one.field)) }))
  const values = found.flatMap(({ one, sql, type }) => [
    ...hashedSql(one.type, broughtSql(one.type, sql)),
    survivesSql(one.type, sql, type),
  ])
  return read(db, `-- content fingerprint: rows\n${sql({ identityField, values, from: parquetFiles(paths) })}`)
}

/** Of what was produced, as the hop must hold it. */
export async function expectedFingerprints(db: DuckDb, { columns, identityField, expect }: ExpectedRecords): Promise<Fingerprints> {
  const table = `expected_prints_${++tablesSoFar}`
  await db.appendColumns(table, columns.map(widened))
  try {
    const values = expect.flatMap((one) => [...hashedSql(one.type, expectedSql(one)), 'true'])
    return await read(db, `-- content fingerprint: what was produced\n${sql({ identityField, values, from: table })}`)
  } finally {
    await db.query(`DROP TABLE ${table}`)
  }
}

let tablesSoFar = 0

/** The engine's hash of no list is that of an empty one. */
const hashedSql = (type: string, value: string) => [comparableSql(type, value), ...(isMap(type) ? [`${value} IS NULL`] : [])]

const STREAM_AT = RUN_ID_LENGTH + 2
const SEQ_AT = STREAM_AT + STREAM_DIGITS + 1

function sql({ identityField, values, from }: { identityField: string; values: readonly string[]; from: string }): string {
  const identity = quoteIdentifier(identityField)
  const part = (at: number, digits: number) => `TRY_CAST(substr(${identity}, ${at}, ${digits}) AS BIGINT)`
  return `SELECT ${part(STREAM_AT, STREAM_DIGITS)} AS stream, ${part(SEQ_AT, SEQ_DIGITS)} // ${GROUP_SEQS} AS block,
      count(*) AS row_count, sum(hash(${[identity, ...values].join(', ')}))::VARCHAR AS print
    FROM ${from} GROUP BY 1, 2`
}

async function read(db: DuckDb, query: string): Promise<Fingerprints> {
  const rows = await db.query(query)
  return new Map(
    rows.map((row) => [`${String(row['stream'])}/${String(row['block'])}`, `${String(row['row_count'])} rows ${String(row['print'])}`]),
  )
}
