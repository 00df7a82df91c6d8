import { outcomeOfWriteError } from './kafka-outcome.ts'
import type { FailureOutcome } from './kafka-outcome.ts'
import type { KafkaLink, Message, Producer } from './kafka.ts'
import { createPartitionChooser, kafkaErrorText, kafkaErrorType } from './kafka.ts'

export interface WriteRecord {
  readonly key: string | Buffer | null
  readonly value: Buffer | null
  readonly partition?: number
  readonly headers?: Readonly<Record<string, string | Buffer>>
  readonly timestampMs?: number
}

/** One for each record, in the order they were given. */
export type RecordOutcome =
  | { readonly outcome: 'acknowledged'; readonly partition: number; readonly offset: number }
  | { readonly outcome: FailureOutcome; readonly partition: number | null; readonly reason: string }

export interface Writer {
  /**
   * Sends and waits for all replicas. Never rejects. Records of one partition keep their order, within a call and
   * from call to call; after a failure the later ones are still sent.
   */
  write(topic: string, records: readonly WriteRecord[]): Promise<readonly RecordOutcome[]>
  /** Waits for what is under way, within a limit. */
  close(): Promise<void>
}

export interface WriterOptions {
  /** From hand-over to the cluster until the outcome is unknown. */
  readonly deliveryTimeoutMs?: number
  readonly batchRecordsMax?: number
  readonly batchBytesMax?: number
  readonly pendingRecordsMax?: number
}

const DELIVERY_TIMEOUT_MS = 30_000
/** kafkajs groups the records of a send in quadratic time: small sends are the fast ones. */
const BATCH_RECORDS_MAX = 500
/** Well under the broker's default `message.max.bytes` of 1 MiB. */
const BATCH_BYTES_MAX = 512 * 1024
const RECORD_OVERHEAD_BYTES = 64
const PENDING_RECORDS_MAX = 200_000
const CLOSE_TIMEOUT_MS = 10_000
const PARTITIONS_FRESH_MS = 60_000
/** About 15 s of retries; kafkajs repeats with the same sequence numbers, so the broker drops the doubles. */
const SEND_RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, factor: 0.2, multiplier: 2, retries: 10 }

/** An idempotent producer that waits for all in-sync replicas. */
export function createWriter(link: KafkaLink, options: WriterOptions = {}): Writer {
  return new PartitionWriter(link, options)
}

interface Batch {
  readonly topic: string
  readonly partition: number
  readonly messages: Message[]
  readonly indexes: number[]
  bytes: number
}

type PartitionChooser = ReturnType<typeof createPartitionChooser>

class NothingSent extends Error {}

interface Lease {
  readonly producer: Producer
  readonly connected: Promise<void>
  inflight: number
  retired: boolean
}

/**
 * kafkajs gives a record batch the sequence numbers of a failed one before it. Three rules keep that from losing
 * records silently: one send is one partition; a partition has one send under way at a time; and after any failure
 * the producer, with its sequence numbers, is replaced.
 */
class PartitionWriter implements Writer {
  readonly #link: KafkaLink
  readonly #limits: Required<WriterOptions>
  readonly #tails = new Map<string, Promise<unknown>>()
  readonly #attempts = new WeakMap<Message, number>()
  readonly #choosePartition: PartitionChooser = createPartitionChooser()
  readonly #partitions = new Map<string, { atMs: number; partitions: Promise<readonly number[]> }>()
  readonly #leases = new Set<Lease>()
  #lease: Lease | null = null
  #splitting: Promise<unknown> = Promise.resolve()
  #pendingRecords = 0

