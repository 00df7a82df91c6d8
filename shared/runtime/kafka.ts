import kafkajs, { Kafka, Partitioners, logLevel } from 'kafkajs'
import type { SASLOptions } from 'kafkajs'
import { unreachable } from '../core/assert.ts'
import type { ErrorCode } from '../core/errors.ts'
import { AssayError } from '../core/errors.ts'
import { lz4Codec, snappyCodec, zstdCodec } from './kafka-codecs.ts'

/** By way of the default export: Node sees only some of kafkajs' names, and this enum is none of them. */
export const TOPIC_CONFIG = kafkajs.ConfigResourceTypes.TOPIC
export const COMPRESSION = kafkajs.CompressionTypes
export type { Admin, Consumer, EachBatchPayload, IHeaders, Message, Producer } from 'kafkajs'

// kafkajs knows gzip alone, and refuses batches in others: whoever reads through this door reads them all.
kafkajs.CompressionCodecs[COMPRESSION.Snappy] = () => snappyCodec
kafkajs.CompressionCodecs[COMPRESSION.LZ4] = () => lz4Codec
kafkajs.CompressionCodecs[COMPRESSION.ZSTD] = () => zstdCodec

/**
 * The one door to kafkajs. What is built on it stands beside it: kafka-writer.ts, kafka-reader.ts, kafka-admin.ts.
 */

/** The same shape as the topology's `security`: one block for admin, producer and consumer. */
export interface KafkaSecurity {
  readonly ssl: boolean
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  } | null
}

export interface KafkaOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly security?: KafkaSecurity
  /** Which cluster this is, as the code its errors carry. */
  readonly unavailable?: 'BUS_UNAVAILABLE' | 'PIPELINE_KAFKA_UNAVAILABLE'
}

export interface KafkaLink {
  readonly client: Kafka
  readonly clientId: string
  readonly brokers: readonly string[]
  readonly unavailable: ErrorCode
}

const CONNECTION_TIMEOUT_MS = 3_000
const REQUEST_TIMEOUT_MS = 10_000
/** Inner retries of kafkajs, about 3 s in all. The loops around them (writer, reader, bus) are ours and have names. */
const CLIENT_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2, retries: 5 }

/** Opens no connection yet: writers, readers and admins do when they are used. */
export function connectKafka(options: KafkaOptions): KafkaLink {
  silenceTimeoutNegativeWarning()
  const { brokers, clientId, security, unavailable = 'BUS_UNAVAILABLE' } = options
  const client = new Kafka({
    clientId,
    brokers: [...brokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: CLIENT_RETRY,
    // What matters reaches us as errors and events; kafkajs logs ERROR for every ordinary rebalance.
    logLevel: logLevel.NOTHING,
    ssl: security?.ssl ?? false,
    ...(security?.sasl ? { sasl: saslOf(security.sasl) } : {}),
  })
  return { client, clientId, brokers, unavailable }
}

function saslOf({ mechanism, username, password }: NonNullable<KafkaSecurity['sasl']>): SASLOptions {
  // Each mechanism is a type of its own to kafkajs.
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password }
    case 'scram-sha-256':
      return { mechanism, username, password }
    case 'scram-sha-512':
      return { mechanism, username, password }
    default:
      return unreachable(mechanism)
  }
}

/** The partition the Java client would choose for this key; without a key, round robin. */
export function createPartitionChooser(): (choice: {
  topic: string
  key: string | Buffer | null
  partitions: readonly number[]
}) => number {
  const choose = Partitioners.DefaultPartitioner()
  return ({ topic, key, partitions }) => {
    const partitionMetadata = partitions.map((partitionId) => ({ partitionId, leader: 0, partitionErrorCode: 0, replicas: [], isr: [] }))
    return choose({ topic, partitionMetadata, message: { key, value: null } })
  }
}

/** The protocol's name of an error (`MESSAGE_TOO_LARGE`), of the first cause that has one; else the innermost error's name. */
export function kafkaErrorType(error: unknown): string {
  let name = 'unknown'
  for (let cause = error, depth = 0; cause instanceof Error && depth < CAUSES_MAX; cause = cause.cause, depth++) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type
    name = cause.name
  }
  return name
}
const CAUSES_MAX = 10

export function kafkaErrorText(error: unknown): string {
  return error instanceof Error ? `${kafkaErrorType(error)}: ${error.message}` : String(error)
}

/** Any failure of an exchange with the cluster, under the code of the cluster it is. */
export function kafkaUnavailable(link: KafkaLink, doing: string, cause: unknown): AssayError {
  return new AssayError(link.unavailable, `${doing} at ${link.brokers.join(',')}: ${kafkaErrorText(cause)}`, { cause })
}

let silenced = false

/** kafkajs 2.2.4 sets timers in the past; Node 24 warns of each one. Harmless, and only this warning is dropped. */
function silenceTimeoutNegativeWarning(): void {
  if (silenced) return
  silenced = true
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] !== 'TimeoutNegativeWarning') emitWarning(...args)
  }
}
