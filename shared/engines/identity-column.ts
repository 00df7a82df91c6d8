import { parseCanaryId, RUN_ID_LENGTH, SEQ_DIGITS, STREAMS_MAX, STREAM_DIGITS } from '../core/identity.ts'
import { TurnReader, type Turns } from './identity-turns.ts'
import { PLAIN, isDictionaryEncoding, type Page } from './parquet-pages.ts'
import type { StreamNames } from './stream-names.ts'
import { beyondDictionary, countOf, presenceOf, readIndices, spread } from './parquet-values.ts'

/** The stream of a row whose identity is none of the layout. */
export const NO_STREAM = -1
/** With more runs than these the engine's way is taken: each has a table of 40 kB here. */
const RUNS_MAX = 500

const ID_LENGTH = RUN_ID_LENGTH + 1 + STREAM_DIGITS + 1 + SEQ_DIGITS
/** With the four bytes of the length before it. */
const ROW_BYTES = 4 + ID_LENGTH
/** Of a row: its seq's first eight digits, its stream, and its seq's last four. */
const UPPER_AT = ROW_BYTES - SEQ_DIGITS
const STREAM_AT = UPPER_AT - 1 - STREAM_DIGITS
const LOWER_AT = ROW_BYTES - 4
const COLON = 58
const ASCII_DIGITS = 0x3030_3030
const LAST_BYTE = 0xff << 24
const HIGH_HALVES = 0xf0f0_f0f0 | 0
const TO_CARRY = 0x0606_0606

/** Identities of some rows: streams by their number in `StreamNames`, NO_STREAM for what is none. */
export interface Identities {
  readonly streams: Int32Array
  readonly seqs: Float64Array
}

/** Rows are read one by one until so many show whether they take turns; more each time they do not. */
const ROWS_BETWEEN_TURNS = { least: 512, most: 65_536 }

/**
 * Identities straight from the bytes of Parquet pages. The engine makes a string of each, checks its UTF-8 and cuts it in
 * pieces; here several characters at a time are compared or made a number of, and nothing is allocated. Every character is looked at.
 */
export class IdentityColumn {
  readonly #names: StreamNames
  readonly #runs = new Map<string, Int32Array>()
  #dictionary: Identities = { streams: new Int32Array(), seqs: new Float64Array() }
  /**
   * Of the run seen last: the length of an identity and the run's text, as five doubles. That is ASCII, so none of them is
   * zero or no number, and they are equal where their bytes are.
   */
  readonly #runDoubles = new Float64Array(5)
  /** Of the seq seen last: its first eight digits as a double, and what they are worth. Most seqs of a page have the same. */
  #upperDigits = 0
  #upper = 0
  #runId = ''
  #runStreams: Int32Array | null = null
  readonly #turnReader = new TurnReader()
  #rowsBetweenTurns = ROWS_BETWEEN_TURNS.least

  constructor(names: StreamNames) {
    this.#names = names
  }

  /** Writes the identities of a page, and returns how many. `onTurns` is told of rows in which streams take turns, in their order. */
  read(page: Page, out: Identities, onTurns?: (turns: Turns) => void): number {
    if (page.kind === 'dictionary') {
      this.#dictionary = { streams: new Int32Array(page.count), seqs: new Float64Array(page.count) }
      this.#plain(page.values, { out: this.#dictionary, count: page.count })
      return 0
    }
    const present = presenceOf(page)
    const count = countOf(present, page.count)
    // Of what is moved to other rows behind nulls, turns would be told at the wrong ones.
    if (page.encoding === PLAIN) this.#plain(page.values, { out, count, onTurns: present === null ? onTurns : undefined })
    else if (isDictionaryEncoding(page.encoding)) this.#indexed(page, { out, count })
    else throw new RangeError(`encoding ${page.encoding}`)
    if (present !== null) {
      spread(out.streams.subarray(0, page.count), present, NO_STREAM)
      spread(out.seqs.subarray(0, page.count), present, 0)
    }
    return page.count
  }

