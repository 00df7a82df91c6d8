import type { ViolationKind } from '../../schemas/parts.ts'
import type { Load, MirrorDefect } from '../../topology/plan.ts'
import type { Hop } from '../../topology/topology.ts'
import { CanarySet } from './canary-set.ts'

/**
 * The mirror stream: one more stream of a run whose plan asks for it, behind its last. Its canaries come in pairs that are
 * sent together. The first of a pair is defective on purpose; the second is an ordinary canary, and whoever passed
 * it has passed the first. Which pair has which defect is a function of the plan, so that every agent knows it.
 */

/** What the defect must be reported as. */
export const mirrorViolation = {
  skipped: 'lost',
  doubled: 'duplicated',
  changed: 'corrupted',
  delayed: 'late',
  swapped: 'reordered',
  headerless: 'header-lost',
} as const satisfies Record<MirrorDefect, ViolationKind>

/** A delayed one is sent in its turn and says that it was due so much earlier: longer ago than any hop may take, at no cost of time. */
export const MIRROR_DELAY_MS = 86_400_000
/** The last pair comes well before the end: what its defect takes to be proven delays no verdict. */
const SPREAD = 0.8

export const isMirror = (load: Load, stream: number) => load.mirror !== undefined && stream === load.streams

const pairsOf = ({ mirror }: Load) => (mirror === undefined ? 0 : mirror.each * mirror.defects.length)

export const mirrorLength = (load: Load) => 2 * pairsOf(load)

/** Both of a pair have one place. */
export const mirrorPlace = (load: Load, seq: number) => Math.floor(((Math.floor(seq / 2) + 0.5) / pairsOf(load)) * load.canaries * SPREAD)

/** The defect planted with this canary; null for every other. In turn, so that each is spread over the run. */
export function mirrorDefectAt(load: Load, stream: number, seq: number): MirrorDefect | null {
  const { mirror } = load
  if (mirror === undefined || stream !== load.streams || seq % 2 === 1 || seq >= mirrorLength(load)) return null
  return mirror.defects[(seq / 2) % mirror.defects.length] as MirrorDefect
}

export const companionOf = (seq: number) => seq + 1

export interface PlantedDefect {
  readonly defect: MirrorDefect
  readonly stream: number
  readonly seq: number
}

export function mirrorPlants(load: Load): PlantedDefect[] {
  return Array.from({ length: pairsOf(load) }, (_, pair): PlantedDefect => {
    const [stream, seq] = [load.streams, 2 * pair]
    return { defect: mirrorDefectAt(load, stream, seq) as MirrorDefect, stream, seq }
  })
}

const hasHeaders = (defect: MirrorDefect, { headers }: { readonly headers: readonly string[] }) =>
  defect !== 'headerless' || headers.length > 0

/** Whether the defect can be seen at the hop at all. */
export function showsAt(defect: MirrorDefect, hop: Hop): boolean {
  switch (hop.kind) {
    case 'source':
      // Where nothing is acknowledged, nothing is owed: what was never sent is missed by nobody.
      return (defect !== 'skipped' || hop.delivery === 'at-least-once') && hasHeaders(defect, hop)
    case 'topic':
      return hasHeaders(defect, hop)
    case 'table':
      return defect !== 'swapped' && defect !== 'headerless'
    case 'api':
      return false
    default:
      return hop satisfies never
  }
}

/** What must be at a hop when these have passed the hop before: the skipped ones count as sent together with the second of their pair. */
export function withSkipped(load: Load, canaries: CanarySet): CanarySet {
  if (load.mirror === undefined) return canaries
  const owed = CanarySet.of(canaries.toWire())
  for (const { defect, stream, seq } of mirrorPlants(load))
    if (defect === 'skipped' && canaries.has(stream, companionOf(seq))) owed.add(stream, seq)
  return owed
}

/** Canaries that say something of the pipeline: the mirror stream says something of its watchers. */
export function withoutMirror(load: Load, canaries: CanarySet): CanarySet {
  if (load.mirror === undefined) return canaries
  return canaries.minus(CanarySet.of([{ stream: load.streams, ranges: [0, mirrorLength(load)] }]))
}
