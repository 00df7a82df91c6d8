import { setTimeout as sleep } from 'node:timers/promises'
import { runOf, type FollowedRun } from '../../agents/cli/followed-run.ts'
import { decimalToText, NOTIONAL_SCALE, PRICE_SCALE, QUANTITY_SCALE } from '../../compose/reference/decimal.ts'
import { Decoder, Registry } from '../../compose/reference/registry.ts'
import { normalise, type NormalisedTrade, type RawTrade } from '../../compose/reference/trade.ts'
import { streamOfPartition } from '../../shared/core/audit-findings.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { createReader, type Reader } from '../../shared/runtime/kafka-reader.ts'
import type { Kafka, Pipeline } from './pipeline.ts'
import type { WriterAnswer } from './table-writer.ts'
import { clock, insist, until } from './wait.ts'

export interface Canary {
  readonly stream: number
  readonly seq: number
  readonly id: string
}

/** Where a canary stands in the raw topic, and what. */
export interface Raw {
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A canary as it is to stand in the second topic. `value` and `headers` may be spoiled. */
export interface Outgoing extends Canary {
  readonly raw: Raw
  readonly key: string
  readonly trade: NormalisedTrade
  readonly headers: Readonly<Record<string, string>>
  readonly value?: Buffer | null
}

/** A canary with its place in the second topic. */
export interface Placed extends Outgoing {
  readonly partition: number
  readonly offset: number
}

/** What a sink needs of it. */
export type InTopic = Pick<Placed, 'trade' | 'partition' | 'offset'>

export type Row = Readonly<Record<string, unknown>>

/** The canaries of one run, and the hands to move them through the pipeline, well or badly. */
export interface Flow {
  readonly pipeline: Pipeline
  readonly runId: string
  /** As a faithful normaliser would write them, by raw partition and offset. None in a case that acts while they are produced. */
  readonly records: readonly Outgoing[]
  /** Whether more canaries may come. */
  isProducing(): boolean
  /** A few of them, of several streams and none at an end. */
  some(count: number): Outgoing[]
  /** Records that are no canaries, in the second topic; named as findings name them, by partition and offset. */
  produceOthers(count: number): Promise<Placed[]>
  /** By a producer whose clock is off by so much. */
  produce(records: readonly Outgoing[], clockOffMs?: number): Promise<Placed[]>
  /** The normaliser's group has read all of the raw topic. */
  normaliserDone(): Promise<void>
  /** It has read so far: by partition the first offset that it has not. */
  normaliserAt(next: ReadonlyMap<number, number>): Promise<void>
  append(placed: readonly InTopic[], args?: Readonly<Record<string, unknown>>): Promise<WriterAnswer>
  /** The sink's group has read all of the second topic. */
  sinkDone(): Promise<void>
  /** The rest of a faithful pipeline, from the topic on. */
  sinkFaithfully(placed: readonly Placed[]): Promise<void>
  /** The whole of a faithful pipeline. */
  passFaithfully(records?: readonly Outgoing[]): Promise<Placed[]>
  row(placed: Placed, change?: Row): Row
  pause(ms: number): Promise<void>
  /** The request for this run, on the control topic once more. */
  askAgain(): Promise<unknown>
  /** Until the agents have said so. */
  heard(what: string, is: (followed: FollowedRun) => boolean): Promise<void>
}

export async function openFlow(
  pipeline: Pipeline,
  of: { readonly runId: string; readonly canaries: number; readonly followed: FollowedRun; readonly ask: () => Promise<unknown> },
): Promise<Flow> {
  const records = of.canaries === 0 ? [] : await readRaw(pipeline, of)
  const { names, groups, writer } = pipeline
  const commit = (groupId: string, topic: string, next?: ReadonlyMap<number, number>) =>
    insist(() =>
      asAdmin({ pipeline }, async (admin) => {
        const partitions =
          next === undefined
            ? (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, offset: high }))
            : [...next].map(([partition, offset]) => ({ partition, offset: String(offset) }))
        await admin.setOffsets({ groupId, topic, partitions })
      }),
    )
  const flow: Flow = {
    pipeline,
    runId: of.runId,
    records,
    isProducing: () => runOf(of.followed)?.stages.get('produce')?.ended == null,
    some: (count) => pick(records, count),
    produceOthers: async (count) => {
      const placed = await produce(pipeline, records.slice(0, count).map(asOther), 0)
      return placed.map((one) => ({ ...one, stream: streamOfPartition(one.partition), seq: one.offset }))
    },
    produce: (wanted, clockOffMs = 0) => produce(pipeline, wanted, clockOffMs),
    normaliserDone: () => commit(groups.normaliser, names.raw),
    normaliserAt: (next) => commit(groups.normaliser, names.raw, next),
    append: (placed, args = {}) => writer.do('append', { rows: placed.map((one) => rowOf(names.topic, one)), ...args }),
    sinkDone: () => commit(groups.sink, names.topic),
    async sinkFaithfully(placed) {
      const half = Math.ceil(placed.length / 2)
      await flow.append(placed.slice(0, half))
      await flow.append(placed.slice(half))
      await flow.sinkDone()
    },
    async passFaithfully(wanted = records) {
      const placed = await flow.produce(wanted)
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed)
      return placed
    },
    row: (placed, change = {}) => ({ ...rowOf(names.topic, placed), ...change }),
    pause: (ms) => sleep(ms),
    askAgain: of.ask,
    heard: (what, is) =>
      until(
        () => `heard ${what}`,
        () => is(of.followed),
      ),
  }
  return flow
}

