import { join } from 'node:path'
import type { DuckDb } from './duckdb.ts'

/** A table by way of DuckDB's own Iceberg extension: for writing, which Assay's reader does not do. */
export interface Lake {
  readonly catalog: { readonly url: string; readonly token: string | null; readonly warehouse: string | null }
  readonly s3: { readonly endpoint: string; readonly region: string; readonly accessKey: string; readonly secretKey: string }
  /** Folder of the extensions; null: DuckDB installs them. */
  readonly extensionDir: string | null
}

export interface RowsOfRun {
  readonly namespace: string
  readonly table: string
  readonly identity: string
  readonly marker: { readonly field: string; readonly value: string }
  readonly runId: string
}

const EXTENSIONS = ['avro', 'httpfs', 'iceberg']

/**
 * Deletes the rows that carry the marker and an identity of the run, in one commit, and counts again from a fresh load
 * of the table. `db` is to be of this call's own. Throws ENGINE_FAILED; what was deleted stays so, and again does no harm.
 */
export async function removeRowsOfRun(db: DuckDb, lake: Lake, rows: RowsOfRun): Promise<{ removed: number; left: number }> {
  await openLake(db, lake)
  const { marker, identity, runId } = rows
  const table = `lake.${quoted(rows.namespace)}.${quoted(rows.table)}`
  const where = `${quoted(marker.field)} = ${text(marker.value)} AND starts_with(${quoted(identity)}, ${text(`${runId}:`)})`
  const count = async () => {
    await db.query(attachSql(lake))
    const [row] = await db.query(`SELECT count(*)::INTEGER AS n FROM ${table} WHERE ${where}`)
    return Number(row?.['n'])
  }
  const before = await count()
  if (before > 0) await db.query(`DELETE FROM ${table} WHERE ${where}`)
  await db.query('DETACH lake')
  const left = await count()
  return { removed: before - left, left }
}

/** From then on the tables of the catalog are `lake.<namespace>.<table>`. Throws ENGINE_FAILED. */
export async function openLake(db: DuckDb, lake: Lake): Promise<void> {
  for (const name of EXTENSIONS) {
    if (lake.extensionDir === null) await db.query(`INSTALL ${name}`)
    await db.query(`LOAD ${lake.extensionDir === null ? name : text(join(lake.extensionDir, `${name}.duckdb_extension`))}`)
  }
  await db.query(secretSql(lake))
  await db.query(attachSql(lake))
}

function secretSql({ s3 }: Lake): string {
  const { host, protocol } = new URL(s3.endpoint)
  return `CREATE OR REPLACE SECRET lake_s3 (TYPE s3, KEY_ID ${text(s3.accessKey)}, SECRET ${text(s3.secretKey)},
    REGION ${text(s3.region)}, ENDPOINT ${text(host)}, URL_STYLE 'path', USE_SSL ${String(protocol === 'https:')})`
}

function attachSql({ catalog }: Lake): string {
  const access = catalog.token === null ? `AUTHORIZATION_TYPE 'none'` : `TOKEN ${text(catalog.token)}`
  return `ATTACH IF NOT EXISTS ${text(catalog.warehouse ?? '')} AS lake (TYPE iceberg, ENDPOINT ${text(catalog.url)}, ${access})`
}

const text = (value: string) => `'${value.replaceAll("'", "''")}'`
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
