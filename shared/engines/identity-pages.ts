import { open } from 'node:fs/promises'
import { AssayError } from '../core/errors.ts'
import { IdentityColumn, NO_STREAM } from './identity-column.ts'
import { pagesOf, type Page } from './parquet-pages.ts'
import { rowGroupsOf, type ColumnChunk, type RowGroup } from './parquet-groups.ts'
import { IntegerColumn } from './parquet-values.ts'
import type { DuckDb } from './duckdb.ts'
import type { IdentityScanInput } from './identity-scan.ts'
import type { Turns } from './identity-turns.ts'
import { SeqMarks } from './seq-marks.ts'
import { PARTITIONS_MAX, SeqOrder, type OutOfOrder, type PlacedRows } from './seq-order.ts'

/** Beyond, the engine names them. */
const REPEATS_MAX = 100_000
/** Row groups whose pages are decompressed ahead of the one looked at. */
const AHEAD = 2

export interface PageScan {
  readonly rowCount: number
  readonly malformedCount: number
  readonly column: IdentityColumn
  readonly marks: SeqMarks
  readonly repeatCount: number
  /** Rows of canaries of which there are several, the first of each too. */
  readonly repeated: readonly RepeatedRow[]
  /** By partition: least and greatest offset, rows. */
  readonly offsets: ReadonlyMap<number, Readonly<OffsetsOf>>
  readonly order: SeqOrder
}

interface OffsetsOf {
  first: number
  last: number
  rows: number
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
    if (scan.repeatCount > 0) for await (const rows of rowsOf(scan.groupsWithRepeats, scan.reading)) scan.addRepeats(rows)
    return scan
  } catch (error) {
    if (isForEngine(error)) return null
    throw error
  }
}

/** What is not as it should be, of zlib or of the file system: the engine reads the files anew, and says so in its own words. */
const isForEngine = (error: unknown) =>
  error instanceof RangeError || (error instanceof Error && 'code' in error && !(error instanceof AssayError))

interface Reading {
  readonly column: IdentityColumn
  readonly withPlaces: boolean
}

interface GroupRows extends PlacedRows {
  readonly group: RowGroup
  /** Rows that need not be looked at one by one, in their order. */
  readonly turns: readonly Turns[]
}

class Scan implements PageScan {
  readonly column = new IdentityColumn()
  readonly marks = new SeqMarks()
  readonly order = new SeqOrder()
  readonly offsets = new Map<number, OffsetsOf>()
  readonly repeated: RepeatedRow[] = []
  rowCount = 0
  malformedCount = 0
  repeatCount = 0
  readonly #input: IdentityScanInput
  readonly #ofPartition: OffsetsOf[] = []
  readonly #again = new SeqMarks()
  readonly #pagesAgain = new Set<number>()
  readonly #touched: { group: RowGroup; pages: ReadonlySet<number> }[] = []

  constructor(input: IdentityScanInput) {
    this.#input = input
  }

  get reading(): Reading {
    return { column: this.column, withPlaces: this.#input.kafka !== null }
  }

  get groupsWithRepeats(): RowGroup[] {
    return this.#touched.filter(({ pages }) => !pages.isDisjointFrom(this.#pagesAgain)).map(({ group }) => group)
  }

  add(rows: GroupRows): void {
    const { count, streams, seqs, turns, group } = rows
    this.rowCount += count
    this.marks.beginTouching()
    let row = 0
    for (const taken of turns) {
      this.#mark(rows, row, taken.row)
      for (let i = taken.row; i < taken.row + taken.period; i++) this.#markTurns(streams[i] as number, seqs[i] as number, taken.turns)
      row = taken.row + taken.period * taken.turns
    }
    this.#mark(rows, row, count)
    this.#touched.push({ group, pages: this.marks.touched })
    if (this.#input.kafka === null) return
    this.#addOffsets(rows)
    if (this.#input.order === true) this.order.add(rows)
  }

  #mark({ streams, seqs }: GroupRows, first: number, end: number): void {
    for (let row = first; row < end; row++) {
      const stream = streams[row] as number
      if (stream === NO_STREAM) this.malformedCount++
      else if (!this.marks.mark(stream, seqs[row] as number)) this.#repeat(stream, seqs[row] as number)
    }
  }

  #markTurns(stream: number, first: number, count: number): void {
    if (this.marks.markAll(stream, first, count)) return
    for (let seq = first; seq < first + count; seq++) if (!this.marks.mark(stream, seq)) this.#repeat(stream, seq)
  }

  #repeat(stream: number, seq: number): void {
    this.repeatCount++
    if (this.repeatCount > REPEATS_MAX) return
    this.#again.mark(stream, seq)
    this.#pagesAgain.add(SeqMarks.pageOf(stream, seq))
  }

