import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Located } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { AssayError } from '../../shared/core/errors.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { currentSnapshot, lineage } from '../../shared/iceberg/metadata.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createCanarySearch, type CanarySearch } from '../../shared/runtime/canary-search.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { createCanarySpans, type CanarySpans } from '../../shared/runtime/canary-spans.ts'
import { writeSnapshotSpan } from '../../shared/runtime/run-spans.ts'
import type { Tracing } from '../../shared/runtime/tracing.ts'
import { members } from '../../shared/core/range-set.ts'
import type { Registry } from '../../shared/runtime/registry.ts'
import { hopName, type TableHop, type Topology } from '../../topology/topology.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading } from './events.ts'
import { identitiesAddedBy, readSnapshot, type TableReading } from './snapshot-reading.ts'
import { cleanTables } from './table-cleaning.ts'

export interface ReconcilerPorts {
  readonly topology: Topology
  readonly kafka: KafkaLink
  readonly registry: Registry
  readonly catalog: TableCatalog
  readonly store: ObjectStore
  readonly db: DuckDb
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing: Tracing
  /** For downloaded data files; emptied as they are read. */
  readonly workDir: string
  /** Of the engine's extensions, for cleaning up. */
  readonly extensionDir: string | null
}

type Send = (event: ReconcilerEvent) => void
type Effect<Type extends ReconcilerEffect['type']> = Extract<ReconcilerEffect, { type: Type }>

const POLL_MS = 400

interface Following {
  readonly timer: NodeJS.Timeout
  readonly stop: AbortController
}

/** Asks catalog and object store, reads files, compares content; decides nothing. */
export class ReconcilerShell implements Shell<ReconcilerEvent, ReconcilerEffect> {
  readonly #ports: ReconcilerPorts
  readonly #search: CanarySearch
  readonly #spans: CanarySpans
  readonly #following = new Map<string, Following[]>()
  /** The engine has one connection, and files of one snapshot at a time are enough on disk: work stands in line. */
  #line: Promise<unknown> = Promise.resolve()

  constructor(ports: ReconcilerPorts) {
    this.#ports = ports
    this.#search = createCanarySearch({ kafka: ports.kafka, registry: ports.registry, identityField: ports.topology.record.identity })
    this.#spans = createCanarySpans({ tracing: ports.tracing, agent: 'storage-reconciler', hops: ports.topology.hops })
  }

  perform(effect: ReconcilerEffect, send: Send): void {
    switch (effect.type) {
      case 'take-baseline':
        void this.#baseline(effect, send)
        return
      case 'follow':
        this.#follow(effect, send)
        return
      case 'stop-following':
        this.#stop(effect.runId)
        return
      case 'look-again':
        void this.#inLine(() => this.#lookAgain(effect, send))
        return
      case 'clean-up':
        void this.#cleanUp(effect, send)
        return
      case 'publish':
      case 'request':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: ReconcilerEvent, effects: readonly ReconcilerEffect[]): void {
    this.#spans.onStep(event, effects)
  }

  async close(): Promise<void> {
    this.#spans.close()
    for (const runId of this.#following.keys()) this.#stop(runId)
    await this.#line
    this.#ports.store.close()
    this.#ports.db.close()
    await rm(this.#ports.workDir, { recursive: true, force: true })
  }

  #table(hop: string): TableHop | undefined {
    return this.#ports.topology.hops.find((candidate): candidate is TableHop => candidate.kind === 'table' && hopName(candidate) === hop)
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work)
    this.#line = done.catch(() => undefined)
    return done
  }

  async #baseline({ runId, hop }: Effect<'take-baseline'>, send: Send): Promise<void> {
    const table = this.#table(hop)
    if (table === undefined) return
    try {
      const { metadata } = await this.#ports.catalog.loadTable(table)
      send({ type: 'baselined', runId, snapshotId: metadata.currentSnapshotId?.toString() ?? null, tableUuid: metadata.tableUuid ?? null })
    } catch (error) {
      // A table that the sink has yet to create has no snapshots: that is a baseline, too.
      if (error instanceof AssayError && error.code === 'TABLE_MISSING')
        send({ type: 'baselined', runId, snapshotId: null, tableUuid: null })
      else this.#ports.log.warn({ runId, err: error }, 'no baseline yet')
    }
  }

  #follow(effect: Effect<'follow'>, send: Send): void {
    const { runId, hop, resolved } = effect
    const table = this.#table(hop)
    if (table === undefined) {
      send({ type: 'trouble', runId, hop, reason: `topology ${this.#ports.topology.name} of this agent has no ${hop}` })
      return
    }
    const reading: TableReading = { ...this.#ports, hop: table, canaries: runCanaries(runId, resolved) }
    const state = { after: effect.afterSnapshotId, tableUuid: effect.tableUuid, brokenTold: false }
    let busy = false
    const following: Following = {
      stop: new AbortController(),
      timer: setInterval(() => {
        if (busy) return
        busy = true
        void this.#inLine(() => this.#readOn({ runId, hop, reading, state, following }, send)).finally(() => (busy = false))
      }, POLL_MS),
    }
    this.#following.set(runId, [...(this.#following.get(runId) ?? []), following])
  }

