import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decodeSnappy } from '../iceberg/snappy.ts'
import { decodeLz4Frame } from './lz4-frame.ts'

/** How a producer may have compressed a record batch, beside gzip, which kafkajs knows. */
export interface BatchCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(buffer: Buffer): Promise<Buffer>
}

/** A batch larger than this is none: the broker's own limit is 1 MiB of compressed bytes unless it was raised. */
export const BATCH_BYTES_MAX = 256 * 1024 * 1024

const codec = (compress: (plain: Buffer) => Buffer, decompress: (packed: Buffer) => Buffer): BatchCodec => ({
  compress: ({ buffer }) => new Promise((resolve) => resolve(compress(buffer))),
  decompress: (buffer) => new Promise((resolve) => resolve(decompress(buffer))),
})

/**
 * Assay reads whatever the pipeline's producers write, and itself writes plain batches. What `compress` gives is of the format, and no
 * smaller: tests write with it.
 */
export const snappyCodec = codec(xerialOf, (packed) => decodeXerial(packed, BATCH_BYTES_MAX))
export const lz4Codec = codec(storedLz4Of, (packed) => decodeLz4Frame(packed, BATCH_BYTES_MAX))
export const zstdCodec = codec(zstdCompressSync, (packed) => zstdDecompressSync(packed, { maxOutputLength: BATCH_BYTES_MAX }))

/** Java's producers put Snappy blocks into a frame of their own (snappy-java); others write one bare block. */
const XERIAL_MAGIC = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0])
const XERIAL_HEADER_BYTES = 16

export function decodeXerial(packed: Buffer, maxBytes: number): Buffer {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return decodeSnappy(packed, maxBytes)
  const blocks: Buffer[] = []
  let left = maxBytes
  for (let at = XERIAL_HEADER_BYTES; at < packed.length;) {
    const size = packed.readUInt32BE(at)
    at += 4
    if (at + size > packed.length) throw new RangeError(`a Snappy block of ${size} bytes at byte ${at}, of ${packed.length} in all`)
    const block = decodeSnappy(packed.subarray(at, at + size), left)
    blocks.push(block)
    left -= block.length
    at += size
  }
  return Buffer.concat(blocks)
}

const BLOCK_BYTES = 32 * 1024

const blocksOf = (plain: Buffer) =>
  Array.from({ length: Math.ceil(plain.length / BLOCK_BYTES) }, (_, at) => plain.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES))

function xerialOf(plain: Buffer): Buffer {
  const header = Buffer.alloc(XERIAL_HEADER_BYTES)
  XERIAL_MAGIC.copy(header)
  header.writeUInt32BE(1, 8)
  header.writeUInt32BE(1, 12)
  return Buffer.concat([header, ...blocksOf(plain).flatMap((block) => sized(literalOf(block)))])
}

/** One literal: the length of all as a varint, the tag of a literal whose length has two bytes, that length less one, the bytes. */
function literalOf(block: Buffer): Buffer {
  const head = Buffer.from([(block.length & 0x7f) | 0x80, ((block.length >> 7) & 0x7f) | 0x80, block.length >> 14, 61 << 2, 0, 0])
  head.writeUInt16LE(block.length - 1, 4)
  return Buffer.concat([head, block])
}

function storedLz4Of(plain: Buffer): Buffer {
  // Magic, version 1 of independent blocks, blocks of 64 KiB, and the checksum of these two bytes, which never change.
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
  const stored = blocksOf(plain).flatMap((block) => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE((block.length | 0x80000000) >>> 0)
    return [size, block]
  })
  return Buffer.concat([header, ...stored, Buffer.alloc(4)])
}

function sized(block: Buffer): Buffer[] {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  return [size, block]
}
