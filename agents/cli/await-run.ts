import { setTimeout as sleep } from 'node:timers/promises'
import { outcomeOf, type FollowedRun, type RunOutcome, type WaitLimits } from './followed-run.ts'

const TURN_MS = 200

export interface AwaitedRun {
  readonly followed: FollowedRun
  readonly limits: WaitLimits
  readonly nowMs: () => number
  readonly onTurn?: (followed: FollowedRun, nowMs: number) => void
  /** Ends the waiting. */
  readonly isOff?: () => boolean
}

/** Waits until the run has come out one way or the other; `outcomeOf` holds the limits. Null when called off. */
export async function awaitOutcome({ followed, limits, nowMs, onTurn, isOff }: AwaitedRun): Promise<RunOutcome | null> {
  for (;;) {
    const outcome = outcomeOf(followed, nowMs(), limits)
    onTurn?.(followed, nowMs())
    if (outcome !== null) return outcome
    if (isOff?.() === true) return null
    await sleep(TURN_MS)
  }
}