  #indexed(page: Page, { out, count }: { out: Identities; count: number }): void {
    const indices = new Int32Array(count)
    readIndices(page, indices)
    const { streams, seqs } = this.#dictionary
    for (let i = 0; i < count; i++) {
      const at = indices[i] as number
      out.streams[i] = streams[at] ?? beyondDictionary()
      out.seqs[i] = seqs[at] as number
    }
  }

  #plain(
    values: Buffer,
    { out, count, onTurns }: { out: Identities; count: number; onTurns?: ((turns: Turns) => void) | undefined },
  ): void {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
    for (let row = 0, at = 0; row < count;) {
      const until = onTurns === undefined ? count : Math.min(count, row + this.#rowsBetweenTurns)
      const done = this.#rowsOfRun(view, { out, count: until, row, at })
      row = done.row
      at = done.at
      if (row === count) return
      if (row === until) {
        const turns = this.#turnReader.read({ values, rowBytes: ROW_BYTES, ...out, count }, row, at)
        this.#rowsBetweenTurns = turns === null ? Math.min(2 * this.#rowsBetweenTurns, ROWS_BETWEEN_TURNS.most) : ROWS_BETWEEN_TURNS.least
        if (turns === null) continue
        onTurns?.(turns)
        row += turns.turns * turns.period
        at += turns.turns * turns.period * ROW_BYTES
        continue
      }
      // A row of a stream or of upper digits that were not seen, of another run, or none of the layout.
      if (this.#learns(view, at)) continue
      const length = view.getInt32(at, true)
      if (length < 0) throw new RangeError('a text of negative length')
      const isOther = length === ID_LENGTH && this.#turnTo(values.toString('latin1', at + 4, at + 4 + RUN_ID_LENGTH), { view, at })
      if (isOther) continue
      out.streams[row] = NO_STREAM
      at += 4 + length
      row++
    }
  }

  /** Rows from `row` on, while they are of the run seen last and well formed. */
  #rowsOfRun(view: DataView, from: { out: Identities; count: number; row: number; at: number }): { row: number; at: number } {
    const { out, count } = from
    const { streams, seqs } = out
    let { row, at } = from
    const table = this.#runStreams
    if (table === null) return { row, at }
    const run = this.#runDoubles
    const d0 = run[0] as number
    const d1 = run[1] as number
    const d2 = run[2] as number
    const d3 = run[3] as number
    const d4 = run[4] as number
    const upperDigits = this.#upperDigits
    const upper = this.#upper
    for (; row < count; row++, at += ROW_BYTES) {
      if (view.getFloat64(at, true) !== d0 || view.getFloat64(at + 8, true) !== d1 || view.getFloat64(at + 16, true) !== d2) break
      if (view.getFloat64(at + 24, true) !== d3 || view.getFloat64(at + 32, true) !== d4) break
      if (view.getFloat64(at + UPPER_AT, true) !== upperDigits) break
      // A colon and three digits of the stream; its last three digits and a colon.
      const left = view.getInt32(at + 40, true)
      const right = view.getInt32(at + 42, true)
      const stream = ((left >>> 8) | ((right << 8) & LAST_BYTE)) ^ ASCII_DIGITS
      const lower = view.getInt32(at + LOWER_AT, true) ^ ASCII_DIGITS
      if ((notDigits(stream) | notDigits(lower) | ((left & 255) ^ COLON) | ((right >>> 24) ^ COLON)) !== 0) break
      const known = table[fourDigits(stream)] as number
      // To call anything from here would take half as long again for every row.
      if (known === NO_STREAM) break
      streams[row] = known
      seqs[row] = upper + fourDigits(lower)
    }
    return { row, at }
  }

  /** Whether the row there is of the run seen last and well formed, with a stream that is new or other upper digits than the row before. */
  #learns(view: DataView, at: number): boolean {
    const table = this.#runStreams
    if (table === null || this.#runDoubles.some((double, i) => view.getFloat64(at + i * 8, true) !== double)) return false
    const digitsAt = (place: number) => view.getInt32(at + place, true) ^ ASCII_DIGITS
    const [stream, first, second] = [digitsAt(STREAM_AT), digitsAt(UPPER_AT), digitsAt(UPPER_AT + 4)]
    const isFormed = view.getUint8(at + STREAM_AT - 1) === COLON && view.getUint8(at + UPPER_AT - 1) === COLON
    if (!isFormed || (notDigits(stream) | notDigits(first) | notDigits(second) | notDigits(digitsAt(LOWER_AT))) !== 0) return false
    const upperDigits = view.getFloat64(at + UPPER_AT, true)
    const number = fourDigits(stream)
    const isNew = table[number] === NO_STREAM
    if (isNew) table[number] = this.#names.numberOf({ runId: this.#runId, stream: number })
    if (upperDigits === this.#upperDigits) return isNew
    this.#upperDigits = upperDigits
    this.#upper = (fourDigits(first) * 10_000 + fourDigits(second)) * 10_000
    return true
  }

  /** Whether the run named there is one, and another than the one seen last. */
  #turnTo(runId: string, { view, at }: { view: DataView; at: number }): boolean {
    if (runId === this.#runId) return false
    let table = this.#runs.get(runId)
    if (table === undefined) {
      const isRun = parseCanaryId(`${runId}:${'0'.repeat(STREAM_DIGITS)}:${'0'.repeat(SEQ_DIGITS)}`) !== null
      if (!isRun) return false
      if (this.#runs.size >= RUNS_MAX) throw new RangeError(`more than ${RUNS_MAX} runs`)
      this.#runs.set(runId, (table = new Int32Array(STREAMS_MAX).fill(NO_STREAM)))
    }
    this.#runId = runId
    this.#runStreams = table
    for (let i = 0; i < this.#runDoubles.length; i++) this.#runDoubles[i] = view.getFloat64(at + i * 8, true)
    return true
  }
}

/** Zero where each byte is 0 to 9: nothing in its high half, nor with 6 added to it. */
const notDigits = (bytes: number) => (bytes | (bytes + TO_CARRY)) & HIGH_HALVES

/** Of bytes of 0 to 9, the first lowest: pairs of them, then the pair of pairs. */
function fourDigits(bytes: number): number {
  const pairs = (Math.imul(bytes, 10) + (bytes >> 8)) & 0x00ff_00ff
  return Math.imul(pairs & 255, 100) + (pairs >>> 16)
}