  constructor(link: KafkaLink, options: WriterOptions) {
    this.#link = link
    this.#limits = {
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS,
      batchRecordsMax: options.batchRecordsMax ?? BATCH_RECORDS_MAX,
      batchBytesMax: options.batchBytesMax ?? BATCH_BYTES_MAX,
      pendingRecordsMax: options.pendingRecordsMax ?? PENDING_RECORDS_MAX,
    }
  }

  async write(topic: string, records: readonly WriteRecord[]): Promise<readonly RecordOutcome[]> {
    const { pendingRecordsMax } = this.#limits
    if (this.#pendingRecords + records.length > pendingRecordsMax) {
      const reason = `LIMIT_REACHED: ${this.#pendingRecords} records are under way, limit ${pendingRecordsMax}`
      return records.map((record) => ({ outcome: 'failed', partition: record.partition ?? null, reason }))
    }
    this.#pendingRecords += records.length
    try {
      const outcomes = new Array<RecordOutcome>(records.length)
      // One split at a time: else a call that knows its partitions would overtake one that still asks for them.
      const splitting = this.#splitting.then(() => this.#batchesOf(topic, records))
      this.#splitting = splitting
      const batches = await splitting
      if (typeof batches === 'string')
        return records.map((record) => ({ outcome: 'failed', partition: record.partition ?? null, reason: batches }))
      await Promise.all(batches.map((batch) => this.#inOrder(batch, outcomes)))
      return outcomes
    } finally {
      this.#pendingRecords -= records.length
    }
  }

  async close(): Promise<void> {
    await withTimeout(Promise.allSettled(this.#tails.values()), CLOSE_TIMEOUT_MS)
    await withTimeout(Promise.allSettled([...this.#leases].map(disconnect)), CLOSE_TIMEOUT_MS)
    this.#leases.clear()
    this.#lease = null
  }

  /** The reason, as text, when the topic's partitions cannot be had: nothing was sent then. */
  async #batchesOf(topic: string, records: readonly WriteRecord[]): Promise<readonly Batch[] | string> {
    let known: readonly number[] = []
    if (records.some((record) => record.partition === undefined)) {
      try {
        known = await this.#partitionsOf(topic)
      } catch (error) {
        this.#partitions.delete(topic)
        return kafkaErrorText(error)
      }
    }
    const batches: Batch[] = []
    const open = new Map<number, Batch>()
    const partitionByKey = new Map<string, number>()
    records.forEach((record, index) => {
      const partition = record.partition ?? this.#partitionOf({ topic, key: record.key, partitions: known }, partitionByKey)
      const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES
      let batch = open.get(partition)
      if (
        batch === undefined ||
        batch.messages.length >= this.#limits.batchRecordsMax ||
        batch.bytes + bytes > this.#limits.batchBytesMax
      ) {
        batch = { topic, partition, messages: [], indexes: [], bytes: 0 }
        open.set(partition, batch)
        batches.push(batch)
      }
      batch.messages.push(messageOf(record, partition))
      batch.indexes.push(index)
      batch.bytes += bytes
    })
    return batches
  }

  /** Hashing a key costs more than looking it up, and canaries have few keys. */
  #partitionOf(choice: Parameters<PartitionChooser>[0], byKey: Map<string, number>): number {
    const { key } = choice
    if (typeof key !== 'string') return this.#choosePartition(choice)
    let partition = byKey.get(key)
    if (partition === undefined) byKey.set(key, (partition = this.#choosePartition(choice)))
    return partition
  }

  #partitionsOf(topic: string): Promise<readonly number[]> {
    const known = this.#partitions.get(topic)
    const atMs = performance.now()
    if (known !== undefined && atMs - known.atMs < PARTITIONS_FRESH_MS) return known.partitions
    const partitions = fetchPartitions(this.#link, topic)
    this.#partitions.set(topic, { atMs, partitions })
    return partitions
  }

  #inOrder(batch: Batch, outcomes: RecordOutcome[]): Promise<void> {
    const key = `${batch.topic}/${batch.partition}`
    const sent = (this.#tails.get(key) ?? Promise.resolve()).then(() => this.#send(batch, outcomes))
    this.#tails.set(key, sent)
    return sent
  }

  async #send(batch: Batch, outcomes: RecordOutcome[]): Promise<void> {
    const { topic, partition, messages, indexes } = batch
    const lease = this.#currentLease()
    lease.inflight++
    const sending = lease.connected
      .then(() => lease.producer.send({ topic, messages, acks: -1 }))
      .finally(() => {
        lease.inflight--
        if (lease.retired && lease.inflight === 0) this.#release(lease)
      })
    try {
      const answer = await withTimeout(sending, this.#limits.deliveryTimeoutMs)
      if (answer === timedOut) throw new Error(`no answer within ${this.#limits.deliveryTimeoutMs} ms`)
      const [appended] = answer
      // kafkajs leaves out partitions it knows no leader of, without a word and without sending anything.
      if (appended === undefined) throw new NothingSent(`topic ${topic} has no partition ${partition}`)
      const baseOffset = Number(appended.baseOffset ?? -1)
      if (baseOffset < 0) throw new Error('acknowledged without an offset')
      indexes.forEach((index, at) => (outcomes[index] = { outcome: 'acknowledged', partition, offset: baseOffset + at }))
    } catch (error) {
      this.#retire(lease)
      const attempts = messages[0] === undefined || error instanceof NothingSent ? 0 : (this.#attempts.get(messages[0]) ?? 0)
      const failed = {
        outcome: outcomeOfWriteError({ attempts, errorType: kafkaErrorType(error) }),
        partition,
        reason: kafkaErrorText(error),
      }
      for (const index of indexes) outcomes[index] = failed
    }
  }

  #currentLease(): Lease {
    if (this.#lease !== null) return this.#lease
    const producer = this.#link.client.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      retry: SEND_RETRY,
      // kafkajs asks the partitioner once for each record and attempt: the only sign it gives that an attempt was made.
      createPartitioner:
        () =>
        ({ message }) => {
          this.#attempts.set(message, (this.#attempts.get(message) ?? 0) + 1)
          return message.partition ?? 0
        },
    })
    const lease: Lease = { producer, connected: producer.connect(), inflight: 0, retired: false }
    this.#leases.add(lease)
    this.#lease = lease
    return lease
  }

  #retire(lease: Lease): void {
    lease.retired = true
    if (this.#lease === lease) this.#lease = null
    if (lease.inflight === 0) this.#release(lease)
  }

  #release(lease: Lease): void {
    if (this.#leases.delete(lease)) void disconnect(lease)
  }
}

function messageOf(record: WriteRecord, partition: number): Message {
  return {
    key: record.key,
    value: record.value,
    partition,
    ...(record.headers === undefined ? {} : { headers: { ...record.headers } }),
    ...(record.timestampMs === undefined ? {} : { timestamp: String(record.timestampMs) }),
  }
}

async function fetchPartitions(link: KafkaLink, topic: string): Promise<readonly number[]> {
  const admin = link.client.admin()
  try {
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return (topics[0]?.partitions ?? []).map(({ partitionId }) => partitionId).sort((a, b) => a - b)
  } finally {
    await admin.disconnect()
  }
}

/** What a retired producer says on its way out changes nothing: its sends have been judged. */
const disconnect = (lease: Lease) => lease.producer.disconnect().catch(() => undefined)

const timedOut = Symbol('timed out')

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T | typeof timedOut> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<typeof timedOut>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, timedOut)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
