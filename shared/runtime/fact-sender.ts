import { encodeResult, resultsAvroSchema } from '../../schemas/avro.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { InvariantError } from '../core/errors.ts'
import type { RecordOutcome, Writer } from './kafka-writer.ts'
import type { Log } from './log.ts'
import { Outbox } from './outbox.ts'
import type { OutboxEntry } from './outbox.ts'
import type { Registry } from './registry.ts'
import { frame, UNREGISTERED_ID } from './results-codec.ts'

export interface FactSender {
  publish(message: ResultMessage): void
  flush(timeoutMs: number): Promise<boolean>
  close(): void
  readonly outbox: Outbox
  /** Facts the cluster refuses for certain, such as one too large. */
  readonly refused: () => number
}

export interface FactSenderOptions {
  readonly writer: Writer
  readonly resultsTopic: string
  readonly registry: Registry | null
  readonly log: Log
  readonly onSchemaId: (id: number) => void
}

const BATCH_ENTRIES_MAX = 400
/** One record batch for each partition, so that a failed one never lets a later one of the same run pass. */
const BATCH_BYTES_MAX = 384 * 1024
const RETRY_DELAY_MS = 500
const REGISTER_INTERVAL_MS = 30_000
const REGISTER_WAIT_MS = 1_000
const FLUSH_POLL_MS = 10
const neverAccepted = /MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|INVALID_RECORD/

/** Sends facts in order, one batch at a time; what fails, or may have failed, is sent again: facts are idempotent. */
export function createFactSender(options: FactSenderOptions): FactSender {
  return new OrderedSender(options)
}

/** The key decides the partition, hence the order: all of a run in one. */
export const factKey = (message: ResultMessage) => ('runId' in message ? message.runId : message.agent)

class OrderedSender implements FactSender {
  readonly outbox = new Outbox()
  readonly #options: FactSenderOptions
  #schemaId = UNREGISTERED_ID
  #registerAgainAtMs = 0
  #refused = 0
  #running = false
  #closed = false
  #oneByOne = false
  #unsentSince: number | null = null
  #wake: (() => void) | null = null

  constructor(options: FactSenderOptions) {
    this.#options = options
  }

  readonly refused = () => this.#refused

  publish(message: ResultMessage): void {
    const entry = { key: factKey(message), kind: message.kind, body: encode(message) }
    const kept = this.outbox.push(entry)
    if (!kept && message.kind !== 'agent-heartbeat') {
      this.#options.log.error({ code: 'LIMIT_REACHED', kind: message.kind }, 'the outbox is full: a fact is lost')
    }
    void this.#run()
  }

  async flush(timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs
    while (this.outbox.size > 0 && performance.now() < deadlineMs) await pause(FLUSH_POLL_MS)
    return this.outbox.size === 0
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      // A slow registry holds facts up by this much, once; its answer serves the later ones.
      await Promise.race([this.#register(), pause(REGISTER_WAIT_MS)])
      while (this.outbox.size > 0 && !this.#closed) {
        const batch = this.outbox.head({ entriesMax: this.#oneByOne ? 1 : BATCH_ENTRIES_MAX, bytesMax: BATCH_BYTES_MAX })
        const outcomes = await this.#options.writer.write(
          this.#options.resultsTopic,
          batch.map(({ key, body }) => ({ key, value: frame(this.#schemaId, body) })),
        )
        if (!this.#settle(batch, outcomes)) await this.#pauseUnlessClosed()
      }
    } finally {
      this.#running = false
    }
  }

  /** Whether to go on at once. */
  #settle(batch: readonly OutboxEntry[], outcomes: readonly RecordOutcome[]): boolean {
    const done = new Set(batch.filter((_, index) => outcomes[index]?.outcome === 'acknowledged'))
    const bad = outcomes.find((outcome) => outcome.outcome !== 'acknowledged')
    if (bad === undefined) this.#sentAgain()
    else if (bad.outcome === 'failed' && neverAccepted.test(bad.reason)) this.#isolate(batch, done, bad.reason)
    else if (this.#unsentSince === null) {
      this.#unsentSince = performance.now()
      this.#options.log.warn({ code: 'BUS_UNAVAILABLE', unsent: this.outbox.size, reason: bad.reason }, 'facts stay in the outbox')
    }
    this.outbox.settle(done)
    return done.size > 0
  }

  #sentAgain(): void {
    this.#oneByOne = false
    if (this.#unsentSince === null) return
    this.#options.log.info({ unsentMs: Math.round(performance.now() - this.#unsentSince) }, 'facts are sent again')
    this.#unsentSince = null
  }

  /** One fact the cluster never takes would hold up all behind it: find it, drop it, say so. */
  #isolate(batch: readonly OutboxEntry[], done: Set<OutboxEntry>, reason: string): void {
    const [culprit] = batch
    if (batch.length > 1 || culprit === undefined) {
      this.#oneByOne = true
      return
    }
    this.#refused++
    done.add(culprit)
    this.#options.log.error(
      { code: 'LIMIT_REACHED', kind: culprit.kind, sizeBytes: culprit.body.length, reason },
      'a fact is lost: the cluster refuses it',
    )
  }

  async #register(): Promise<void> {
    const { registry, resultsTopic, log, onSchemaId } = this.#options
    if (registry === null || this.#schemaId !== UNREGISTERED_ID || performance.now() < this.#registerAgainAtMs) return
    this.#registerAgainAtMs = performance.now() + REGISTER_INTERVAL_MS
    try {
      this.#schemaId = await registry.register(`${resultsTopic}-value`, resultsAvroSchema)
      onSchemaId(this.#schemaId)
    } catch (error) {
      log.warn({ err: error }, 'the results schema is not registered: facts go out under the shipped one')
    }
  }

  async #pauseUnlessClosed(): Promise<void> {
    await Promise.race([pause(RETRY_DELAY_MS), new Promise<void>((resolve) => (this.#wake = resolve))])
  }
}

function encode(message: ResultMessage): Buffer {
  try {
    return encodeResult(message)
  } catch (cause) {
    const error = new InvariantError(
      `a ${message.kind} fact does not satisfy its schema: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
    error.cause = cause
    throw error
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
