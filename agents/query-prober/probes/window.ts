import { sizeOf, type Ranges } from '../../../shared/core/range-set.ts'

/** Windows of a stream that together cover it, and how many canaries one may hold: each is computed anew in memory. */
const WINDOWS_PER_STREAM = 10
const WINDOWS_WISHED_MAX = 200
const WINDOW_CANARIES_MAX = 5_000

/** Canaries of one window of the final pass; fewer windows a stream where there are many streams. */
export function windowSize({ canaries, streams }: { canaries: number; streams: number }): number {
  const perStream = Math.max(1, Math.min(WINDOWS_PER_STREAM, Math.floor(WINDOWS_WISHED_MAX / streams)))
  return Math.max(1, Math.min(WINDOW_CANARIES_MAX, Math.ceil(Math.ceil(canaries / streams) / perStream)))
}

export interface Span {
  readonly first: number
  readonly last: number
}

/**
 * Cuts ranges at the borders of a grid, so that the same canaries always lie in the same window, whatever is left out
 * around them.
 */
export function cutWindows(ranges: Ranges, size: number): Span[] {
  const windows: Span[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    const last = ranges[i + 1] as number
    for (let first = ranges[i] as number; first <= last;) {
      const end = Math.min(last, (Math.floor(first / size) + 1) * size - 1)
      windows.push({ first, last: end })
      first = end + 1
    }
  }
  return windows
}

/** The halves of a window of two canaries or more. */
export function halves({ first, last }: Span): [Span, Span] {
  const middle = first + Math.floor((last - first) / 2)
  return [
    { first, last: middle },
    { first: middle + 1, last },
  ]
}

/** The member of ranges at place `n`, and the end of the range it lies in; null beyond the last. */
export function memberAt(ranges: Ranges, n: number): { seq: number; rangeLast: number } | null {
  let left = n
  for (let i = 0; i < ranges.length; i += 2) {
    const first = ranges[i] as number
    const rangeLast = ranges[i + 1] as number
    if (left <= rangeLast - first) return { seq: first + left, rangeLast }
    left -= rangeLast - first + 1
  }
  return null
}

/** So many places spread evenly over a set of streams: a sample. */
export function spread(
  streams: readonly { readonly stream: number; readonly ranges: Ranges }[],
  count: number,
): { stream: number; seq: number }[] {
  const total = streams.reduce((sum, { ranges }) => sum + sizeOf(ranges), 0)
  const wanted = Math.min(count, total)
  const picked: { stream: number; seq: number }[] = []
  let before = 0
  for (const { stream, ranges } of streams) {
    const size = sizeOf(ranges)
    for (; picked.length < wanted;) {
      const place = Math.floor(((picked.length + 0.5) * total) / wanted)
      const member = place < before + size ? memberAt(ranges, place - before) : null
      if (member === null) break
      picked.push({ stream, seq: member.seq })
    }
    before += size
  }
  return picked
}
