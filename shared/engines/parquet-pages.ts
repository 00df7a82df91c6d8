import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { CompactReader, I32 } from './page-checksums.ts'

/** Of one page, decompressed; one that is larger is left to the engine. */
export const PAGE_BYTES_MAX = 256 * 1024 * 1024

/** A page of a column chunk, decompressed. `levels` are definition levels of one bit; null where no value can be null. */
export interface Page {
  readonly kind: 'dictionary' | 'values'
  readonly count: number
  readonly encoding: number
  readonly levels: Buffer | null
  readonly values: Buffer
  /** Lets go of what it stands in, which for the collector of garbage would be late; nothing of the page is read after it. */
  release(): void
}

export const PLAIN = 0
/** Indices into the dictionary; 2 is the name that old writers have for 8. */
export const isDictionaryEncoding = (encoding: number) => encoding === 2 || encoding === 8
const RLE = 3

type Decompress = (bytes: Buffer, sizeBytes: number) => Buffer

/** One chunk that takes all of it: zstd then decodes straight into it. The rest shows that there is no more. */
const roomFor = (sizeBytes: number) => ({ chunkSize: Math.max(64, sizeBytes + 64) })

/**
 * By the name Parquet gives the codec. Snappy is left to the engine:
 * our own decoder is JavaScript, and slower than the engine's whole scan.
 */
export const codecs: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
  ['UNCOMPRESSED', (bytes) => bytes],
  ['ZSTD', (bytes, sizeBytes) => zstdDecompressSync(bytes, roomFor(sizeBytes))],
  ['GZIP', (bytes, sizeBytes) => gunzipSync(bytes, roomFor(sizeBytes))],
])

/**
 * The pages of a column chunk of a flat column. Throws RangeError, or
 * what zlib throws, for what is not as Parquet has it or is of a kind not known here.
 */
export function* pagesOf(chunk: Buffer, { codec, isOptional }: { codec: string; isOptional: boolean }): Generator<Page> {
  const decompress = codecs.get(codec)
  if (decompress === undefined) throw new RangeError(`codec ${codec}`)
  for (let at = 0; at < chunk.length;) {
    const header = pageHeader(chunk, at)
    const end = header.end + header.compressedBytes
    if (end > chunk.length) throw new RangeError('a page that is cut short')
    const body = chunk.subarray(header.end, end)
    at = end
    if (header.kind === 'other') continue
    yield header.kind === 'values-2'
      ? pageOfVersion2(header, { body, decompress, isOptional })
      : pageOf(header, { body, decompress, isOptional })
  }
}

interface PageBody {
  readonly body: Buffer
  readonly decompress: Decompress
  readonly isOptional: boolean
}

function pageOf(header: PageHeader, { body, decompress, isOptional }: PageBody): Page {
  const { count, encoding, sizeBytes } = header
  const bytes = whole(decompress, { body, sizeBytes })
  const release = () => {
    freed(bytes, body)
  }
  if (header.kind === 'dictionary') return { kind: 'dictionary', count, encoding, levels: null, values: bytes, release }
  if (!isOptional) return { kind: 'values', count, encoding, levels: null, values: bytes, release }
  if (header.levelEncoding !== RLE) throw new RangeError(`levels in encoding ${header.levelEncoding}`)
  const levelsEnd = 4 + bytes.readUInt32LE(0)
  return { kind: 'values', count, encoding, levels: bytes.subarray(4, levelsEnd), values: bytes.subarray(levelsEnd), release }
}

/** In version 2 levels stand in front, never compressed. */
function pageOfVersion2(header: PageHeader, { body, decompress, isOptional }: PageBody): Page {
  const { count, encoding, levelBytes, sizeBytes } = header
  const packed = body.subarray(levelBytes)
  const values = header.isCompressed ? whole(decompress, { body: packed, sizeBytes: sizeBytes - levelBytes }) : packed
  const release = () => {
    freed(values, body)
  }
  return { kind: 'values', count, encoding, levels: isOptional ? body.subarray(0, levelBytes) : null, values, release }
}

/** Below, several may share what they stand in. */
const OWN_BYTES_MIN = 64 * 1024

/** Frees the memory behind a page that was decompressed. */
function freed({ buffer, byteLength }: Buffer, compressed: Buffer): void {
  if (buffer !== compressed.buffer && byteLength >= OWN_BYTES_MIN && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

function whole(decompress: Decompress, { body, sizeBytes }: { body: Buffer; sizeBytes: number }): Buffer {
  // A page of nulls alone.
  if (sizeBytes === 0) return body.subarray(0, 0)
  const bytes = decompress(body, sizeBytes)
  if (bytes.length !== sizeBytes) throw new RangeError(`expected a page of ${sizeBytes} bytes, got ${bytes.length}`)
  return bytes
}

interface PageHeader {
  kind: 'dictionary' | 'values' | 'values-2' | 'other'
  /** Decompressed, with the levels. */
  sizeBytes: number
  compressedBytes: number
  count: number
  encoding: number
  levelEncoding: number
  levelBytes: number
  isCompressed: boolean
  end: number
}

const STRUCT = 12
const FALSE = 2
const kinds: ReadonlyMap<number, PageHeader['kind']> = new Map([
  [0, 'values'],
  [2, 'dictionary'],
  [3, 'values-2'],
])

/** A PageHeader in Thrift's compact protocol (parquet.thrift): its fields 1 to 3, and of the header of its kind what reading takes. */
function pageHeader(bytes: Buffer, from: number): PageHeader {
  const reader = new CompactReader(bytes, from)
  const header: PageHeader = {
    kind: 'other',
    sizeBytes: -1,
    compressedBytes: -1,
    count: -1,
    encoding: -1,
    levelEncoding: -1,
    levelBytes: 0,
    isCompressed: true,
    end: from,
  }
  for (let field = reader.field(0); field !== null; field = reader.field(field.id)) {
    if (field.id === 1) header.kind = kinds.get(reader.int()) ?? 'other'
    else if (field.id === 2) header.sizeBytes = reader.int()
    else if (field.id === 3) header.compressedBytes = reader.int()
    else if (field.type === STRUCT && (field.id === 5 || field.id === 7 || field.id === 8)) readKind(reader, header)
    else reader.skip(field.type, 0)
  }
  header.end = reader.at
  const isWhole = header.compressedBytes >= 0 && header.sizeBytes >= 0 && header.sizeBytes <= PAGE_BYTES_MAX
  if (!isWhole || (header.kind !== 'other' && header.count < 0)) throw new RangeError('a page header without sizes')
  return header
}

/** `kind` stands before it. Field 1 is the number of values in all three. */
function readKind(reader: CompactReader, header: PageHeader): void {
  for (let field = reader.field(0); field !== null; field = reader.field(field.id)) {
    const { id, type } = field
    if (type !== I32) {
      if (header.kind === 'values-2' && id === 7) header.isCompressed = type !== FALSE
      reader.skip(type, 0)
      continue
    }
    const value = reader.int()
    if (id === 1) header.count = value
    if (header.kind === 'values-2') {
      if (id === 4) header.encoding = value
      else if (id === 5 || id === 6) header.levelBytes += value
    } else if (id === 2) header.encoding = value
    else if (id === 3) header.levelEncoding = value
  }
}
