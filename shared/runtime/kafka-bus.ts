import { controlMessage } from '../../schemas/control.ts'
import type { ControlMessage } from '../../schemas/control.ts'
import { parseControl, schemaIdOf } from '../../schemas/control-parse.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import type { BusEvent } from '../core/bus-events.ts'
import { AssayError, InvariantError } from '../core/errors.ts'
import { OlderControl } from '../core/older-control.ts'
import type { Bus, BusLag } from './bus.ts'
import type { Clock } from './clock.ts'
import { createFactSender } from './fact-sender.ts'
import type { FactSender } from './fact-sender.ts'
import type { KafkaAdmin } from './kafka-admin.ts'
import { openAdmin } from './kafka-admin.ts'
import type { ReadBatch, Reader } from './kafka-reader.ts'
import { createReader } from './kafka-reader.ts'
import type { KafkaLink } from './kafka.ts'
import { createWriter } from './kafka-writer.ts'
import type { Writer } from './kafka-writer.ts'
import type { Log } from './log.ts'
import type { Registry } from './registry.ts'
import { shareWork, type SharedWork } from './kafka-shares.ts'
import { createResultsDecoder } from './results-codec.ts'
import type { DecodedFact, ResultsDecoder } from './results-codec.ts'

export interface KafkaBusOptions {
  readonly link: KafkaLink
  readonly registry: Registry | null
  readonly clock: Clock
  readonly log: Log
  readonly controlTopic: string
  readonly resultsTopic: string
  readonly lookbackMs?: number
}

/** Longer than any run: older facts cannot matter to a decision, and of older requests only what OlderControl keeps. */
const LOOKBACK_MS = 6 * 3600_000
const RETRY_DELAY_MS = 1_000
const CAUGHT_UP_POLL_MS = 20

export function createKafkaBus(options: KafkaBusOptions): Bus {
  return new KafkaBus(options)
}

type Ends = ReadonlyMap<string, ReadonlyMap<number, number>>

class KafkaBus implements Bus {
  readonly #options: KafkaBusOptions
  readonly #admin: KafkaAdmin
  readonly #writer: Writer
  readonly #decoder: ResultsDecoder
  readonly #sender: FactSender
  #reader: Reader | null = null
  #onEvent: (event: BusEvent) => void = () => undefined
  #shared: SharedWork | null = null
  #caughtUp = false
  #closed = false
  #unreadableFacts = 0
  #guessReported = false
  readonly #older = new OlderControl()
  #sinceMs = -Infinity

  constructor(options: KafkaBusOptions) {
    this.#options = options
    const { link, registry, log, resultsTopic } = options
    this.#admin = openAdmin(link)
    this.#writer = createWriter(link)
    this.#decoder = createResultsDecoder(registry)
    const onSchemaId = (id: number) => void this.#decoder.shippedIds.add(id)
    this.#sender = createFactSender({ writer: this.#writer, resultsTopic, registry, log, onSchemaId })
  }

