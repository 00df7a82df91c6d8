import type { Located, OffsetRange } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { type HopEvidence, type Segment } from '../../shared/core/evidence.ts'
import { withSkipped } from '../../shared/core/mirror.ts'
import { overtaken } from '../../shared/core/overtaken.ts'
import { members } from '../../shared/core/range-set.ts'
import type { Load } from '../../topology/plan.ts'

export type Offsets = ReadonlyMap<number, number>

/** How far the pipeline says it has come: what the group had committed at a moment, and where the topic ended after it. */
export interface Progress {
  readonly committed: Offsets
  readonly ends: Offsets
  readonly askedAtMs: number
}

/** What is known about loss at one hop. Segments are those of the hop before (the ledger, for the first). */
export interface LossWatch {
  readonly cleared: Set<Segment>
  /** Told by the pipeline, waiting until our own reading has come as far. */
  candidate: Progress | null
  proven: Offsets
  /** When that was asked for: our reading has come as far as the topic went then. */
  provenAskedMs: number
  /** The progress for which the segments that it has passed in part were looked at. */
  partsLookedAt: Offsets | null
  /** Suspects of the look under way, and when it was asked for. */
  looking: readonly Suspects[]
  lookedAtMs: number
  looksFailed: number
}

export interface Suspects {
  readonly segment: Segment
  readonly canaries: CanarySet
  /** Progress has passed the segment in part: of each, its own place decides. */
  readonly isPart: boolean
}

export const newLossWatch = (): LossWatch => ({
  cleared: new Set(),
  candidate: null,
  proven: new Map(),
  provenAskedMs: -Infinity,
  partsLookedAt: null,
  looking: [],
  lookedAtMs: 0,
  looksFailed: 0,
})

/** One look searches for no more than this; the rest waits for the next. */
export const SUSPECTS_MAX = 5_000
/** How much earlier than its origin a canary is searched for, to allow for clocks and batching. */
const SEARCH_BACK_MS = 10_000

/** Takes a progress report over once our reading has passed the ends it names. */
export function adoptProgress(watch: LossWatch, positions: Offsets): void {
  const { candidate } = watch
  if (candidate === null) return
  for (const [partition, end] of candidate.ends) if ((positions.get(partition) ?? 0) < end) return
  watch.proven = candidate.committed
  watch.provenAskedMs = candidate.askedAtMs
  watch.candidate = null
}

/** Whether everything in the segment has been passed: by our reading (first hop), or by the group that processes it. */
export const isPassed = (covered: readonly OffsetRange[], passed: Offsets) =>
  covered.every(({ partition, offsetLast }) => (passed.get(partition) ?? -1) > offsetLast)

/**
 * Segments whose canaries must all be here by now, with those that are not. Complete ones are marked as cleared. Of a
 * segment that progress has passed in part, those that later ones of their stream have overtaken; once for each progress.
 * `sighted` says whether the hop has seen a canary; `passed` how far the proof of progress reaches; `inParts` whether the
 * hop before knows the places of single canaries.
 */
export function suspectsOf(
  watch: LossWatch,
  segments: readonly Segment[],
  proof: { passed: Offsets; inParts: boolean; sighted: CanarySet; told: CanarySet; load: Load },
): Suspects[] {
  const suspects: Suspects[] = []
  let count = 0
  const looksAtParts = proof.inParts && watch.partsLookedAt !== proof.passed
  for (const segment of segments) {
    if (watch.cleared.has(segment)) continue
    const isPart = !isPassed(segment.covered, proof.passed)
    if (isPart && !(looksAtParts && isPassedInPart(segment.covered, proof.passed))) continue
    const missing = withSkipped(proof.load, CanarySet.of(segment.canaries)).minus(proof.sighted).minus(proof.told)
    if (missing.size === 0 && !isPart) watch.cleared.add(segment)
    const canaries = isPart ? overtaken(missing, proof.sighted) : missing
    if (canaries.size === 0) continue
    suspects.push({ segment, canaries, isPart })
    count += canaries.size
    if (count >= SUSPECTS_MAX) break
  }
  watch.partsLookedAt = proof.passed
  return suspects
}

const isPassedInPart = (covered: readonly OffsetRange[], passed: Offsets) =>
  covered.some(({ partition, offsetFirst }) => (passed.get(partition) ?? -1) > offsetFirst)

/** Where in the hop a fresh consumer has to look for canaries of these segments: from well before their origin on. */
export function searchFrom(hop: HopEvidence, baseline: Offsets, suspects: readonly Suspects[]): Map<number, number> {
  const sinceMs = Math.min(...suspects.map(({ segment }) => segment.atMs)) - SEARCH_BACK_MS
  const from = new Map(baseline)
  for (const segment of hop.segments) {
    if (segment.atMs >= sinceMs) break
    for (const { partition, offsetLast } of segment.covered) from.set(partition, Math.max(from.get(partition) ?? 0, offsetLast + 1))
  }
  return from
}

export interface LookResult {
  readonly found: readonly Located[]
  readonly origin: readonly Located[]
}

/**
 * Suspects that a second, fresh reader did not find either, with where they stand at the hop before. Of a segment passed in
 * part only those that are known to stand before what `passed` says.
 */
export function stillMissing(
  suspects: readonly Suspects[],
  look: LookResult,
  passed: Offsets,
): { stream: number; seq: number; origin: Located | null }[] {
  const found = new Set(look.found.map(({ stream, seq }) => `${stream}/${seq}`))
  const origins = new Map(look.origin.map((place) => [`${place.stream}/${place.seq}`, place]))
  const isBeyond = (origin: Located | undefined) => origin !== undefined && (passed.get(origin.partition) ?? -1) > origin.offset
  return suspects.flatMap(({ canaries, isPart }) =>
    canaries.streams().flatMap((stream) =>
      [...members(canaries.ranges(stream))]
        .filter((seq) => !found.has(`${stream}/${seq}`))
        .filter((seq) => !isPart || isBeyond(origins.get(`${stream}/${seq}`)))
        .map((seq) => ({ stream, seq, origin: origins.get(`${stream}/${seq}`) ?? null })),
    ),
  )
}
