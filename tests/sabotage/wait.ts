import { setTimeout as sleep } from 'node:timers/promises'
import { createClock } from '../../shared/runtime/clock.ts'

const TURN_MS = 50
const LIMIT_MS = 30_000

export const clock = createClock()

/** Until it is so. Throws after 30 s, or what is given, with `what`. */
export async function until(what: () => string, is: () => boolean, limitMs = LIMIT_MS): Promise<void> {
  const endMs = clock.nowMs() + limitMs
  while (!is()) {
    if (clock.nowMs() > endMs) throw new Error(`not within ${limitMs} ms: ${what()}`)
    await sleep(TURN_MS)
  }
}

/** What the broker may refuse for a while, as just after its restart: again until it does not. Throws what it said after 30 s. */
export async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = clock.nowMs() + LIMIT_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (clock.nowMs() > endMs) throw error
      await sleep(TURN_MS)
    }
  }
}
