import { RangeSet, type Ranges } from '../core/range-set.ts'
import { MAX_STREAMS } from './stream-names.ts'

/** Small enough that a closer look at one seq reads few row groups again. */
const PAGE_BITS = 4_096
const WORDS = PAGE_BITS / 32
/** Of half a kilobyte each: seqs of streams that are whole take few, scattered ones many. */
const PAGES_MAX = 131_072
const PAGES_LEAST = 64
const NO_PAGE = -1
const ALL_BITS = 0xffff_ffff

interface Seqs {
  readonly streams: Int32Array
  readonly seqs: Float64Array
}

/** Which seqs of which streams were seen, a bit each. Streams are numbers below MAX_STREAMS. Throws RangeError beyond PAGES_MAX. */
export class SeqMarks {
  /** Of each stream, where in `#words` its pages begin. */
  readonly #streams: Map<number, number>[] = []
  /** Page after page, as they were needed. */
  #words = new Uint32Array(PAGES_LEAST * WORDS)
  #pages = 0
  /** Of each stream, the page that was marked last, and where it begins. */
  readonly #lastNumber = new Int32Array(MAX_STREAMS).fill(NO_PAGE)
  readonly #lastBegin = new Int32Array(MAX_STREAMS)
  #touched = new Set<number>()

  /** From now on, `touched` names the pages anew. */
  beginTouching(): void {
    this.#touched = new Set()
    this.#lastNumber.fill(NO_PAGE, 0, this.#streams.length)
  }

  /** Pages marked since, as `pageOf` numbers them. */
  get touched(): ReadonlySet<number> {
    return this.#touched
  }

  /** Returns false when it was marked already. */
  mark(stream: number, seq: number): boolean {
    return this.markRows({ streams: Int32Array.of(stream), seqs: Float64Array.of(seq) }, { first: 0, end: 1 }) === 1
  }

  /** Marks rows until one was marked already, or has no stream: returns which, or `end`. */
  markRows(rows: Seqs, { first, end }: { readonly first: number; readonly end: number }): number {
    for (let from = first; ;) {
      const row = this.#markInPages(rows, { first: from, end })
      if (row === end) return end
      const stream = rows.streams[row] as number
      const number = ((rows.seqs[row] as number) / PAGE_BITS) | 0
      if (stream < 0 || this.#lastNumber[stream] === number) return row
      this.#turnTo(stream, number)
      from = row
    }
  }

  /** The same while rows are in the page that their stream had last. Calls nothing: that would take half as long again for every row. */
  #markInPages({ streams, seqs }: Seqs, { first, end }: { readonly first: number; readonly end: number }): number {
    const lastNumber = this.#lastNumber
    const lastBegin = this.#lastBegin
    const words = this.#words
    for (let row = first; row < end; row++) {
      const stream = streams[row] as number
      if (stream < 0) return row
      const seq = seqs[row] as number
      if (lastNumber[stream] !== ((seq / PAGE_BITS) | 0)) return row
      // Of a number beyond 32 bits too, these are the lowest.
      const bit = seq | 0
      const at = (lastBegin[stream] as number) + ((bit >>> 5) & (WORDS - 1))
      const word = words[at] as number
      const mask = 1 << (bit & 31)
      if ((word & mask) !== 0) return row
      words[at] = word | mask
    }
    return end
  }

  /** Marks `count` seqs from `first` on; returns false, and marks none, when one of them was marked already. */
  markAll(stream: number, first: number, count: number): boolean {
    const seqs = { stream, first, count }
    if (!this.#eachWord(seqs, (words, at, mask) => ((words[at] as number) & mask) === 0)) return false
    return this.#eachWord(seqs, (words, at, mask) => {
      words[at] = (words[at] as number) | mask
      return true
    })
  }

  /** Until one says no: whether none did. */
  #eachWord(
    { stream, first, count }: { stream: number; first: number; count: number },
    visit: (words: Uint32Array, at: number, mask: number) => boolean,
  ): boolean {
    for (let seq = first; seq < first + count;) {
      const number = (seq / PAGE_BITS) | 0
      const bit = seq - number * PAGE_BITS
      const low = bit & 31
      const bits = Math.min(32 - low, first + count - seq)
      if (this.#lastNumber[stream] !== number) this.#turnTo(stream, number)
      const at = (this.#lastBegin[stream] as number) + (bit >> 5)
      if (!visit(this.#words, at, bits === 32 ? -1 : ((1 << bits) - 1) << low)) return false
      seq += bits
    }
    return true
  }

  has(stream: number, seq: number): boolean {
    const begin = this.#streams[stream]?.get(Math.floor(seq / PAGE_BITS))
    const bit = seq % PAGE_BITS
    return begin !== undefined && ((this.#words[begin + (bit >> 5)] as number) & (1 << (bit & 31))) !== 0
  }

  static pageOf(stream: number, seq: number): number {
    return pageKey(stream, Math.floor(seq / PAGE_BITS))
  }

  ranges(stream: number): Ranges {
    const set = RangeSet.empty()
    for (const [number, begin] of [...(this.#streams[stream] ?? [])].sort(([a], [b]) => a - b)) {
      const first = number * PAGE_BITS
      for (let word = 0; word < WORDS; word++) {
        const bits = this.#words[begin + word] as number
        if (bits === ALL_BITS) set.addRange(first + word * 32, first + word * 32 + 31)
        else if (bits !== 0) addBits(set, { bits, first: first + word * 32 })
      }
    }
    return set.ranges
  }

  #turnTo(stream: number, number: number): void {
    while (this.#streams.length <= stream) this.#streams.push(new Map())
    const pages = this.#streams[stream] as Map<number, number>
    let begin = pages.get(number)
    if (begin === undefined) pages.set(number, (begin = this.#newPage()))
    this.#touched.add(pageKey(stream, number))
    this.#lastNumber[stream] = number
    this.#lastBegin[stream] = begin
  }

  #newPage(): number {
    if (this.#pages === PAGES_MAX) throw new RangeError(`more than ${PAGES_MAX} pages of marks`)
    const begin = this.#pages++ * WORDS
    if (begin === this.#words.length) {
      const words = new Uint32Array(2 * begin)
      words.set(this.#words)
      this.#words = words
    }
    return begin
  }
}

/** Page numbers stay below 2^28: a seq has twelve digits. */
const pageKey = (stream: number, number: number) => stream * 2 ** 28 + number

/** Adds the seqs whose bits are set, 32 of them from `first` on. */
export function addBits(set: RangeSet, { bits, first }: { bits: number; first: number }): void {
  if (bits === -1 || bits === ALL_BITS) {
    set.addRange(first, first + 31)
    return
  }
  for (let rest = bits | 0; rest !== 0;) {
    const from = 31 - Math.clz32(rest & -rest)
    // The first zero above `from`: where the run of ones ends.
    const zeros = ~rest & (-1 << from)
    const to = zeros === 0 ? 31 : 31 - Math.clz32(zeros & -zeros) - 1
    set.addRange(first + from, first + to)
    rest = to === 31 ? 0 : rest & (-1 << (to + 1))
  }
}
