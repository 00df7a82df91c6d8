import { PLAIN, isDictionaryEncoding, type Page } from './parquet-pages.ts'

/** What a null is in a column of numbers. */
export const NO_NUMBER = Number.NaN

/**
 * Parquet's hybrid of runs and packed bits (RLE, https://parquet.apache.org/docs/file-format/data-pages/encodings/).
 * Throws RangeError where there are fewer than `count` values.
 */
export function decodeHybrid(bytes: Buffer, width: number, count: number): Uint32Array {
  if (width > 24) throw new RangeError(`${width} bits a value`)
  const out = new Uint32Array(count)
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
  return out
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
  readonly out: Uint32Array
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
export function presenceOf({ levels, count }: Page): Uint32Array | null {
  if (levels === null || count === 0 || isOneRunOfOnes(levels, count)) return null
  const present = decodeHybrid(levels, 1, count)
  return present.includes(0) ? present : null
}

export function countOf(present: Uint32Array | null, count: number): number {
  return present === null ? count : present.reduce((sum, one) => sum + one, 0)
}

/** Moves the values that are there, which stand at the front of `out`, to their rows. */
export function spread(out: Float64Array | Int32Array, present: Uint32Array, none: number): void {
  let from = countOf(present, present.length)
  for (let row = present.length - 1; row >= 0; row--) out[row] = present[row] === 1 ? (out[--from] as number) : none
}

export function dictionaryIndices({ values }: Page, count: number): Uint32Array {
  return count === 0 ? new Uint32Array() : decodeHybrid(values.subarray(1), values.readUInt8(0), count)
}

/** A column of INT32 or INT64 as numbers, page by page. Throws RangeError for what a number cannot hold. */
export class IntegerColumn {
  readonly #isLong: boolean
  #dictionary = new Float64Array()

  constructor(isLong: boolean) {
    this.#isLong = isLong
  }

  /** Writes the values of a page, NO_NUMBER for nulls, and returns how many. */
  read(page: Page, out: Float64Array): number {
    if (page.kind === 'dictionary') {
      this.#dictionary = new Float64Array(page.count)
      this.#plain(page.values, this.#dictionary)
      return 0
    }
    const present = presenceOf(page)
    const rows = out.subarray(0, page.count)
    const there = rows.subarray(0, countOf(present, page.count))
    if (page.encoding === PLAIN) this.#plain(page.values, there)
    else if (isDictionaryEncoding(page.encoding)) {
      const indices = dictionaryIndices(page, there.length)
      const dictionary = this.#dictionary
      for (let i = 0; i < there.length; i++) there[i] = dictionary[indices[i] as number] ?? beyondDictionary()
    } else throw new RangeError(`encoding ${page.encoding}`)
    if (present !== null) spread(rows, present, NO_NUMBER)
    return page.count
  }

  #plain(values: Buffer, out: Float64Array): void {
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
    if (!this.#isLong) {
      for (let i = 0; i < out.length; i++) out[i] = view.getInt32(i * 4, true)
      return
    }
    for (let i = 0; i < out.length; i++) {
      const value = view.getInt32(i * 8 + 4, true) * 4_294_967_296 + view.getUint32(i * 8, true)
      if (!Number.isSafeInteger(value)) throw new RangeError('an integer beyond 2^53')
      out[i] = value
    }
  }
}

export function beyondDictionary(): never {
  throw new RangeError('an index beyond the dictionary')
}
