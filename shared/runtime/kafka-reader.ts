import { randomUUID } from 'node:crypto'
import type { KafkaAdmin } from './kafka-admin.ts'
import { openAdmin } from './kafka-admin.ts'
import { emptyOffsets, firstValues, NO_HEADERS } from './kafka-batch.ts'
import { leaveGroup } from './kafka-group.ts'
import type { Consumer, EachBatchPayload, KafkaLink } from './kafka.ts'
import { kafkaErrorText } from './kafka.ts'

export interface ReadRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The first value of each name. */
  readonly headers: Readonly<Record<string, Buffer>>
}

export interface ReadBatch {
  readonly topic: string
  readonly partition: number
  /** The offset the next record of the partition will get. */
  readonly highWatermark: number
  readonly records: readonly ReadRecord[]
  /** What retention removed just before the batch, and was never read. */
  readonly removed?: { readonly offsetFirst: number; readonly offsetLast: number }
}

export interface ReaderTrouble {
  /**
   * `crashed`, `stalled`: reading is broken off and begun again at the same place. `rejoined`: the group rebalanced.
   * `offsets-gone`: retention removed what was to be read. `behind`: the topic ends before the position; was it recreated?
   */
  readonly kind: 'crashed' | 'stalled' | 'rejoined' | 'offsets-gone' | 'behind'
  readonly message: string
}

export interface ReaderOptions {
  /** Where to start, by partition. Partitions left out are read from their first record, so that new ones are not missed. */
  readonly topics: readonly { readonly topic: string; readonly positions: ReadonlyMap<number, number> }[]
  /** Partitions of which this says no are not read at all. */
  readonly reads?: (partition: number) => boolean
  readonly readUncommitted?: boolean
  /** Batches come one at a time; the next waits for this one's promise. Should it reject, the batch comes again. */
  readonly onBatch: (batch: ReadBatch) => Promise<void> | void
  readonly onTrouble: (trouble: ReaderTrouble) => void
}

export interface Reader {
  /** Resolves when the first assignment is there; a cluster that is down makes it wait, not reject. */
  readonly ready: Promise<void>
  /** The next offset to be read, by topic and partition. Moves over transaction markers and aborted records too. */
  positions(): ReadonlyMap<string, ReadonlyMap<number, number>>
  /** Offsets passed over that hold no record any more, markers and aborted ones aside: what compaction leaves behind. */
  skipped(): number
  close(): Promise<void>
}

const SESSION_TIMEOUT_MS = 10_000
const HEARTBEAT_INTERVAL_MS = 2_000
const REBALANCE_TIMEOUT_MS = 10_000
const FETCH_WAIT_MS = 250
/** A small record takes five times its bytes once it is read, and who is behind reads for several runs at a time. */
const FETCH_BYTES_MAX = 1024 * 1024
const FETCH_PARTITION_BYTES_MAX = 256 * 1024
/** Without any fetch for so long, the consumer is taken to be stuck and is replaced. */
const STALLED_MS = 20_000
/** How long partitions that were added may go unnoticed; kafkajs' own measure is five minutes. */
const METADATA_AGE_MS = 3_000
const REOPEN_DELAY_MS = 1_000
const CLOSE_TIMEOUT_MS = 5_000
const CONSUMER_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2, retries: 5 }

/** Reads in a consumer group of its own, which commits nothing and is deleted at the end. */
export function createReader(link: KafkaLink, options: ReaderOptions): Reader {
  return new PositionReader(link, options)
}

class PositionReader implements Reader {
  readonly ready: Promise<void>
  readonly #link: KafkaLink
  readonly #options: ReaderOptions
  readonly #admin: KafkaAdmin
  readonly #next = new Map<string, Map<number, number>>()
  readonly #groupBase: string
  readonly #groups: string[] = []
  readonly #watchdog: NodeJS.Timeout
  #markReady: () => void = () => undefined
  #consumer: Consumer | null = null
  #joining: Promise<void>
  #reopening: NodeJS.Timeout | null = null
  #joins = 0
  #lastFetchMs = performance.now()
  #inBatch = false
  #closing = false
  #skipped = 0

  constructor(link: KafkaLink, options: ReaderOptions) {
    this.#link = link
    this.#options = options
    this.#admin = openAdmin(link)
    this.#groupBase = `${link.clientId.startsWith('assay.') ? '' : 'assay.'}${link.clientId}.${randomUUID().slice(0, 8)}`
    for (const { topic, positions } of options.topics) this.#next.set(topic, new Map(positions))
    this.ready = new Promise((resolve) => (this.#markReady = resolve))
    this.#watchdog = setInterval(() => {
      this.#watch()
    }, 1_000)
    this.#joining = this.#open()
  }

  positions(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return this.#next
  }

