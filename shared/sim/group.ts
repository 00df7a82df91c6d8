import type { Prng } from '../core/prng.ts'
import type { SimClock } from './clock.ts'

export interface SimShares {
  readonly of: number
  readonly held: readonly number[]
}

/** How long the group takes to deal the slots out, and a member to hear of it: some still hold what others have by then. */
const DEAL_MS = 1_500
const HEAR_MS = 2_500
/** A member that was killed is missed after so long at most. */
const SESSION_MS = 9_000

/** A consumer group as its members meet it: slots are dealt out anew whenever one comes, leaves or is missed. */
export function createSimGroup(clock: SimClock, prng: Prng, slots = 4) {
  const members = new Map<string, (shares: SimShares) => void>()
  let deals = 0
  const deal = () => {
    const names = [...members.keys()].sort()
    const round = ++deals
    for (const [index, name] of names.entries()) {
      const held = Array.from({ length: slots }, (_, slot) => slot).filter((slot) => slot % names.length === index)
      const hear = members.get(name)
      clock.later(prng.below(HEAR_MS), () => {
        if (members.get(name) === hear && round === deals) hear?.({ of: slots, held })
      })
    }
  }
  const dealSoon = (withinMs: number) => {
    clock.later(prng.below(withinMs), deal)
  }
  return {
    join(name: string, hear: (shares: SimShares) => void): void {
      members.set(name, hear)
      dealSoon(DEAL_MS)
    },
    leave(name: string): void {
      if (members.delete(name)) dealSoon(DEAL_MS)
    },
    /** Was killed: nobody says so. */
    miss(name: string): void {
      const gone = members.get(name)
      clock.later(1_000 + prng.below(SESSION_MS), () => {
        if (gone === undefined || members.get(name) !== gone) return
        members.delete(name)
        deal()
      })
    },
  }
}

export type SimGroup = ReturnType<typeof createSimGroup>
