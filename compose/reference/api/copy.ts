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
/** Rows that are too old are let go so often. */
const TRIM_EVERY_MS = 60_000
/** With the catalog silent for longer the copy may be far behind, and the API says so instead of answering. */
const STALE_MAX_MS = 10_000

const TABLE = 'lake.market.trades'
/** When Kafka got the record the row came from, Unix ms. */
const SOURCE_AT = '_kafka_metadata_timestamp'
/** Rows of so long are read at once: some 100,000 at 120 a second. */
const SLICE_MS = 15 * 60_000
const COLUMNS = `trade_id, symbol, venue, side, price, quantity, notional, traded_at, note, attributes,
  _kafka_metadata_partition AS source_partition, _kafka_metadata_offset AS source_offset, ${SOURCE_AT} AS source_at_ms`

export type CopyPorts = {
  store: Database
  /** Reads the lake. A connection to another database than `store`: reads from S3 would hold up its queries. */
  source: DatabaseConnection
  catalogUrl: string
  catalog: Catalog
  log: Log
  events: CopyEvents
  /** How far back rows are held, by the time at which Kafka got them. The table may have more than fits in memory. */
  heldMs: number
}

export type CopyEvents = { loaded: (snapshot: Snapshot, tookMs: number, how: 'append' | 'full') => void }

type Next = { snapshot: Snapshot; rowsFile: string }

/** `leftOut` is how many rows of the snapshot are not held; undefined where the snapshot does not say how many it has. */
type Loaded = { snapshot: Snapshot; leftOut: bigint | undefined }

/**
 * Holds the latest rows of one snapshot in memory, as DuckDB's Iceberg extension reads them, and moves from snapshot to snapshot:
 * those that Kafka got at `heldSinceMs` or later. By that time and not by the trade's own, which may be anything.
 * Rows and the snapshot's id change in one transaction, so one statement never sees the rows of one under the id of another.
 */
