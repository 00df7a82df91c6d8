import type { Located, OffsetRange } from '../../schemas/parts.ts'
import { OffsetCover } from '../../shared/core/canary-set.ts'
import type { HopEvidence, Segment } from '../../shared/core/evidence.ts'
import { difference, intersection } from '../../shared/core/range-set.ts'
import type { Offsets } from './loss.ts'

/** A hop's log as the broker describes it. */
export interface LogState {
  /** Null where nobody tells one. */
  readonly topicId: string | null
  readonly partitions: readonly {
    readonly partition: number
    /** The first offset that is left. */
    readonly low: number
    /** The offset the next record will get; what an open transaction holds back included. */
    readonly end: number
    /** How far a reader of committed records comes. */
    readonly stableEnd: number
  }[]
}

/** What a second look could not look at, and why. */
export interface LookLimits {
  readonly topicIds: readonly TopicId[]
  /** Offsets of the search that are no more. */
  readonly removed: readonly OffsetRange[]
  /** Whether the topic keeps only the last record of each key; null where the broker would not say. */
  readonly compacted: boolean | null
  /** Records that no one can decode, whose trace is that of a suspect: where they stand, and why. */
  readonly unreadable: readonly UnreadableCanary[]
}

export interface UnreadableCanary extends Located {
  readonly reason: string
}

export interface TopicId {
  readonly hop: string
  readonly topicId: string
}

export interface SeenLog {
  readonly state: LogState
  readonly askedAtMs: number
  /** Our positions when this was asked for: a log that is whole ends behind them, however long the answer took. */
  readonly asked: Offsets
}

/** Whether what is read at a hop is still the log the run began with, and how much of it nobody can read any more. */
export interface LogWatch {
  readonly topicId: string | null
  readonly removed: OffsetCover
  /** Removed offsets that were not told yet. */
  untold: OffsetRange[]
  /** Offsets were passed over that hold no record any more, or may have been before this process was. */
  skipped: boolean
  /** What was seen before: what it takes two to say is not said of a moment. */
  last: SeenLog | null
  /** Why reading does not go on, though there is more. */
  heldBack: string | null
  /** Why nothing can be said of this log any more. */
  broken: string | null
}

export function newLogWatch(topicId: string | null, told: HopEvidence, baseline: Offsets): LogWatch {
  const watch: LogWatch = {
    topicId,
    removed: new OffsetCover(),
    untold: [],
    skipped: false,
    last: null,
    heldBack: null,
    broken: null,
  }
  for (const partition of told.cover.partitions()) {
    watch.skipped ||= told.cover.end(partition, 0) > 0
    // Our own sightings leave out what was gone when they came to it.
    watch.removed.add(rangesOf(partition, told.cover.holes(partition, baseline.get(partition) ?? 0)))
  }
  return watch
}

const rangesOf = (partition: number, ranges: readonly number[]): OffsetRange[] =>
  Array.from({ length: ranges.length / 2 }, (_, at) => ({
    partition,
    offsetFirst: ranges[at * 2] as number,
    offsetLast: ranges[at * 2 + 1] as number,
  }))

export function noteRemoved(watch: LogWatch, removed: OffsetRange): void {
  if (watch.removed.includes([removed])) return
  watch.removed.add([removed])
  watch.untold.push(removed)
}

/** What a new state of the log means. Retention works while we read: only what was so twice, without our having moved, is so. */
export function compareLog(watch: LogWatch, positions: Offsets, seen: SeenLog): { removed: OffsetRange[]; broken: Broken | null } {
  const { state, asked } = seen
  const lastAsked = watch.last?.asked
  const last = new Map(watch.last?.state.partitions.map((partition) => [partition.partition, partition]))
  watch.last = seen
  watch.heldBack = null
  const renamed = renamedOf(watch, state.topicId)
  if (renamed !== null) return { removed: [], broken: renamed }
  for (const { partition, end, stableEnd } of state.partitions) {
    const position = positions.get(partition) ?? 0
    if (Math.max(stableEnd, last.get(partition)?.stableEnd ?? Infinity) <= position && position < end)
      watch.heldBack = `an open transaction holds back partition ${partition} from offset ${stableEnd} on`
    const wasCutOff = (last.get(partition)?.end ?? Infinity) < (lastAsked?.get(partition) ?? 0)
    if (wasCutOff && end < (asked.get(partition) ?? 0))
      return {
        removed: [],
        broken: {
          field: 'log-end',
          expected: `partition ${partition} goes on at offset ${position}`,
          actual: `it ends at ${end}: the log was cut off, or the topic made again`,
        },
      }
  }
  const removed = state.partitions.flatMap(({ partition, low }): OffsetRange[] => {
    const position = positions.get(partition) ?? 0
    const before = last.get(partition)?.low ?? 0
    return Math.min(low, before) > position ? [{ partition, offsetFirst: position, offsetLast: Math.min(low, before) - 1 }] : []
  })
  return { removed, broken: null }
}

export interface Broken {
  readonly field: 'topic-id' | 'log-end'
  readonly expected: string
  readonly actual: string
}

export function renamedOf({ topicId: was }: LogWatch, is: string | null): Broken | null {
  if (was === null || is === null || was === is) return null
  return { field: 'topic-id', expected: was, actual: `${is}: the topic was deleted and made again` }
}

/**
 * Why "not found" does not mean lost; null where it does. At the first hop the ledger says at which offsets the canaries of a
 * segment stand; further on they may stand anywhere in what was searched.
 */
export function doubtOf(watch: LogWatch, limits: LookLimits, { segment, isFirst }: { segment: Segment; isFirst: boolean }): string | null {
  const gone = [...limits.removed, ...watch.removed.partitions().flatMap((partition) => removedOf(watch, partition))]
  const hit = isFirst ? gone.find((range) => segment.covered.some((covered) => overlap(covered, range))) : gone[0]
  if (hit !== undefined) return removedText(hit)
  if (!watch.skipped || limits.compacted === false) return null
  const why = limits.compacted === null ? 'whether the topic is compacted was not to be learnt' : 'the topic is compacted'
  return `${why}, and there may be offsets in it whose records are gone: what stood there cannot be told`
}

export const removedText = ({ partition, offsetFirst, offsetLast }: OffsetRange) =>
  `offsets ${offsetFirst} to ${offsetLast} of partition ${partition} were removed before they were read: what stood there cannot be told`

const removedOf = ({ removed }: LogWatch, partition: number) =>
  rangesOf(partition, difference([0, removed.end(partition, 0) - 1], removed.holes(partition, 0)))

const overlap = (a: OffsetRange, b: OffsetRange) =>
  a.partition === b.partition && intersection([a.offsetFirst, a.offsetLast], [b.offsetFirst, b.offsetLast]).length > 0
