import { expectedRows, runCanaries, type ExpectedRows, type RunCanaries } from '../../shared/engines/expected-rows.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { canaryIdOf, spanIdOf, traceIdOf, type CanaryId } from '../../shared/core/identity.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { SOURCE_HOP, hopName, type Topology, type TopicHop } from '../../topology/topology.ts'
import type { Located, Position } from '../../schemas/parts.ts'
import { openAdmin, type KafkaAdmin } from '../../shared/runtime/kafka-admin.ts'
import { createCanarySearch, type CanarySearch } from '../../shared/runtime/canary-search.ts'
import { createReader, type Reader, type ReadBatch, type ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { framedSchemaId, type RecordCodec } from '../../shared/runtime/record-codec.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { Registry } from '../../shared/runtime/registry.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createCanarySpans, type CanarySpans, type HopOfRun } from '../../shared/runtime/canary-spans.ts'
import { traceparent, type Tracing } from '../../shared/runtime/tracing.ts'
import type { CheckerEffect, CheckerEvent } from './core.ts'
import { checkRecord, checkUnchanged } from './record-check.ts'
import type { RecordFault, SightedRecord } from './sighting.ts'

export interface CheckerPorts {
  readonly topology: Topology
  readonly kafka: KafkaLink
  readonly registry: Registry
  readonly db: DuckDb
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing: Tracing
}

type Send = (event: CheckerEvent) => void
type Effect<Type extends CheckerEffect['type']> = Extract<CheckerEffect, { type: Type }>
/** Null for a record that is no canary of the run. */
type Sighted = SightedRecord | null

const POSITION_EVERY_MS = 250

/** Reads topics, asks brokers and registry, compares content; decides nothing. */
export class CheckerShell implements Shell<CheckerEvent, CheckerEffect> {
  readonly #ports: CheckerPorts
  readonly #admin: KafkaAdmin
  readonly #readings = new Map<string, Reading[]>()
  readonly #search: CanarySearch
  readonly #spans: CanarySpans

  constructor(ports: CheckerPorts) {
    this.#ports = ports
    this.#admin = openAdmin(ports.kafka)
    this.#search = createCanarySearch({ kafka: ports.kafka, registry: ports.registry, identityField: ports.topology.record.identity })
    this.#spans = createCanarySpans({ tracing: ports.tracing, agent: 'ingestion-checker', hops: ports.topology.hops })
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
      case 'look-again':
        void this.#lookAgain(effect, send)
        return
      case 'publish':
      case 'request':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: CheckerEvent, effects: readonly CheckerEffect[]): void {
    this.#spans.onStep(event, effects)
  }

