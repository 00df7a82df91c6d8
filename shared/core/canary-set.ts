import type { OffsetRange, StreamRanges } from '../../schemas/parts.ts'
import { RangeSet, difference, intersection, members, type Ranges } from './range-set.ts'

/** As `StreamRanges` are, of whoever only reads them. */
export interface CanaryRanges {
  readonly stream: number
  readonly ranges: Ranges
}

/** Sets of canaries: a range set for each stream. */
export class CanarySet {
  readonly #streams = new Map<number, RangeSet>()

  static of(canaries: readonly CanaryRanges[]): CanarySet {
    const set = new CanarySet()
    set.addAll(canaries)
    return set
  }

  static ofMembers(members: readonly { readonly stream: number; readonly seq: number }[]): CanarySet {
    const set = new CanarySet()
    for (const { stream, seq } of members) set.add(stream, seq)
    return set
  }

  addAll(canaries: readonly CanaryRanges[]): void {
    for (const { stream, ranges } of canaries) this.stream(stream).addAll(ranges)
  }

  /** Returns false when it was a member already. */
  add(stream: number, seq: number): boolean {
    return this.stream(stream).add(seq)
  }

  has(stream: number, seq: number): boolean {
    return this.#streams.get(stream)?.has(seq) ?? false
  }

  ranges(stream: number): Ranges {
    return this.#streams.get(stream)?.ranges ?? []
  }

  streams(): number[] {
    return [...this.#streams.keys()].sort((a, b) => a - b)
  }

  get size(): number {
    let size = 0
    for (const set of this.#streams.values()) size += set.size
    return size
  }

  /** The largest seq of the stream, or -1. */
  last(stream: number): number {
    return this.#streams.get(stream)?.last ?? -1
  }

  /** Each canary, by stream and seq. For sets that are small. */
  members(): { stream: number; seq: number }[] {
    return this.streams().flatMap((stream) => [...members(this.ranges(stream))].map((seq) => ({ stream, seq })))
  }

  toWire(): StreamRanges[] {
    return this.streams()
      .map((stream) => ({ stream, ranges: [...this.ranges(stream)] }))
      .filter(({ ranges }) => ranges.length > 0)
  }

  minus(other: CanarySet): CanarySet {
    return this.#combine((stream, ranges) => difference(ranges, other.ranges(stream)))
  }

  and(other: CanarySet): CanarySet {
    return this.#combine((stream, ranges) => intersection(ranges, other.ranges(stream)))
  }

  stream(stream: number): RangeSet {
    let set = this.#streams.get(stream)
    if (set === undefined) this.#streams.set(stream, (set = RangeSet.empty()))
    return set
  }

  #combine(pick: (stream: number, ranges: Ranges) => number[]): CanarySet {
    const set = new CanarySet()
    for (const stream of this.streams()) {
      const ranges = pick(stream, this.ranges(stream))
      if (ranges.length > 0) set.stream(stream).addAll(ranges)
    }
    return set
  }
}

/** Covered offsets by partition. */
export class OffsetCover {
  readonly #partitions = new Map<number, RangeSet>()

  add(covered: readonly OffsetRange[]): void {
    for (const { partition, offsetFirst, offsetLast } of covered) this.#set(partition).addRange(offsetFirst, offsetLast)
  }

  includes(covered: readonly OffsetRange[]): boolean {
    return covered.every(
      ({ partition, offsetFirst, offsetLast }) => difference([offsetFirst, offsetLast], this.#set(partition).ranges).length === 0,
    )
  }

  has(partition: number, offset: number): boolean {
    return this.#partitions.get(partition)?.has(offset) ?? false
  }

  /** The first offset not covered at or after `from`. */
  next(partition: number, from: number): number {
    const { ranges } = this.#set(partition)
    for (let i = 0; i < ranges.length; i += 2)
      if ((ranges[i] as number) <= from && from <= (ranges[i + 1] as number)) return (ranges[i + 1] as number) + 1
    return from
  }

  /** Behind the last offset covered at or after `from`. */
  end(partition: number, from: number): number {
    return Math.max(from, this.#set(partition).last + 1)
  }

  /** What is not covered at or after `from`, though something behind it is. */
  holes(partition: number, from: number): number[] {
    return difference([from, this.end(partition, from) - 1], this.#set(partition).ranges)
  }

  partitions(): number[] {
    return [...this.#partitions.keys()].sort((a, b) => a - b)
  }

  #set(partition: number): RangeSet {
    let set = this.#partitions.get(partition)
    if (set === undefined) this.#partitions.set(partition, (set = RangeSet.empty()))
    return set
  }
}
