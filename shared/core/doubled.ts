import type { OffsetRange } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { Load } from '../../topology/plan.ts'
import { CanarySet } from './canary-set.ts'
import type { HopEvidence } from './evidence.ts'
import { mirrorDefectAt } from './mirror.ts'
import type { Finding } from './violations.ts'

/**
 * Canaries that stand in two sightings of different offsets: two instances read them, and neither knew of the other's.
 * One reader tells its own repeats. Sightings that overlap may mean one record, so they say nothing here.
 */
export function noteDoubled(hop: HopEvidence, { covered, canaries }: Pick<Fact<'hop-sighted'>, 'covered' | 'canaries'>): void {
  const told = CanarySet.of(canaries)
  const again = told.and(hop.sighted)
  if (again.size === 0) return
  for (const segment of hop.segments)
    if (!areOverlapping(segment.covered, covered)) hop.doubled.addAll(again.and(CanarySet.of(segment.canaries)).toWire())
}

const areOverlapping = (left: readonly OffsetRange[], right: readonly OffsetRange[]) =>
  left.some((a) => right.some((b) => a.partition === b.partition && a.offsetFirst <= b.offsetLast && b.offsetFirst <= a.offsetLast))

/** Of these, what the hop before does not show already; a planted one must be seen at every hop. */
export function doubledAt(hop: string, { load, here, before }: { load: Load; here: HopEvidence; before: HopEvidence | null }): Finding[] {
  return here.doubled
    .members()
    .filter(({ stream, seq }) => before === null || mirrorDefectAt(load, stream, seq) !== null || !isRepeated(before, stream, seq))
    .map(({ stream, seq }) => ({ violation: 'duplicated', hop, stream, ranges: [seq, seq], expected: 'once', actual: 'again' }))
}

/** Whether the hop was seen to hold the canary more than once, by whomever. */
export const isRepeated = ({ doubled, repeats }: HopEvidence, stream: number, seq: number) =>
  doubled.has(stream, seq) || repeats.has(stream, seq)
