import type { OffsetRange } from '../../schemas/parts.ts'

/** To read so many records more is cheaper than to join a group once more. */
const NEAR_OFFSETS = 5_000

/** What one consumer after another reads, each at most one span of each partition: intervals that are near are read in one go. */
export function lookRounds(intervals: readonly OffsetRange[]): OffsetRange[][] {
  const rounds: OffsetRange[][] = []
  for (const ofPartition of byPartition(intervals).values()) {
    for (const [index, span] of joined(ofPartition).entries()) (rounds[index] ??= []).push(span)
  }
  return rounds
}

function byPartition(intervals: readonly OffsetRange[]): Map<number, OffsetRange[]> {
  const found = new Map<number, OffsetRange[]>()
  for (const interval of intervals) found.set(interval.partition, [...(found.get(interval.partition) ?? []), interval])
  return found
}

function joined(intervals: readonly OffsetRange[]): OffsetRange[] {
  const spans: OffsetRange[] = []
  for (const interval of [...intervals].sort((a, b) => a.offsetFirst - b.offsetFirst)) {
    const last = spans.at(-1)
    if (last === undefined || interval.offsetFirst > last.offsetLast + NEAR_OFFSETS) spans.push(interval)
    else spans[spans.length - 1] = { ...last, offsetLast: Math.max(last.offsetLast, interval.offsetLast) }
  }
  return spans
}
