import { AckPolicy, DeliverPolicy, Events, NatsError, RetentionPolicy, StorageType, connect, headers as natsHeaders, nanos } from 'nats'
import type { ConsumerConfig, JsMsg, NatsConnection } from 'nats'
import { z } from './config.ts'
import type { Headers } from './kafka.ts'
import type { Log } from './log.ts'

export type { JsMsg, NatsConnection }

export const natsSettings = {
  PIPELINE_NATS_URL: z.string().min(1),
  PIPELINE_NATS_TOKEN: z.string().min(1).optional(),
}

/** Where the market's feed arrives, one subject a symbol. */
export const FEED_STREAM = 'MARKET_TRADES_IN'
export const FEED_SUBJECT = 'market.trades.in'
export const FEED_SUBJECTS = `${FEED_SUBJECT}.>`

const CONNECT_TIMEOUT_MS = 3_000
const RECONNECT_WAIT_MS = 250
/** So long the stream remembers message ids: a publisher may try again within it. */
const DUPLICATE_WINDOW_MS = 120_000
const KEPT_MS = 24 * 60 * 60 * 1_000
const ACK_WAIT_MS = 30_000
const PUBLISH_TIMEOUT_MS = 5_000

/** Waits for a server that is down, at the start and ever after. */
export async function connectNats(
  name: string,
  { PIPELINE_NATS_URL, PIPELINE_NATS_TOKEN }: { PIPELINE_NATS_URL: string; PIPELINE_NATS_TOKEN?: string | undefined },
  log: Log,
): Promise<NatsConnection> {
  const connection = await connect({
    servers: PIPELINE_NATS_URL.split(','),
    name,
    timeout: CONNECT_TIMEOUT_MS,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    ...(PIPELINE_NATS_TOKEN === undefined ? {} : { token: PIPELINE_NATS_TOKEN }),
  })
  void logStatus(connection, log)
  return connection
}

async function logStatus(connection: NatsConnection, log: Log): Promise<void> {
  for await (const { type, data } of connection.status()) {
    if (type === Events.Disconnect) log.warn({ server: data }, 'disconnected from NATS')
    else if (type === Events.Reconnect) log.info({ server: data }, 'connected to NATS again')
  }
}

/** Calls back once, at the next end of the connection. */
export function onDisconnect(connection: NatsConnection, act: () => void): () => void {
  const status = connection.status() as ReturnType<NatsConnection['status']> & { stop?: () => void }
  void (async () => {
    for await (const { type } of status) {
      if (type !== Events.Disconnect) continue
      act()
      return
    }
  })()
  return () => status.stop?.()
}

/** Kept in files, so that what was acknowledged outlives the server. One that is there stays as it is. */
export async function ensureFeedStream(connection: NatsConnection): Promise<void> {
  const manager = await connection.jetstreamManager()
  try {
    await manager.streams.info(FEED_STREAM)
  } catch (error) {
    if (!isMissing(error)) throw error
    await manager.streams.add({
      name: FEED_STREAM,
      subjects: [FEED_SUBJECTS],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_age: nanos(KEPT_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    })
  }
}

const isMissing = (error: unknown) => error instanceof NatsError && error.api_error?.code === 404

export type StreamFacts = {
  /** When the stream was made: one that is made anew counts its messages anew. */
  createdMs: number
  /** Of the durable consumer, where there is one: the first message it has not acknowledged. */
  acknowledgedTo: number | null
}

export async function streamFacts(connection: NatsConnection, durable: string): Promise<StreamFacts> {
  const manager = await connection.jetstreamManager()
  const { created } = await manager.streams.info(FEED_STREAM)
  const consumer = await manager.consumers.info(FEED_STREAM, durable).catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  return { createdMs: Date.parse(created), acknowledgedTo: consumer === null ? null : consumer.ack_floor.stream_seq + 1 }
}

/** The durable consumer, made anew at a place: whatever was delivered and not acknowledged comes again, in its order. */
export async function consumerAt(
  connection: NatsConnection,
  durable: string,
  { first, pendingMax }: { first: number; pendingMax: number },
) {
  const manager = await connection.jetstreamManager()
  await manager.consumers.delete(FEED_STREAM, durable).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  const config: Partial<ConsumerConfig> = {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: first,
    filter_subject: FEED_SUBJECTS,
    ack_wait: nanos(ACK_WAIT_MS),
    max_ack_pending: pendingMax,
  }
  await manager.consumers.add(FEED_STREAM, config)
  return connection.jetstream().consumers.get(FEED_STREAM, durable)
}

/** Publishes one message; ends when JetStream has stored it, and throws when it did not say so in time. */
export function openPublisher(connection: NatsConnection): (subject: string, value: Buffer, headers: Headers) => Promise<void> {
  const stream = connection.jetstream({ timeout: PUBLISH_TIMEOUT_MS })
  return async (subject, value, headers) => {
    const sent = natsHeaders()
    for (const [name, given] of Object.entries(headers))
      for (const one of Array.isArray(given) ? given : [given]) if (one !== undefined) sent.append(name, one.toString())
    await stream.publish(subject, value, { headers: sent })
  }
}

/** Every header of a message, the protocol's own left out. */
export function headersOf({ headers }: JsMsg): Headers {
  const kept: Headers = {}
  for (const name of headers?.keys() ?? []) {
    const values = headers?.values(name) ?? []
    if (!name.startsWith('Nats-')) kept[name] = values.length === 1 ? (values[0] ?? '') : values
  }
  return kept
}
