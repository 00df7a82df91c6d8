import type { ViolationKind } from '../../schemas/parts.ts'
import type { CanarySet } from './canary-set.ts'
import type { Evidence, Violation } from './evidence.ts'
import { difference, intersection, RangeSet } from './range-set.ts'

const ofTime: ReadonlySet<ViolationKind> = new Set(['late', 'stale'])

interface Timed {
  readonly counted: Violation[]
  /** Of canaries that the generator says it sent late. */
  readonly delayed: Violation[]
  /** Of canaries of which it did not live to say when it sent them. */
  readonly untold: Violation[]
}

/**
 * Lateness counts from when a canary was to be sent. One that waited in the generator itself (a starved process, a
 * results topic that takes no intent, one that was killed and came back) says nothing of the pipeline's time: neither for
 * it nor against it. Nor does one of which nobody can say whether it waited.
 */
export function withoutOwnDelay(
  violations: readonly Violation[],
  evidence: Pick<Evidence, 'heldBack' | 'intended' | 'acknowledged' | 'unknown' | 'failed'>,
): Timed {
  const { taken: delayed, rest } = takenOut(violations, evidence.heldBack.canaries)
  const { taken: untold, rest: counted } = takenOut(rest, untoldOf(evidence))
  return { counted, delayed, untold }
}

/** Intended, and whoever was to send them has not told what became of it. */
export const untoldOf = ({ intended, acknowledged, unknown, failed }: Pick<Evidence, 'intended' | 'acknowledged' | 'unknown' | 'failed'>) =>
  intended.minus(acknowledged).minus(unknown).minus(failed)

/** What is said of the time of some canaries, and all the rest. */
function takenOut(violations: readonly Violation[], canaries: CanarySet): { taken: Violation[]; rest: Violation[] } {
  const taken: Violation[] = []
  const rest = violations.flatMap((violation): Violation[] => {
    const { stream, standing } = violation
    const own = ofTime.has(violation.violation) ? intersection(standing.ranges, canaries.ranges(stream)) : []
    if (own.length === 0) return [violation]
    taken.push({ ...violation, standing: RangeSet.of(own) })
    const left = difference(standing.ranges, own)
    return left.length === 0 ? [] : [{ ...violation, standing: RangeSet.of(left) }]
  })
  return { taken, rest }
}
