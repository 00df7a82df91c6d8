import { constants, crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import avro from 'avsc'
import { AssayError } from '../core/errors.ts'
import { decodeSnappy } from './snappy.ts'

/** One block of a manifest holds some thousand entries; beyond this it is no manifest. */
export const MAX_BLOCK_BYTES = 256 * 1024 * 1024
const MAGIC = Buffer.from('Obj\x01', 'latin1')

const headerType = avro.Type.forSchema({
  type: 'record',
  name: 'Header',
  fields: [
    { name: 'magic', type: { type: 'fixed', name: 'Magic', size: 4 } },
    { name: 'meta', type: { type: 'map', values: 'bytes' } },
    { name: 'sync', type: { type: 'fixed', name: 'Sync', size: 16 } },
  ],
})
const blockType = avro.Type.forSchema({
  type: 'record',
  name: 'Block',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'data', type: 'bytes' },
    { name: 'sync', type: { type: 'fixed', name: 'BlockSync', size: 16 } },
  ],
})

/** Every long as bigint: snapshot ids need all 63 bits; who reads a size narrows it and says so. */
const bigintLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (left: bigint, right: bigint) => (left < right ? -1 : left > right ? 1 : 0),
})

/** Writers say "long" or {"type": "long"}; a registry entry would catch only the first. */
function longAsBigint(schema: unknown): avro.Type | undefined {
  const isLong = schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  return isLong ? bigintLong : undefined
}

interface Header {
  magic: Buffer
  meta: Record<string, Buffer>
  sync: Buffer
}

interface Block {
  count: number
  data: Buffer
  sync: Buffer
}

/**
 * All records of an Avro object container file, longs as bigint. Codecs null, deflate, snappy and zstandard.
 * avsc's own stream takes a file cut short for a shorter file, and a manifest cut short would hide data files: here it
 * is METADATA_BROKEN, as is anything else that does not hold. `from` names the object in the error.
 */
export function decodeContainer(bytes: Uint8Array, from: string): unknown[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!buffer.subarray(0, MAGIC.length).equals(MAGIC))
    throw broken(from, `expected an Avro container, got ${buffer.length} bytes that are none`)
  try {
    return decodeBlocks(buffer, from)
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    throw new AssayError('METADATA_BROKEN', `${from}: not readable as Avro: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

function decodeBlocks(buffer: Buffer, from: string): unknown[] {
  const header: { value: Header; offset: number } = headerType.decode(buffer)
  if (header.offset < 0) throw broken(from, 'the header is cut short')
  const { meta, sync } = header.value
  const schema = meta['avro.schema']
  if (schema === undefined) throw broken(from, 'the header has no avro.schema')
  const codec = meta['avro.codec']?.toString() ?? 'null'
  const type = avro.Type.forSchema(JSON.parse(schema.toString()) as avro.Schema, { typeHook: longAsBigint, wrapUnions: false })

  const records: unknown[] = []
  let offset = header.offset
  while (offset < buffer.length) {
    const block: { value: Block; offset: number } = blockType.decode(buffer, offset)
    if (block.offset < 0) throw broken(from, `the block at byte ${offset} is cut short: the object ends at ${buffer.length}`)
    if (!block.value.sync.equals(sync)) throw broken(from, `the block at byte ${offset} ends in a wrong sync marker`)
    const data = decompress(block.value.data, { codec, from })
    let at = 0
    for (let i = 0; i < block.value.count; i++) {
      const record = type.decode(data, at)
      if (record.offset < 0) throw broken(from, `record ${i} of the block at byte ${offset} is cut short`)
      records.push(record.value)
      at = record.offset
    }
    offset = block.offset
  }
  return records
}

function decompress(data: Buffer, { codec, from }: { codec: string; from: string }): Buffer {
  switch (codec) {
    case 'null':
      return data
    case 'deflate':
      return inflateRawSync(data, { maxOutputLength: MAX_BLOCK_BYTES })
    case 'zstandard':
      return zstdDecompressSync(data, { maxOutputLength: MAX_BLOCK_BYTES, params: { [constants.ZSTD_d_windowLogMax]: 27 } })
    case 'snappy': {
      const plain = decodeSnappy(data.subarray(0, -4), MAX_BLOCK_BYTES)
      if (crc32(plain) !== data.readUInt32BE(data.length - 4)) throw broken(from, 'the CRC-32 of a snappy block does not hold')
      return plain
    }
    default:
      throw broken(from, `expected codec null, deflate, snappy or zstandard, got ${codec}`)
  }
}

function broken(from: string, what: string): AssayError {
  return new AssayError('METADATA_BROKEN', `${from}: ${what}`)
}