  async close(): Promise<void> {
    this.#spans.close()
    await Promise.all([...this.#readings.keys()].map((runId) => this.#stopReading(runId)))
    await this.#admin.close()
  }

  #topic(hop: string): TopicHop | undefined {
    return this.#ports.topology.hops.find((candidate): candidate is TopicHop => candidate.kind === 'topic' && hopName(candidate) === hop)
  }

  async #baseline({ runId, stage, topics }: Effect<'take-baseline'>, send: Send): Promise<void> {
    try {
      const positions: Position[] = []
      for (const topic of topics) {
        for (const { partition, high } of await this.#admin.topicOffsets(topic))
          positions.push({ hop: `topic:${topic}`, partition, offset: high })
      }
      send({ type: 'baselined', runId, stage, positions })
    } catch (error) {
      // The core asks again; until then the stage has not started.
      this.#ports.log.warn({ runId, err: error }, 'no baseline yet')
    }
  }

  #startReading(effect: Effect<'start-reading'>, send: Send): void {
    const { runId, hop } = effect
    const topicHop = this.#topic(hop)
    if (topicHop === undefined) {
      send({ type: 'trouble', runId, hop, reason: `topology ${this.#ports.topology.name} of this agent has no ${hop}` })
      return
    }
    const canaries = runCanaries(runId, effect.resolved)
    const reading = new Reading(
      {
        ports: this.#ports,
        hop: topicHop,
        canaries,
        rows: topicHop.expect.length === 0 ? null : expectedRows(this.#ports.db, canaries, topicHop.expect),
        codecOf: (id) => this.#search.codecOf(id),
        spans: this.#spans,
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

  async #lookAtProgress({ runId, hop }: Effect<'look-at-progress'>, send: Send): Promise<void> {
    const topicHop = this.#topic(hop)
    if (topicHop?.processedBy == null) return
    try {
      const { group, topic } = topicHop.processedBy
      const committed = new Map<number, number>()
      for (const { partition, offset } of await this.#admin.groupOffsets(group, topic))
        if (offset !== null) committed.set(partition, offset)
      // In this order: whatever was committed before is in the topic up to the ends read after.
      const ends = new Map((await this.#admin.topicOffsets(topicHop.topic)).map(({ partition, high }) => [partition, high]))
      send({ type: 'progress-seen', runId, hop, committed, ends })
    } catch (error) {
      send({ type: 'trouble', runId, hop, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  async #lookAgain({ runId, hop, suspects, searchFrom, origin }: Effect<'look-again'>, send: Send): Promise<void> {
    this.#ports.metrics.add('assay_checker_looks_total')
    const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
    const here = this.#topic(hop)
    const there = origin === null ? undefined : this.#topic(origin.hop)
    try {
      const found: Located[] = []
      const origins: Located[] = []
      if (here !== undefined) {
        const ends = await this.#admin.topicOffsets(here.topic)
        for (const { partition, high } of ends) {
          const offsetFirst = searchFrom.get(partition) ?? 0
          if (high > offsetFirst)
            found.push(...(await this.#search.find(runId, wanted, { topic: here.topic, partition, offsetFirst, offsetLast: high - 1 })))
        }
      }
      for (const { partition, offsetFirst, offsetLast } of there === undefined ? [] : (origin?.covered ?? [])) {
        origins.push(...(await this.#search.find(runId, wanted, { topic: there?.topic ?? '', partition, offsetFirst, offsetLast })))
      }
      send({ type: 'looked-again', runId, hop, result: { ok: true, found, origin: origins } })
    } catch (error) {
      send({ type: 'looked-again', runId, hop, result: { ok: false, reason: error instanceof Error ? error.message : String(error) } })
    }
  }
}

interface ReadingOf {
  readonly ports: CheckerPorts
  readonly hop: TopicHop
  readonly canaries: RunCanaries
  /** Null where the hop must hold what was produced. */
  readonly rows: ExpectedRows | null
  readonly codecOf: (schemaId: number) => Promise<RecordCodec>
  readonly spans: CanarySpans
}

/** One topic read for one run. */
class Reading {
  readonly #of: ReadingOf
  readonly #reader: Reader
  readonly #timer: NodeJS.Timeout
  readonly #sent: Map<number, number>
  readonly #codecs = new Map<number, RecordCodec>()
  readonly #at: HopOfRun

  constructor(of: ReadingOf, { runId, hop, topic, positions }: Effect<'start-reading'>, send: Send) {
    this.#of = of
    this.#sent = new Map(positions)
    this.#at = of.spans.at(of.canaries, hop)
    this.#reader = createReader(of.ports.kafka, {
      topics: [{ topic, positions }],
      onBatch: (batch) => this.#readBatch({ runId, hop }, batch, send),
      onTrouble: ({ kind, message }) => {
        of.ports.log.warn({ runId, hop, kind }, message)
        send({ type: 'trouble', runId, hop, reason: `${kind}: ${message}` })
      },
    })
    // Markers and aborted records move the position without a batch.
    this.#timer = setInterval(() => {
      for (const [partition, next] of this.#reader.positions().get(topic) ?? [])
        this.#advance({ runId, hop }, { partition, next, records: [], otherRecords: 0 }, send)
    }, POSITION_EVERY_MS)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reader.close()
  }

  async #readBatch(at: { runId: string; hop: string }, batch: ReadBatch, send: Send): Promise<void> {
    const records: SightedRecord[] = []
    let otherRecords = 0
    for (const record of batch.records) {
      // Records are many: only those that something has to be asked for are waited for.
      const sighting = this.#sight(batch.partition, record)
      const sighted = sighting instanceof Promise ? await sighting : sighting
      if (sighted === null) otherRecords++
      else records.push(sighted)
    }
    this.#of.ports.metrics.add('assay_checker_canaries_total', records.length)
    const last = batch.records.at(-1)
    if (last !== undefined) this.#advance(at, { partition: batch.partition, next: last.offset + 1, records, otherRecords }, send)
  }

  #advance(
    at: { runId: string; hop: string },
    to: { partition: number; next: number; records: readonly SightedRecord[]; otherRecords: number },
    send: Send,
  ): void {
    const offsetFirst = this.#sent.get(to.partition) ?? 0
    if (to.next <= offsetFirst) return
    this.#sent.set(to.partition, to.next)
    const { partition, records, otherRecords } = to
    send({ type: 'batch-read', ...at, batch: { partition, offsetFirst, offsetLast: to.next - 1, records, otherRecords } })
  }

  #sight(partition: number, record: ReadRecord): Sighted | Promise<Sighted> {
    const schemaId = framedSchemaId(record.value)
    if (schemaId === null || record.value === null) return null
    const codec = this.#codecs.get(schemaId)
    if (codec !== undefined) return this.#compare({ partition, codec, value: record.value }, record)
    return this.#of.codecOf(schemaId).then((fetched) => {
      this.#codecs.set(schemaId, fetched)
      return this.#sight(partition, record)
    })
  }

  #compare(
    { partition, codec, value }: { partition: number; codec: RecordCodec; value: Buffer },
    { offset, timestampMs, headers }: ReadRecord,
  ): Sighted | Promise<Sighted> {
    const { canaries, rows, hop, ports, spans } = this.#of
    let record: CanaryRecord
    try {
      record = codec.decode(value)
    } catch (error) {
      ports.log.warn({ offset, topic: hop.topic, err: error }, 'undecodable record')
      return null
    }
    const id = canaryIdOf(record[canaries.resolved.record.identity])
    if (id === null || id.runId !== canaries.runId) return null
    const { stream, seq } = id
    spans.sighted(this.#at, { stream, seq, startMs: timestampMs, endMs: Date.now(), partition, offset })
    const given = { record, fields: codec.fields, headers }
    const expected = { headers: this.#headersOf(id) }
    const sighted = (faults: readonly RecordFault[]) => ({ stream, seq, offset, appendedAtMs: timestampMs, faults })
    if (rows !== null) return rows.rowOf(stream, seq).then((row) => sighted(checkRecord(given, { ...expected, row, typeOf: rows.typeOf })))
    return sighted(checkUnchanged(given, { ...expected, produced: canaries.at(stream, seq), producedFields: canaries.fields }))
  }

  #headersOf(id: CanaryId): Record<string, string> {
    const traceId = traceIdOf(id)
    const textOf = (name: string) => (name === 'traceparent' ? traceparent(traceId, spanIdOf(traceId, SOURCE_HOP)) : '')
    return Object.fromEntries(this.#of.hop.headers.map((name) => [name, textOf(name)]))
  }
}
