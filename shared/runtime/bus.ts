import type { ControlMessage } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import type { BusEvent } from '../core/bus-events.ts'

/** The two topics, as an agent sees them. Implemented by kafka-bus.ts and by the simulator. */
export interface Bus {
  /** Events come one at a time and in order, out of `onEvent`'s own turn of the event loop. */
  start(onEvent: (event: BusEvent) => void): Promise<void>
  /** Keeps the order of a run's facts. Throws only for a fact that does not satisfy its own schema: a bug. */
  publish(message: ResultMessage): void
  request(message: ControlMessage): Promise<{ readonly offset: number }>
  /** Takes part in the group of the agent's instances; what is this one's comes as events. Once is enough. */
  shareWork(): void
  /** False when something is still unsent at the end of the time. */
  flush(timeoutMs: number): Promise<boolean>
  close(): Promise<void>
  lagged(): BusLag
}

export interface BusLag {
  readonly caughtUp: boolean
  /** Facts said and not yet on the topic. */
  readonly outboxFacts: number
  readonly heartbeatsDropped: number
  /** Facts lost because the outbox was full, or because the cluster refuses them for certain. */
  readonly factsRefused: number
  readonly unreadableFacts: number
}