export class SnapshotCopy {
  private readonly store: Database
  private readonly source: DatabaseConnection
  private readonly catalogUrl: string
  private readonly catalog: Catalog
  private readonly log: Log
  private readonly events: CopyEvents
  private readonly heldMs: number
  private loaded: Loaded | undefined
  private since = 0
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
    this.heldMs = ports.heldMs
  }

  get heldSinceMs(): number {
    return this.since
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
    if (snapshot.id !== this.loaded?.snapshot.id) {
      const startedAtMs = Date.now()
      // Whoever tidies the folder of temporary files must not stop the API for good.
      await mkdir(dirname(rowsFile), { recursive: true })
      await attachCatalog(this.source, this.catalogUrl)
      const how = await this.load(connection, { snapshot, rowsFile })
      this.events.loaded(snapshot, Date.now() - startedAtMs, how)
    }
    this.seenAtMs = Date.now()
    if (this.seenAtMs - this.heldMs - this.since >= TRIM_EVERY_MS) await this.trim(connection)
  }

  private async load(connection: DatabaseConnection, next: Next): Promise<'append' | 'full'> {
    // Between two snapshots that only added rows, or retired old ones, adding what lies beyond the offsets held is right
    // exactly if it gives as many rows as the snapshot has; else everything is read anew.
    const leftOut = await this.leftOutOf(next.snapshot)
    if (leftOut !== undefined && (await this.append(connection, next, leftOut))) return 'append'
    await this.loadFull(connection, next)
    return 'full'
  }

  /** How many rows of the next snapshot would not be held if only new ones were added; undefined where that cannot be told. */
  private async leftOutOf(snapshot: Snapshot): Promise<bigint | undefined> {
    const { loaded } = this
    if (loaded?.leftOut === undefined || snapshot.rows === undefined || loaded.snapshot.tableUuid !== snapshot.tableUuid) return undefined
    if (snapshot.parentId === loaded.snapshot.id && snapshot.operation === 'append') return loaded.leftOut
    const retired = await this.catalog.rowsRetired({ from: loaded.snapshot.id, to: snapshot.id, beforeMs: this.since })
    return retired === undefined ? undefined : loaded.leftOut - retired
  }

  private async append(connection: DatabaseConnection, { snapshot, rowsFile }: Next, leftOut: bigint): Promise<boolean> {
    const beyond = await this.beyondHeld(connection)
    await this.source.run(
      `COPY (SELECT ${COLUMNS} FROM ${TABLE} AT (VERSION => ${snapshot.id}) WHERE ${beyond}) TO ${quoted(rowsFile)} (FORMAT parquet)`,
    )
    try {
      await connection.transaction(async () => {
        await connection.run(`INSERT INTO trades SELECT * FROM read_parquet(${quoted(rowsFile)})`)
        const left = (snapshot.rows ?? 0n) - (await this.countRows(connection))
        if (left !== leftOut)
          throw new PipelineError('SNAPSHOT_UNREADABLE', `snapshot ${snapshot.id}: expected ${leftOut} older rows, found ${left}`)
        await connection.run(`UPDATE head SET snapshot_id = ${snapshot.id}`)
      })
      this.loaded = { snapshot, leftOut }
      return true
    } catch (error) {
      if (!isPipelineError(error, 'SNAPSHOT_UNREADABLE')) throw error
      this.log.info({ snapshotId: snapshot.id.toString(), reason: error.message }, 'the whole snapshot is read anew')
      return false
    }
  }

  /**
   * What lies beyond the offsets held. Only plain conditions let the extension leave out old files by their bounds, hence the time as
   * well: the records of a partition have it in their order. Where one has not, the count of rows shows it.
   */
  private async beyondHeld(connection: DatabaseConnection): Promise<string> {
    const held = await connection.rows(
      'SELECT source_partition AS partition, max(source_offset)::VARCHAR AS last, max(source_at_ms)::DOUBLE AS at FROM trades GROUP BY ALL',
    )
    const lastOf = new Map(held.map(({ partition, last }) => [Number(partition), String(last)]))
    const beyond = Array.from(
      { length: TOPIC_PARTITIONS },
      (_, partition) => `_kafka_metadata_partition = ${partition} AND _kafka_metadata_offset > ${lastOf.get(partition) ?? '-1'}`,
    )
    const heldToMs = held.length < TOPIC_PARTITIONS ? 0 : Math.min(...held.map(({ at }) => Number(at)))
    return `${SOURCE_AT} >= ${Math.max(this.since, heldToMs)} AND (${beyond.join(' OR ')})`
  }

  /** In slices of time, so that neither the file nor what the source holds at once grows with the window. */
  private async loadFull(connection: DatabaseConnection, { snapshot, rowsFile }: Next): Promise<void> {
    const since = Math.max(this.since, Date.now() - this.heldMs)
    let leftOut: bigint | undefined
    await connection.transaction(async () => {
      for (const [at, slice] of timeSlices(since, Date.now()).entries()) {
        const rows = `SELECT ${COLUMNS} FROM ${TABLE} AT (VERSION => ${snapshot.id}) WHERE ${slice}`
        await this.source.run(`COPY (${rows}) TO ${quoted(rowsFile)} (FORMAT parquet)`)
        const taken = `SELECT * FROM read_parquet(${quoted(rowsFile)})`
        await connection.run(at === 0 ? `CREATE OR REPLACE TABLE trades AS ${taken}` : `INSERT INTO trades ${taken}`)
      }
      await connection.run(`CREATE OR REPLACE TABLE head AS SELECT ${snapshot.id}::BIGINT AS snapshot_id`)
      const held = await this.countRows(connection)
      leftOut = snapshot.rows === undefined ? undefined : snapshot.rows - held
      if (leftOut !== undefined && leftOut < 0n)
        throw new PipelineError('SNAPSHOT_UNREADABLE', `snapshot ${snapshot.id}: expected ${String(snapshot.rows)} rows, found ${held}`)
    })
    this.since = since
    this.loaded = { snapshot, leftOut }
  }

  /** Lets old rows go. They then count as left out. */
  private async trim(connection: DatabaseConnection): Promise<void> {
    const { loaded } = this
    if (loaded === undefined) return
    const since = Date.now() - this.heldMs
    let gone = 0n
    await connection.transaction(async () => {
      const before = await this.countRows(connection)
      await connection.run(`DELETE FROM trades WHERE source_at_ms < ${since}`)
      gone = before - (await this.countRows(connection))
    })
    this.since = since
    // Gives the memory back; not while a query runs, and then the next time.
    await connection.run('CHECKPOINT').catch((err: unknown) => {
      this.log.debug({ err }, 'the memory of rows let go is not given back yet')
    })
    this.loaded = { ...loaded, leftOut: loaded.leftOut === undefined ? undefined : loaded.leftOut + gone }
  }

  private async countRows(connection: DatabaseConnection): Promise<bigint> {
    const [counted] = await connection.rows('SELECT count(*) AS n FROM trades')
    return BigInt(String(counted?.['n']))
  }
}

/** Conditions that together hold for every row of `sinceMs` or later, each plain, so that the extension leaves out files by their bounds. */
export function timeSlices(sinceMs: number, nowMs: number): string[] {
  const slices: string[] = []
  let fromMs = sinceMs
  for (; fromMs + SLICE_MS < nowMs; fromMs += SLICE_MS) slices.push(`${SOURCE_AT} >= ${fromMs} AND ${SOURCE_AT} < ${fromMs + SLICE_MS}`)
  return [...slices, `${SOURCE_AT} >= ${fromMs}`]
}
