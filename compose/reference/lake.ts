import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { join } from 'node:path'

export type LakeSettings = {
  extensionDir: string
  s3: { endpoint: string; region: string; accessKey: string; secretKey: string }
}

/** Values as DuckDB gives them; queries cast what JavaScript cannot hold to VARCHAR. */
export type Row = Record<string, DuckDBValue>
export type Bindings = Record<string, string | number | bigint>

const EXTENSIONS = ['avro', 'httpfs', 'iceberg'] as const

/** A DuckDB of its own in memory: its queries share threads with those of no other. */
export class Database {
  private readonly instance: DuckDBInstance
  private constructor(instance: DuckDBInstance) {
    this.instance = instance
  }

  /** Beyond `memoryMb` a statement fails; what is there stays. */
  static async open({ threads, memoryMb }: { threads: number; memoryMb: number }): Promise<Database> {
    return new Database(await DuckDBInstance.create(':memory:', { memory_limit: `${memoryMb}MB`, threads: String(threads) }))
  }

  async connect(): Promise<DatabaseConnection> {
    return new DatabaseConnection(await this.instance.connect())
  }

  close(): void {
    this.instance.closeSync()
  }
}

/** Gives a database DuckDB's own Iceberg extension and what it needs to reach the files. */
export async function loadIceberg(connection: DatabaseConnection, { extensionDir, s3 }: LakeSettings): Promise<void> {
  for (const name of EXTENSIONS) await connection.run(`LOAD ${quoted(join(extensionDir, `${name}.duckdb_extension`))}`)
  const url = new URL(s3.endpoint)
  await connection.run(
    `CREATE SECRET lake_s3 (TYPE s3, KEY_ID ${quoted(s3.accessKey)}, SECRET ${quoted(s3.secretKey)}, REGION ${quoted(s3.region)},
     ENDPOINT ${quoted(url.host)}, URL_STYLE 'path', USE_SSL ${url.protocol === 'https:'})`,
  )
}

/** Makes the catalog's tables known as `lake.<namespace>.<table>`. Needs the catalog up. */
export async function attachCatalog(connection: DatabaseConnection, catalogUrl: string): Promise<void> {
  await connection.run(`ATTACH IF NOT EXISTS 'warehouse' AS lake (TYPE iceberg, ENDPOINT ${quoted(catalogUrl)}, AUTHORIZATION_TYPE 'none')`)
}

/** One conversation with DuckDB: statements on it run one after the other. */
export class DatabaseConnection {
  private readonly connection: DuckDBConnection
  constructor(connection: DuckDBConnection) {
    this.connection = connection
  }

  async rows(sql: string, bindings?: Bindings): Promise<Row[]> {
    const reader = await this.connection.runAndReadAll(sql, bindings)
    return reader.getRowObjects()
  }

  async run(sql: string): Promise<void> {
    await this.connection.run(sql)
  }

  /** All or nothing. */
  async transaction(work: () => Promise<void>): Promise<void> {
    await this.run('BEGIN TRANSACTION')
    try {
      await work()
      await this.run('COMMIT')
    } catch (error) {
      await this.run('ROLLBACK')
      throw error
    }
  }
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
