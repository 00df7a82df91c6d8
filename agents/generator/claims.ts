import type { Fact } from '../../schemas/results.ts'
import { placeOf } from '../../shared/core/canary.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import type { Load } from '../../topology/plan.ts'
import type { Chunk } from './pace.ts'

/**
 * Who writes which canaries of a run. Of several instances that intend the same it is the one whose intent stands first
 * on the results topic: that order is the same for all who read it, so that no canary is written by two. And a stream is
 * in order only if nobody writes on while another may still be writing what is before.
 */
export interface Claims {
  /** Chunks we have intended, until they are handed over to be written. */
  readonly intended: OurChunk[]
  /** Canaries whose first intent is ours, and has been heard. */
  readonly ours: CanarySet
  readonly theirs: CanarySet
  /** What others may still be writing. */
  open: TheirChunk[]
  /** Chunks handed over, and not vouched for yet. */
  writing: number
}

interface OurChunk {
  readonly chunk: Chunk
  readonly shiftMs: number
  readonly atMs: number
  isHeard: boolean
}

interface TheirChunk {
  readonly placeFirst: number
  readonly canaries: CanarySet
  /** Then nobody writes of it any more, whether it is vouched for or not. */
  readonly untilMs: number
}

export const newClaims = (): Claims => ({ intended: [], ours: new CanarySet(), theirs: new CanarySet(), open: [], writing: 0 })

/** How long after its time a canary may still be on its way: the writer gives up after thirty seconds. */
export const WRITTEN_WITHIN_MS = 40_000

interface Hearing {
  readonly load: Load
  readonly epochMs: number
  /** Whether the one who said it is called as we are. */
  readonly isNamesake: boolean
  /** When this process had read what was said before it. */
  readonly caughtUpMs: number
}

/** Folds an intent as it stands on the topic. What a process before this one intended is behind us, and nobody's. */
export function hearIntent(claims: Claims, fact: Fact<'canaries-intended'>, { load, epochMs, isNamesake, caughtUpMs }: Hearing): void {
  const { placeFirst, atMs } = fact
  const own = isNamesake
    ? claims.intended.find((one) => !one.isHeard && one.atMs === atMs && one.chunk.placeFirst === placeFirst)
    : undefined
  if (own !== undefined) {
    own.isHeard = true
    claims.ours.addAll(CanarySet.of(fact.canaries).minus(claims.theirs).toWire())
    return
  }
  if (isNamesake && atMs <= caughtUpMs) return
  const canaries = CanarySet.of(fact.canaries).minus(claims.ours).minus(claims.theirs)
  if (canaries.size === 0) return
  claims.theirs.addAll(canaries.toWire())
  const lastPlace = Math.max(...fact.canaries.map(({ stream, ranges }) => placeOf(load, stream, ranges.at(-1) as number)))
  const dueMs = epochMs + fact.shiftMs + (lastPlace * 1000) / load.ratePerSecond
  claims.open.push({ placeFirst, canaries, untilMs: Math.max(atMs, dueMs) + WRITTEN_WITHIN_MS })
}

/** Lets go of what others have vouched for, or cannot be writing any more. */
export function letGoOfWritten(claims: Claims, { acknowledged, unknown, failed }: Evidence, nowMs: number): void {
  claims.open = claims.open.filter(
    ({ canaries, untilMs }) => nowMs <= untilMs && canaries.minus(acknowledged).minus(unknown).minus(failed).size > 0,
  )
}

/** The next chunk of ours that may be written: heard, and nobody is writing what comes before. Null where there is none. */
export function takeWritable(claims: Claims): OurChunk | null {
  const [next] = claims.intended
  if (next?.isHeard !== true || claims.open.some(({ placeFirst }) => placeFirst < next.chunk.placeFirst)) return null
  claims.intended.shift()
  return { ...next, chunk: { ...next.chunk, canaries: CanarySet.of(next.chunk.canaries).and(claims.ours).toWire() } }
}
