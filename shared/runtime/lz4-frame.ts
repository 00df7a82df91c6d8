/**
 * Decodes an LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), as Kafka's clients write them: blocks
 * that stand alone or lean on the ones before, no dictionary. Checksums are passed over: Kafka keeps one of the whole batch.
 * Throws RangeError for what is no such frame, is cut short, gives more than `maxBytes`, or copies from before its beginning.
 */
export function decodeLz4Frame(bytes: Buffer, maxBytes: number): Buffer {
  const out = new GrowingBuffer(maxBytes)
  const { flags, first } = readFrameHeader(bytes)
  let at = first
  for (;;) {
    const size = bytes.readUInt32LE(at)
    at += 4
    if (size === END_MARK) return out.written()
    const end = at + (size & SIZE_MASK)
    if (end > bytes.length) throw new RangeError(`a block of ${size & SIZE_MASK} bytes at byte ${at}, of ${bytes.length} in all`)
    const block = bytes.subarray(at, end)
    if ((size & STORED) === 0) decodeBlock(block, out)
    else out.append(block)
    at = end + ((flags & BLOCK_CHECKSUMS) === 0 ? 0 : 4)
  }
}

const MAGIC = 0x184d2204
const VERSION = 0x40
const VERSION_MASK = 0xc0
const BLOCK_CHECKSUMS = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const END_MARK = 0
/** As signed 32 bits: the highest one. */
const STORED = 0x80000000 | 0
const SIZE_MASK = 0x7fffffff

function readFrameHeader(bytes: Buffer): { flags: number; first: number } {
  const magic = bytes.readUInt32LE(0)
  if (magic !== MAGIC) throw new RangeError(`expected an LZ4 frame, got magic ${magic.toString(16)}`)
  const flags = bytes.readUInt8(4)
  if ((flags & VERSION_MASK) !== VERSION || (flags & DICTIONARY) !== 0) throw new RangeError(`LZ4 frame flags ${flags.toString(16)}`)
  // Magic, flags, block size, the content's size where it is told, header checksum.
  return { flags, first: 4 + 2 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) + 1 }
}

const MATCH_BYTES_MIN = 4
const LENGTH_IN_TOKEN_MAX = 15

function decodeBlock(block: Buffer, out: GrowingBuffer): void {
  let at = 0
  /** A length that did not fit its half of the token goes on in bytes, until one is below 255. */
  const lengthOf = (half: number) => {
    let length = half
    for (let more = half === LENGTH_IN_TOKEN_MAX ? 255 : 0; more === 255; length += more) more = block.readUInt8(at++)
    return length
  }
  while (at < block.length) {
    const token = block.readUInt8(at++)
    const literals = lengthOf(token >> 4)
    if (at + literals > block.length) throw new RangeError('an LZ4 block is cut short in its literals')
    out.append(block.subarray(at, at + literals))
    at += literals
    // The last sequence is of literals only.
    if (at === block.length) return
    const back = block.readUInt16LE(at)
    at += 2
    out.copy(back, lengthOf(token & LENGTH_IN_TOKEN_MAX) + MATCH_BYTES_MIN)
  }
}

const FIRST_BYTES = 64 * 1024

class GrowingBuffer {
  #bytes = Buffer.alloc(FIRST_BYTES)
  #end = 0
  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  append(more: Buffer): void {
    this.#makeRoom(more.length)
    more.copy(this.#bytes, this.#end)
    this.#end += more.length
  }

  copy(back: number, length: number): void {
    if (back === 0 || back > this.#end) throw new RangeError(`a copy from ${back} bytes before byte ${this.#end}`)
    this.#makeRoom(length)
    const bytes = this.#bytes
    const end = this.#end
    // Copies may overlap what they write.
    if (back >= length) bytes.copy(bytes, end, end - back, end - back + length)
    else for (let i = 0; i < length; i++) bytes[end + i] = bytes[end + i - back] as number
    this.#end = end + length
  }

  #makeRoom(more: number): void {
    const wanted = this.#end + more
    if (wanted > this.#maxBytes) throw new RangeError(`more than ${this.#maxBytes} bytes`)
    if (wanted <= this.#bytes.length) return
    const grown = Buffer.alloc(Math.max(wanted, Math.min(this.#bytes.length * 2, this.#maxBytes)))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }
}
