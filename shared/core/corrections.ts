import type { BusEffect } from './bus-events.ts'
import type { CanarySet } from './canary-set.ts'
import { hopEvidence } from './evidence.ts'
import { difference, intersection, union } from './range-set.ts'
import { evidenceOf, headOf, say, type RunWorks } from './run-work.ts'

/** A lost one that arrives after all was late, or not even that: taken back with a fact of its own. */
export function takeBackLost(
  works: RunWorks,
  at: { runId: string; hop: string },
  arrived: { canaries: CanarySet; late: CanarySet },
): BusEffect[] {
  const effects: BusEffect[] = []
  for (const violation of [...evidenceOf(works, at.runId).violations.values()]) {
    if (violation.violation !== 'lost' || violation.hop !== at.hop || violation.standing.isEmpty) continue
    const { stream } = violation
    const here = intersection(violation.standing.ranges, arrived.canaries.ranges(stream))
    const late = intersection(here, arrived.late.ranges(stream))
    const takeBack = (ranges: number[], becomes: 'late' | null) => {
      if (ranges.length === 0) return
      const reason = becomes === 'late' ? 'arrived after all, late' : 'arrived after all, in time'
      effects.push(
        say(works, { kind: 'correction', ...headOf(works, at.runId), violation: 'lost', becomes, hop: at.hop, stream, ranges, reason }),
      )
    }
    takeBack(late, 'late')
    takeBack(difference(here, late), null)
  }
  return effects
}

/** Repeats that the hop before is seen to hold as well, told of here before that was known: they came so. */
export function takeBackInherited(works: RunWorks, at: { runId: string; hop: string; before: string }): BusEffect[] {
  const evidence = evidenceOf(works, at.runId)
  const { doubled, repeats } = hopEvidence(evidence, at.before)
  return [...evidence.violations.values()].flatMap(({ violation, hop, stream, standing }) => {
    if (violation !== 'duplicated' || hop !== at.hop) return []
    const ranges = intersection(standing.ranges, union(doubled.ranges(stream), repeats.ranges(stream)))
    if (ranges.length === 0) return []
    const reason = `${at.before} holds it more than once already`
    return [say(works, { kind: 'correction', ...headOf(works, at.runId), violation, becomes: null, hop, stream, ranges, reason })]
  })
}
