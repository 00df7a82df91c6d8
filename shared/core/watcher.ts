import type { ViolationKind } from '../../schemas/parts.ts'
import type { MirrorDefect } from '../../topology/plan.ts'
import { hopName, type Hop } from '../../topology/topology.ts'
import type { CanarySet } from './canary-set.ts'
import { hopEvidence, type Evidence } from './evidence.ts'
import { companionOf, mirrorPlants, mirrorViolation, showsAt, type PlantedDefect } from './mirror.ts'
import type { RunState } from './run-book.ts'

/** What the watcher of one hop made of one defect that was planted: rule 12, the watcher is watched. */
export interface WatchedDefect {
  readonly defect: MirrorDefect
  readonly hop: string
  /** Planted, vouched for, and such that the watcher had to see it. */
  readonly planted: number
  /** Those not reported as what they are, and what they were reported as instead. */
  readonly unseen: readonly ShownDefect[]
  /** Those of which something else was reported: by a watcher that errs, or a pipeline that did it to one of these. */
  readonly odd: readonly ShownDefect[]
}

export interface ShownDefect {
  readonly stream: number
  readonly seq: number
  readonly shownAs: readonly ViolationKind[]
}

const taskOfHop = { source: 'sight-topics', topic: 'sight-topics', table: 'reconcile-table', api: 'probe-api' } as const

/** Whether the plan has a stage that looks at the hop: what no stage watches is not judged, and not shown as if it were. */
export const isWatched = (run: RunState, hop: Hop) => run.resolved.plan.stages.some(({ task }) => task === taskOfHop[hop.kind])

/** Acknowledged canaries; where a source acknowledges nothing, what it was seen to hold. */
export function vouchedFor(run: RunState, evidence: Evidence): CanarySet {
  const [first] = run.resolved.hops
  const isTold = first?.kind === 'source' && first.delivery === 'at-most-once'
  return isTold ? hopEvidence(evidence, hopName(first)).sighted : evidence.acknowledged
}

/**
 * Each planted defect at each hop that shows it. Only of watchers that have done their work: one that is absent, was cut
 * short or says itself that evidence is missing is not blind, and makes the run inconclusive for its own reason.
 */
export function watchedDefects(run: RunState, evidence: Evidence): WatchedDefect[] {
  const { stages, load } = run.resolved.plan
  if (load.mirror === undefined) return []
  const hasEnded = (task: string) => stages.every((stage) => stage.task !== task || run.stages.get(stage.stage)?.ended?.outcome === 'ok')
  if (!hasEnded('produce')) return []
  const vouched = vouchedFor(run, evidence)
  const plants = mirrorPlants(load).filter((plant) => isPlanted(plant, vouched))
  const found = findingsByPlace(evidence)
  return run.resolved.hops.flatMap((hop) => {
    const name = hopName(hop)
    const isDone = isWatched(run, hop) && hasEnded(taskOfHop[hop.kind]) && !evidence.missing.some((missing) => missing.hop === name)
    if (!isDone) return []
    return (load.mirror?.defects ?? [])
      .filter((defect) => showsAt(defect, hop))
      .map((defect): WatchedDefect => {
        const shownAs = ({ stream, seq }: PlantedDefect) => found.get(placeKey(name, stream, seq)) ?? []
        const all = plants.filter((plant) => plant.defect === defect)
        const here = all.filter((plant) => isDecidable(plant, { evidence, hop: name }))
        const unseen = here.filter((plant) => !shownAs(plant).includes(mirrorViolation[defect]))
        const odd = all.filter((plant) => !unseen.includes(plant) && shownAs(plant).some((kind) => isOdd(defect, kind)))
        const shown = (those: readonly PlantedDefect[]) =>
          those.map((plant) => ({ stream: plant.stream, seq: plant.seq, shownAs: shownAs(plant) }))
        return { defect, hop: name, planted: here.length, unseen: shown(unseen), odd: shown(odd) }
      })
  })
}

/** Inconclusive by these: a watcher that misses what was planted would miss the pipeline's own. */
export function watcherReasons(run: RunState, evidence: Evidence): string[] {
  return watchedDefects(run, evidence).flatMap(({ defect, hop, planted, unseen, odd }) => {
    const reasons: string[] = []
    if (planted === 0) reasons.push(`whether a ${defect} canary would be seen at ${hop} is not known: none could be planted`)
    if (unseen.length > 0)
      reasons.push(
        `the watcher of ${hop} is blind: ${unseen.length} of ${planted} ${defect} canaries were not reported as ${mirrorViolation[defect]} (${placesOf(unseen)})`,
      )
    if (odd.length > 0)
      reasons.push(`more than what was planted was reported of ${odd.length} ${defect} canaries at ${hop} (${placesOf(odd)})`)
    return reasons
  })
}

const placesOf = (shown: readonly ShownDefect[]) =>
  shown
    .map(({ stream, seq, shownAs }) => `stream ${stream} seq ${seq}${shownAs.length === 0 ? '' : `, as ${shownAs.join(' and ')}`}`)
    .join('; ')

/** A pair of which something is in doubt proves nothing. */
const isPlanted = ({ defect, stream, seq }: PlantedDefect, vouched: CanarySet) =>
  vouched.has(stream, companionOf(seq)) && (defect === 'skipped' || vouched.has(stream, seq))

/**
 * Where one of the pair did not come, the pipeline has lost it: it can show no defect, nor prove one. A late one is not told
 * to be out of order.
 */
function isDecidable({ defect, stream, seq }: PlantedDefect, { evidence, hop }: { evidence: Evidence; hop: string }): boolean {
  const { sighted, late } = hopEvidence(evidence, hop)
  const hasCome = sighted.has(stream, companionOf(seq)) && (defect === 'skipped' || sighted.has(stream, seq))
  return hasCome && !(defect === 'swapped' && late.has(stream, seq))
}

/** Lateness may come on top, by a pipeline that is slow. */
const isOdd = (defect: MirrorDefect, kind: ViolationKind) => kind !== mirrorViolation[defect] && kind !== 'late'

const placeKey = (hop: string, stream: number, seq: number) => `${hop} ${stream}/${seq}`

function findingsByPlace({ mirror }: Evidence): Map<string, ViolationKind[]> {
  const found = new Map<string, ViolationKind[]>()
  for (const { hop, stream, seq, violation } of mirror.values()) {
    const key = placeKey(hop, stream, seq)
    found.set(key, [...(found.get(key) ?? []), violation])
  }
  return found
}
