import { PARTITIONS_MAX, type PlacedRows } from './seq-order.ts'

export interface OffsetSpan {
  readonly partition: number
  readonly first: number
  readonly last: number
  readonly rows: number
}

/** Least and greatest offset of the rows of each partition. Throws RangeError for a partition that Kafka cannot have. */
export class OffsetSpans {
  readonly #firsts = new Float64Array(PARTITIONS_MAX).fill(Infinity)
  readonly #lasts = new Float64Array(PARTITIONS_MAX).fill(-Infinity)
  readonly #rows = new Float64Array(PARTITIONS_MAX)

  add({ count, partitions, offsets }: PlacedRows): void {
    const firsts = this.#firsts
    const lasts = this.#lasts
    const rows = this.#rows
    for (let row = 0; row < count; row++) {
      const partition = partitions[row] as number
      if (Number.isNaN(partition)) continue
      if (partition < 0 || partition >= PARTITIONS_MAX) throw new RangeError(`partition ${partition}`)
      const offset = offsets[row] as number
      rows[partition] = (rows[partition] as number) + 1
      if (offset < (firsts[partition] as number)) firsts[partition] = offset
      if (offset > (lasts[partition] as number)) lasts[partition] = offset
    }
  }

  /** Of partitions that have a row with an offset, in their order. */
  get spans(): OffsetSpan[] {
    return [...this.#firsts].flatMap((first, partition) =>
      first === Infinity ? [] : [{ partition, first, last: this.#lasts[partition] as number, rows: this.#rows[partition] as number }],
    )
  }
}
