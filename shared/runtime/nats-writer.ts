import { definiteRefusals, natsOutcome } from './nats-outcome.ts'
import type { RecordOutcome } from './kafka-writer.ts'
import { headers, natsErrorText, natsErrorType, within, type NatsConnection, type NatsLink } from './nats.ts'

export interface NatsRecord {
  /** The same for each attempt at the record: by it the stream tells a repetition. */
  readonly id: string
  readonly subject: string
  readonly value: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export interface NatsWriter {
  /**
   * Publishes and waits for the stream's acknowledgements; `partition` is 0 and `offset` the stream sequence. Never
   * rejects. Records are stored in the order given, within a call and from call to call.
   */
  write(records: readonly NatsRecord[]): Promise<readonly RecordOutcome[]>
  /** Waits for what is under way, within a limit. */
  close(): Promise<void>
}

export interface NatsWriterOptions {
  readonly stream: string
  /** At most once: published, flushed, and nothing known. */
  readonly delivery: 'at-least-once' | 'at-most-once'
  /** From hand-over until the outcome is unknown. */
  readonly deliveryTimeoutMs?: number
}

/** Under the two minutes for which a stream remembers ids, so that every repetition is told. */
const DELIVERY_TIMEOUT_MS = 30_000
const ATTEMPT_TIMEOUT_MS = 5_000
const RETRY_PAUSE_MS = 250
const CLOSE_TIMEOUT_MS = 10_000
/** One attempt publishes no more than this before it waits for the answers. */
const WINDOW = 500

export function createNatsWriter(link: NatsLink, options: NatsWriterOptions): NatsWriter {
  return new StreamWriter(link, options)
}

interface Attempt {
  readonly record: NatsRecord
  readonly index: number
  /** Attempts that the stream may have stored. */
  attempts: number
}

/** Nobody listens to the subject, hence nobody stored it: JetStream is not up yet, or has no such stream. */
const NO_RESPONDERS = '503'

/**
 * Of what is published over one connection the stream keeps a beginning: what follows the first that was not kept was
 * not kept either. So one window is under way at a time; when its connection ends, nothing more is published until all
 * of it is settled, and what was not acknowledged is published again in its order, under the same ids. Where a later
 * one of a subject was acknowledged already, an earlier one is not tried again: it would come out of order by our own doing.
 */
class StreamWriter implements NatsWriter {
  readonly #link: NatsLink
  readonly #options: Required<NatsWriterOptions>
  #tail: Promise<unknown> = Promise.resolve()
  /** Whether the connection has to be seen to stand before anything is published. */
  #inDoubt = true
  #closing = false

  constructor(link: NatsLink, options: NatsWriterOptions) {
    this.#link = link
    this.#options = { deliveryTimeoutMs: DELIVERY_TIMEOUT_MS, ...options }
    link.onDisconnect(() => (this.#inDoubt = true))
  }

  write(records: readonly NatsRecord[]): Promise<readonly RecordOutcome[]> {
    const deadlineMs = performance.now() + this.#options.deliveryTimeoutMs
    const written = this.#tail.then(async () => {
      const outcomes = new Array<RecordOutcome>(records.length)
      for (let first = 0; first < records.length; first += WINDOW) {
        const window = records.slice(first, first + WINDOW).map((record, at) => ({ record, index: first + at, attempts: 0 }))
        await this.#settle(window, outcomes, deadlineMs)
      }
      return outcomes
    })
    this.#tail = written
    return written
  }

