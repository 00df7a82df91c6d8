import kafkajs from 'kafkajs'
import type { Consumer, EachBatchPayload, IHeaders, Kafka, LogEntry, Message, Producer, Transaction } from 'kafkajs'
import { PipelineError } from './errors.ts'
import { sleep } from './lifetime.ts'
import type { Log } from './log.ts'

// A CommonJS module whose names Node cannot all see from here.
const { CompressionTypes, KafkaJSError, Partitioners, logLevel } = kafkajs

export type Headers = IHeaders

export type SourceRecord = {
  partition: number
  offset: bigint
  key: Buffer | null
  value: Buffer | null
  headers: Headers
}

export type SourceBatch = { partition: number; records: readonly SourceRecord[]; nextOffset: bigint }

export type OutgoingRecord = { key: string; value: Buffer; headers: Headers }

const REQUEST_TIMEOUT_MS = 15_000
const SESSION_TIMEOUT_MS = 6_000
const HEARTBEAT_MS = 1_500
const FETCH_WAIT_MS = 100
const FETCH_PARTITION_BYTES = 524_288
/** Well under the broker's default limit of 1 MiB for one partition's record batch. */
const SEND_BYTES_MAX = 524_288
const RECORD_OVERHEAD_BYTES = 100
const TRANSACTION_TIMEOUT_MS = 30_000
const CONNECT_ATTEMPTS_MAX = 60
const TRANSACTION_ATTEMPTS_MAX = 8
const TRANSACTION_RETRY_MS = 100

export function connectKafka(clientId: string, bootstrap: string, log: Log): Kafka {
  silenceTimeoutWarning(log)
  return new kafkajs.Kafka({
    clientId,
    brokers: bootstrap.split(','),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Transactions back to back meet CONCURRENT_TRANSACTIONS, which is over in milliseconds: hence the short first wait.
    retry: { initialRetryTime: 15, factor: 0, multiplier: 1.6, maxRetryTime: 1_000, retries: 14 },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      logEntry(log, entry)
    },
  })
}

/** kafkajs calls every protocol answer it then retries an ERROR; it is one only when the retries end, and then it is thrown. */
function logEntry(log: Log, { namespace, level, log: entry }: LogEntry): void {
  const { message, ...fields } = entry
  // Undefined fields are left out of the line: it has a time and a name of its own.
  const place = { ...fields, kafka: namespace, timestamp: undefined, logger: undefined }
  if (isRoutine(String(fields['error'] ?? message))) log.debug(place, message)
  else if (level === logLevel.ERROR || level === logLevel.WARN) log.warn(place, message)
  else log.debug(place, message)
}

/** Met by every busy transactional producer, and by every group that forms: kafkajs tries again within milliseconds. */
const routineParts = ['concurrent operation on the same transaction', 'rebalancing', 'coordinator is loading', 'Limiting retries']

function isRoutine(text: string): boolean {
  return routineParts.some((part) => text.includes(part))
}

/** kafkajs 2.2 sets timers in the past; Node tells so on every one. */
function silenceTimeoutWarning(log: Log): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') log.warn({ err: warning }, 'Node warns')
  })
}

export async function createTopics(kafka: Kafka, topics: readonly string[], partitions: number): Promise<readonly string[]> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const existing = new Set(await admin.listTopics())
    const missing = topics.filter((topic) => !existing.has(topic))
    if (missing.length > 0) {
      await admin.createTopics({ waitForLeaders: true, topics: missing.map((topic) => ({ topic, numPartitions: partitions })) })
    }
    return missing
  } finally {
    await admin.disconnect()
  }
}

export async function connectProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  return producer
}

export async function sendRecords(to: Producer | Transaction, topic: string, records: readonly OutgoingRecord[]): Promise<void> {
  let pending: Message[] = []
  let pendingBytes = 0
  const flush = async () => {
    await to.send({ topic, messages: pending, acks: -1, compression: CompressionTypes.None })
    pending = []
    pendingBytes = 0
  }
  for (const { key, value, headers } of records) {
    const sizeBytes = value.length + RECORD_OVERHEAD_BYTES + 200 * Object.keys(headers).length
    if (pending.length > 0 && pendingBytes + sizeBytes > SEND_BYTES_MAX) await flush()
    pending.push({ key, value, headers })
    pendingBytes += sizeBytes
  }
  if (pending.length > 0) await flush()
}

export type ConsumerSettings = { groupId: string; topic: string; concurrency: number }

/**
 * Hands each partition's batches to `take`, one at a time per partition, partitions side by side. `take` commits the offsets.
 * `crashed` is called once when the consumer has given up.
 */
export async function consumeBatches(
  kafka: Kafka,
  { groupId, topic, concurrency }: ConsumerSettings,
  hooks: { take: (batch: SourceBatch) => Promise<void>; crashed: (error: Error) => void },
): Promise<Consumer> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: FETCH_PARTITION_BYTES,
    readUncommitted: false,
    retry: { restartOnFailure: () => Promise.resolve(false) },
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    hooks.crashed(payload.error)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: concurrency,
    eachBatch: async (payload) => {
      if (!payload.isRunning() || payload.isStale()) return
      await payload.heartbeat()
      await hooks.take(sourceBatch(payload))
      payload.resolveOffset(payload.batch.lastOffset())
    },
  })
  return consumer
}

