import type { ReadRecord } from './kafka-reader.ts'
import { DeliverPolicy, askJetStream, natsErrorText, within, type ConsumerInfo, type JsMsg, type NatsLink } from './nats.ts'

export interface NatsReaderOptions {
  readonly stream: string
  /** Subjects to read. */
  readonly filter: string
  /** The first stream sequence to read; offsets here are stream sequences. */
  readonly offsetFirst: number
  /** Batches come one at a time; the next waits for this one's promise. Should it reject, the batch comes again. */
  readonly onBatch: (records: readonly ReadRecord[]) => Promise<void> | void
  /** Reading is broken off and begun again at the same place, or the stream ends before it. */
  readonly onTrouble: (trouble: { readonly kind: 'crashed' | 'behind'; readonly message: string }) => void
}

export interface NatsReader {
  /** The next sequence to be read. Moves over what the filter leaves out and what was removed, too. */
  position(): number
  close(): Promise<void>
}

const BATCH_RECORDS_MAX = 500
/** Messages come one by one: those of so long are handed over together. */
const GATHER_MS = 20
const REOPEN_DELAY_MS = 500
const OPEN_TIMEOUT_MS = 10_000
/** Also half the longest silence: a consumer that is gone is noticed after two. */
const PULL_EXPIRES_MS = 5_000
const POSITION_EVERY_MS = 1_000
const CLOSE_TIMEOUT_MS = 3_000

/** Reads by an ordered consumer of its own, which acknowledges nothing and which the server forgets by itself. */
export function createNatsReader(link: NatsLink, options: NatsReaderOptions): NatsReader {
  return new StreamReader(link, options)
}

class StreamReader implements NatsReader {
  readonly #link: NatsLink
  readonly #options: NatsReaderOptions
  #next: number
  #stop: () => void = () => undefined
  #closing = false
  readonly #ended: Promise<void>

  constructor(link: NatsLink, options: NatsReaderOptions) {
    this.#link = link
    this.#options = options
    this.#next = Math.max(1, options.offsetFirst)
    this.#ended = this.#run()
  }

  position(): number {
    return this.#next
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#stop()
    await within(this.#ended, CLOSE_TIMEOUT_MS).catch(() => undefined)
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      await this.#readOn().catch((error: unknown) => {
        if (!this.#closing) this.#options.onTrouble({ kind: 'crashed', message: natsErrorText(error) })
      })
      await this.#pauseUnlessClosing()
    }
  }

  async #pauseUnlessClosing(): Promise<void> {
    if (!this.#closing) await pause(REOPEN_DELAY_MS)
  }

  async #readOn(): Promise<void> {
    const { stream, filter } = this.#options
    const connection = await this.#link.connection()
    const consumer = await connection
      .jetstream({ timeout: OPEN_TIMEOUT_MS })
      .consumers.get(stream, { filterSubjects: filter, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#next })
    const messages = await within(consumer.consume({ max_messages: BATCH_RECORDS_MAX, expires: PULL_EXPIRES_MS }), OPEN_TIMEOUT_MS)
    const failures: unknown[] = []
    const stop = (error: unknown) => {
      failures.push(error)
      messages.stop()
    }
    this.#stop = () => {
      messages.stop()
    }
    const off = this.#link.onDisconnect(() => {
      stop(new Error('the connection ended'))
    })
    const gathering = new Gathering(async (records) => {
      await this.#options.onBatch(records)
      this.#next = (records.at(-1)?.offset ?? this.#next - 1) + 1
    }, stop)
    const moving = setInterval(() => {
      this.#passOver(() => consumer.info()).catch(stop)
    }, POSITION_EVERY_MS)
    try {
      if (this.#closing) messages.stop()
      for await (const message of messages) await gathering.add(recordOf(message))
    } finally {
      clearInterval(moving)
      off()
      await gathering.end()
    }
    if (failures.length > 0) throw new Error(natsErrorText(failures[0]), { cause: failures[0] })
  }

  /** Where the consumer has delivered all there is and all of it was handed over, everything up to the end asked for before is read. */
  async #passOver(info: () => Promise<ConsumerInfo>): Promise<void> {
    const end = await streamEnd(this.#link, this.#options.stream)
    if (end < this.#next) {
      const message = `stream ${this.#options.stream} ends at ${end}, before position ${this.#next}: was it made anew?`
      this.#options.onTrouble({ kind: 'behind', message })
      return
    }
    const { num_pending: pending, delivered } = await info()
    if (pending === 0 && delivered.stream_seq < this.#next) this.#next = Math.max(this.#next, end)
  }
}

