import type { PlacedRows } from './seq-order.ts'
import { SMALL_NUMBER_MAX } from './parquet-values.ts'

export interface OffsetSpan {
  readonly partition: number
  readonly first: number
  readonly last: number
  readonly rows: number
}

/** Least and greatest offset of the rows of each partition. */
export class OffsetSpans {
  readonly #partitions: number[] = []
  readonly #firsts = new Float64Array(SMALL_NUMBER_MAX + 1)
  /** Infinity where none has begun. */
  readonly #lasts = new Float64Array(SMALL_NUMBER_MAX + 1).fill(Infinity)
  readonly #rows = new Float64Array(SMALL_NUMBER_MAX + 1)

  /** Returns whether each row has a greater offset than all before it of its partition, in these rows and in those added earlier. */
  add(rows: PlacedRows): boolean {
    const grown = this.#addGrowing(rows)
    if (grown < rows.count) this.#addAny(rows, grown)
    return grown === rows.count
  }

  /** Of partitions that have a row with an offset, in their order. */
  get spans(): OffsetSpan[] {
    return this.#partitions
      .map((partition) => ({
        partition,
        first: this.#firsts[partition] as number,
        last: this.#lasts[partition] as number,
        rows: this.#rows[partition] as number,
      }))
      .filter(({ first }) => first !== Infinity)
      .sort((a, b) => a.partition - b.partition)
  }

  #addGrowing(rows: PlacedRows): number {
    for (let row = this.#addKnown(rows, 0); row < rows.count; row = this.#addKnown(rows, row)) {
      const partition = rows.partitions[row] as number
      const offset = rows.offsets[row] as number
      if (this.#rows[partition] !== 0 || Number.isNaN(offset)) return row
      this.#begin(partition, offset)
    }
    return rows.count
  }

  /** As files mostly are: adds rows from `from` on, as long as the offsets of partitions that have begun grow, and returns up to which. */
  #addKnown({ count, partitions, offsets }: PlacedRows, from: number): number {
    const lasts = this.#lasts
    const rows = this.#rows
    for (let row = from; row < count; row++) {
      const partition = partitions[row] as number
      if (partition < 0) continue
      const offset = offsets[row] as number
      // Nor does a null, or the first of a partition.
      if (!(offset > (lasts[partition] as number))) return row
      lasts[partition] = offset
      rows[partition] = (rows[partition] as number) + 1
    }
    return count
  }

  #addAny({ count, partitions, offsets }: PlacedRows, from: number): void {
    for (let row = from; row < count; row++) {
      const partition = partitions[row] as number
      if (partition < 0) continue
      if (this.#rows[partition] === 0) this.#begin(partition)
      this.#rows[partition] = (this.#rows[partition] as number) + 1
      const offset = offsets[row] as number
      if (offset < (this.#firsts[partition] as number)) this.#firsts[partition] = offset
      if (offset > (this.#lasts[partition] as number)) this.#lasts[partition] = offset
    }
  }

  #begin(partition: number, first = Infinity): void {
    this.#partitions.push(partition)
    this.#firsts[partition] = first
    this.#lasts[partition] = -Infinity
  }
}
