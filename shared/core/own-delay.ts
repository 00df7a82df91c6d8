import type { ViolationKind } from '../../schemas/parts.ts'
import { CanarySet } from './canary-set.ts'
import type { Evidence, Violation } from './evidence.ts'
import type { FaultReason } from './faults.ts'
import { difference, intersection, RangeSet } from './range-set.ts'

const ofTime: ReadonlySet<ViolationKind> = new Set(['late', 'stale'])

/**
 * Lateness counts from when a canary was to be sent. One that waited in the generator itself (a starved process, a
 * results topic that takes no intent) says nothing of the pipeline's time: neither for it nor against it.
 */
export function withoutOwnDelay(
  violations: readonly Violation[],
  { heldBack }: Pick<Evidence, 'heldBack'>,
): { counted: Violation[]; reasons: FaultReason[] } {
  const delayed = new Map<string, CanarySet>()
  const counted = violations.flatMap((violation): Violation[] => {
    const { stream, standing } = violation
    const own = ofTime.has(violation.violation) ? intersection(standing.ranges, heldBack.canaries.ranges(stream)) : []
    if (own.length === 0) return [violation]
    const what = `${violation.violation} at ${violation.hop}`
    const canaries = delayed.get(what) ?? new CanarySet()
    canaries.addAll([{ stream, ranges: own }])
    delayed.set(what, canaries)
    const rest = difference(standing.ranges, own)
    return rest.length === 0 ? [] : [{ ...violation, standing: RangeSet.of(rest) }]
  })
  const reasons = [...delayed].map(([what, canaries]): FaultReason => ({
    verdict: 'inconclusive',
    text: `${canaries.size} ${what} say nothing of the pipeline: the generator itself sent them up to ${heldBack.longestMs} ms after their time`,
  }))
  return { counted, reasons }
}
