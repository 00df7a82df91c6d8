import type { ResultMessage } from '../../schemas/results.ts'

/** Facts on their way to Kafka, in order, within a limit. */
export const OUTBOX_FACTS_MAX = 50_000

export interface OutboxEntry {
  readonly key: string
  readonly kind: ResultMessage['kind']
  readonly body: Buffer
}

export class Outbox {
  readonly #limit: number
  #entries: OutboxEntry[] = []
  #heartbeatsDropped = 0
  #factsRefused = 0

  constructor(limit: number = OUTBOX_FACTS_MAX) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.length
  }
  get heartbeatsDropped(): number {
    return this.#heartbeatsDropped
  }
  get factsRefused(): number {
    return this.#factsRefused
  }

  /**
   * False when it is full and there is no heartbeat left to drop. The newest is refused then, not the oldest: what
   * others have read so far stays a prefix of what was said.
   */
  push(entry: OutboxEntry): boolean {
    if (this.#entries.length >= this.#limit && !this.#dropOldestHeartbeat()) {
      if (entry.kind === 'agent-heartbeat') this.#heartbeatsDropped++
      else this.#factsRefused++
      return false
    }
    this.#entries.push(entry)
    return true
  }

  /** The oldest entries, within both limits; at least one if there is any. They stay until `settle`. */
  head({ entriesMax, bytesMax }: { entriesMax: number; bytesMax: number }): readonly OutboxEntry[] {
    let bytes = 0
    let count = 0
    for (const entry of this.#entries) {
      bytes += entry.body.length
      if (count > 0 && (count >= entriesMax || bytes > bytesMax)) break
      count++
    }
    return this.#entries.slice(0, count)
  }

  settle(entries: ReadonlySet<OutboxEntry>): void {
    this.#entries = this.#entries.filter((entry) => !entries.has(entry))
  }

  #dropOldestHeartbeat(): boolean {
    const oldest = this.#entries.findIndex(({ kind }) => kind === 'agent-heartbeat')
    if (oldest < 0) return false
    this.#entries.splice(oldest, 1)
    this.#heartbeatsDropped++
    return true
  }
}
