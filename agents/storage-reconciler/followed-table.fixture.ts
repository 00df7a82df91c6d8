import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { judge } from '../../shared/core/judge.ts'
import { ruleKey } from '../../shared/core/rule-evidence.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { ALL, CLEAN, RUN, TABLE, accepted, foldAll, resolvedOf, smokePlan, told, topology } from '../../shared/core/told-run.fixture.ts'
import { canaryColumns } from '../../shared/engines/canary-columns.ts'
import { openDuckDb, quoteIdentifier, quoteText, type Column, type DuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { ManifestReader, baselineOf, beginningAt } from '../../shared/iceberg/snapshot-reader.ts'
import type { WrittenFile } from '../../shared/iceberg/manifest-writer.fixture.ts'
import { TableWriter } from '../../shared/iceberg/table-writer.fixture.ts'
import { currentSnapshot } from '../../shared/iceberg/metadata.ts'
import type { TableHop } from '../../topology/topology.ts'
import { endRules } from './end-rules.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'
import { readPresence } from './live-reading.ts'
import type { TableReading } from './snapshot-reading.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import { TableFollowing } from './table-following.ts'

export interface Row {
  readonly stream: number
  readonly seq: number
  /** Its place in the topic; by default partition 0, the streams one after the other. */
  readonly offset?: number
  readonly symbol?: string
  /** Unscaled, at scale 6. */
  readonly price?: bigint
  readonly note?: string | null
  /** A record of somebody else, under this name. */
  readonly other?: string
}

export const seqs = (first: number, last: number, stream = 0): Row[] =>
  Array.from({ length: last - first + 1 }, (_, i) => ({ stream, seq: first + i }))

/** Records of others, from an offset on. */
export const others = (offsetFirst: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ stream: 0, seq: 0, offset: offsetFirst + i, other: `T-${offsetFirst + i}` }))

export const offsetOf = ({ stream, seq, offset }: Row) => offset ?? stream * 20 + seq

const hop = topology.hops.find((one): one is TableHop => one.kind === 'table') as TableHop
const fields = [
  { id: 1, name: 'trade_id', type: 'string' },
  { id: 2, name: 'symbol', type: 'string' },
  { id: 3, name: 'venue', type: 'string' },
  { id: 4, name: 'traded_at', type: 'long' },
  { id: 5, name: 'price', type: 'decimal(18, 6)' },
  { id: 6, name: 'note', type: 'string' },
  { id: 7, name: 'p', type: 'int' },
  { id: 8, name: 'o', type: 'long' },
]

