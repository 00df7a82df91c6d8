import { SEQ_DIGITS } from '../core/identity.ts'

/** Rows in which streams take turns: `turns` times the same streams in `period` rows, each a seq further every time. */
export interface Turns {
  readonly row: number
  readonly period: number
  readonly turns: number
}

export interface PlainRows {
  readonly values: Buffer
  /** Bytes of a row, which end with the digits of its seq. */
  readonly rowBytes: number
  readonly streams: Int32Array
  readonly seqs: Float64Array
  readonly count: number
}

/** So far back is the row of the same stream looked for. */
const PERIOD_MAX = 1_024
/** At least so many rows are compared at once, since each comparison has its price; turns come in powers of ten, whose addition changes little. */
const ROWS_AT_ONCE = 256
const ZERO = 48
const NINE = 57

/**
 * Reads rows that are as the ones before let expect: what a turn must be is written down once, and compared with the page
 * as bytes, many rows at a time. Whatever is not exactly that is left to whoever reads row by row.
 */
export class TurnReader {
  #expected = Buffer.alloc(0)

  /** Fills the rows from `row` on, whose bytes begin at `at`, as far as they are turns; null where none are. */
  read(rows: PlainRows, row: number, at: number): Turns | null {
    const period = periodBefore(rows, row)
    if (period === 0) return null
    const step = turnsAtOnce(period)
    const blockRows = step * period
    const blockBytes = blockRows * rows.rowBytes
    if (row + blockRows > rows.count) return null
    this.#write(rows, { row, at, period, step })
    let turns = 0
    for (let next = row, from = at; next + blockRows <= rows.count; next += blockRows, from += blockBytes) {
      if (rows.values.compare(this.#expected, 0, blockBytes, from, from + blockBytes) !== 0) break
      fill(rows, { first: next, last: next + blockRows, period })
      turns += step
      if (!this.#advance(rows, { blockRows, step })) break
    }
    return turns === 0 ? null : { row, period, turns }
  }

  /** The next `step` turns, of the bytes of the rows before. */
  #write(
    { values, rowBytes, seqs }: PlainRows,
    { row, at, period, step }: { row: number; at: number; period: number; step: number },
  ): void {
    const turnBytes = period * rowBytes
    if (this.#expected.length < step * turnBytes) this.#expected = Buffer.allocUnsafeSlow(step * turnBytes)
    for (let turn = 0; turn < step; turn++) {
      values.copy(this.#expected, turn * turnBytes, at - turnBytes, at)
      for (let i = 0; i < period; i++) {
        const end = turn * turnBytes + (i + 1) * rowBytes
        this.#expected.write(String((seqs[row - period + i] as number) + turn + 1).padStart(SEQ_DIGITS, '0'), end - SEQ_DIGITS, 'latin1')
      }
    }
  }

  /** Adds `step` to each seq; false where one has no more digits. */
  #advance({ rowBytes }: PlainRows, { blockRows, step }: { blockRows: number; step: number }): boolean {
    const expected = this.#expected
    const place = String(step).length
    for (let row = 0, end = rowBytes; row < blockRows; row++, end += rowBytes) {
      let at = end - place
      while (expected[at] === NINE && at > end - SEQ_DIGITS) expected[at--] = ZERO
      if (expected[at] === NINE) return false
      expected[at] = (expected[at] as number) + 1
    }
    return true
  }
}

const turnsAtOnce = (period: number) => 10 ** Math.max(1, Math.ceil(Math.log10(ROWS_AT_ONCE / period)))

/** How many rows before `row` a turn has, where the rows of the last one follow from those of the one before; 0 where they do not. */
function periodBefore({ streams, seqs }: PlainRows, row: number): number {
  const stream = streams[row - 1]
  const least = Math.max(0, row - 1 - PERIOD_MAX)
  let before = row - 2
  while (before >= least && streams[before] !== stream) before--
  const period = row - 1 - before
  if (before < least || row < 2 * period) return 0
  for (let i = row - period; i < row; i++) {
    if ((streams[i] as number) < 0 || streams[i] !== streams[i - period] || seqs[i] !== (seqs[i - period] as number) + 1) return 0
  }
  return period
}

function fill({ streams, seqs }: PlainRows, { first, last, period }: { first: number; last: number; period: number }): void {
  for (let row = first; row < last; row++) {
    streams[row] = streams[row - period] as number
    seqs[row] = (seqs[row - period] as number) + 1
  }
}
