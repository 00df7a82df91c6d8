import type { PlacedRows } from './seq-order.ts'
import { SMALL_NUMBER_MAX } from './parquet-values.ts'

export interface OffsetSpan {
  readonly partition: number
  readonly first: number
  readonly last: number
  readonly rows: number
}

/** No offset is greater than this one, so that the first of a partition is told from those that follow. */
const NONE = Infinity

/** Least and greatest offset of the rows of each partition. */
export class OffsetSpans {
  readonly #partitions: number[] = []
  readonly #firsts = new Float64Array(SMALL_NUMBER_MAX + 1)
  readonly #lasts = new Float64Array(SMALL_NUMBER_MAX + 1).fill(NONE)
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
      .filter((partition) => this.#lasts[partition] !== NONE)
      .map((partition) => ({
        partition,
        first: this.#firsts[partition] as number,
        last: this.#lasts[partition] as number,
        rows: this.#rows[partition] as number,
      }))
      .sort((a, b) => a.partition - b.partition)
  }

  #addGrowing(rows: PlacedRows): number {
    for (let row = this.#addKnown(rows, 0); row < rows.count; row = this.#addKnown(rows, row)) {
      const partition = rows.partitions[row] as number
      const offset = rows.offsets[row] as number
      if (this.#lasts[partition] !== NONE || Number.isNaN(offset)) return row
      this.#meet(partition)
      this.#firsts[partition] = offset
      this.#lasts[partition] = -Infinity
    }
    return rows.count
  }

  /** As files mostly are: adds rows from `from` on, as long as the offsets of partitions that have one grow, and returns up to which. */
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
      this.#meet(partition)
      this.#rows[partition] = (this.#rows[partition] as number) + 1
      const offset = offsets[row] as number
      if (Number.isNaN(offset)) continue
      const isFirst = this.#lasts[partition] === NONE
      this.#firsts[partition] = isFirst ? offset : Math.min(offset, this.#firsts[partition] as number)
      this.#lasts[partition] = isFirst ? offset : Math.max(offset, this.#lasts[partition] as number)
    }
  }

  #meet(partition: number): void {
    if (this.#rows[partition] === 0) this.#partitions.push(partition)
  }
}
