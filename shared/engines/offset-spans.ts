import { PARTITIONS_MAX, type PlacedRows } from './seq-order.ts'

export interface OffsetSpan {
  readonly partition: number
  readonly first: number
  readonly last: number
  readonly rows: number
}

/** Least and greatest offset of the rows of each partition. Throws RangeError for a partition that Kafka cannot have. */
export class OffsetSpans {
  readonly #partitions: number[] = []
  readonly #firsts = new Float64Array(PARTITIONS_MAX)
  readonly #lasts = new Float64Array(PARTITIONS_MAX)
  readonly #rows = new Float64Array(PARTITIONS_MAX)

  add({ count, partitions, offsets }: PlacedRows): void {
    const firsts = this.#firsts
    const lasts = this.#lasts
    const rows = this.#rows
    for (let row = 0; row < count; row++) {
      const partition = partitions[row] as number
      if (Number.isNaN(partition)) continue
      if (partition < 0 || partition >= PARTITIONS_MAX) throw new RangeError(`partition ${partition}`)
      if (rows[partition] === 0) this.#begin(partition)
      const offset = offsets[row] as number
      rows[partition] = (rows[partition] as number) + 1
      if (offset < (firsts[partition] as number)) firsts[partition] = offset
      if (offset > (lasts[partition] as number)) lasts[partition] = offset
    }
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

  #begin(partition: number): void {
    this.#partitions.push(partition)
    this.#firsts[partition] = Infinity
    this.#lasts[partition] = -Infinity
  }
}
