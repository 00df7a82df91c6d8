import type { ViolationKind } from '../../schemas/parts.ts'
import type { Evidence, Violation } from './evidence.ts'
import { difference, intersection, RangeSet } from './range-set.ts'

const ofTime: ReadonlySet<ViolationKind> = new Set(['late', 'stale'])

/**
 * Lateness counts from when a canary was to be sent. One that waited in the generator itself (a starved process, a
 * results topic that takes no intent) says nothing of the pipeline's time: neither for it nor against it.
 */
export function withoutOwnDelay(
  violations: readonly Violation[],
  { heldBack }: Pick<Evidence, 'heldBack'>,
): { counted: Violation[]; delayed: Violation[] } {
  const delayed: Violation[] = []
  const counted = violations.flatMap((violation): Violation[] => {
    const { stream, standing } = violation
    const own = ofTime.has(violation.violation) ? intersection(standing.ranges, heldBack.canaries.ranges(stream)) : []
    if (own.length === 0) return [violation]
    delayed.push({ ...violation, standing: RangeSet.of(own) })
    const rest = difference(standing.ranges, own)
    return rest.length === 0 ? [] : [{ ...violation, standing: RangeSet.of(rest) }]
  })
  return { counted, delayed }
}