/** A real table, its real reading and the real core; the topic before has all forty canaries of the run. */
export class FollowedTable {
  readonly table = new TableWriter(fields)
  readonly played = new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore)
  readonly db: DuckDb
  readonly #folder: string
  readonly #reading: TableReading
  #following: TableFollowing | null = null
  #names = 0

  private constructor(db: DuckDb, folder: string, declared: Partial<TableHop>) {
    this.db = db
    this.#folder = folder
    const resolved = resolvedOf()
    // The run is told by a topology without a branch of its own: only the reading follows another.
    const hops = resolved.hops.map((one) => (one.kind === 'table' ? { ...one, ...declared, branch: one.branch } : one))
    const canaries = runCanaries(RUN, { ...resolved, hops })
    this.#reading = {
      store: this.table.store,
      manifests: new ManifestReader(this.table.store),
      db,
      tableRows: tableRowsSql,
      topology,
      hop: { ...hop, ...declared },
      canaries,
    }
  }

  static async open(branch = 'main', declared: Partial<TableHop> = {}): Promise<FollowedTable> {
    const folder = await mkdtemp(join(tmpdir(), 'assay-follow-'))
    return new FollowedTable(await openDuckDb({ memoryLimitMb: 200, threads: 1, tempDir: folder }), folder, { branch, ...declared })
  }

  async close(): Promise<void> {
    this.db.close()
    await rm(this.#folder, { recursive: true })
  }

  /** The run begins on the table as it stands. */
  begin(): void {
    this.played
      .hear(accepted(smokePlan, { resolved: JSON.stringify(this.#reading.canaries.resolved) }))
      .caughtUp()
      .until(200)
      .step({ type: 'baselined', runId: RUN, baseline: baselineOf(this.table.metadata(), this.#reading.hop.branch) })
    const covered = [{ partition: 0, offsetFirst: 0, offsetLast: 39 }]
    this.played.hear(
      told('stage-started', { stage: 'produce', epochMs: 0 }),
      told('canaries-intended', { canaries: ALL }),
      told('canaries-produced', { acknowledged: ALL }),
      told('hop-sighted', { hop: CLEAN, canaries: ALL, covered }),
    )
  }

  restart(): void {
    this.#following = null
    this.played.restart().until(this.played.nowMs + 200)
  }

  /** Reads on; what is suspect is looked for at once. */
  async poll(): Promise<void> {
    for (const effect of this.played.take('follow')) this.#following = this.#follow(effect)
    await this.#following?.poll()
    this.played.until(this.played.nowMs + 200)
    for (const { suspects, began, askedAtMs } of this.played.take('look-again')) {
      const metadata = this.table.metadata()
      const snapshot = currentSnapshot(metadata, this.#reading.hop.branch)
      const since = beginningAt(metadata, began)
      const reading = { ...this.#reading, manifests: new ManifestReader(this.table.store) }
      const look =
        snapshot === null
          ? { present: new CanarySet(), unreadable: [] }
          : await this.#withFolder('look', (folder) => readPresence(reading, { snapshot, metadata, since, folder }))
      const at = (place: { stream: number; seq: number }) => ({ ...place, partition: 0, offset: offsetOf(place) })
      const present = suspects.filter(({ stream, seq }) => look.present.has(stream, seq)).map(at)
      const result = {
        ok: true,
        snapshotId: String(snapshot?.snapshotId),
        present,
        origin: suspects.map(at),
        unreadable: look.unreadable,
      } as const
      this.played.step({ type: 'looked-again', runId: RUN, hop: TABLE, askedAtMs, result })
    }
  }

  /** All was produced and told; rules over the whole table are asked where the core asks for them, and the first so many times in vain. */
  async finish(inVain = 0): Promise<void> {
    this.played.hear(told('stage-ended', { stage: 'produce' }), told('stage-ended', { stage: 'sight' }))
    for (let turn = 0; turn < 10 && this.played.saidOf('stage-ended').length === 0; turn++) {
      this.played.until(this.played.nowMs + 2_000)
      for (const { snapshotId, began } of this.played.take('ask-rules')) {
        const asked = { catalog: this.#catalog, snapshotId, began }
        const result =
          inVain-- > 0
            ? ({ ok: false, reason: 'the catalog is away' } as const)
            : await endRules(this.#reading, { ...asked, withFolder: (work) => this.#withFolder('rules', work) })
        this.played.step({ type: 'rules-asked', runId: RUN, hop: TABLE, result })
      }
    }
  }

  get #catalog() {
    return { loadTable: () => Promise.resolve({ metadataLocation: null, metadata: this.table.metadata() }) }
  }

  #follow(from: Extract<ReconcilerEffect, { type: 'follow' }>): TableFollowing {
    const at = { runId: RUN, hop: TABLE }
    return new TableFollowing(
      {
        catalog: this.#catalog,
        reading: this.#reading,
        withFolder: (name, work) => this.#withFolder(name, work),
        isStopped: () => false,
        snapshotRead: (reading) => this.played.step({ type: 'snapshot-read', ...at, reading }),
        lineageMoved: (move) => this.played.step({ type: 'lineage-moved', ...at, move }),
        metadataBroken: (snapshotId, fault) => this.played.step({ type: 'metadata-broken', ...at, snapshotId, fault }),
        gap: (reason) => this.played.step({ type: 'lineage-broken', ...at, reason }),
      },
      from,
    )
  }

  async #withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.#folder, name)
    await mkdir(folder, { recursive: true })
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  /** A data file of these rows. */
  async data(
    rows: readonly Row[],
    { rowGroup = 122_880, file = {} }: { rowGroup?: number; file?: Partial<WrittenFile> } = {},
  ): Promise<WrittenFile> {
    const { canaries } = this.#reading
    const records = rows.map(({ stream, seq, symbol, other, price, note }) => ({
      ...canaries.at(stream, seq),
      ...(symbol === undefined ? {} : { symbol }),
      ...(price === undefined ? {} : { price }),
      ...(note === undefined ? {} : { note }),
      ...(other === undefined ? {} : { trade_id: other, venue: 'XNAS' }),
    }))
    const columns: Column[] = [
      ...canaryColumns(canaries.fields, records),
      { name: 'p', type: 'integer', values: rows.map(() => 0) },
      { name: 'o', type: 'bigint', values: rows.map((row) => BigInt(offsetOf(row))) },
    ]
    return this.#put(columns, { content: 0, recordCount: rows.length, ids: this.table.schemas.at(-1)?.fields ?? fields, rowGroup, file })
  }

  async positionDeletes(of: WrittenFile, positions: readonly number[], named = true): Promise<WrittenFile> {
    const columns: Column[] = [
      { name: 'file_path', type: 'varchar', values: positions.map(() => of.path) },
      { name: 'pos', type: 'bigint', values: positions.map(BigInt) },
    ]
    const ids = [
      { id: 2147483546, name: 'file_path' },
      { id: 2147483545, name: 'pos' },
    ]
    return this.#put(columns, { content: 1, recordCount: positions.length, ids, file: named ? { referencedDataFile: of.path } : {} })
  }

  async equalityDeletes(column: 'trade_id' | 'symbol', rows: readonly Row[], file: Partial<WrittenFile> = {}): Promise<WrittenFile> {
    const { canaries } = this.#reading
    const values = rows.map(({ stream, seq, other }) => other ?? (canaries.at(stream, seq)[column] as string))
    const ids = fields.filter(({ name }) => name === column)
    const equalityIds = ids.map(({ id }) => id)
    return this.#put([{ name: column, type: 'varchar', values }], {
      content: 2,
      recordCount: rows.length,
      ids,
      file: { equalityIds, ...file },
    })
  }

  async #put(
    columns: Column[],
    written: Pick<WrittenFile, 'content' | 'recordCount'> & {
      ids: readonly { id: number; name: string }[]
      rowGroup?: number
      file: Partial<WrittenFile>
    },
  ): Promise<WrittenFile> {
    const path = join(this.#folder, `written-${++this.#names}.parquet`)
    // The record's names are those of the first schema.
    const named = columns.map((column) => ({
      ...column,
      name: written.ids.find(({ id }) => id === fields.find(({ name }) => name === column.name)?.id)?.name ?? column.name,
    }))
    await this.db.appendColumns('written', named)
    const ids = named.map(({ name }) => `${quoteIdentifier(name)}: ${written.ids.find((one) => one.name === name)?.id}`)
    await this.db.query(
      `COPY written TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS {${ids.join(', ')}}, ROW_GROUP_SIZE ${written.rowGroup ?? 122_880})`,
    )
    return this.table.put(path, { content: written.content, recordCount: written.recordCount, ...written.file })
  }

  /** Where the pages of a column begin in a stored file, by row group. */
  async chunksOf(path: string, column: string): Promise<number[]> {
    const local = join(this.#folder, 'chunks.parquet')
    await this.table.store.downloadTo(path, local)
    const rows = await this.db.query(
      `SELECT coalesce(dictionary_page_offset, data_page_offset) AS first FROM parquet_metadata(${quoteText(local)}) WHERE path_in_schema = ${quoteText(column)} ORDER BY row_group_id`,
    )
    return rows.map((row) => Number(row['first']))
  }

  /** What the folded facts say of a rule. */
  rule(name: string) {
    const known = foldAll(this.played.topic.filter(isRunFact)).evidence.rules.get(ruleKey(TABLE, name))
    return known === undefined ? null : { rows: known.rows, broken: known.broken, exempt: known.exempt, unchecked: known.unchecked }
  }

  /** Why the run would be no pass, as far as it is about rules. */
  get ruleDoubts(): string[] {
    const { book, run, evidence } = foldAll(this.played.topic.filter(isRunFact))
    return judge(book, run, evidence).reasons.filter((reason) => reason.includes('was not checked'))
  }

  /** What stands, as `violation stream/first-last`. */
  get accusations(): string[] {
    return this.standing.map(({ violation, stream, standing }) => `${violation} ${stream}/${standing.ranges.join('-')}`).sort()
  }

  get standing() {
    return standingViolations(foldAll(this.played.topic.filter(isRunFact)).evidence).filter(({ agent }) => agent === 'storage-reconciler')
  }

  get missing(): string[] {
    return this.played.saidOf('evidence-missing').map(({ reason }) => reason)
  }
}