  async #readOn(of: FollowState, send: Send): Promise<void> {
    const { runId, hop, reading, state, following } = of
    const isStopped = () => following.stop.signal.aborted
    if (isStopped()) return
    try {
      if (await this.#isUnchanged(of)) return
      const { metadata } = await this.#ports.catalog.loadTable(reading.hop)
      const uuid = metadata.tableUuid ?? null
      if (state.tableUuid !== null && uuid !== state.tableUuid) {
        this.#tellBroken(of, `table was dropped and made again: uuid ${state.tableUuid} became ${uuid ?? 'none'}`, send)
        return
      }
      state.tableUuid = uuid
      const { snapshots, gap } = lineage(metadata, state.after === null ? null : BigInt(state.after))
      if (gap)
        this.#tellBroken(of, `snapshots after ${state.after ?? 'the first'} are no longer in the lineage: expired or rolled back`, send)
      for (const snapshot of snapshots) {
        if (isStopped()) return
        const read = await this.#withFolder(String(snapshot.snapshotId), (folder) => readSnapshot(reading, snapshot, folder))
        if (read.unfollowed !== null) this.#tellBroken({ ...of, state: { ...state, brokenTold: false } }, read.unfollowed, send)
        this.#observe(of, read.reading)
        send({ type: 'snapshot-read', runId, hop, reading: read.reading })
        state.after = String(snapshot.snapshotId)
      }
    } catch (error) {
      if (error instanceof AssayError && error.code === 'TABLE_MISSING' && state.tableUuid === null) return
      this.#ports.log.warn({ runId, err: error }, 'table cannot be followed at the moment')
      send({ type: 'trouble', runId, hop, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Most polls find nothing new: the list of all snapshots, which may be long, is not asked for then. */
  async #isUnchanged({ reading, state }: FollowState): Promise<boolean> {
    const { metadata } = await this.#ports.catalog.loadTable(reading.hop, { snapshots: 'refs' })
    const current = metadata.currentSnapshotId?.toString() ?? null
    return current === state.after && (metadata.tableUuid ?? null) === state.tableUuid
  }

  async #cleanUp({ runId, stage }: Effect<'clean-up'>, send: Send): Promise<void> {
    const result = await this.#inLine(() => cleanTables(this.#ports, runId))
    send({ type: 'cleaned-up', runId, stage, result })
  }

  #observe({ runId, hop, reading }: FollowState, snapshot: SnapshotReading): void {
    const { metrics, tracing } = this.#ports
    const { rowsAdded, bytesAdded } = snapshot
    metrics.add('assay_reconciler_snapshots_total')
    metrics.add('assay_reconciler_rows_total', rowsAdded)
    metrics.add('assay_reconciler_bytes_total', bytesAdded)
    const { resolved } = reading.canaries
    const endMs = Date.now()
    const detail = writeSnapshotSpan(tracing, { runId, resolved, table: reading.hop, readAtMs: endMs }, snapshot)
    const at = this.#spans.at({ runId, resolved }, hop)
    for (const { stream, ranges } of snapshot.canaries)
      for (const seq of members(ranges)) this.#spans.sighted(at, { stream, seq, startMs: snapshot.committedAtMs, endMs, detail })
  }

  #tellBroken({ runId, hop, state }: FollowState, reason: string, send: Send): void {
    if (state.brokenTold) return
    state.brokenTold = true
    send({ type: 'lineage-broken', runId, hop, reason })
  }

  #stop(runId: string): void {
    for (const following of this.#following.get(runId) ?? []) {
      following.stop.abort()
      clearInterval(following.timer)
    }
    this.#following.delete(runId)
  }

  async #withFolder<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.#ports.workDir, name)
    await mkdir(folder, { recursive: true })
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** From the catalog anew, and from files fetched anew: what the first reading made of them does not count. */
  async #lookAgain({ runId, hop, suspects, afterSnapshotId, origin }: Effect<'look-again'>, send: Send): Promise<void> {
    const table = this.#table(hop)
    if (table === undefined) return
    try {
      const { metadata } = await this.#ports.catalog.loadTable(table)
      const { snapshots } = lineage(metadata, afterSnapshotId === null ? null : BigInt(afterSnapshotId))
      const seen = new CanarySet()
      for (const snapshot of snapshots) {
        await this.#withFolder(`again-${snapshot.snapshotId}`, async (folder) => {
          for (const { stream, seqs } of await identitiesAddedBy({ ...this.#ports, hop: table }, { snapshot, folder, runId }))
            seen.addAll([{ stream, ranges: [...seqs] }])
        })
      }
      const present: Located[] = suspects
        .filter(({ stream, seq }) => seen.has(stream, seq))
        .map(({ stream, seq }) => ({ stream, seq, partition: -1, offset: -1 }))
      const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
      const topic = origin?.hop.replace(/^topic:/, '') ?? ''
      const origins: Located[] = []
      for (const covered of origin?.covered ?? []) origins.push(...(await this.#search.find(runId, wanted, { topic, ...covered })))
      send({
        type: 'looked-again',
        runId,
        hop,
        result: { ok: true, snapshotId: currentSnapshot(metadata)?.snapshotId.toString() ?? null, present, origin: origins },
      })
    } catch (error) {
      send({ type: 'looked-again', runId, hop, result: { ok: false, reason: error instanceof Error ? error.message : String(error) } })
    }
  }
}

interface FollowState {
  readonly runId: string
  readonly hop: string
  readonly reading: TableReading
  readonly state: { after: string | null; tableUuid: string | null; brokenTold: boolean }
  readonly following: Following
}
