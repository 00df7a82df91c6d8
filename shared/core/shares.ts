import { fnv1a } from './prng.ts'

/**
 * What of an agent's work is this instance's: slots that Kafka shares out among the instances of the agent. A thing to be
 * done (a partition, a run) has a number, and with it a slot. Two instances that hold one slot for a moment say the same
 * twice, and facts that are said twice fold to one: a slot says who works, not who is believed.
 */
export interface Shares {
  readonly of: number
  readonly held: ReadonlySet<number>
}

/** Of an instance that is alone. */
export const everything: Shares = { of: 1, held: new Set([0]) }
/** Of one that knows others, until Kafka has given it a share. */
export const nothing: Shares = { of: 1, held: new Set() }

export const holds = ({ of, held }: Shares, item: number) => held.has(item % of)

export const holdsAll = ({ of, held }: Shares) => held.size === of

/** A run as a whole is the work of one instance, where its work is not shared further; hops of a run follow on each other. */
export const runItem = (runId: string) => fnv1a(runId)

/** Heartbeats come each five seconds: an instance that was silent for so long is not counted on. */
export const SILENT_MS = 15_000