  skipped(): number {
    return this.#skipped
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watchdog)
    if (this.#reopening !== null) clearTimeout(this.#reopening)
    await Promise.race([this.#discard(), new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())])
    for (const group of this.#groups) {
      // The broker forgets empty groups by itself in time; an unreachable one must not keep us from leaving.
      await this.#admin.deleteGroups([group]).catch(() => undefined)
    }
    await this.#admin.close()
  }

  async #open(): Promise<void> {
    const groupId = `${this.#groupBase}.${this.#groups.length + 1}`
    this.#groups.push(groupId)
    this.#lastFetchMs = performance.now()
    const options = this.#options
    const consumer = this.#link.client.consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytes: FETCH_BYTES_MAX,
      maxBytesPerPartition: FETCH_PARTITION_BYTES_MAX,
      readUncommitted: options.readUncommitted ?? false,
      allowAutoTopicCreation: false,
      metadataMaxAge: METADATA_AGE_MS,
      retry: { ...CONSUMER_RETRY, restartOnFailure: () => Promise.resolve(false) },
    })
    this.#consumer = consumer
    this.#listen(consumer)
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: options.topics.map(({ topic }) => topic), fromBeginning: true })
      if (this.#consumer !== consumer) return
      await consumer.run({
        autoCommit: false,
        eachBatch: async (payload) => {
          if (this.#consumer === consumer) await this.#deliver(payload)
        },
      })
    } catch (error) {
      this.#reopen(consumer, { kind: 'crashed', message: kafkaErrorText(error) })
    }
  }

  #listen(consumer: Consumer): void {
    // Every join, the first and each later one, ends here before anything is fetched: the place to set the positions.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (this.#consumer !== consumer) return
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) this.#seek(consumer, topic, partitions)
      if (++this.#joins > 1) this.#options.onTrouble({ kind: 'rejoined', message: `joined group ${payload.groupId} again` })
      this.#markReady()
    })
    // Also comes for batches of nothing but transaction markers or aborted records, which eachBatch never sees.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (this.#consumer !== consumer) return
      const { topic, partition, firstOffset, lastOffset } = payload
      // Behind a gap, the next batch of records says what the gap is: not to be passed over here in silence.
      if (Number(firstOffset) > (this.#next.get(topic)?.get(partition) ?? Infinity)) return
      this.#advance(topic, partition, Number(lastOffset) + 1)
    })
    consumer.on(consumer.events.FETCH, () => {
      this.#lastFetchMs = performance.now()
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#reopen(consumer, { kind: 'crashed', message: kafkaErrorText(payload.error) })
    })
  }

  #seek(consumer: Consumer, topic: string, partitions: readonly number[]): void {
    const next = this.#next.get(topic)
    for (const partition of partitions) {
      const offset = next?.get(partition)
      if (this.#options.reads?.(partition) === false) consumer.pause([{ topic, partitions: [partition] }])
      else if (offset !== undefined) consumer.seek({ topic, partition, offset: String(offset) })
    }
  }

  /**
   * A fetch that was under way while the group rejoined, or while kafkajs fell back to the first offset of the topic,
   * may bring records from before our position: they are dropped here, whatever the reason.
   */
  async #deliver(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload
    const { topic, partition } = batch
    if (this.#options.reads?.(partition) === false) return
    const highWatermark = Number(batch.highWatermark)
    const named = this.#next.get(topic)?.get(partition)
    const next = named ?? 0
    const first = Number(batch.firstOffset() ?? next)
    // A partition that no position was given for begins where it begins.
    const removed = named !== undefined && first > next ? await this.#removedBefore({ topic, partition, next, first }) : null
    this.#skipped += emptyOffsets(batch, named === undefined ? first : (removed?.offsetLast ?? next - 1) + 1)
    if (highWatermark < next) {
      this.#options.onTrouble({ kind: 'behind', message: `${topic}/${partition} ends at ${highWatermark}, before position ${next}` })
    }
    const records: ReadRecord[] = []
    for (const message of batch.messages) {
      const offset = Number(message.offset)
      if (offset < next) continue
      records.push({
        offset,
        timestampMs: Number(message.timestamp),
        key: message.key,
        value: message.value,
        headers: message.headers === undefined ? NO_HEADERS : firstValues(message.headers),
      })
    }
    const read = { topic, partition, highWatermark, records, ...(removed === null ? {} : { removed }) }
    if (records.length > 0) await this.#handOver(read, () => payload.heartbeat())
    this.#advance(topic, partition, Number(batch.lastOffset()) + 1)
  }

  async #handOver(batch: ReadBatch, heartbeat: () => Promise<void>): Promise<void> {
    this.#inBatch = true
    // A slow receiver is back-pressure, not death. kafkajs meets a refused heartbeat again right after the batch, and rejoins.
    const beating = setInterval(() => void heartbeat().catch(() => undefined), HEARTBEAT_INTERVAL_MS)
    try {
      await this.#options.onBatch(batch)
    } finally {
      clearInterval(beating)
      this.#inBatch = false
      this.#lastFetchMs = performance.now()
    }
  }

  /** Gaps are normal (compaction); only what lies below the first offset left was there once and cannot be read any more. */
  async #removedBefore({ topic, partition, next, first }: { topic: string; partition: number; next: number; first: number }) {
    const low = (await this.#admin.topicOffsets(topic)).find((offsets) => offsets.partition === partition)?.low ?? 0
    if (low <= next) return null
    const offsetLast = Math.min(low, first) - 1
    this.#options.onTrouble({
      kind: 'offsets-gone',
      message: `${topic}/${partition}: offsets ${next} to ${offsetLast} were removed before they were read`,
    })
    return { offsetFirst: next, offsetLast }
  }

  #advance(topic: string, partition: number, offset: number): void {
    const next = this.#next.get(topic)
    if (next !== undefined && offset > (next.get(partition) ?? -1)) next.set(partition, offset)
  }

  #watch(): void {
    const silentMs = performance.now() - this.#lastFetchMs
    if (this.#inBatch || this.#consumer === null || silentMs < STALLED_MS) return
    this.#reopen(this.#consumer, { kind: 'stalled', message: `no fetch for ${Math.round(silentMs)} ms` })
  }

  #reopen(consumer: Consumer, trouble: ReaderTrouble): void {
    if (this.#closing || this.#consumer !== consumer) return
    this.#options.onTrouble(trouble)
    void this.#discard()
    this.#reopening = setTimeout(() => {
      this.#joining = this.#open()
    }, REOPEN_DELAY_MS)
  }

  async #discard(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    // Its trouble has been reported, or we are leaving: nothing it says now matters.
    await leaveGroup(consumer, this.#joining)
  }
}