  /** Resolves when reading has begun; waits for a cluster that is down. */
  async start(onEvent: (event: BusEvent) => void): Promise<void> {
    this.#onEvent = onEvent
    const places = await this.#places()
    if (places === null) return
    const { positions, ends } = places
    this.#reader = createReader(this.#options.link, {
      topics: [...positions].map(([topic, byPartition]) => ({ topic, positions: byPartition })),
      onBatch: (batch) =>
        batch.topic === this.#options.controlTopic ? this.#hearControl(batch, onEvent) : this.#hearFacts(batch, onEvent),
      onTrouble: ({ kind, message }) => {
        this.#options.log.warn({ code: 'BUS_UNAVAILABLE', trouble: kind }, message)
      },
    })
    this.#awaitCaughtUp(ends, onEvent)
  }

  publish(message: ResultMessage): void {
    this.#sender.publish(message)
  }

  async request(message: ControlMessage): Promise<{ readonly offset: number }> {
    const checked = controlMessage.safeParse(message)
    if (!checked.success) throw new InvariantError(`a ${message.kind} request does not satisfy its schema: ${checked.error.message}`)
    const record = { partition: 0, key: null, value: Buffer.from(JSON.stringify(checked.data)) }
    const [outcome] = await this.#writer.write(this.#options.controlTopic, [record])
    if (outcome?.outcome === 'acknowledged') return { offset: outcome.offset }
    throw new AssayError(
      'BUS_UNAVAILABLE',
      `${message.kind} on ${this.#options.controlTopic}: ${outcome?.outcome ?? 'no answer'}: ${outcome?.reason ?? ''}`,
    )
  }

  shareWork(): void {
    const { link, resultsTopic, log } = this.#options
    this.#shared ??= shareWork({
      ...{ link, log, topic: resultsTopic },
      onShares: (shares) => {
        this.#onEvent({ type: 'shares-changed', ...shares })
      },
    })
  }

  flush(timeoutMs: number): Promise<boolean> {
    return this.#sender.flush(timeoutMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sender.close()
    await this.#shared?.close()
    await this.#reader?.close()
    await this.#writer.close()
    await this.#admin.close()
  }

  lagged(): BusLag {
    const { outbox, refused } = this.#sender
    return {
      caughtUp: this.#caughtUp,
      outboxFacts: outbox.size,
      heartbeatsDropped: outbox.heartbeatsDropped,
      factsRefused: outbox.factsRefused + refused(),
      unreadableFacts: this.#unreadableFacts,
    }
  }

  /** Where to start and what counts as caught up; null when closed before the cluster answered. */
  async #places(): Promise<{ positions: Ends; ends: Ends } | null> {
    const { controlTopic, resultsTopic, clock, log, lookbackMs = LOOKBACK_MS } = this.#options
    while (!this.#closed) {
      try {
        const positions = new Map<string, ReadonlyMap<number, number>>()
        const ends = new Map<string, ReadonlyMap<number, number>>()
        this.#sinceMs = clock.nowMs() - lookbackMs
        for (const topic of [controlTopic, resultsTopic]) {
          positions.set(topic, await this.#admin.offsetsByTime(topic, topic === controlTopic ? 0 : this.#sinceMs))
          ends.set(topic, new Map((await this.#admin.topicOffsets(topic)).map(({ partition, high }) => [partition, high])))
        }
        return { positions, ends }
      } catch (error) {
        log.warn({ err: error }, 'the bus is not there yet')
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS))
      }
    }
    return null
  }

  /** Asked from a timer, for the last records before an end may be ones that are never delivered. */
  #awaitCaughtUp(ends: Ends, onEvent: (event: BusEvent) => void): void {
    const timer = setInterval(() => {
      const read = this.#reader?.positions()
      const behind = [...ends].some(([topic, byPartition]) =>
        [...byPartition].some(([partition, end]) => (read?.get(topic)?.get(partition) ?? 0) < end),
      )
      if (behind && !this.#closed) return
      clearInterval(timer)
      if (this.#closed) return
      this.#caughtUp = true
      for (const event of this.#older.take()) onEvent(event)
      onEvent({ type: 'caught-up', atMs: this.#options.clock.nowMs() })
    }, CAUGHT_UP_POLL_MS)
  }

  async #hearControl({ records }: ReadBatch, onEvent: (event: BusEvent) => void): Promise<void> {
    for (const { offset, timestampMs, value } of records) {
      const schemaId = schemaIdOf(value)
      const schema = schemaId === null ? undefined : await this.#controlSchema(schemaId)
      const parsed = parseControl(value, schema === undefined ? undefined : () => schema)
      const isOlder = timestampMs < this.#sinceMs
      if (parsed.ok && isOlder) this.#older.hear({ type: 'control', offset, atMs: timestampMs, message: parsed.message })
      if (isOlder) continue
      for (const event of this.#older.take()) onEvent(event)
      if (parsed.ok) onEvent({ type: 'control', offset, atMs: timestampMs, message: parsed.message })
      else onEvent({ type: 'control-unreadable', offset, problems: parsed.problems, excerpt: parsed.excerpt })
    }
  }

  /** Undefined, hence the shipped schema, when nobody can say what the writer's was. */
  async #controlSchema(schemaId: number): Promise<object | undefined> {
    try {
      return await this.#options.registry?.schemaById(schemaId)
    } catch (error) {
      this.#options.log.warn({ err: error, schemaId }, 'a control message is read by the shipped schema')
      return undefined
    }
  }

  async #hearFacts({ topic, partition, records }: ReadBatch, onEvent: (event: BusEvent) => void): Promise<void> {
    for (const { offset, value } of records) {
      const decoded = this.#decoder.decode(value)
      this.#hearFact(decoded instanceof Promise ? await decoded : decoded, { at: `${topic}/${partition}/${offset}`, onEvent })
    }
  }

  #hearFact(decoded: DecodedFact, { at, onEvent }: { at: string; onEvent: (event: BusEvent) => void }): void {
    if (!decoded.ok) {
      this.#unreadableFacts++
      this.#options.log.warn({ at, reason: decoded.reason }, 'a fact cannot be read')
      return
    }
    if (decoded.guessed && !this.#guessReported) {
      this.#guessReported = true
      this.#options.log.warn({ at }, 'the registry cannot be asked: facts of unknown schema are read by the shipped one')
    }
    onEvent({ type: 'fact', fact: decoded.fact })
  }
}
