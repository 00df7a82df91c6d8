import type { ViolationKind } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { isRepeated } from '../../shared/core/doubled.ts'
import { hopEvidence, raiseLast, type HopEvidence } from '../../shared/core/evidence.ts'
import { mirrorDefectAt } from '../../shared/core/mirror.ts'
import { evidenceOf, hopBefore, type RunWorks } from '../../shared/core/run-work.ts'
import { isContent, isOfFields } from '../../shared/core/violations.ts'
import { hopName } from '../../topology/topology.ts'
import type { Suspicion } from './sighting.ts'
import type { TopicContext, TopicWork } from './topic-work.ts'

/** What earlier hops show, told or not told yet, gathered once for all suspicions: each is looked up. */
interface Shown {
  readonly told: HopEvidence
  readonly near: TopicWork | undefined
  readonly repeats: CanarySet
  readonly disordered: CanarySet
  /** Canaries by what is wrong with them. */
  readonly defects: ReadonlyMap<string, CanarySet>
}

/** The suspicions of a hop, without what an earlier hop already shows: that is not this hop's doing. */
export function withoutInherited(works: RunWorks, { run, work, topic }: TopicContext): readonly Suspicion[] {
  const { suspicions } = topic
  const before = hopBefore(run, topic.name)
  if (before === null || suspicions.length === 0) return suspicions
  const shown = shownBefore(works, { run, work, topic }, before)
  const { load } = run.resolved.plan
  // Every watcher has to see what is planted, whoever saw it before.
  return suspicions.filter((one) => mirrorDefectAt(load, one.place.stream, one.place.seq) !== null || !isInherited(shown, one))
}

function shownBefore(works: RunWorks, { run, work, topic }: TopicContext, before: string): Shown {
  const evidence = evidenceOf(works, run.runId)
  const near = work.topics.get(before)
  const names = run.resolved.hops.map(hopName)
  const earlier = new Set(names.slice(0, names.indexOf(topic.name)))
  const defects = new Map<string, CanarySet>()
  const withDefect = (defect: string) => {
    const known = defects.get(defect) ?? new CanarySet()
    defects.set(defect, known)
    return known
  }
  for (const known of evidence.violations.values()) {
    if (!earlier.has(known.hop)) continue
    const canaries = [{ stream: known.stream, ranges: known.standing.ranges }]
    for (const defect of defectsOf(known)) withDefect(defect).addAll(canaries)
  }
  for (const { fault, place } of near?.suspicions ?? [])
    for (const defect of fault === null ? [] : defectsOf(fault)) withDefect(defect).add(place.stream, place.seq)
  return {
    told: hopEvidence(evidence, before),
    near,
    repeats: CanarySet.ofMembers(near?.pending.repeats ?? []),
    disordered: CanarySet.ofMembers(near?.pending.disordered ?? []),
    defects,
  }
}

/** What is one defect, at whichever hop it shows. */
const defectOf = (violation: ViolationKind, field: string | null) => (isContent(violation) ? CONTENT : `${violation}|${field ?? ''}`)
const CONTENT = 'content'

/** A field that is left out shows behind as one that is changed. */
const defectsOf = (known: Parameters<typeof isOfFields>[0]) => [
  defectOf(known.violation, known.field ?? null),
  ...(isOfFields(known) ? [CONTENT] : []),
]

function isInherited({ told, near, repeats, disordered, defects }: Shown, { violation, place, fault, behind }: Suspicion): boolean {
  const { stream, seq } = place
  switch (violation) {
    case 'duplicated':
      return isRepeated(told, stream, seq) || repeats.has(stream, seq)
    case 'reordered':
      return (
        told.disordered.has(stream, seq) ||
        disordered.has(stream, seq) ||
        (near !== undefined && hasMovedBetween([told.lasts, near.lasts], place, behind ?? seq))
      )
    case 'late':
      return told.late.has(stream, seq) || (near?.pending.late.has(stream, seq) ?? false)
    default:
      return defects.get(defectOf(violation, fault?.field ?? null))?.has(stream, seq) ?? false
  }
}

/** Whether a stream went on in another partition between two canaries: of these, nobody could know an order. */
function hasMovedBetween(
  lasts: readonly ReadonlyMap<string, number>[],
  { stream, seq }: { stream: number; seq: number },
  behind: number,
): boolean {
  const places = new Map<string, number>()
  for (const known of lasts) for (const [place, last] of known) if (place.endsWith(`/${stream}`)) raiseLast(places, place, last)
  const ofStream = [...places.values()]
  const newest = Math.max(...ofStream)
  return ofStream.some((last) => last < newest && seq <= last && last < behind)
}
