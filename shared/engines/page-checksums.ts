import { open, type FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { quoteText } from './duckdb.ts'
import type { DuckDb } from './duckdb.ts'

/** A column chunk read at once; one that is larger is not verified. */
const CHUNK_BYTES_MAX = 256 * 1024 * 1024

interface Chunk {
  readonly group: number
  readonly column: string
  readonly first: number
  readonly sizeBytes: number
}

/**
 * The first page of a local Parquet file whose bytes are not those its checksum was computed from, or null. The engine
 * does not look at checksums; many writers leave them out, and then there is nothing to compare. With `only` these columns
 * are looked at, where the file has all of them.
 */
export async function findChangedPage(db: DuckDb, path: string, only: ReadonlySet<string> | null = null): Promise<string | null> {
  const all = await columnChunks(db, path)
  const chunks = only === null || !hasAll(all, only) ? all : all.filter(({ column }) => only.has(column))
  const file = await open(path)
  try {
    for (const chunk of chunks) {
      const page = chunk.sizeBytes > CHUNK_BYTES_MAX ? null : changedPage(await bytesOf(file, chunk))
      if (page !== null) return `row group ${chunk.group}, column ${chunk.column}: page ${page} is not what its checksum says`
    }
    return null
  } finally {
    await file.close()
  }
}

/** Columns that were renamed since are not found by their names. */
const hasAll = (chunks: readonly Chunk[], columns: ReadonlySet<string>) =>
  [...columns].every((name) => chunks.some(({ column }) => column === name))

async function columnChunks(db: DuckDb, path: string): Promise<Chunk[]> {
  const rows = await db.query(`
    SELECT row_group_id, path_in_schema, least(dictionary_page_offset, data_page_offset) AS first, total_compressed_size
    FROM parquet_metadata(${quoteText(path)}) ORDER BY 3`)
  return rows.map((row) => ({
    group: Number(row['row_group_id']),
    column: String(row['path_in_schema']),
    first: Number(row['first']),
    sizeBytes: Number(row['total_compressed_size']),
  }))
}

async function bytesOf(file: FileHandle, { first, sizeBytes }: Chunk): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, first)
  return buffer.subarray(0, bytesRead)
}

/** Number of the first page of a column chunk that differs from its checksum, or null. Page headers that cannot be read end the search: such a page does not decode. */
export function changedPage(chunk: Buffer): number | null {
  let at = 0
  for (let page = 0; at < chunk.length; page++) {
    const header = pageHeader(chunk, at)
    if (header === null) return null
    const data = chunk.subarray(header.end, header.end + header.sizeBytes)
    if (data.length < header.sizeBytes) return null
    if (header.crc !== null && crc32(data) !== header.crc >>> 0) return page
    at = header.end + header.sizeBytes
  }
  return null
}

interface PageHeader {
  readonly sizeBytes: number
  /** As a signed 32-bit integer; null where the writer left it out. */
  readonly crc: number | null
  readonly end: number
}

/** Fields 3 (compressed_page_size) and 4 (crc) of a PageHeader in Thrift's compact protocol; the others are passed over. */
function pageHeader(bytes: Buffer, from: number): PageHeader | null {
  const reader = new CompactReader(bytes, from)
  let sizeBytes: number | null = null
  let crc: number | null = null
  try {
    for (let field = reader.field(0); field !== null; field = reader.field(field.id)) {
      if (field.id === 3 && field.type === I32) sizeBytes = reader.int()
      else if (field.id === 4 && field.type === I32) crc = reader.int()
      else reader.skip(field.type, 0)
    }
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
  return sizeBytes === null || sizeBytes < 0 ? null : { sizeBytes, crc, end: reader.at }
}

export const I32 = 5
/** Bytes of the types whose size is known: true, false, byte, double. */
const FIXED_BYTES = new Map([
  [1, 0],
  [2, 0],
  [3, 1],
  [7, 8],
])
const DEPTH_MAX = 8

/** Throws RangeError at the end of the bytes, and where they are no Thrift. */
export class CompactReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** Null at the end of a struct. */
  field(before: number): { id: number; type: number } | null {
    const head = this.#byte()
    if (head === 0) return null
    const delta = head >> 4
    return { id: delta === 0 ? this.int() : before + delta, type: head & 15 }
  }

  /** Zigzag. */
  int(): number {
    const value = this.#varint()
    return Number((value >> 1n) ^ -(value & 1n))
  }

  skip(type: number, depth: number): void {
    const fixed = FIXED_BYTES.get(type)
    if (depth > DEPTH_MAX) throw new RangeError('nested too deep')
    if (fixed !== undefined) this.at += fixed
    else if (type >= 4 && type <= 6) this.#varint()
    else if (type === 8) this.#pass(Number(this.#varint()))
    else if (type === 9 || type === 10) this.#skipList(depth)
    else if (type === 12) for (let field = this.field(0); field !== null; field = this.field(field.id)) this.skip(field.type, depth + 1)
    else throw new RangeError(`type ${type}`)
  }

  #pass(count: number): void {
    this.at += count
  }

  /** The head of a list. */
  list(): { count: number; type: number } {
    const head = this.#byte()
    return { count: head >> 4 === 15 ? Number(this.#varint()) : head >> 4, type: head & 15 }
  }

  #skipList(depth: number): void {
    const { count, type } = this.list()
    // In a list a boolean takes a byte.
    for (let i = 0; i < count; i++) this.skip(type === 1 || type === 2 ? 3 : type, depth + 1)
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new RangeError('varint too long')
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.at++)
  }
}