/** Messages of a moment, handed over together, one batch at a time. */
class Gathering {
  readonly #handOver: (records: readonly ReadRecord[]) => Promise<void>
  readonly #fail: (error: unknown) => void
  #records: ReadRecord[] = []
  #timer: NodeJS.Timeout | null = null
  #handing: Promise<void> = Promise.resolve()
  #failed = false

  constructor(handOver: (records: readonly ReadRecord[]) => Promise<void>, fail: (error: unknown) => void) {
    this.#handOver = handOver
    this.#fail = fail
  }

  async add(record: ReadRecord): Promise<void> {
    this.#records.push(record)
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS)
    if (this.#records.length < BATCH_RECORDS_MAX) return
    this.#flush()
    await this.#handing
  }

  async end(): Promise<void> {
    this.#flush()
    await this.#handing
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const records = this.#records
    this.#records = []
    if (records.length === 0) return
    this.#handing = this.#handing.then(async () => {
      // After a batch that was refused nothing may follow: reading begins again before it.
      if (!this.#failed)
        await this.#handOver(records).catch((error: unknown) => {
          this.#failed = true
          this.#fail(error)
        })
    })
  }
}

function recordOf({ info, data, headers: given, seq }: JsMsg): ReadRecord {
  const headers: Record<string, Buffer> = {}
  for (const name of given?.keys() ?? []) headers[name] = Buffer.from(given?.get(name) ?? '')
  return { offset: seq, timestampMs: Math.floor(info.timestampNanos / 1e6), key: null, value: Buffer.from(data), headers }
}

const pause = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

/** The sequence the next message will get. Throws PIPELINE_NATS_UNAVAILABLE. */
export async function streamEnd(link: NatsLink, stream: string): Promise<number> {
  const { state } = await askJetStream(link, `read stream ${stream}`, (manager) => manager.streams.info(stream))
  return state.last_seq + 1
}

/** The first sequence a durable consumer has not acknowledged: all before it are. Throws PIPELINE_NATS_UNAVAILABLE. */
export async function consumerPosition(link: NatsLink, stream: string, consumer: string): Promise<number> {
  const info = await askJetStream(link, `read consumer ${consumer} of stream ${stream}`, (manager) =>
    manager.consumers.info(stream, consumer),
  )
  return info.ack_floor.stream_seq + 1
}

export interface StreamLook extends Pick<NatsReaderOptions, 'stream' | 'filter' | 'offsetFirst'> {
  readonly offsetLast: number
  readonly timeoutMs: number
  readonly onRecords: (records: readonly ReadRecord[]) => Promise<void>
}

const LOOK_TURN_MS = 20

/** All records of an interval by a fresh consumer: the second source to be heard before accusing. Throws when it could not be read to its end. */
export async function lookAtStream(
  link: NatsLink,
  { stream, filter, offsetFirst, offsetLast, timeoutMs, onRecords }: StreamLook,
): Promise<void> {
  const end = Math.min(offsetLast + 1, await streamEnd(link, stream))
  let trouble = ''
  const deadlineMs = performance.now() + timeoutMs
  const reader = createNatsReader(link, {
    stream,
    filter,
    offsetFirst,
    onBatch: (records) => onRecords(records.filter(({ offset }) => offset <= offsetLast)),
    onTrouble: ({ message }) => (trouble = `; ${message}`),
  })
  while (reader.position() < end && performance.now() < deadlineMs) await pause(LOOK_TURN_MS)
  const position = reader.position()
  await reader.close()
  if (position < end) throw new Error(`stream ${stream}: only up to ${position} of ${end} within ${timeoutMs} ms${trouble}`)
}
