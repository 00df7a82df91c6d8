import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'

/** The stage a fault belongs to: one fault a stage. */
export interface At {
  readonly runId: string
  readonly stage: string
}

/** Faults that may stand as far as was told, by `placeOf`, with the last that was told of each: also of runs that are over or forgotten. */
export type StandingFaults = Map<string, Fact<'fault-changed'>>

/** Beyond what a week without an injector leaves behind: then the oldest is let go. */
export const STANDING_KEPT_MAX = 256

export const placeOf = ({ runId, stage }: At) => `${runId} ${stage}`

/** `me`: the instance that keeps them. What it journalled itself no other can call void: the lease lies with it alone. */
export function foldStanding(standing: StandingFaults, fact: ResultMessage, me: string): void {
  if (fact.kind !== 'fault-changed') return
  const place = placeOf(fact)
  const told = standing.get(place)
  switch (fact.phase) {
    case 'journalled':
      // Said again, or by two at once.
      if (told !== undefined) return
      keep(standing, fact)
      return
    case 'injected':
    case 'bit':
    case 'heal-failed':
      keep(standing, fact)
      return
    case 'void':
      if (told?.instance === me && fact.instance !== me) return
      standing.delete(place)
      return
    case 'healed':
      standing.delete(place)
      return
    case 'recovered':
    case 'not-recovered':
      return
    default:
      fact.phase satisfies never
  }
}

function keep(standing: StandingFaults, fact: Fact<'fault-changed'>): void {
  standing.set(placeOf(fact), fact)
  keepNewest(standing, STANDING_KEPT_MAX)
}
