import { IdentityColumn, NO_STREAM } from './identity-column.ts'
import { isForEngine, newSlot, readGroup, type GroupRows, type Reading } from './identity-group.ts'
import { rowsByThreads } from './identity-threads.ts'
import { rowGroupsOf, type RowGroup } from './parquet-groups.ts'
import type { DuckDb } from './duckdb.ts'
import type { IdentityScanInput } from './identity-scan.ts'
import { SeqMarks } from './seq-marks.ts'
import { OffsetSpans } from './offset-spans.ts'
import { SeqOrder, type OutOfOrder } from './seq-order.ts'
import { NO_NUMBER, NO_SMALL_NUMBER } from './parquet-values.ts'
import { StreamNames } from './stream-names.ts'

/** From so many rows on threads of their own are worth their start. */
const ROWS_FOR_THREADS = 2_000_000
/** Beyond, the engine names them. */
const REPEATS_MAX = 100_000
/** A canary that is there twice mostly stands there at once: so many rows before are looked at for the first one. */
const ROWS_LOOKED_BACK = 1_024

export interface PageScan {
  readonly rowCount: number
  readonly malformedCount: number
  readonly names: StreamNames
  readonly marks: SeqMarks
  readonly repeatCount: number
  /** Rows of canaries of which there are several, the first of each too. */
  readonly repeated: readonly RepeatedRow[]
  readonly offsets: OffsetSpans
  readonly order: SeqOrder
}

export interface RepeatedRow extends OutOfOrder {
  readonly path: string
  readonly row: number
}

/**
 * The identities in local Parquet files, read from their pages in one pass; null where the engine must read them: kinds of
 * pages not known here, rows of others among the canaries, trouble of any kind (the engine then names it).
 */
export async function scanPages(db: DuckDb, input: IdentityScanInput): Promise<PageScan | null> {
  const groups = await rowGroupsOf(db, input)
  if (groups === null) return null
  try {
    const scan = new Scan(input)
    for await (const rows of rowsOf(groups, scan.reading)) scan.add(rows)
    if (scan.repeatCount > REPEATS_MAX) return null
    for await (const rows of rowsOf(scan.takeFarRepeats(), scan.reading)) scan.addRepeats(rows)
    return scan
  } catch (error) {
    if (isForEngine(error)) return null
    throw error
  }
}

/** The rows of each group in turn. What they stand in is used again for later groups. */
async function* rowsOf(groups: readonly RowGroup[], reading: Reading): AsyncGenerator<GroupRows> {
  if (groups.reduce((sum, { rowCount }) => sum + rowCount, 0) >= ROWS_FOR_THREADS) {
    yield* rowsByThreads(groups, reading)
    return
  }
  const slot = newSlot(groups, { withPlaces: reading.withPlaces, isShared: false })
  const column = new IdentityColumn(reading.names)
  for (const group of groups) yield { group, count: group.rowCount, ...slot, turns: await readGroup(group, column, slot) }
}

class Scan implements PageScan {
  readonly names = new StreamNames()
  readonly marks = new SeqMarks()
  readonly order = new SeqOrder()
  readonly offsets = new OffsetSpans()
  repeated: RepeatedRow[] = []
  rowCount = 0
  malformedCount = 0
  repeatCount = 0
  readonly #input: IdentityScanInput
  readonly #again = new SeqMarks()
  /** Rows of this group that are in `repeated`. */
  readonly #named = new Set<number>()
  readonly #pagesAgain = new Set<number>()
  readonly #touched: { group: RowGroup; pages: ReadonlySet<number> }[] = []

  constructor(input: IdentityScanInput) {
    this.#input = input
  }

  get reading(): Reading {
    return { names: this.names, withPlaces: this.#input.kafka !== null }
  }

  /** The row groups that may hold rows of canaries whose first was not near; what was named of these is named anew. */
  takeFarRepeats(): RowGroup[] {
    this.repeated = this.repeated.filter(({ stream, seq }) => !this.#again.has(stream, seq))
    return this.#touched.filter(({ pages }) => !pages.isDisjointFrom(this.#pagesAgain)).map(({ group }) => group)
  }

  add(rows: GroupRows): void {
    const { count, streams, seqs, turns, group } = rows
    this.rowCount += count
    this.marks.beginTouching()
    this.#named.clear()
    let row = 0
    for (const taken of turns) {
      this.#mark(rows, row, taken.row)
      for (let first = taken.row; first < taken.row + taken.period; first++) {
        if (this.marks.markAll(streams[first] as number, seqs[first] as number, taken.turns)) continue
        for (let turn = 0; turn < taken.turns; turn++) this.#mark(rows, first + turn * taken.period, first + turn * taken.period + 1)
      }
      row = taken.row + taken.period * taken.turns
    }
    this.#mark(rows, row, count)
    this.#touched.push({ group, pages: this.marks.touched })
    if (this.#input.kafka === null) return
    const isGrowing = this.offsets.add(rows)
    if (this.#input.order === true) this.order.add(rows, isGrowing)
  }

  #mark(rows: GroupRows, first: number, end: number): void {
    for (let row = first; ; row++) {
      row = this.marks.markRows(rows, { first: row, end })
      if (row >= end) return
      if (rows.streams[row] === NO_STREAM) this.malformedCount++
      else this.#repeat(rows, row)
    }
  }

  /** One of which the first is near is named at once; the others when the row groups are read again that may hold the first. */
  #repeat(rows: GroupRows, row: number): void {
    this.repeatCount++
    if (this.repeatCount > REPEATS_MAX) return
    const { streams, seqs } = rows
    const stream = streams[row] as number
    const seq = seqs[row] as number
    if (!this.#again.has(stream, seq)) {
      const least = Math.max(0, row - ROWS_LOOKED_BACK)
      for (let before = row - 1; before >= least; before--) {
        if (seqs[before] !== seq || streams[before] !== stream) continue
        this.#name(rows, before)
        this.#name(rows, row)
        return
      }
    }
    this.#again.mark(stream, seq)
    this.#pagesAgain.add(SeqMarks.pageOf(stream, seq))
  }

  #name({ streams, seqs, partitions, offsets, group }: GroupRows, row: number): void {
    if (this.#named.has(row)) return
    this.#named.add(row)
    const partition = partitions[row] ?? NO_SMALL_NUMBER
    const place = { partition: partition < 0 ? NO_NUMBER : partition, offset: offsets[row] ?? NO_NUMBER }
    this.repeated.push({ stream: streams[row] as number, seq: seqs[row] as number, ...place, path: group.path, row: group.rowFirst + row })
  }

  addRepeats(rows: GroupRows): void {
    this.#named.clear()
    for (let row = 0; row < rows.count; row++) {
      const stream = rows.streams[row] as number
      if (stream === NO_STREAM || !this.#again.has(stream, rows.seqs[row] as number)) continue
      // A few identities may stand for very many rows.
      if (this.repeated.length > 3 * REPEATS_MAX) throw new RangeError('too many rows of repeated identities')
      this.#name(rows, row)
    }
  }
}
