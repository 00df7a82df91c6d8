import { DeliverPolicy, Events, NatsError, StringCodec, connect, headers } from 'nats'
import type { ConsumerInfo, JetStreamManager, JsMsg, NatsConnection } from 'nats'
import { AssayError } from '../core/errors.ts'

/**
 * The one door to nats. What is built on it stands beside it: nats-writer.ts, nats-reader.ts.
 */
export { DeliverPolicy, headers }
export type { ConsumerInfo, JsMsg, NatsConnection }

export interface NatsOptions {
  /** `host:port` or URLs, several divided by commas. */
  readonly servers: string
  readonly clientId: string
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

export interface NatsLink {
  readonly servers: readonly string[]
  /** One connection for everything of this link, made at the first use; it comes back by itself for ever. */
  connection(): Promise<NatsConnection>
  /** Calls back at each end of the connection, until `off`. */
  onDisconnect(act: () => void): () => void
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 3_000
const RECONNECT_WAIT_MS = 250
const PING_INTERVAL_MS = 5_000
const CLOSE_TIMEOUT_MS = 3_000

/** Opens no connection yet. A server that is down makes `connection` wait, not reject; a refused login rejects. */
export function connectNats({ servers, clientId, token, user, password }: NatsOptions): NatsLink {
  const addresses = servers.split(',').map((server) => server.trim())
  const watchers = new Set<() => void>()
  let connecting: Promise<NatsConnection> | null = null
  const open = async () => {
    const connection = await connect({
      servers: addresses,
      name: clientId,
      timeout: CONNECT_TIMEOUT_MS,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
      pingInterval: PING_INTERVAL_MS,
      ...(token === undefined ? {} : { token }),
      ...(user === undefined ? {} : { user, pass: password ?? '' }),
    })
    void watch(connection, watchers)
    return connection
  }
  return {
    servers: addresses,
    connection() {
      if (connecting === null) {
        const opening = open()
        connecting = opening
        opening.catch(() => {
          if (connecting === opening) connecting = null
        })
      }
      return connecting
    },
    onDisconnect(act) {
      watchers.add(act)
      return () => void watchers.delete(act)
    },
    async close() {
      // One that never came up has nothing to close, and would be waited for without end.
      const connection = connecting === null ? null : await within(connecting, CLOSE_TIMEOUT_MS).catch(() => null)
      connecting = null
      if (connection !== null) await within(connection.close(), CLOSE_TIMEOUT_MS).catch(() => undefined)
    },
  }
}

async function watch(connection: NatsConnection, watchers: ReadonlySet<() => void>): Promise<void> {
  for await (const { type } of connection.status()) if (type === Events.Disconnect) for (const act of watchers) act()
}

/** Rejects with a message when the promise has not settled in time. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

const EXCHANGE_TIMEOUT_MS = 5_000

/** One exchange with JetStream's own API. Throws PIPELINE_NATS_UNAVAILABLE. */
export async function askJetStream<T>(link: NatsLink, doing: string, exchange: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const answer = async () => exchange(await (await link.connection()).jetstreamManager({ checkAPI: false, timeout: EXCHANGE_TIMEOUT_MS }))
  try {
    return await within(answer(), 2 * EXCHANGE_TIMEOUT_MS)
  } catch (cause) {
    throw new AssayError('PIPELINE_NATS_UNAVAILABLE', `${doing} at ${link.servers.join(',')}: ${natsErrorText(cause)}`, { cause })
  }
}

/** Code of a client or server error (`TIMEOUT`, `503`), of the JetStream API where it gave one; else the error's name. */
export function natsErrorType(error: unknown): string {
  if (error instanceof NatsError) return error.api_error === undefined ? error.code : String(error.api_error.err_code)
  return error instanceof Error ? error.name : 'unknown'
}

export const natsErrorText = (error: unknown) => (error instanceof Error ? `${natsErrorType(error)}: ${error.message}` : String(error))

/** What may stand between two dots of a subject: everything else is written as `=` and hex digits. */
const subjectToken = (key: string) =>
  key === ''
    ? '='
    : key.replaceAll(/[^\w-]/gu, (char) => [...codec.encode(char)].map((byte) => `=${byte.toString(16).padStart(2, '0')}`).join(''))

const codec = StringCodec()

/** The subject of a record: `{key}` becomes its key. */
export const subjectOf = (pattern: string, key: string) => pattern.replaceAll('{key}', subjectToken(key))

/** The subjects a pattern stands for, as a filter. */
export const subjectFilter = (pattern: string) => pattern.replaceAll('{key}', '*')
