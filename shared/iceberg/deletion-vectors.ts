import { crc32 } from 'node:zlib'
import { AssayError } from '../core/errors.ts'
import type { DataFile } from './manifests.ts'

/** Of one vector: 220 MB were seen to go to decode so many and join them, engine and all. A reconciler has 512 MiB, and needs 250 besides. */
export const MAX_DELETED_POSITIONS = 4_000_000
const PUFFIN_MAGIC = Buffer.from('PFA1', 'latin1')
const VECTOR_MAGIC = 0xd1d33964
const LENGTH_BYTES = 4
const CRC_BYTES = 4

/**
 * The row positions a deletion vector takes away, ascending. `puffin` is the whole Puffin file that `file` points into.
 * Layout: Puffin spec, blob type deletion-vector-v1: length and CRC-32 big-endian, between them magic and bitmap.
 * Throws METADATA_BROKEN where magic, length, CRC, bitmap or the manifest's record count do not hold; LIMIT_REACHED.
 */
export function deletedPositions(puffin: Uint8Array, file: DataFile): Float64Array {
  const buffer = Buffer.from(puffin.buffer, puffin.byteOffset, puffin.byteLength)
  const from = `deletion vector at byte ${file.contentOffset} of ${file.path}`
  if (!buffer.subarray(0, 4).equals(PUFFIN_MAGIC) || !buffer.subarray(-4).equals(PUFFIN_MAGIC))
    throw broken(file.path, 'expected a Puffin file, which begins and ends in PFA1')
  if (file.contentOffset === null || file.contentSizeBytes === null)
    throw broken(file.path, 'expected content_offset and content_size_in_bytes in the manifest, got none')
  if (file.recordCount > MAX_DELETED_POSITIONS)
    throw new AssayError('LIMIT_REACHED', `${from}: ${file.recordCount} positions, limit ${MAX_DELETED_POSITIONS}`)
  if (file.recordCount < 0) throw broken(from, `expected a count of records in the manifest, got ${file.recordCount}`)

  const blob = buffer.subarray(file.contentOffset, file.contentOffset + file.contentSizeBytes)
  const least = LENGTH_BYTES + 4 + 8 + CRC_BYTES
  if (blob.length !== file.contentSizeBytes || blob.length < least)
    throw broken(from, `expected ${file.contentSizeBytes} bytes, and ${least} at least, got ${blob.length}`)
  const length = blob.readUInt32BE(0)
  if (length !== blob.length - LENGTH_BYTES - CRC_BYTES)
    throw broken(from, `expected length ${blob.length - LENGTH_BYTES - CRC_BYTES}, got ${length}`)
  const magic = blob.readUInt32BE(LENGTH_BYTES)
  if (magic !== VECTOR_MAGIC) throw broken(from, `expected magic d1d33964, got ${magic.toString(16)}`)
  const checked = blob.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
  const crc = blob.readUInt32BE(LENGTH_BYTES + length)
  if (crc32(checked) !== crc) throw broken(from, `CRC-32 does not hold: expected ${crc}, got ${crc32(checked)}`)

  const positions = new Positions(file.recordCount, from)
  readBitmap64(checked.subarray(4), positions)
  return positions.whole()
}

/** As many as the manifest says there are, outside of V8's heap. */
class Positions {
  readonly #values: Float64Array
  readonly from: string
  count = 0

  constructor(expected: number, from: string) {
    this.#values = new Float64Array(expected)
    this.from = from
  }

  push(position: number): void {
    if (this.count === this.#values.length) throw broken(this.from, `${this.#expected}, got more`)
    this.#values[this.count++] = position
  }

  whole(): Float64Array {
    if (this.count !== this.#values.length) throw broken(this.from, `${this.#expected}, got ${this.count}`)
    return this.#values
  }

  get #expected(): string {
    return `expected ${this.#values.length} positions as in the manifest`
  }
}

const SERIAL_COOKIE = 12_347
const SERIAL_COOKIE_NO_RUNS = 12_346
/** Bitmaps with runs leave the offsets out below this many containers. */
const OFFSETS_FROM = 4
const ARRAY_MAX = 4096

interface Cursor {
  readonly bytes: Buffer
  at: number
}

const u16 = (cursor: Cursor) => cursor.bytes.readUInt16LE((cursor.at += 2) - 2)
const u32 = (cursor: Cursor) => cursor.bytes.readUInt32LE((cursor.at += 4) - 4)

/** 64-bit Roaring, portable: count of bitmaps, then key (the upper 32 bits) and a 32-bit Roaring bitmap each. */
function readBitmap64(bytes: Buffer, positions: Positions): void {
  const { from } = positions
  const cursor = { bytes, at: 8 }
  try {
    const bitmaps = bytes.readBigUInt64LE(0)
    for (let i = 0n; i < bitmaps; i++) {
      const base = u32(cursor) * 2 ** 32
      if (!Number.isSafeInteger(base + 2 ** 32)) throw broken(from, `positions from ${base} on are beyond 2^53`)
      readBitmap32(cursor, { positions, base })
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new AssayError('METADATA_BROKEN', `${from}: the bitmap is cut short at ${bytes.length} bytes`, { cause })
  }
  if (cursor.at !== bytes.length) throw broken(from, `expected the bitmap to end at byte ${bytes.length}, it ends at ${cursor.at}`)
}

interface Into {
  readonly positions: Positions
  readonly base: number
}

/** https://github.com/RoaringBitmap/RoaringFormatSpec */
function readBitmap32(cursor: Cursor, { positions, base }: Into): void {
  const { from } = positions
  const cookie = u32(cursor)
  const hasRuns = (cookie & 0xffff) === SERIAL_COOKIE
  if (!hasRuns && cookie !== SERIAL_COOKIE_NO_RUNS) throw broken(from, `expected a Roaring bitmap, got cookie ${cookie}`)
  const count = hasRuns ? (cookie >>> 16) + 1 : u32(cursor)
  const runFlagsAt = cursor.at
  if (hasRuns) cursor.at += Math.ceil(count / 8)
  const headersAt = cursor.at
  cursor.at += count * 4
  if (!hasRuns || count >= OFFSETS_FROM) cursor.at += count * 4
  for (let i = 0; i < count; i++) {
    const container = { positions, base: base + cursor.bytes.readUInt16LE(headersAt + i * 4) * 65_536 }
    const cardinality = cursor.bytes.readUInt16LE(headersAt + i * 4 + 2) + 1
    const before = positions.count
    const isRun = hasRuns && ((cursor.bytes.readUInt8(runFlagsAt + (i >> 3)) >> (i & 7)) & 1) === 1
    if (isRun) readRuns(cursor, container)
    else if (cardinality > ARRAY_MAX) readBits(cursor, container)
    else for (let k = 0; k < cardinality; k++) positions.push(container.base + u16(cursor))
    const got = positions.count - before
    if (got !== cardinality) throw broken(from, `container ${i}: expected ${cardinality} positions, got ${got}`)
  }
}

function readRuns(cursor: Cursor, { positions, base }: Into): void {
  const runs = u16(cursor)
  for (let run = 0; run < runs; run++) {
    const first = u16(cursor)
    const more = u16(cursor)
    for (let k = 0; k <= more; k++) positions.push(base + first + k)
  }
}

function readBits(cursor: Cursor, { positions, base }: Into): void {
  for (let word = 0; word < 2048; word++) {
    const bits = u32(cursor)
    for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) positions.push(base + word * 32 + bit)
  }
}

function broken(from: string, what: string): AssayError {
  return new AssayError('METADATA_BROKEN', `${from}: ${what}`)
}
