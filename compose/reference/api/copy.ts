import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Catalog, Snapshot } from '../catalog.ts'
import { PipelineError, isPipelineError } from '../errors.ts'
import { attachCatalog, quoted } from '../lake.ts'
import type { Database, DatabaseConnection } from '../lake.ts'
import { sleep } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { TOPIC_PARTITIONS } from '../trade.ts'

const POLL_MS = 250
/** With the catalog silent for longer the copy may be far behind, and the API says so instead of answering. */
const STALE_MAX_MS = 10_000

const TABLE = 'lake.market.trades'
const COLUMNS = `trade_id, symbol, venue, side, price, quantity, notional, traded_at, note, attributes,
  _kafka_metadata_partition AS source_partition, _kafka_metadata_offset AS source_offset`

export type CopyPorts = {
  store: Database
  /** Reads the lake. A connection to another database than `store`: reads from S3 would hold up its queries. */
  source: DatabaseConnection
  catalogUrl: string
  catalog: Catalog
  log: Log
  events: CopyEvents
}

export type CopyEvents = { loaded: (snapshot: Snapshot, tookMs: number, how: 'append' | 'full') => void }

type Next = { snapshot: Snapshot; rowsFile: string }

/**
 * Holds the rows of one snapshot in memory, as DuckDB's Iceberg extension reads them, and moves from snapshot to snapshot.
 * Rows and the snapshot's id change in one transaction, so one statement never sees the rows of one under the id of another.
 */
export class SnapshotCopy {
  private readonly store: Database
  private readonly source: DatabaseConnection
  private readonly catalogUrl: string
  private readonly catalog: Catalog
  private readonly log: Log
  private readonly events: CopyEvents
  private loaded: Snapshot | undefined
  private seenAtMs = 0
  private trouble: unknown
  private stopping = false
  private running: Promise<void> = Promise.resolve()

  constructor(ports: CopyPorts) {
    this.store = ports.store
    this.source = ports.source
    this.catalogUrl = ports.catalogUrl
    this.catalog = ports.catalog
    this.log = ports.log
    this.events = ports.events
  }

  async start(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'query-api-'))
    const connection = await this.store.connect()
    this.running = this.follow(connection, join(folder, 'rows.parquet')).finally(() => rm(folder, { recursive: true, force: true }))
  }

  async stop(): Promise<void> {
    this.stopping = true
    await this.running
  }

  /** Throws why no answer can be given now. */
  assertReady(): void {
    if (this.loaded !== undefined && Date.now() - this.seenAtMs <= STALE_MAX_MS) return
    if (this.trouble instanceof PipelineError) throw this.trouble
    throw new PipelineError('TABLE_MISSING', 'no snapshot is loaded yet', { cause: this.trouble })
  }

  private async follow(connection: DatabaseConnection, rowsFile: string): Promise<void> {
    while (!this.stopping) {
      const startedAtMs = Date.now()
      try {
        await this.step(connection, rowsFile)
        this.trouble = undefined
      } catch (error) {
        if (this.trouble === undefined) this.log.warn({ err: error }, 'the table cannot be followed')
        this.trouble = error
        if (isPipelineError(error, 'TABLE_MISSING')) this.loaded = undefined
      }
      await sleep(Math.max(0, POLL_MS - (Date.now() - startedAtMs)))
    }
  }

  private async step(connection: DatabaseConnection, rowsFile: string): Promise<void> {
    const snapshot = await this.catalog.currentSnapshot()
    if (snapshot.id !== this.loaded?.id) {
      const startedAtMs = Date.now()
      // Whoever tidies the folder of temporary files must not stop the API for good.
      await mkdir(dirname(rowsFile), { recursive: true })
      await attachCatalog(this.source, this.catalogUrl)
      const how = await this.load(connection, { snapshot, rowsFile })
      this.loaded = snapshot
      this.events.loaded(snapshot, Date.now() - startedAtMs, how)
    }
    this.seenAtMs = Date.now()
  }

  private async load(connection: DatabaseConnection, next: Next): Promise<'append' | 'full'> {
    const { snapshot } = next
    // Whatever came between two snapshots of one table, adding what lies beyond the offsets held is right
    // exactly if it gives as many rows as the snapshot has; else everything is read anew.
    if (this.loaded?.tableUuid === snapshot.tableUuid && snapshot.operation === 'append' && snapshot.rows !== undefined) {
      if (await this.append(connection, next, snapshot.rows)) return 'append'
    }
    await this.loadFull(connection, next)
    return 'full'
  }

  private async append(connection: DatabaseConnection, { snapshot, rowsFile }: Next, rows: bigint): Promise<boolean> {
    const held = await connection.rows('SELECT source_partition AS p, max(source_offset) AS o FROM trades GROUP BY ALL')
    const heldOffsets = new Map(held.map(({ p, o }) => [Number(p), String(o)]))
    // One select a partition: only plain conditions let the extension leave out old files by their bounds; OR reads them all.
    const parts = Array.from({ length: TOPIC_PARTITIONS }, (_, partition) => {
      const beyond = `_kafka_metadata_partition = ${partition} AND _kafka_metadata_offset > ${heldOffsets.get(partition) ?? '-1'}`
      return `SELECT ${COLUMNS} FROM ${TABLE} AT (VERSION => ${snapshot.id}) WHERE ${beyond}`
    })
    await this.source.run(`COPY (${parts.join(' UNION ALL ')}) TO ${quoted(rowsFile)} (FORMAT parquet)`)
    try {
      await connection.transaction(async () => {
        await connection.run(`INSERT INTO trades SELECT * FROM read_parquet(${quoted(rowsFile)})`)
        await this.assertRows(connection, rows, snapshot)
        await connection.run(`UPDATE head SET snapshot_id = ${snapshot.id}`)
      })
      return true
    } catch (error) {
      if (!isPipelineError(error, 'SNAPSHOT_UNREADABLE')) throw error
      this.log.info({ snapshotId: snapshot.id.toString(), reason: error.message }, 'the whole snapshot is read anew')
      return false
    }
  }

  private async loadFull(connection: DatabaseConnection, { snapshot, rowsFile }: Next): Promise<void> {
    await this.source.run(`COPY (SELECT ${COLUMNS} FROM ${TABLE} AT (VERSION => ${snapshot.id})) TO ${quoted(rowsFile)} (FORMAT parquet)`)
    await connection.transaction(async () => {
      await connection.run(`CREATE OR REPLACE TABLE trades AS SELECT * FROM read_parquet(${quoted(rowsFile)})`)
      await connection.run(`CREATE OR REPLACE TABLE head AS SELECT ${snapshot.id}::BIGINT AS snapshot_id`)
      if (snapshot.rows !== undefined) await this.assertRows(connection, snapshot.rows, snapshot)
    })
  }

  private async assertRows(connection: DatabaseConnection, expected: bigint, snapshot: Snapshot): Promise<void> {
    const [counted] = await connection.rows('SELECT count(*) AS n FROM trades')
    if (counted?.['n'] === expected) return
    throw new PipelineError('SNAPSHOT_UNREADABLE', `snapshot ${snapshot.id}: expected ${expected} rows, found ${String(counted?.['n'])}`)
  }
}
