import avro from 'avsc'
import { PipelineError } from './errors.ts'

/** Avro `long` as bigint: microseconds of far-future times do not fit a number. */
const longType = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (left: bigint, right: bigint) => (left < right ? -1 : left > right ? 1 : 0),
})

/** Avro decimal over bytes as its unscaled bigint (two's complement, big endian, as short as can be). */
class DecimalType extends avro.types.LogicalType {
  readonly scale: number
  constructor(schema: avro.Schema, opts?: object) {
    super(schema, opts)
    this.scale = scaleOf(schema)
  }
  /** Another scale would change the value, so such a version cannot be read. */
  protected override _resolve(written: avro.Type): ((unscaled: bigint) => bigint) | undefined {
    return written instanceof DecimalType && written.scale === this.scale ? (unscaled) => unscaled : undefined
  }
  protected override _fromValue(bytes: Buffer): bigint {
    return bigintFromBytes(bytes)
  }
  protected override _toValue(unscaled: unknown): Buffer | undefined {
    return typeof unscaled === 'bigint' ? bigintToBytes(unscaled) : undefined
  }
}

function scaleOf(schema: avro.Schema): number {
  const scale: unknown = typeof schema === 'object' && 'scale' in schema ? schema['scale'] : 0
  return typeof scale === 'number' ? scale : 0
}

const CHUNK_BYTES = 6

export function bigintFromBytes(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n
  let at = bytes.length % CHUNK_BYTES || CHUNK_BYTES
  let value = BigInt(bytes.readIntBE(0, at))
  for (; at < bytes.length; at += CHUNK_BYTES) value = (value << 48n) | BigInt(bytes.readUIntBE(at, CHUNK_BYTES))
  return value
}

export function bigintToBytes(value: bigint): Buffer {
  const narrow = BigInt.asIntN(64, value) === value
  let lengthBytes = 8
  if (!narrow) while (BigInt.asIntN(8 * lengthBytes, value) !== value) lengthBytes += 1
  const bytes = Buffer.alloc(lengthBytes)
  if (narrow) bytes.writeBigInt64BE(value)
  else
    bytes.write(
      BigInt.asUintN(8 * lengthBytes, value)
        .toString(16)
        .padStart(2 * lengthBytes, '0'),
      'hex',
    )
  const signByte = value < 0n ? 0xff : 0
  let from = 0
  // A leading byte that only repeats the sign may go, as long as the next byte still shows the sign.
  while (from < lengthBytes - 1 && bytes[from] === signByte && ((bytes[from + 1] ?? 0) & 0x80) === (signByte & 0x80)) from += 1
  return bytes.subarray(from)
}

export type AvroType = avro.Type
export const isAvroType = (value: unknown): value is AvroType => value instanceof avro.Type

export const typeOptions = {
  // timestamp-micros is a long with a hint, and is read as one.
  typeHook: (part: avro.Schema) => (isLong(part) ? longType : undefined),
  logicalTypes: { decimal: DecimalType },
}

export function parseSchema(schemaText: string): AvroType {
  return avro.Type.forSchema(JSON.parse(schemaText) as avro.Schema, { ...typeOptions })
}

function isLong(schema: avro.Schema): boolean {
  return schema === 'long' || (typeof schema === 'object' && 'type' in schema && schema.type === 'long')
}

const MAGIC = 0
const FRAME_BYTES = 5

/** Confluent framing: a zero byte, the schema id in four bytes, the Avro body. */
export function encodeFramed(type: AvroType, schemaId: number, value: object): Buffer {
  const body = type.toBuffer(value)
  const framed = Buffer.allocUnsafe(FRAME_BYTES + body.length)
  framed[0] = MAGIC
  framed.writeUInt32BE(schemaId, 1)
  body.copy(framed, FRAME_BYTES)
  return framed
}

export function framedSchemaId(framed: Buffer | null): number {
  if (framed === null) throw new PipelineError('RECORD_UNDECODABLE', 'value: expected Confluent-framed Avro, found null')
  if (framed.length < FRAME_BYTES || framed[0] !== MAGIC) {
    const head = framed.subarray(0, FRAME_BYTES).toString('hex')
    throw new PipelineError(
      'RECORD_UNDECODABLE',
      `value: expected a zero byte and a schema id, found ${framed.length} bytes starting '${head}'`,
    )
  }
  return framed.readUInt32BE(1)
}

export type AvroReader = (framed: Buffer) => unknown

/** Reads what was written with `writer` as `reader`, by Avro's rules of schema resolution. */
export function createReader(writer: AvroType, reader: AvroType): AvroReader {
  const resolver = reader.createResolver(writer)
  return (framed) => {
    try {
      return reader.fromBuffer(framed.subarray(FRAME_BYTES), resolver) as unknown
    } catch (cause) {
      throw new PipelineError('RECORD_UNDECODABLE', `value: not Avro of schema '${String(writer.name)}'`, { cause })
    }
  }
}
