import { expectedRows, runCanaries } from '../../shared/engines/expected-rows.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { hopName, type Topology } from '../../topology/topology.ts'
import type { Located, OffsetRange, Position } from '../../schemas/parts.ts'
import { openAdmin, type KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { createCanarySearch, type CanarySearch } from '../../shared/runtime/canary-search.ts'
import { readSpans } from '../../shared/runtime/kafka-spans.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import { openTopicStates, type TopicStates } from '../../shared/runtime/kafka-topic-state.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { NatsLink } from '../../shared/runtime/nats.ts'
import type { RecordHop } from '../../shared/core/run-work.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { Registry } from '../../shared/runtime/registry.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createCanarySpans, type CanarySpans } from '../../shared/runtime/canary-spans.ts'
import { createTracedLatencies, hopNames, type TracedLatencies } from '../../shared/runtime/traced-latency.ts'
import type { Tracing } from '../../shared/runtime/tracing.ts'
import type { CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'
import { TopicAuditor } from './topic-auditor.ts'
import { hopLog, type HopLog } from './hop-logs.ts'
import { TRACED } from './metrics.ts'
import type { TopicId, UnreadableCanary } from './log-watch.ts'
import { Reading } from './reading.ts'

export interface CheckerPorts {
  readonly topology: Topology
  readonly kafka: KafkaLink
  /** Null where the topology has no source. */
  readonly nats: NatsLink | null
  readonly registry: Registry
  readonly db: DuckDb
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing: Tracing
}

const clock = createClock()

type Send = (event: CheckerEvent) => void
type Effect<Type extends CheckerEffect['type']> = Extract<CheckerEffect, { type: Type }>

/** Reads topics and sources, asks brokers and registry, compares content; decides nothing. */
export class CheckerShell implements Shell<CheckerEvent, CheckerEffect, CheckerState> {
  readonly #ports: CheckerPorts
  readonly #admin: KafkaAdmin
  readonly #states: TopicStates
  readonly #readings = new Map<string, Reading[]>()
  readonly #search: CanarySearch
  readonly #spans: CanarySpans
  readonly #traced: TracedLatencies
  readonly #auditor: TopicAuditor

  constructor(ports: CheckerPorts) {
    this.#ports = ports
    this.#admin = openAdmin(ports.kafka)
    this.#states = openTopicStates(ports.kafka)
    this.#search = createCanarySearch({ kafka: ports.kafka, registry: ports.registry, identityField: ports.topology.record.identity })
    this.#spans = createCanarySpans({ tracing: ports.tracing, agent: 'ingestion-checker', hops: ports.topology.hops })
    this.#traced = createTracedLatencies({ ...ports, name: TRACED, hops: hopNames(ports.topology, 'source', 'topic') })
    this.#auditor = new TopicAuditor({
      admin: this.#admin,
      read: (options) => readSpans(ports.kafka, options),
      codecOf: (id) => this.#search.codecOf(id),
      log: ports.log,
      metrics: ports.metrics,
    })
  }

  perform(effect: CheckerEffect, send: Send): void {
    switch (effect.type) {
      case 'take-baseline':
        void this.#baseline(effect, send)
        return
      case 'start-reading':
        this.#startReading(effect, send)
        return
      case 'stop-reading':
        void this.#stopReading(effect.runId)
        return
      case 'look-at-progress':
        void this.#lookAtProgress(effect, send)
        return
      case 'look-at-log':
        void this.#lookAtLog(effect, send)
        return
      case 'look-again':
        void this.#lookAgain(effect, send)
        return
      case 'audit-baseline':
      case 'audit-ends':
      case 'audit-prints':
      case 'audit-records':
      case 'audit-times':
        void this.#auditor.perform(effect, send)
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: CheckerEvent, effects: readonly CheckerEffect[], { works }: CheckerState): void {
    this.#spans.onStep(event, effects)
    if (event.type === 'batch-read')
      this.#traced.seen(
        works,
        event,
        event.batch.records.map(({ stream, seq, appendedAtMs: atMs }) => ({ stream, seq, atMs })),
      )
  }

  async close(): Promise<void> {
    this.#spans.close()
    await Promise.all([...this.#readings.keys()].map((runId) => this.#stopReading(runId)))
    await this.#admin.close()
    await this.#states.close()
    await this.#ports.nats?.close()
  }

  #hop(name: string): RecordHop | undefined {
    const isRecordHop = (hop: Topology['hops'][number]): hop is RecordHop => hop.kind === 'topic' || hop.kind === 'source'
    return this.#ports.topology.hops.filter(isRecordHop).find((hop) => hopName(hop) === name)
  }

  #logOf(hop: RecordHop): HopLog {
    const { kafka, nats } = this.#ports
    return hopLog({ kafka, admin: this.#admin, states: this.#states, nats, search: this.#search }, hop)
  }

  async #baseline({ runId, stage, hops }: Effect<'take-baseline'>, send: Send): Promise<void> {
    try {
      const positions: Position[] = []
      const topicIds: TopicId[] = []
      for (const name of hops) {
        const hop = this.#hop(name)
        // A hop of the run that this agent's topology does not have is said to be missing by the core.
        if (hop === undefined) continue
        const { topicId, partitions } = await this.#logOf(hop).state()
        if (topicId !== null) topicIds.push({ hop: name, topicId })
        for (const { partition, stableEnd } of partitions) positions.push({ hop: name, partition, offset: stableEnd })
      }
      send({ type: 'baselined', runId, stage, positions, topicIds })
    } catch (error) {
      // The core asks again; until then the stage has not started.
      this.#ports.log.warn({ runId, err: error }, 'no baseline yet')
    }
  }

  #startReading(effect: Effect<'start-reading'>, send: Send): void {
    const { runId, hop } = effect
    const known = this.#hop(hop)
    if (known === undefined) {
      send({ type: 'trouble', runId, hop, reason: `topology ${this.#ports.topology.name} of this agent has no ${hop}` })
      return
    }
    const canaries = runCanaries(runId, effect.resolved)
    const reading = new Reading(
      {
        ports: this.#ports,
        hop: known,
        log: this.#logOf(known),
        canaries,
        rows: known.kind === 'source' || known.expect.length === 0 ? null : expectedRows(this.#ports.db, canaries, known.expect),
        codecOf: (id) => this.#search.codecOf(id),
        spans: this.#spans,
        nowMs: clock.nowMs,
      },
      effect,
      send,
    )
    this.#readings.set(runId, [...(this.#readings.get(runId) ?? []), reading])
  }

  async #stopReading(runId: string): Promise<void> {
    const readings = this.#readings.get(runId) ?? []
    this.#readings.delete(runId)
    await Promise.all(readings.map((reading) => reading.close()))
  }

  async #lookAtProgress({ runId, hop, askedAtMs }: Effect<'look-at-progress'>, send: Send): Promise<void> {
    const processed = this.#hop(hop)
    if (processed?.kind !== 'topic' || processed.processedBy === null) return
    const { hops } = this.#ports.topology
    try {
      const { group, topic } = processed.processedBy
      const [source] = hops
      const behindSource = source?.kind === 'source' && hops[1] === processed
      const committed = await this.#logOf(behindSource ? source : { ...processed, topic }).committed(group)
      // In this order: whatever was committed before is in the topic up to the ends read after.
      // What an open transaction holds back is not read by us, and hence not passed by.
      const ends = await this.#logOf(processed).ends()
      send({ type: 'progress-seen', runId, hop, committed, ends, askedAtMs })
    } catch (error) {
      send({ type: 'trouble', runId, hop, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  async #lookAgain({ runId, hop, askedAtMs, suspects, searchFrom, origin }: Effect<'look-again'>, send: Send): Promise<void> {
    this.#ports.metrics.add('assay_checker_looks_total')
    const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
    const here = this.#hop(hop)
    try {
      const unreadable: UnreadableCanary[] = []
      const onUnreadable = (record: UnreadableCanary) => unreadable.push(record)
      const removed: OffsetRange[] = []
      const topicIds: TopicId[] = []
      const log = here === undefined ? null : this.#logOf(here)
      const compacted = (await log?.isCompacted()) ?? null
      const { topicId, partitions } = (await log?.state()) ?? { topicId: null, partitions: [] }
      if (topicId !== null) topicIds.push({ hop, topicId })
      const intervals = partitions.flatMap(({ partition, low, end }) => {
        const from = searchFrom.get(partition) ?? 0
        if (low > from) removed.push({ partition, offsetFirst: from, offsetLast: low - 1 })
        const offsetFirst = Math.max(from, low)
        return end <= offsetFirst ? [] : [{ partition, offsetFirst, offsetLast: end - 1 }]
      })
      const found = (await log?.find(runId, wanted, { intervals, onUnreadable })) ?? []
      const before = await this.#lookAtOrigin(runId, wanted, origin)
      if (before.topicId !== null) topicIds.push(before.topicId)
      const limits = { topicIds, removed, compacted, unreadable }
      send({ type: 'looked-again', runId, hop, askedAtMs, result: { ok: true, found, origin: before.places, limits } })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      send({ type: 'looked-again', runId, hop, askedAtMs, result: { ok: false, reason } })
    }
  }

  /** Where the suspects stand at the hop before. It helps whoever searches, and proves nothing: what cannot be read there any more is left out. */
  async #lookAtOrigin(
    runId: string,
    wanted: ReadonlySet<string>,
    origin: Effect<'look-again'>['origin'],
  ): Promise<{ places: Located[]; topicId: TopicId | null }> {
    const there = origin === null ? undefined : this.#hop(origin.hop)
    if (there === undefined || origin === null) return { places: [], topicId: null }
    const log = this.#logOf(there)
    // Of the same topic as before? That must be known.
    const { topicId, partitions } = await log.state()
    const lows = new Map(partitions.map(({ partition, low }) => [partition, low]))
    const intervals = origin.covered.flatMap((covered) => {
      const offsetFirst = Math.max(covered.offsetFirst, lows.get(covered.partition) ?? Infinity)
      return offsetFirst > covered.offsetLast ? [] : [{ ...covered, offsetFirst }]
    })
    const places = await log.find(runId, wanted, { intervals }).catch((error: unknown) => {
      this.#ports.log.warn({ runId, hop: origin.hop, err: error }, 'where the suspects stand is not known')
      return []
    })
    return { places, topicId: topicId === null ? null : { hop: origin.hop, topicId } }
  }

  async #lookAtLog({ runId, hop, asked, askedAtMs }: Effect<'look-at-log'>, send: Send): Promise<void> {
    const known = this.#hop(hop)
    if (known === undefined) return
    try {
      send({ type: 'log-seen', runId, hop, asked, askedAtMs, state: await this.#logOf(known).state() })
    } catch (error) {
      send({ type: 'trouble', runId, hop, reason: error instanceof Error ? error.message : String(error) })
    }
  }
}
