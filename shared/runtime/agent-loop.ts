import type { AgentCore } from '../core/agent.ts'
import { isBusEffect, type BusEffect, type BusEvent } from '../core/bus-events.ts'
import { InvariantError } from '../core/errors.ts'
import type { Bus } from './bus.ts'
import type { Log } from './log.ts'
import type { MetricRow, Metrics } from './metrics.ts'

/** The impure half of an agent: performs effects, and turns what comes of them into events. */
export interface Shell<Event, Effect, State = unknown> {
  /** `send` may be called now or at any later time. What it throws is logged and counted; what it starts must report by `send`. */
  perform(effect: Effect, send: (event: Event) => void): void
  /** After each step, for metrics, traces and pages. `state` is the core's own: to be read at once, never kept or changed. */
  onStep?(event: Event | BusEvent, effects: readonly (Effect | BusEffect)[], state: State): void
  close(): Promise<void>
}

export const loopMetrics: readonly MetricRow[] = [
  { name: 'assay_agent_events_total', type: 'counter', unit: 'events', help: 'Events the core has stepped through.' },
  { name: 'assay_agent_effects_failed_total', type: 'counter', unit: 'effects', help: 'Effects whose performance threw.' },
  { name: 'assay_agent_queue_events', type: 'gauge', unit: 'events', help: 'Events waiting for the core.' },
]

/** A core that keeps answering its own effects would starve I/O: after so many steps the event loop gets its turn. */
const STEPS_PER_TURN_MAX = 10_000

export interface AgentLoopOptions<Config, State, Event, Effect> {
  readonly core: AgentCore<Config, State, Event | BusEvent, Effect | BusEffect>
  readonly coreConfig: Config
  readonly bus: Pick<Bus, 'publish' | 'request' | 'shareWork'>
  readonly log: Log
  readonly metrics: Metrics
  /** A bug of ours: what was being judged is void. */
  readonly onFatal: (error: unknown) => void
}

/** Steps the core, one event at a time: an event that comes while one is being stepped waits its turn. */
export class AgentLoop<Config, State, Event extends { readonly type: string }, Effect extends { readonly type: string }> {
  readonly #options: AgentLoopOptions<Config, State, Event, Effect>
  #state: State
  #shell: Shell<Event, Effect, State> | null = null
  #queue: (Event | BusEvent)[] = []
  #stepping = false
  #ended = false

  constructor(options: AgentLoopOptions<Config, State, Event, Effect>) {
    this.#options = options
    this.#state = options.core.init(options.coreConfig)
  }

  /** Events sent before wait in the queue. */
  attach(shell: Shell<Event, Effect, State>): void {
    this.#shell = shell
    this.#drain()
  }

  readonly send = (event: Event | BusEvent): void => {
    if (this.#ended) return
    this.#queue.push(event)
    this.#drain()
  }

  /** Nothing is stepped any more. */
  end(): void {
    this.#ended = true
    this.#queue = []
  }

  #drain(): void {
    if (this.#stepping || this.#shell === null) return
    this.#stepping = true
    try {
      let steps = 0
      for (; steps < this.#queue.length && steps < STEPS_PER_TURN_MAX && !this.#ended; steps++) {
        this.#step(this.#queue[steps] as Event | BusEvent, this.#shell)
      }
      this.#queue = this.#queue.slice(steps)
      this.#options.metrics.set('assay_agent_queue_events', this.#queue.length)
    } catch (error) {
      this.end()
      this.#options.onFatal(error)
    } finally {
      this.#stepping = false
    }
    if (this.#queue.length > 0)
      setImmediate(() => {
        this.#drain()
      })
  }

  #step(event: Event | BusEvent, shell: Shell<Event, Effect, State>): void {
    const { core, metrics, log } = this.#options
    const { state, effects } = core.step(this.#state, event)
    this.#state = state
    metrics.add('assay_agent_events_total')
    for (const effect of effects) {
      if (isBusEffect(effect)) this.#performOnBus(effect)
      else {
        try {
          shell.perform(effect, this.send)
        } catch (error) {
          this.#failed(effect.type, error)
        }
      }
    }
    try {
      shell.onStep?.(event, effects, state)
    } catch (error) {
      log.error({ err: error, event: event.type }, 'a step could not be observed')
    }
  }

  #performOnBus(effect: BusEffect): void {
    if (effect.type === 'publish') {
      this.#options.bus.publish(effect.fact)
      // Folds are idempotent: the core need not wait for Kafka to hear what it has said itself.
      this.send({ type: 'fact', fact: effect.fact })
      return
    }
    if (effect.type === 'share-work') {
      this.#options.bus.shareWork()
      return
    }
    this.#options.bus.request(effect.message).catch((error: unknown) => {
      if (error instanceof InvariantError) this.#options.onFatal(error)
      else this.#failed(effect.type, error)
    })
  }

  #failed(effect: string, error: unknown): void {
    this.#options.metrics.add('assay_agent_effects_failed_total')
    this.#options.log.error({ err: error, effect }, 'an effect failed')
  }
}
