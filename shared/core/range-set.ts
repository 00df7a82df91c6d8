import { assert } from './assert.ts'
import { InvariantError } from './errors.ts'

/**
 * A set of non-negative integers as sorted, disjoint, non-touching ranges: `[first, last, first, last, …]`.
 *
 * Streams arrive nearly in order, so the common `add` extends the last range; memory and the size on the wire are
 * O(gaps), whatever the count.
 */
export type Ranges = readonly number[]

export class RangeSet {
  #ranges: number[]

  private constructor(ranges: number[]) {
    this.#ranges = ranges
  }

  static empty(): RangeSet {
    return new RangeSet([])
  }

  /** Copies `ranges`; throws INVARIANT_BROKEN unless they are sorted pairs. Touching ranges are joined. */
  static of(ranges: Ranges): RangeSet {
    const set = RangeSet.empty()
    set.addAll(ranges)
    return set
  }

  get ranges(): Ranges {
    return this.#ranges
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  /** The largest member, or -1. */
  get last(): number {
    return this.#ranges.at(-1) ?? -1
  }

  get size(): number {
    return sizeOf(this.#ranges)
  }

  has(value: number): boolean {
    const at = this.#rangeAt(value)
    return at >= 0 && value <= (this.#ranges[at + 1] as number)
  }

  /** Returns false when `value` was a member already. */
  add(value: number): boolean {
    const ranges = this.#ranges
    const last = ranges.length - 1
    if (last > 0 && value === (ranges[last] as number) + 1) {
      ranges[last] = value
      return true
    }
    if (this.has(value)) return false
    this.addRange(value, value)
    return true
  }

  addAll(ranges: Ranges): void {
    assert(ranges.length % 2 === 0, `ranges come in pairs, got ${ranges.length} numbers`)
    for (let i = 0; i < ranges.length; i += 2) this.addRange(ranges[i] as number, ranges[i + 1] as number)
  }

  addRange(first: number, last: number): void {
    // No text is made of those that are one: there are very many.
    if (!(first <= last && first >= 0)) throw new InvariantError(`not a range: ${first}..${last}`)
    const ranges = this.#ranges
    const tail = ranges.length - 2
    if (tail < 0 || first > (ranges[tail + 1] as number) + 1) {
      ranges.push(first, last)
      return
    }
    if (first >= (ranges[tail] as number)) {
      ranges[tail + 1] = Math.max(last, ranges[tail + 1] as number)
      return
    }
    // The first range that ends at or after first - 1 (touching counts), and the first that starts beyond last + 1.
    let from = Math.max(0, this.#rangeAt(first))
    if ((ranges[from + 1] as number) + 1 < first) from += 2
    let to = from
    while (to < ranges.length && (ranges[to] as number) <= last + 1) to += 2
    if (to === from) {
      ranges.splice(from, 0, first, last)
      return
    }
    const joinedFirst = Math.min(first, ranges[from] as number)
    const joinedLast = Math.max(last, ranges[to - 1] as number)
    ranges.splice(from, to - from, joinedFirst, joinedLast)
  }

  /** Index of the last range that starts at or before `value`, or -1. */
  #rangeAt(value: number): number {
    const ranges = this.#ranges
    let low = 0
    let high = ranges.length / 2 - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if ((ranges[middle * 2] as number) <= value) low = middle + 1
      else high = middle - 1
    }
    return high * 2
  }
}

export function sizeOf(ranges: Ranges): number {
  let size = 0
  for (let i = 0; i < ranges.length; i += 2) size += (ranges[i + 1] as number) - (ranges[i] as number) + 1
  return size
}

/** Members of `left` that are not in `right`. */
export function difference(left: Ranges, right: Ranges): number[] {
  const out: number[] = []
  let at = 0
  for (let i = 0; i < left.length; i += 2) {
    let first = left[i] as number
    const last = left[i + 1] as number
    while (at < right.length && (right[at + 1] as number) < first) at += 2
    let scan = at
    while (scan < right.length && (right[scan] as number) <= last) {
      if ((right[scan] as number) > first) out.push(first, (right[scan] as number) - 1)
      first = (right[scan + 1] as number) + 1
      scan += 2
    }
    if (first <= last) out.push(first, last)
  }
  return out
}

export function intersection(left: Ranges, right: Ranges): number[] {
  return difference(left, difference(left, right))
}

export function union(left: Ranges, right: Ranges): number[] {
  const set = RangeSet.of(left)
  set.addAll(right)
  return [...set.ranges]
}

/** Members one by one; for ranges known to be small (violations, samples). */
export function* members(ranges: Ranges): Generator<number> {
  for (let i = 0; i < ranges.length; i += 2) {
    for (let value = ranges[i] as number; value <= (ranges[i + 1] as number); value++) yield value
  }
}
