import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { RUN, resolvedOf, topology } from '../../shared/core/told-run.fixture.ts'
import { openDuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import { ManifestReader } from '../../shared/iceberg/snapshot-reader.ts'
import type { SnapshotReading } from '../../agents/storage-reconciler/events.ts'
import { TableFollowing } from '../../agents/storage-reconciler/table-following.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { Figure } from './figures.ts'
import { GrowingTable } from './growing-table.ts'

/** Rows from which and to which the table grows; a smaller end shows no less of the shape. */
const ROWS_FIRST = 1_000_000
const ROWS_LAST = Number(process.env['BENCH_GROWTH_ROWS'] ?? 50_000_000)
/** Of each commit that only makes the table larger. */
const FILLING_ROWS = 50_000
const SNAPSHOT_ROWS = 10_000
/** Snapshots measured at each size. */
const MEASURED = 15
const SIZES = [ROWS_FIRST, Math.round(ROWS_LAST / 4), Math.round(ROWS_LAST / 2), ROWS_LAST]
const MEMORY_SAMPLE_MS = 50

interface Cost {
  readonly rows: number
  readonly cpuMs: number
  readonly wallMs: number
}

/** In a process of its own, with the heap that agents have: a larger one keeps more garbage than they do. */
export async function benchGrowth(): Promise<Figure[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'growth-process.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [figures, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>])
  if (code !== 0) throw new Error(`the process that follows the growing table ended with ${code ?? 'a signal'}`)
  return JSON.parse(figures) as Figure[]
}

/** One run follows a table by the reconciler's own reading, while it grows from a million rows on, each of its snapshots. */
export async function measureGrowth(note: (line: string) => void): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-growth-'))
  const db = await openDuckDb({ memoryLimitMb: 160, threads: 2, tempDir: folder })
  let peakBytes = 0
  const sampling = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), MEMORY_SAMPLE_MS)
  try {
    const followed = await Followed.begin(new GrowingTable(db, folder), { db, folder })
    const costs: Cost[] = []
    for (const rows of SIZES) {
      await followed.growTo(rows)
      costs.push(await followed.measure())
      note(
        `${rows.toLocaleString('en-US')} rows: ${costs.at(-1)?.cpuMs.toFixed(0)} ms of processor a snapshot, ${costs.at(-1)?.wallMs.toFixed(0)} ms by the clock`,
      )
    }
    followed.checkReads()
    return figuresOf(costs, peakBytes / 1e6)
  } finally {
    clearInterval(sampling)
    db.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function figuresOf(costs: readonly Cost[], peakMb: number): Figure[] {
  const [first, last] = [costs[0] as Cost, costs.at(-1) as Cost]
  const millions = (rows: number) => `${Math.round(rows / 1e6)} M rows`
  const beside = `at ${millions(first.rows)}`
  return [
    {
      name: `a snapshot of ${SNAPSHOT_ROWS.toLocaleString('en-US')} more, table of ${millions(last.rows)}`,
      ours: last.cpuMs,
      unit: 'ms of processor',
      peer: beside,
      peers: first.cpuMs,
      target: { most: first.cpuMs * 1.2 },
    },
    { name: '  by the clock', ours: last.wallMs, unit: 'ms', peer: beside, peers: first.wallMs, target: {} },
    { name: '  resident at most, bench and all', ours: peakMb, unit: 'MB', peer: '', peers: null, target: { most: 500 } },
  ]
}

class Followed {
  readonly #growing: GrowingTable
  readonly #following: TableFollowing
  readonly #canaries = runCanaries(RUN, resolvedOf())
  readonly #seen = new CanarySet()
  readonly #readings: SnapshotReading[] = []
  #seq = 0

  static async begin(
    growing: GrowingTable,
    { db, folder }: { db: Awaited<ReturnType<typeof openDuckDb>>; folder: string },
  ): Promise<Followed> {
    await growing.appendOthers(FILLING_ROWS)
    return new Followed(growing, { db, folder })
  }

  private constructor(growing: GrowingTable, { db, folder }: { db: Awaited<ReturnType<typeof openDuckDb>>; folder: string }) {
    this.#growing = growing
    const { store, table } = growing
    const hop = topology.hops.find((one): one is TableHop => one.kind === 'table') as TableHop
    const broken = (reason: string) => {
      throw new Error(`the table cannot be followed: ${reason}`)
    }
    this.#following = new TableFollowing(
      {
        catalog: { loadTable: () => Promise.resolve({ metadataLocation: null, metadata: table.metadata() }) },
        reading: { store, manifests: new ManifestReader(store), db, tableRows: tableRowsSql, topology, hop, canaries: this.#canaries },
        withFolder: (name, work) => withFolder(join(folder, name), work),
        isStopped: () => false,
        snapshotRead: (reading) => this.#readings.push(reading),
        lineageMoved: ({ reason }) => broken(reason),
        metadataBroken: (_, { actual }) => broken(actual),
        gap: broken,
      },
      { followed: [String(table.refs.get('main'))], seen: [], sequenceNumber: null, tableUuid: table.uuid },
    )
  }

  /** Every snapshot on the way is read, as by an agent. */
  async growTo(rows: number): Promise<void> {
    while (this.#growing.rowCount + FILLING_ROWS <= rows) {
      await this.#growing.appendOthers(FILLING_ROWS)
      await this.#poll()
    }
  }

  async measure(): Promise<Cost> {
    const rows = this.#growing.rowCount
    const costs: { cpuMs: number; wallMs: number }[] = []
    // The first warms what the others use.
    for (let i = 0; i <= MEASURED; i++) {
      await this.#growing.appendCanaries(this.#canaries, { stream: 0, seqFirst: this.#seq, count: SNAPSHOT_ROWS })
      this.#seq += SNAPSHOT_ROWS
      const cpu = process.cpuUsage()
      const startedMs = performance.now()
      await this.#poll()
      const { user, system } = process.cpuUsage(cpu)
      if (i > 0) costs.push({ cpuMs: (user + system) / 1000, wallMs: performance.now() - startedMs })
    }
    return { rows, cpuMs: median(costs.map(({ cpuMs }) => cpuMs)), wallMs: median(costs.map(({ wallMs }) => wallMs)) }
  }

  async #poll(): Promise<void> {
    await this.#following.poll()
    const [reading, ...more] = this.#readings.splice(0)
    if (reading === undefined || more.length > 0)
      throw new Error(`expected one snapshot in a poll, got ${reading === undefined ? 0 : more.length + 1}`)
    const wrong = [...reading.faults.map(({ field }) => field), ...reading.metadataFaults.map(({ actual }) => actual), ...reading.repeats]
    if (wrong.length > 0) throw new Error(`nothing is wrong with snapshot ${reading.snapshotId}, and yet: ${JSON.stringify(wrong[0])}`)
    this.#seen.addAll(reading.canaries)
  }

  /** All canaries were seen, and no manifest was read twice. */
  checkReads(): void {
    if (this.#seen.size !== this.#seq) throw new Error(`of ${this.#seq} canaries ${this.#seen.size} were seen`)
    const manifests = this.#growing.table.reads.filter((uri) => /-m[01]\.avro$/.test(uri))
    if (new Set(manifests).size !== manifests.length) throw new Error('a manifest was read more than once')
  }
}

async function withFolder<T>(path: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(path, { recursive: true })
  try {
    return await work(path)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number