function sourceBatch({ batch }: EachBatchPayload): SourceBatch {
  const { partition } = batch
  const records = batch.messages.map((message) => ({
    partition,
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: message.headers ?? {},
  }))
  return { partition, records, nextOffset: BigInt(batch.lastOffset()) + 1n }
}

export type TransactionWork = {
  topic: string
  records: readonly OutgoingRecord[]
  /** Next offset to read, by partition of the source topic. */
  sourceOffsets: ReadonlyMap<number, bigint>
}

type WriterSettings = { transactionalId: string; groupId: string; sourceTopic: string }

/** Writes records and the group's offsets in one transaction. The fixed id fences any predecessor. */
export class TransactionalWriter {
  private readonly kafka: Kafka
  private readonly settings: WriterSettings
  private readonly log: Log
  private producer: Producer | undefined

  constructor(kafka: Kafka, settings: WriterSettings, log: Log) {
    this.kafka = kafka
    this.settings = settings
    this.log = log
  }

  /** Finds the transaction coordinator, which ends what a predecessor left open, and the group's. */
  async connect(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.renew()
        await this.committedOffsets()
        return
      } catch (error) {
        // A cluster that has just started is still loading its coordinators.
        if (!isRetriable(error) || attempt === CONNECT_ATTEMPTS_MAX) throw error
        this.log.info({ attempt }, 'the coordinators are not there yet')
        await this.drop()
        await sleep(TRANSACTION_RETRY_MS)
      }
    }
  }

  async disconnect(): Promise<void> {
    await this.producer?.disconnect()
  }

  async write(work: TransactionWork): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.writeOnce(work)
        return
      } catch (error) {
        if (!isRetriable(error) || attempt === TRANSACTION_ATTEMPTS_MAX) {
          throw new PipelineError('TRANSACTION_FAILED', `transaction of ${work.records.length} records failed ${attempt} times`, {
            cause: error,
          })
        }
        this.log.warn({ err: error, attempt }, 'a transaction failed and is tried again')
        await sleep(TRANSACTION_RETRY_MS * attempt)
      }
    }
  }

  private async writeOnce(work: TransactionWork): Promise<void> {
    const transaction = await (this.producer ?? (await this.renew())).transaction()
    try {
      await sendRecords(transaction, work.topic, work.records)
      await transaction.sendOffsets({ consumerGroupId: this.settings.groupId, topics: this.topicOffsets(work.sourceOffsets) })
    } catch (error) {
      await transaction.abort().catch(async (abortError: unknown) => {
        this.log.warn({ err: abortError }, 'an abort failed; a new producer ends the transaction')
        await this.drop()
      })
      throw error
    }
    try {
      await transaction.commit()
    } catch (error) {
      // Whether it was committed is unknown. A new producer settles it one way, and the group's offsets tell which.
      await this.drop()
      await this.renew()
      if (await this.isCommitted(work.sourceOffsets)) return
      throw error
    }
  }

  private topicOffsets(sourceOffsets: ReadonlyMap<number, bigint>) {
    const partitions = [...sourceOffsets].map(([partition, offset]) => ({ partition, offset: offset.toString() }))
    return partitions.length === 0 ? [] : [{ topic: this.settings.sourceTopic, partitions }]
  }

  private async isCommitted(sourceOffsets: ReadonlyMap<number, bigint>): Promise<boolean> {
    const committed = await this.committedOffsets()
    return sourceOffsets.size > 0 && [...sourceOffsets].every(([partition, next]) => (committed.get(partition) ?? -1n) >= next)
  }

  /** Next offset of each partition that has one, as the last transaction left it. */
  async committedOffsets(): Promise<ReadonlyMap<number, bigint>> {
    const admin = this.kafka.admin()
    await admin.connect()
    try {
      const topics = await admin.fetchOffsets({ groupId: this.settings.groupId, topics: [this.settings.sourceTopic] })
      return new Map(topics.flatMap(({ partitions }) => partitions.map(({ partition, offset }) => [partition, BigInt(offset)] as const)))
    } finally {
      await admin.disconnect()
    }
  }

  private async drop(): Promise<void> {
    const producer = this.producer
    this.producer = undefined
    await producer?.disconnect().catch((err: unknown) => {
      this.log.warn({ err }, 'a producer could not be disconnected')
    })
  }

  private async renew(): Promise<Producer> {
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId: this.settings.transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    this.producer = producer
    return producer
  }
}

/** Being fenced is final: another process holds the id, and this one must end. */
function isRetriable(error: unknown): boolean {
  if (!(error instanceof KafkaJSError)) return false
  const type = 'type' in error ? error.type : undefined
  return type !== 'PRODUCER_FENCED' && type !== 'INVALID_PRODUCER_EPOCH' && type !== 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
}
