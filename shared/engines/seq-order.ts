import { SMALL_NUMBER_MAX } from './parquet-values.ts'
import { MAX_STREAMS } from './stream-names.ts'

/** A row that stands behind one of a greater seq: a row of its stream and partition with a lesser offset has it. */
export interface OutOfOrder {
  readonly stream: number
  readonly seq: number
  readonly partition: number
  readonly offset: number
}

/** Rows of one row group: stream and partition are negative where there is none, an offset is then NaN. */
export interface PlacedRows {
  readonly count: number
  readonly streams: Int32Array
  readonly seqs: Float64Array
  readonly partitions: Int32Array
  readonly offsets: Float64Array
}

const LISTED_MAX = 10_000

/**
 * Finds rows out of order in one pass, group by group. It holds the newest row of each stream and partition, which is
 * enough while what comes later in the files came later to the topic; a group that is sorted otherwise is sorted by
 * offset first. Streams whose groups overlap in offsets are `tangled`: of them nothing said here holds.
 */
export class SeqOrder {
  readonly tangled = new Set<number>()
  /** Of streams and partitions that were turned away from: the newest offset, and the greatest seq up to there. */
  readonly #newest = new Map<number, readonly [offset: number, seq: number]>()
  /** The same of each stream's partition at hand. */
  readonly #partition = new Int32Array(MAX_STREAMS).fill(-1)
  readonly #offset = new Float64Array(MAX_STREAMS).fill(-1)
  readonly #seq = new Float64Array(MAX_STREAMS).fill(-1)
  readonly #counts = new Map<number, number>()
  #found: OutOfOrder[] = []

  /** `isGrowing`: each row has a greater offset than all before it of its partition, those added earlier too. */
  add(rows: PlacedRows, isGrowing: boolean): void {
    if (isGrowing) this.#addGrowing(rows)
    else for (const row of byOffset(rows)) this.#row(rows, row)
  }

  /** Of the streams that are not tangled; the first LISTED_MAX of them. */
  get found(): OutOfOrder[] {
    return this.#found.filter(({ stream }) => !this.tangled.has(stream))
  }

  get count(): number {
    return [...this.#counts].reduce((sum, [stream, count]) => sum + (this.tangled.has(stream) ? 0 : count), 0)
  }

  #addGrowing(rows: PlacedRows): void {
    for (let row = this.#addInOrder(rows, 0); row < rows.count; row = this.#addInOrder(rows, row + 1)) this.#row(rows, row)
  }

  /**
   * As files mostly are: adds rows from `from` on, until one turns to another partition or is out of order, and returns which.
   * Calls nothing: that would take half as long again for every row.
   */
  #addInOrder({ count, streams, seqs, partitions, offsets }: PlacedRows, from: number): number {
    const turnedTo = this.#partition
    const newestOffset = this.#offset
    const newestSeq = this.#seq
    for (let row = from; row < count; row++) {
      const stream = streams[row] as number
      const partition = partitions[row] as number
      if (stream < 0 || partition < 0) continue
      const seq = seqs[row] as number
      if (turnedTo[stream] !== partition || seq < (newestSeq[stream] as number)) return row
      newestOffset[stream] = offsets[row] as number
      newestSeq[stream] = seq
    }
    return count
  }

  #row({ streams, seqs, partitions, offsets }: PlacedRows, row: number): void {
    const stream = streams[row] as number
    const partition = partitions[row] as number
    const offset = offsets[row] as number
    const seq = seqs[row] as number
    if (stream < 0 || partition < 0) return
    if (this.#partition[stream] !== partition) this.#turnTo(stream, partition)
    if (offset <= (this.#offset[stream] as number)) this.tangled.add(stream)
    this.#offset[stream] = offset
    if (seq >= (this.#seq[stream] as number)) this.#seq[stream] = seq
    else this.#find({ stream, seq, partition, offset })
  }

  #turnTo(stream: number, partition: number): void {
    const before = this.#partition[stream] as number
    if (before >= 0) this.#newest.set(keyOf(stream, before), [this.#offset[stream] as number, this.#seq[stream] as number])
    const [offset, seq] = this.#newest.get(keyOf(stream, partition)) ?? [-1, -1]
    this.#partition[stream] = partition
    this.#offset[stream] = offset
    this.#seq[stream] = seq
  }

  #find(row: OutOfOrder): void {
    this.#counts.set(row.stream, (this.#counts.get(row.stream) ?? 0) + 1)
    if (this.#found.length < LISTED_MAX) this.#found.push(row)
  }
}

const keyOf = (stream: number, partition: number) => stream * (SMALL_NUMBER_MAX + 1) + partition

function byOffset({ count, offsets }: PlacedRows): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row).filter((row) => !Number.isNaN(offsets[row]))
  return rows.sort((a, b) => (offsets[a] as number) - (offsets[b] as number))
}