  async close(): Promise<void> {
    this.#closing = true
    await within(this.#tail, CLOSE_TIMEOUT_MS).catch(() => undefined)
    await this.#link.close()
  }

  async #settle(window: readonly Attempt[], outcomes: RecordOutcome[], deadlineMs: number): Promise<void> {
    let open = window
    for (let reason = ''; open.length > 0;) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0 || this.#closing) {
        const why = reason === '' ? `not connected within ${this.#options.deliveryTimeoutMs} ms` : reason
        for (const { index, attempts } of open) outcomes[index] = natsOutcome({ attempts, errorType: 'TIMEOUT' }, why)
        return
      }
      try {
        const connection = await within(this.#link.connection(), leftMs)
        // Flushed to the server and back. What is published while the client connects anew is dropped without a word.
        if (this.#inDoubt) {
          await within(connection.flush(), Math.min(leftMs, ATTEMPT_TIMEOUT_MS))
          this.#inDoubt = false
        }
        const left =
          this.#options.delivery === 'at-most-once'
            ? await this.#tell(connection, open, outcomes)
            : await this.#publish(connection, open, outcomes)
        if (left.open.length > 0) reason = left.reason
        open = left.open
      } catch (error) {
        reason = natsErrorText(error)
      }
      if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS))
    }
  }

  /** Core NATS: whatever becomes of it, nobody says. */
  async #tell(
    connection: NatsConnection,
    open: readonly Attempt[],
    outcomes: RecordOutcome[],
  ): Promise<{ open: readonly Attempt[]; reason: string }> {
    for (const attempt of open) {
      attempt.attempts++
      outcomes[attempt.index] = { outcome: 'unknown', partition: 0, reason: 'published at most once: core NATS acknowledges nothing' }
      try {
        connection.publish(attempt.record.subject, attempt.record.value, { headers: headersOf(attempt.record) })
      } catch (error) {
        outcomes[attempt.index] = natsOutcome({ attempts: 0, errorType: natsErrorType(error) }, natsErrorText(error))
      }
    }
    await within(connection.flush(), ATTEMPT_TIMEOUT_MS).catch(() => undefined)
    return { open: [], reason: '' }
  }

  async #publish(
    connection: NatsConnection,
    open: readonly Attempt[],
    outcomes: RecordOutcome[],
  ): Promise<{ open: readonly Attempt[]; reason: string }> {
    const stream = connection.jetstream({ timeout: ATTEMPT_TIMEOUT_MS })
    const cut = Promise.withResolvers<never>()
    cut.promise.catch(() => undefined)
    const off = this.#link.onDisconnect(() => {
      cut.reject(new Error('the connection ended'))
    })
    let reason = ''
    const failed = new Map<Attempt, string>()
    const answers = open.map(async (attempt) => {
      const { record, index } = attempt
      attempt.attempts++
      try {
        const options = { msgID: record.id, headers: headersOf(record), expect: { streamName: this.#options.stream } }
        const { seq } = await Promise.race([stream.publish(record.subject, record.value, options), cut.promise])
        outcomes[index] = { outcome: 'acknowledged', partition: 0, offset: seq }
      } catch (error) {
        failed.set(attempt, natsErrorType(error))
        if (natsErrorType(error) === NO_RESPONDERS) attempt.attempts--
        reason = natsErrorText(error)
      }
    })
    await Promise.all(answers)
    off()
    return { open: this.#toRepeat(open, { failed, reason }, outcomes), reason }
  }

  #toRepeat(
    open: readonly Attempt[],
    { failed, reason }: { failed: ReadonlyMap<Attempt, string>; reason: string },
    outcomes: RecordOutcome[],
  ): readonly Attempt[] {
    const passed = new Set<string>()
    const repeat: Attempt[] = []
    for (const attempt of open.toReversed()) {
      const errorType = failed.get(attempt)
      const { record, index, attempts } = attempt
      if (errorType === undefined) {
        passed.add(record.subject)
        continue
      }
      if (definiteRefusals.has(errorType) || passed.has(record.subject)) outcomes[index] = natsOutcome({ attempts, errorType }, reason)
      else repeat.unshift(attempt)
    }
    return repeat
  }
}

function headersOf({ headers: given }: NatsRecord) {
  const set = headers()
  for (const [name, value] of Object.entries(given)) set.set(name, value)
  return set
}
