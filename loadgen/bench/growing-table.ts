import { copyFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { canaryColumns } from '../../shared/engines/canary-columns.ts'
import { quoteIdentifier, quoteText, type DuckDb } from '../../shared/engines/duckdb.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { WrittenFile } from '../../shared/iceberg/manifest-writer.fixture.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import { TableWriter } from '../../shared/iceberg/table-writer.fixture.ts'
import { topology } from '../../shared/core/told-run.fixture.ts'

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
const idsSql = `FIELD_IDS {${fields.map(({ id, name }) => `${quoteIdentifier(name)}: ${id}`).join(', ')}}`
/** Older snapshots expire, as writers that commit often let them. */
const SNAPSHOTS_KEPT = 50

/** A table of real Parquet files in a folder, with real manifests: one more of both with each commit. */
export class GrowingTable {
  readonly table = new TableWriter(fields)
  rowCount = 0
  readonly #db: DuckDb
  readonly #folder: string
  readonly #files = new Map<string, string>()
  readonly #offsets = [0, 0]

  constructor(db: DuckDb, folder: string) {
    this.#db = db
    this.#folder = folder
  }

  readonly store: ObjectStore = {
    get: (uri) => this.table.store.get(uri),
    head: async (uri) => (this.#files.has(uri) ? { sizeBytes: (await stat(this.#local(uri))).size } : this.table.store.head(uri)),
    downloadTo: async (uri, path) => {
      await copyFile(this.#local(uri), path)
      return (await stat(path)).size
    },
    close: () => undefined,
  }

  /** One data file of rows of somebody else. */
  async appendOthers(count: number): Promise<void> {
    const first = this.#take(1, count)
    const { marker } = topology.record
    const select = `SELECT 'T-' || i AS trade_id, 's' || i % 100 AS symbol, 'not ${marker.value}' AS venue, i AS traded_at,
      (i % 5000000)::DECIMAL(18, 6) AS price, NULL::VARCHAR AS note, 1 AS p, i AS o FROM range(${first}, ${first + count}) t(i)`
    await this.#append(`(${select})`, count)
  }

  /** One data file of canaries of one stream. */
  async appendCanaries(
    canaries: RunCanaries,
    { stream, seqFirst, count }: { stream: number; seqFirst: number; count: number },
  ): Promise<void> {
    const first = this.#take(0, count)
    const records = Array.from({ length: count }, (_, i) => canaries.at(stream, seqFirst + i))
    await this.#db.appendColumns('growing', [
      ...canaryColumns(canaries.fields, records),
      { name: 'p', type: 'integer', values: records.map(() => 0) },
      { name: 'o', type: 'bigint', values: records.map((_, i) => BigInt(first + i)) },
    ])
    await this.#append('growing', count)
  }

  #take(partition: 0 | 1, count: number): number {
    const first = this.#offsets[partition] as number
    this.#offsets[partition] = first + count
    return first
  }

  async #append(from: string, recordCount: number): Promise<void> {
    const name = `${this.#files.size + 1}.parquet`
    const local = join(this.#folder, name)
    await this.#db.query(`COPY ${from} TO ${quoteText(local)} (FORMAT parquet, COMPRESSION zstd, ${idsSql})`)
    const path = `s3://lake/data/${name}`
    this.#files.set(path, local)
    this.rowCount += recordCount
    const file: WrittenFile = { content: 0, path, recordCount, sizeBytes: (await stat(local)).size }
    this.table.commit({ operation: 'append', added: [file] })
    const old = this.table.snapshots.slice(0, -SNAPSHOTS_KEPT).map(({ snapshotId }) => snapshotId)
    if (old.length > 0) this.table.expire(old)
  }

  #local(uri: string): string {
    return this.#files.get(uri) ?? uri
  }
}
