import type { Gravest, ViolationKind } from '../../schemas/parts.ts'
import { hopName } from '../../topology/topology.ts'
import type { Violation } from './evidence.ts'
import type { RunState } from './run-book.ts'

/** Kinds that say how long something took; all others say that something is wrong with it. */
export const ofTime: ReadonlySet<ViolationKind> = new Set(['late', 'stale', 'slow', 'unavailable'])

export const breaksFidelity: ReadonlySet<ViolationKind> = new Set([
  'lost',
  'duplicated',
  'corrupted',
  'precision-lost',
  'schema-violated',
  'wrong-answer',
  'unexpected',
])

/** What to look at first of all that stands against a run: what is wrong before what took too long, each on the first hop of the way. */
export function gravestOf({ resolved }: RunState, violations: readonly Violation[]): Gravest | null {
  const way = resolved.hops.map(hopName)
  const rank = ({ violation, hop }: Gravest) => (ofTime.has(violation) ? way.length + 1 : 0) + way.indexOf(hop)
  const [first] = violations
  if (first === undefined) return null
  const { violation, hop } = violations.reduce((least, one) => (rank(one) < rank(least) ? one : least), first)
  return { violation, hop }
}

/** Whether somebody who was told of `known` has something worse to hear: that it is not only a matter of time. */
export const isGraver = (now: Gravest | null, known: Gravest | null) =>
  now !== null && !ofTime.has(now.violation) && (known === null || ofTime.has(known.violation))
