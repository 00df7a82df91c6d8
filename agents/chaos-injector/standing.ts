import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'

/** The stage a fault belongs to: one fault a stage. */
export interface At {
  readonly runId: string
  readonly stage: string
}

/** Faults that stand as far as was told, by `placeOf`, with the last that was told of each: also of runs that are over or forgotten. */
export type StandingFaults = Map<string, Fact<'fault-changed'>>

/** Beyond what a week without an injector leaves behind: then the oldest is let go. */
export const STANDING_KEPT_MAX = 256

export const placeOf = ({ runId, stage }: At) => `${runId} ${stage}`

export function foldStanding(standing: StandingFaults, fact: ResultMessage): void {
  if (fact.kind !== 'fault-changed') return
  switch (fact.phase) {
    case 'injected':
    case 'bit':
    case 'heal-failed':
      standing.set(placeOf(fact), fact)
      keepNewest(standing, STANDING_KEPT_MAX)
      return
    case 'healed':
    case 'void':
      standing.delete(placeOf(fact))
      return
    case 'journalled':
    case 'recovered':
    case 'not-recovered':
      return
    default:
      fact.phase satisfies never
  }
}
