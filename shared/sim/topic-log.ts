import type { Prng } from '../core/prng.ts'
import type { SimClock } from './clock.ts'

export interface LogEntry<Message> {
  readonly offset: number
  readonly atMs: number
  readonly message: Message
}

export interface Subscription {
  close(): void
}

/** How much later than appended a consumer may see a message. */
const DELIVERY_DELAY_MS = 60

export interface TopicLogSettings<Message> {
  readonly repeats: boolean
  /** What is older is not read again. For ever if left out. */
  readonly retentionMs?: number
  /** What is read of that all the same. */
  readonly ofOlder?: (entries: readonly LogEntry<Message>[]) => readonly LogEntry<Message>[]
}

/**
 * A topic as its consumers meet it: in order for each, late by a little, and sometimes appended twice. Who subscribes
 * reads everything from the beginning, and is told when it has caught up with where the log ended as it began.
 */
export function createTopicLog<Message>(clock: SimClock, prng: Prng, settings: TopicLogSettings<Message>) {
  const { repeats, retentionMs = Infinity, ofOlder = () => [] } = settings
  const entries: LogEntry<Message>[] = []
  const consumers = new Set<(entry: LogEntry<Message>) => void>()
  const append = (message: Message) => {
    for (let copies = repeats && prng.chance(1, 12) ? 2 : 1; copies > 0; copies--) {
      const entry = { offset: entries.length, atMs: clock.nowMs(), message }
      entries.push(entry)
      for (const consume of consumers) consume(entry)
    }
  }
  return {
    entries: entries as readonly LogEntry<Message>[],
    append,
    subscribe(deliver: (entry: LogEntry<Message>) => void, caughtUp: () => void): Subscription {
      let open = true
      let deliveredUntilMs = clock.nowMs()
      const consume = (entry: LogEntry<Message>) => {
        deliveredUntilMs = Math.max(deliveredUntilMs, clock.nowMs() + 1 + prng.below(DELIVERY_DELAY_MS))
        clock.at(deliveredUntilMs, () => {
          if (open) deliver(entry)
        })
      }
      const isOlder = ({ atMs }: LogEntry<Message>) => atMs < clock.nowMs() - retentionMs
      for (const entry of ofOlder(entries.filter(isOlder))) consume(entry)
      for (const entry of entries) if (!isOlder(entry)) consume(entry)
      clock.at(deliveredUntilMs, () => {
        if (open) caughtUp()
      })
      consumers.add(consume)
      return {
        close() {
          open = false
          consumers.delete(consume)
        },
      }
    },
  }
}

export type TopicLog<Message> = ReturnType<typeof createTopicLog<Message>>