  #addOffsets({ count, partitions, offsets }: PlacedRows): void {
    for (let row = 0; row < count; row++) {
      const partition = partitions[row] as number
      if (Number.isNaN(partition)) continue
      const known = this.#ofPartition[partition] ?? this.#newPartition(partition)
      const offset = offsets[row] as number
      known.rows++
      if (offset < known.first) known.first = offset
      if (offset > known.last) known.last = offset
    }
  }

  #newPartition(partition: number): OffsetsOf {
    if (partition < 0 || partition >= PARTITIONS_MAX) throw new RangeError(`partition ${partition}`)
    const known = { first: Infinity, last: -Infinity, rows: 0 }
    this.offsets.set(partition, known)
    this.#ofPartition[partition] = known
    return known
  }

  addRepeats({ count, streams, seqs, partitions, offsets, group }: GroupRows): void {
    for (let row = 0; row < count; row++) {
      const stream = streams[row] as number
      const seq = seqs[row] as number
      if (stream === NO_STREAM || !this.#again.has(stream, seq)) continue
      // A few identities may stand for very many rows.
      if (this.repeated.length > 3 * REPEATS_MAX) throw new RangeError('too many rows of repeated identities')
      const place = { partition: partitions[row] ?? Number.NaN, offset: offsets[row] ?? Number.NaN }
      this.repeated.push({ stream, seq, ...place, path: group.path, row: group.rowFirst + row })
    }
  }
}

/** The rows of each group in turn. What they stand in is used again for the next group. */
async function* rowsOf(groups: readonly RowGroup[], reading: Reading): AsyncGenerator<GroupRows> {
  const largest = Math.max(0, ...groups.map(({ rowCount }) => rowCount))
  const [streams, seqs] = [new Int32Array(largest), new Float64Array(largest)]
  const [partitions, offsets] = reading.withPlaces ? [new Float64Array(largest), new Float64Array(largest)] : [noNumbers, noNumbers]
  for await (const { group, identity, partition, offset } of pagesAhead(groups, reading)) {
    let rows = 0
    const turns: Turns[] = []
    for (const page of identity) {
      const first = rows
      const out = { streams: streams.subarray(first), seqs: seqs.subarray(first) }
      rows += reading.column.read(await page, out, (taken) => turns.push({ ...taken, row: first + taken.row }))
    }
    if (rows !== group.rowCount) throw new RangeError(`expected ${group.rowCount} rows, got ${rows}`)
    await readIntegers(partition, { out: partitions, group, chunk: group.partition })
    await readIntegers(offset, { out: offsets, group, chunk: group.offset })
    yield { group, count: rows, streams, seqs, turns, partitions, offsets }
  }
}

const noNumbers = new Float64Array()

async function readIntegers(
  pages: readonly Promise<Page>[] | null,
  { out, group, chunk }: { out: Float64Array; group: RowGroup; chunk: ColumnChunk | null },
): Promise<void> {
  if (pages === null || chunk === null) return
  const column = new IntegerColumn(chunk.type === 'INT64')
  let rows = 0
  for (const page of pages) rows += column.read(await page, out.subarray(rows))
  if (rows !== group.rowCount) throw new RangeError(`expected ${group.rowCount} rows, got ${rows}`)
}

interface GroupPages {
  readonly group: RowGroup
  readonly identity: readonly Promise<Page>[]
  readonly partition: readonly Promise<Page>[] | null
  readonly offset: readonly Promise<Page>[] | null
}

/** While one group is looked at, the pages of the next are decompressed on other threads. */
async function* pagesAhead(groups: readonly RowGroup[], { withPlaces }: Reading): AsyncGenerator<GroupPages> {
  const ahead: Promise<GroupPages>[] = []
  for (const group of groups) {
    ahead.push(...settledLater([openGroup(group, withPlaces)]))
    if (ahead.length > AHEAD) yield await (ahead.shift() as Promise<GroupPages>)
  }
  for (const pages of ahead) yield await pages
}

/** They are awaited in their turn: one that fails earlier is not unheard of. */
function settledLater<T>(promises: Promise<T>[]): Promise<T>[] {
  for (const promise of promises) promise.catch(() => undefined)
  return promises
}

async function openGroup(group: RowGroup, withPlaces: boolean): Promise<GroupPages> {
  const file = await open(group.path)
  try {
    const pages = async (chunk: ColumnChunk) => {
      const bytes = Buffer.allocUnsafeSlow(chunk.sizeBytes)
      const { bytesRead } = await file.read(bytes, 0, chunk.sizeBytes, chunk.first)
      return settledLater([...pagesOf(bytes.subarray(0, bytesRead), chunk)])
    }
    return {
      group,
      identity: await pages(group.identity),
      partition: withPlaces && group.partition !== null ? await pages(group.partition) : null,
      offset: withPlaces && group.offset !== null ? await pages(group.offset) : null,
    }
  } finally {
    await file.close()
  }
}