/** The same record under an identity that is no canary's. */
export const asOther = (record: Outgoing): Outgoing => {
  const id = `T-${record.id}`
  return { ...record, id, headers: {}, trade: { ...record.trade, trade_id: id, venue: 'XNAS' } }
}

type Admin = ReturnType<Kafka['admin']>

export async function asAdmin<T>({ pipeline }: Pick<Flow, 'pipeline'>, exchange: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    return await exchange(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Spread over the records, away from the first and the last of each stream: behind each, more of its stream must come. */
function pick(records: readonly Outgoing[], count: number): Outgoing[] {
  const last = Math.max(...records.map(({ seq }) => seq))
  const inner = records.filter(({ seq }) => seq >= last * 0.2 && seq <= last * 0.8)
  const step = Math.floor(inner.length / count)
  return Array.from({ length: count }, (_, at) => inner[at * step] as Outgoing)
}

interface RawReading {
  readonly runId: string
  /** Partitions left out are read from their first record. */
  readonly from?: ReadonlyMap<number, number>
}

/** Hands over the canaries of a run as they come in the raw topic, each once, as a faithful normaliser would write them. */
export function followRaw(
  { names, environment }: Pipeline,
  { runId, from = new Map() }: RawReading,
  take: (record: Outgoing) => unknown,
): Reader {
  const link = connectKafka({ brokers: [environment['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'saboteur' })
  const decoder = new Decoder(new Registry(environment['PIPELINE_REGISTRY_URL'] ?? ''), 'RawTrade')
  return createReader(link, {
    topics: [{ topic: names.raw, positions: from }],
    onBatch: async ({ partition, records }) => {
      await decoder.learn(records.map(({ value }) => value))
      for (const { offset, value, key, headers } of records) {
        // The reader's schema is RawTrade's, so what it reads has its shape.
        const raw = decoder.decode(value) as RawTrade
        const canary = parseCanaryId(raw.trade_id)
        if (canary?.runId !== runId) continue
        const { stream, seq } = canary
        const texts = Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()]))
        const place = { stream, seq, id: raw.trade_id, raw: { partition, offset, key, value } }
        take({ ...place, key: String(key).toUpperCase(), trade: normalise(raw), headers: texts })
      }
    },
    onTrouble: () => undefined,
  })
}

async function readRaw(
  pipeline: Pipeline,
  { runId, canaries }: { readonly runId: string; readonly canaries: number },
): Promise<Outgoing[]> {
  const read: Outgoing[] = []
  const reader = followRaw(pipeline, { runId }, (record) => read.push(record))
  try {
    await until(
      () => `read ${read.length} of ${canaries} canaries from ${pipeline.names.raw}`,
      () => read.length >= canaries,
    )
  } finally {
    await reader.close()
  }
  return read.sort(({ raw: a }, { raw: b }) => a.partition - b.partition || a.offset - b.offset)
}

/** One batch for each partition, acknowledged by all: places are given in order. */
async function produce({ kafka, names, encode }: Pipeline, records: readonly Outgoing[], clockOffMs: number): Promise<Placed[]> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const placed: Placed[] = []
  try {
    for (const [partition, of] of byPartition(records)) {
      const timestamp = String(clock.nowMs() + clockOffMs)
      const messages = of.map(({ key, trade, headers, value }) => ({
        timestamp,
        key,
        value: value === undefined ? encode(trade) : value,
        headers,
        partition,
      }))
      const [first] = await producer.send({ topic: names.topic, messages, acks: -1 })
      const base = Number(first?.baseOffset)
      placed.push(...of.map((record, at) => ({ ...record, partition, offset: base + at })))
    }
  } finally {
    await producer.disconnect()
  }
  return placed
}

/** By stream, so that a stream keeps its order. */
function byPartition(records: readonly Outgoing[]): Map<number, Outgoing[]> {
  const parts = new Map<number, Outgoing[]>()
  for (const record of records) {
    const partition = record.stream % 4
    parts.set(partition, [...(parts.get(partition) ?? []), record])
  }
  return parts
}

const rowOf = (topic: string, { trade, partition, offset }: InTopic): Row => ({
  trade_id: trade.trade_id,
  symbol: trade.symbol,
  venue: trade.venue,
  side: trade.side,
  price: decimalToText(trade.price, PRICE_SCALE),
  quantity: decimalToText(trade.quantity, QUANTITY_SCALE),
  notional: decimalToText(trade.notional, NOTIONAL_SCALE),
  traded_at: trade.traded_at.toString(),
  note: trade.note,
  attributes: trade.attributes,
  _kafka_metadata_topic: topic,
  _kafka_metadata_partition: partition,
  _kafka_metadata_offset: offset,
  _kafka_metadata_timestamp: 0,
})
