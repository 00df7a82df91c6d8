import { PLAIN, isDictionaryEncoding, type Page } from './parquet-pages.ts'

/** What a null is in a column of numbers. */
export const NO_NUMBER = Number.NaN
/** The same in a column of small ones, none of which is negative. */
export const NO_SMALL_NUMBER = -1
export const SMALL_NUMBER_MAX = 65_535

/**
 * Parquet's hybrid of runs and packed bits (RLE, https://parquet.apache.org/docs/file-format/data-pages/encodings/).
 * Throws RangeError where there are fewer values than `out` has room for.
 */
export function decodeHybrid(bytes: Buffer, width: number, out: Int32Array): void {
  if (width > 24) throw new RangeError(`${width} bits a value`)
  const count = out.length
  const valueBytes = (width + 7) >> 3
  let at = 0
  for (let filled = 0; filled < count;) {
    const { head, end } = runHead(bytes, at)
    at = end
    const isPacked = head % 2 === 1
    const length = isPacked ? ((head - 1) / 2) * 8 : head / 2
    if (length === 0) throw new RangeError('an empty run')
    const last = Math.min(filled + length, count)
    if (isPacked) {
      unpack(bytes, { at, width, out, first: filled, last })
      at += (length / 8) * width
    } else {
      out.fill(valueBytes === 0 ? 0 : bytes.readUIntLE(at, valueBytes), filled, last)
      at += valueBytes
    }
    filled = last
  }
}

/** The number in front of a run, and where that ends. */
function runHead(bytes: Buffer, from: number): { head: number; end: number } {
  let head = 0
  for (let end = from, shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(end++)
    head += (byte & 127) * 2 ** shift
    if (byte < 128) return { head, end }
  }
}

interface Packed {
  readonly at: number
  readonly width: number
  readonly out: Int32Array
  readonly first: number
  readonly last: number
}

function unpack(bytes: Buffer, { at, width, out, first, last }: Packed): void {
  const mask = 2 ** width - 1
  if (at + Math.ceil(((last - first) * width) / 8) > bytes.length) throw new RangeError('packed values that are cut short')
  let held = 0
  let bits = 0
  let from = at
  for (let i = first; i < last; i++) {
    // At most 24 + 7 bits are held.
    for (; bits < width; bits += 8) held |= (bytes[from++] as number) << bits
    out[i] = held & mask
    held >>>= width
    bits -= width
  }
}

/** As it mostly is where a column may hold nulls and does not. */
function isOneRunOfOnes(levels: Buffer, count: number): boolean {
  const { head, end } = runHead(levels, 0)
  return head % 2 === 0 && head / 2 >= count && levels[end] === 1
}

/** Which values of a page are there; null where all are. */
export function presenceOf({ levels, count }: Page): Int32Array | null {
  if (levels === null || count === 0 || isOneRunOfOnes(levels, count)) return null
  const present = new Int32Array(count)
  decodeHybrid(levels, 1, present)
  return present.includes(0) ? present : null
}

export function countOf(present: Int32Array | null, count: number): number {
  return present === null ? count : present.reduce((sum, one) => sum + one, 0)
}

/** Moves the values that are there, which stand at the front of `out`, to their rows. */
export function spread(out: Float64Array | Int32Array, present: Int32Array, none: number): void {
  let from = countOf(present, present.length)
  for (let row = present.length - 1; row >= 0; row--) out[row] = present[row] === 1 ? (out[--from] as number) : none
}

/** Writes as many indices into the dictionary as `out` has room for. */
export function readIndices({ values }: Page, out: Int32Array): void {
  if (out.length > 0) decodeHybrid(values.subarray(1), values.readUInt8(0), out)
}

/** A column of INT32 or INT64 as numbers, page by page. Throws RangeError for what a number cannot hold. */
export class NumberColumn {
  readonly #isLong: boolean
  #dictionary = new Float64Array()

  constructor(isLong: boolean) {
    this.#isLong = isLong
  }

  /** Writes the values of a page, NO_NUMBER for nulls, and returns how many. */
  read(page: Page, out: Float64Array): number {
    if (page.kind === 'values') return readValues(page, { out, none: NO_NUMBER, readPlain: this.#plain, readIndexed: this.#indexed })
    this.#dictionary = new Float64Array(page.count)
    this.#plain(page, this.#dictionary)
    return 0
  }

  readonly #plain = (page: Page, out: Float64Array) => {
    readPlain(page, { out, isLong: this.#isLong })
  }

  readonly #indexed = (page: Page, out: Float64Array) => {
    const indices = new Int32Array(out.length)
    readIndices(page, indices)
    const dictionary = this.#dictionary
    for (let i = 0; i < out.length; i++) out[i] = dictionary[indices[i] as number] ?? beyondDictionary()
  }
}

/** A column of few integers, such as partitions. Throws RangeError for one that is not in 0 … SMALL_NUMBER_MAX. */
export class SmallNumberColumn {
  readonly #isLong: boolean
  #dictionary = new Int32Array()

  constructor(isLong: boolean) {
    this.#isLong = isLong
  }

  /** Writes the values of a page, NO_SMALL_NUMBER for nulls, and returns how many. */
  read(page: Page, out: Int32Array): number {
    if (page.kind === 'values') return readValues(page, { out, none: NO_SMALL_NUMBER, readPlain: this.#plain, readIndexed: this.#indexed })
    this.#dictionary = new Int32Array(page.count)
    this.#plain(page, this.#dictionary)
    return 0
  }

  readonly #plain = (page: Page, out: Int32Array) => {
    const numbers = new Float64Array(out.length)
    readPlain(page, { out: numbers, isLong: this.#isLong })
    const wrong = numbers.find((number) => number < 0 || number > SMALL_NUMBER_MAX)
    if (wrong !== undefined) throw new RangeError(`expected 0 … ${SMALL_NUMBER_MAX}, got ${wrong}`)
    out.set(numbers)
  }

  readonly #indexed = (page: Page, out: Int32Array) => {
    readIndices(page, out)
    const dictionary = this.#dictionary
    for (let i = 0; i < out.length; i++) out[i] = dictionary[out[i] as number] ?? beyondDictionary()
  }
}

interface ValuesReader<Out> {
  readonly out: Out
  readonly none: number
  readonly readPlain: (page: Page, out: Out) => void
  readonly readIndexed: (page: Page, out: Out) => void
}

/** The values that are there, then each at its row. */
function readValues<Out extends Float64Array | Int32Array>(page: Page, { out, none, ...reader }: ValuesReader<Out>): number {
  const present = presenceOf(page)
  const rows = out.subarray(0, page.count) as Out
  const there = rows.subarray(0, countOf(present, page.count)) as Out
  if (page.encoding === PLAIN) reader.readPlain(page, there)
  else if (isDictionaryEncoding(page.encoding)) reader.readIndexed(page, there)
  else throw new RangeError(`encoding ${page.encoding}`)
  if (present !== null) spread(rows, present, none)
  return page.count
}

function readPlain({ values }: Page, { isLong, out }: { isLong: boolean; out: Float64Array }): void {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  if (!isLong) {
    for (let i = 0; i < out.length; i++) out[i] = view.getInt32(i * 4, true)
    return
  }
  for (let i = 0; i < out.length; i++) {
    const value = view.getInt32(i * 8 + 4, true) * 4_294_967_296 + view.getUint32(i * 8, true)
    if (!Number.isSafeInteger(value)) throw new RangeError('an integer beyond 2^53')
    out[i] = value
  }
}

export function beyondDictionary(): never {
  throw new RangeError('an index beyond the dictionary')
}
