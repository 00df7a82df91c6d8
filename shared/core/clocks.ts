import type { AgentName } from './agent.ts'
import type { AgentBase } from './acceptance.ts'
import { keepNewest } from './bounded.ts'

/** How much later than it says an agent was heard, by our clock: the least of several is how far its clock is behind, and the way here. */
export interface ClockSamples {
  readonly agent: string
  readonly startedAtMs: number
  count: number
  leastMs: number
}

/** One may have been held up. */
const SAMPLES_MIN = 3
/** Less is the way from one agent to another, and the turn of a loop. */
const BEHIND_MIN_MS = 1_000
/** Nothing was written later than it was read; so late a turn of the loop may be. */
const TURN_MS = 1_000
const INSTANCES_MAX = 64

export interface Beat {
  readonly agent: string
  readonly instance: string
  readonly startedAtMs: number
  readonly atMs: number
}

/** A heartbeat that was heard as it was said. A process that was started anew may have another clock. */
export function noteBeat(clocks: Map<string, ClockSamples>, { agent, instance, startedAtMs, atMs }: Beat, heardMs: number): void {
  const key = `${agent}/${instance}`
  const known = clocks.get(key)
  if (known?.startedAtMs === startedAtMs) {
    known.count++
    known.leastMs = Math.min(known.leastMs, heardMs - atMs)
    return
  }
  clocks.set(key, { agent, startedAtMs, count: 1, leastMs: heardMs - atMs })
  keepNewest(clocks, INSTANCES_MAX)
}

/** How far the clock of an agent is behind ours; of several instances, the most. 0 where it is not, or nobody knows. */
export function behindMs(clocks: ReadonlyMap<string, ClockSamples>, agent: AgentName): number {
  let most = 0
  for (const one of clocks.values())
    if (one.agent === agent && one.count >= SAMPLES_MIN && one.leastMs >= BEHIND_MIN_MS) most = Math.max(most, one.leastMs)
  return most
}

/** When something was written, by who wrote it; and when it was to be there, by the generator's clock. */
export interface Timed {
  readonly atMs: number
  readonly dueMs: number
}

/**
 * What latency is at least, whatever the clocks of those who wrote it and of the generator: who is accused of being late was it by
 * our clock as well.
 */
export function latencyAtLeastMs({ clocks, nowMs }: Pick<AgentBase, 'clocks' | 'nowMs'>, { atMs, dueMs }: Timed): number {
  return Math.min(atMs, nowMs + TURN_MS) - dueMs - behindMs(clocks, 'generator')
}
