import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AssayError } from '../../shared/core/errors.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { runCanaries, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { baselineOf, emptyBaseline, ManifestReader } from '../../shared/iceberg/snapshot-reader.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { createCanarySearch, type CanarySearch } from '../../shared/runtime/canary-search.ts'
import type { KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { createCanarySpans, type CanarySpans } from '../../shared/runtime/canary-spans.ts'
import { writeSnapshotSpan } from '../../shared/runtime/run-spans.ts'
import { allAt, createTracedLatencies, hopNames, type TracedLatencies } from '../../shared/runtime/traced-latency.ts'
import type { Tracing } from '../../shared/runtime/tracing.ts'
import { members } from '../../shared/core/range-set.ts'
import type { Registry } from '../../shared/runtime/registry.ts'
import { hopName, type TableHop, type Topology } from '../../topology/topology.ts'
import type { ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading } from './events.ts'
import { TRACED } from './metrics.ts'
import { lookedAgain } from './second-look.ts'
import type { TableReading } from './snapshot-reading.ts'
import { endRules } from './end-rules.ts'
import { SinkProgress } from './sink-progress.ts'
import { TableAuditor } from './table-auditor.ts'
import { cleanTables } from './table-cleaning.ts'
import type { TableRows } from './table-files.ts'
import { TableFollowing } from './table-following.ts'

export interface ReconcilerPorts {
  readonly topology: Topology
  readonly kafka: KafkaLink
  readonly admin: KafkaAdmin
  readonly registry: Registry
  readonly catalog: TableCatalog
  readonly store: ObjectStore
  readonly db: DuckDb
  readonly tableRows: TableRows
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

const POLL_MS = 300

interface Following {
  readonly timer: NodeJS.Timeout
  readonly stop: AbortController
}

/** Asks catalog and object store, reads files, compares content; decides nothing. */
export class ReconcilerShell implements Shell<ReconcilerEvent, ReconcilerEffect, ReconcilerState> {
  readonly #ports: ReconcilerPorts
  readonly #search: CanarySearch
  readonly #spans: CanarySpans
  readonly #traced: TracedLatencies
  readonly #auditor: TableAuditor
  readonly #clock = createClock()
  readonly #following = new Map<string, Following[]>()
  /** The engine has one connection, and files of one snapshot at a time are enough on disk: work stands in line. */
  #line: Promise<unknown> = Promise.resolve()

  constructor(ports: ReconcilerPorts) {
    this.#ports = ports
    this.#search = createCanarySearch({ kafka: ports.kafka, registry: ports.registry, identityField: ports.topology.record.identity })
    this.#spans = createCanarySpans({ tracing: ports.tracing, agent: 'storage-reconciler', hops: ports.topology.hops })
    this.#traced = createTracedLatencies({ ...ports, name: TRACED, hops: hopNames(ports.topology, 'table') })
    this.#auditor = new TableAuditor(ports)
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
      case 'ask-rules':
        void this.#inLine(() => this.#askRules(effect, send))
        return
      case 'clean-up':
        void this.#cleanUp(effect, send)
        return
      case 'audit-baseline':
      case 'audit-look':
      case 'audit-prints':
      case 'audit-records':
      case 'audit-additions':
      case 'audit-counts':
        void this.#inLine(() => this.#auditor.perform(effect, send))
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: ReconcilerEvent, effects: readonly ReconcilerEffect[], { works }: ReconcilerState): void {
    this.#spans.onStep(event, effects)
    for (const effect of effects) {
      if (effect.type !== 'publish' || effect.fact.kind !== 'snapshot-reconciled') continue
      this.#traced.seen(works, effect.fact, allAt(effect.fact.canaries, effect.fact.committedAtMs))
    }
  }

  async close(): Promise<void> {
    this.#spans.close()
    for (const runId of this.#following.keys()) this.#stop(runId)
    await this.#line
    await this.#ports.admin.close()
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
      send({ type: 'baselined', runId, baseline: baselineOf(metadata, table.branch) })
    } catch (error) {
      // A table that the sink has yet to create has no snapshots: that is a baseline, too.
      if (error instanceof AssayError && error.code === 'TABLE_MISSING') send({ type: 'baselined', runId, baseline: emptyBaseline })
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
    const reading: TableReading = this.#reading(table, runCanaries(runId, resolved))
    const stop = new AbortController()
    const at = { runId, hop }
    const following = new TableFollowing(
      {
        catalog: this.#ports.catalog,
        reading,
        withFolder: (name, work) => this.#withFolder(name, work),
        isStopped: () => stop.signal.aborted,
        snapshotRead: (read) => {
          this.#observe({ ...at, reading }, read)
          send({ type: 'snapshot-read', ...at, reading: read })
        },
        lineageMoved: (move) => {
          send({ type: 'lineage-moved', ...at, move })
        },
        metadataBroken: (snapshotId, fault) => {
          send({ type: 'metadata-broken', ...at, snapshotId, fault })
        },
        gap: (reason) => {
          send({ type: 'lineage-broken', ...at, reason })
        },
      },
      effect,
    )
    const sink = new SinkProgress(this.#ports.admin, table, this.#clock.nowMs)
    let busy = false
    const timer = setInterval(() => {
      if (busy) return
      busy = true
      void this.#inLine(() => this.#poll({ ...at, following, stop }, send)).finally(() => (busy = false))
      void this.#watchSink({ ...at, sink, stop }, send)
    }, POLL_MS)
    this.#following.set(runId, [...(this.#following.get(runId) ?? []), { timer, stop }])
  }

  #reading(hop: TableHop, canaries: RunCanaries): TableReading {
    return { ...this.#ports, hop, canaries, manifests: new ManifestReader(this.#ports.store) }
  }

  async #poll({ runId, hop, following, stop }: Polled, send: Send): Promise<void> {
    if (stop.signal.aborted) return
    try {
      await following.poll()
    } catch (error) {
      // A table that the sink has yet to create.
      if (error instanceof AssayError && error.code === 'TABLE_MISSING' && following.tableUuid === null) return
      this.#ports.log.warn({ runId, err: error }, 'table cannot be followed at the moment')
      send({ type: 'trouble', runId, hop, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  async #watchSink(
    { sink, stop, ...at }: { runId: string; hop: string; sink: SinkProgress; stop: AbortController },
    send: Send,
  ): Promise<void> {
    try {
      const offsets = await sink.moved()
      if (offsets !== null && !stop.signal.aborted) send({ type: 'sink-moved', ...at, offsets })
    } catch (error) {
      this.#ports.log.debug({ ...at, err: error }, 'how far the sink has come is not known at the moment')
    }
  }

  async #askRules({ runId, hop, snapshotId, began, resolved }: Effect<'ask-rules'>, send: Send): Promise<void> {
    const table = this.#table(hop)
    if (table === undefined) return
    const result = await endRules(this.#reading(table, runCanaries(runId, resolved)), {
      ...{ catalog: this.#ports.catalog, snapshotId, began },
      withFolder: (work) => this.#withFolder(`rules-${snapshotId ?? 'none'}`, work),
    })
    send({ type: 'rules-asked', runId, hop, result })
  }

  async #lookAgain(effect: Effect<'look-again'>, send: Send): Promise<void> {
    const table = this.#table(effect.hop)
    if (table === undefined) return
    const { runId, hop, askedAtMs, resolved } = effect
    const result = await lookedAgain(effect, {
      ...{ catalog: this.#ports.catalog, search: this.#search },
      reading: this.#reading(table, runCanaries(runId, resolved)),
      withFolder: (name, work) => this.#withFolder(name, work),
    })
    send({ type: 'looked-again', runId, hop, askedAtMs, result })
  }

  async #cleanUp({ runId, stage }: Effect<'clean-up'>, send: Send): Promise<void> {
    const result = await this.#inLine(() => cleanTables(this.#ports, runId))
    send({ type: 'cleaned-up', runId, stage, result })
  }

  #observe({ runId, hop, reading }: { runId: string; hop: string; reading: TableReading }, snapshot: SnapshotReading): void {
    const { metrics, tracing } = this.#ports
    const { rowsAdded, bytesAdded } = snapshot
    metrics.add('assay_reconciler_snapshots_total')
    metrics.add('assay_reconciler_rows_total', rowsAdded)
    metrics.add('assay_reconciler_bytes_total', bytesAdded)
    const { resolved } = reading.canaries
    const endMs = this.#clock.nowMs()
    const detail = writeSnapshotSpan(tracing, { runId, resolved, table: reading.hop, readAtMs: endMs }, snapshot)
    const at = this.#spans.at({ runId, resolved }, hop)
    for (const { stream, ranges } of snapshot.canaries)
      for (const seq of members(ranges)) this.#spans.sighted(at, { stream, seq, startMs: snapshot.committedAtMs, endMs, detail })
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
}

interface Polled {
  readonly runId: string
  readonly hop: string
  readonly following: TableFollowing
  readonly stop: AbortController
}
