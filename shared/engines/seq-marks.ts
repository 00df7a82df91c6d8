import { RangeSet, type Ranges } from '../core/range-set.ts'

/** Small enough that a closer look at one seq reads few row groups again. */
const PAGE_BITS = 4_096
const WORDS = PAGE_BITS / 32
/** Of half a kilobyte each: seqs of streams that are whole take few, scattered ones many. */
const PAGES_MAX = 131_072

/** Which seqs of which streams were seen, a bit each. Streams are small numbers. Throws RangeError beyond PAGES_MAX. */
export class SeqMarks {
  readonly #streams: Map<number, Uint32Array>[] = []
  readonly #lastNumber: number[] = []
  readonly #lastPage: Uint32Array[] = []
  #pages = 0
  #touched = new Set<number>()

  /** From now on, `touched` names the pages anew. */
  beginTouching(): void {
    this.#touched = new Set()
    this.#lastNumber.fill(-1)
  }

  /** Pages marked since, as `pageOf` numbers them. */
  get touched(): ReadonlySet<number> {
    return this.#touched
  }

  /** Returns false when it was marked already. */
  mark(stream: number, seq: number): boolean {
    const number = (seq / PAGE_BITS) | 0
    const page = this.#page(stream, number)
    const bit = seq - number * PAGE_BITS
    const mask = 1 << (bit & 31)
    const word = page[bit >> 5] as number
    if ((word & mask) !== 0) return false
    page[bit >> 5] = word | mask
    return true
  }

  /** Marks `count` seqs from `first` on; returns false, and marks none, when one of them was marked already. */
  markAll(stream: number, first: number, count: number): boolean {
    const seqs = { stream, first, count }
    if (!this.#eachWord(seqs, (page, word, mask) => ((page[word] as number) & mask) === 0)) return false
    return this.#eachWord(seqs, (page, word, mask) => {
      page[word] = (page[word] as number) | mask
      return true
    })
  }

  /** Until one says no: whether none did. */
  #eachWord(
    { stream, first, count }: { stream: number; first: number; count: number },
    visit: (page: Uint32Array, word: number, mask: number) => boolean,
  ): boolean {
    for (let seq = first; seq < first + count;) {
      const number = (seq / PAGE_BITS) | 0
      const bit = seq - number * PAGE_BITS
      const low = bit & 31
      const bits = Math.min(32 - low, first + count - seq)
      if (!visit(this.#page(stream, number), bit >> 5, bits === 32 ? -1 : ((1 << bits) - 1) << low)) return false
      seq += bits
    }
    return true
  }

  has(stream: number, seq: number): boolean {
    const page = this.#streams[stream]?.get(Math.floor(seq / PAGE_BITS))
    const bit = seq % PAGE_BITS
    return page !== undefined && ((page[bit >> 5] as number) & (1 << (bit & 31))) !== 0
  }

  static pageOf(stream: number, seq: number): number {
    return pageKey(stream, Math.floor(seq / PAGE_BITS))
  }

  ranges(stream: number): Ranges {
    const set = RangeSet.empty()
    for (const [number, page] of [...(this.#streams[stream] ?? [])].sort(([a], [b]) => a - b)) {
      const first = number * PAGE_BITS
      for (let word = 0; word < WORDS; word++) addBits(set, { bits: page[word] as number, first: first + word * 32 })
    }
    return set.ranges
  }

  #page(stream: number, number: number): Uint32Array {
    return this.#lastNumber[stream] === number ? (this.#lastPage[stream] as Uint32Array) : this.#turnTo(stream, number)
  }

  #turnTo(stream: number, number: number): Uint32Array {
    while (this.#streams.length <= stream) {
      this.#streams.push(new Map())
      this.#lastNumber.push(-1)
      this.#lastPage.push(new Uint32Array())
    }
    const pages = this.#streams[stream] as Map<number, Uint32Array>
    let page = pages.get(number)
    if (page === undefined) {
      if (++this.#pages > PAGES_MAX) throw new RangeError(`more than ${PAGES_MAX} pages of marks`)
      pages.set(number, (page = new Uint32Array(WORDS)))
    }
    this.#touched.add(pageKey(stream, number))
    this.#lastNumber[stream] = number
    this.#lastPage[stream] = page
    return page
  }
}

/** Page numbers stay below 2^28: a seq has twelve digits. */
const pageKey = (stream: number, number: number) => stream * 2 ** 28 + number

/** Adds the seqs whose bits are set, 32 of them from `first` on. */
export function addBits(set: RangeSet, { bits, first }: { bits: number; first: number }): void {
  if (bits === -1 || bits === 0xffff_ffff) {
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
