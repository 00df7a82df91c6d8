import type { ChaosTarget } from '../../../topology/topology.ts'

/** What a fault acts on, pinned when the lease is written: never a stranger that took over a pid. */
export interface PinnedTarget {
  readonly pid: number
  /** Start time of the process in clock ticks since boot, from /proc: with the pid it names one process for ever. */
  readonly startTicks: string
}

/** A disturbance. The type makes the heal part of it. All are idempotent, and throw with the reason when they cannot be done. */
export interface Fault {
  plan(target: ChaosTarget): Promise<PinnedTarget>
  inject(pinned: PinnedTarget): Promise<void>
  /** Evidence that the fault took hold; null when it did not. */
  bit(pinned: PinnedTarget): Promise<string | null>
  heal(pinned: PinnedTarget): Promise<void>
  /** Evidence that it is gone; null while it is not. */
  healed(pinned: PinnedTarget): Promise<string | null>
}
