import { keepNewest } from './bounded.ts'
import type { BusEvent } from './bus-events.ts'

type ControlEvent = Extract<BusEvent, { type: 'control' }>

const CANCELLED_KEPT_MAX = 10_000
const SERIES_KEPT_MAX = 256

/**
 * What still matters of the control topic where it is older than any run: cancellations, since a series that was ended
 * stays ended, and of each series the newest window that was asked for, so that it goes on after however long a time
 * without agents, and tells what it missed. Requests of single runs are past.
 */
export class OlderControl {
  readonly #cancelled = new Map<string, ControlEvent>()
  readonly #newestOf = new Map<string, ControlEvent>()

  hear(event: ControlEvent): void {
    const { message } = event
    if (message.kind === 'run-cancelled') {
      if (!this.#cancelled.has(message.runId)) this.#cancelled.set(message.runId, event)
      keepNewest(this.#cancelled, CANCELLED_KEPT_MAX)
      return
    }
    if (message.window === null) return
    const { series } = message.window
    this.#newestOf.delete(series)
    this.#newestOf.set(series, event)
    keepNewest(this.#newestOf, SERIES_KEPT_MAX)
  }

  /** In the order of the topic; once. */
  take(): ControlEvent[] {
    const taken = [...this.#cancelled.values(), ...this.#newestOf.values()].sort((a, b) => a.offset - b.offset)
    this.#cancelled.clear()
    this.#newestOf.clear()
    return taken
  }
}
