import avsc from 'avsc'
import { AssayError } from '../core/errors.ts'
import { readRecordSchema, type CanaryRecord, type FieldType, type FieldValue, type RecordField } from '../core/record-schema.ts'

/** The pipeline's own records, in Confluent framing: a zero byte, the schema's id in four bytes, the Avro body. */
export interface RecordCodec {
  readonly schemaId: number
  readonly fields: readonly RecordField[]
  encode(record: CanaryRecord): Buffer
  /** Throws SCHEMA_UNKNOWN for a body that is not of this schema. */
  decode(framed: Uint8Array): CanaryRecord
}

const MAGIC = 0
const HEADER_BYTES = 5
const SCRATCH_BYTES = 4096

/** Throws INPUT_INVALID when the schema is not a record of supported types. */
export function recordCodec(schemaId: number, schemaText: string): RecordCodec {
  const fields = readRecordSchema(schemaText)
  const type = avsc.Type.forSchema(JSON.parse(schemaText) as Parameters<typeof avsc.Type.forSchema>[0], { noAnonymousTypes: false })
  let scratch = framedBuffer(schemaId, SCRATCH_BYTES)
  return {
    schemaId,
    fields,
    encode(record) {
      const raw: Record<string, unknown> = {}
      for (const field of fields) raw[field.name] = toAvro(field.type, record[field.name] ?? null)
      let end = type.encode(raw, scratch, HEADER_BYTES)
      if (end < 0) {
        // Negative is how many bytes there was no room for.
        scratch = framedBuffer(schemaId, scratch.length - end)
        end = type.encode(raw, scratch, HEADER_BYTES)
      }
      return Buffer.copyBytesFrom(scratch, 0, end)
    },
    decode(framed) {
      let raw: Readonly<Record<string, unknown>>
      try {
        raw = type.fromBuffer(Buffer.from(framed.buffer, framed.byteOffset + HEADER_BYTES, framed.byteLength - HEADER_BYTES)) as Record<
          string,
          unknown
        >
      } catch (cause) {
        throw new AssayError('SCHEMA_UNKNOWN', `a record framed with schema ${schemaId} is not of that schema: ${String(cause)}`, { cause })
      }
      const record: Record<string, FieldValue> = {}
      for (const field of fields) record[field.name] = fromAvro(field.type, raw[field.name])
      return record
    },
  }
}

function framedBuffer(schemaId: number, sizeBytes: number): Buffer {
  const framed = Buffer.alloc(sizeBytes)
  framed.writeUInt8(MAGIC, 0)
  framed.writeUInt32BE(schemaId, 1)
  return framed
}

/** The schema id in the framing, or null for a value that is not framed. */
export function framedSchemaId(value: Uint8Array | null): number | null {
  if (value === null || value.length < HEADER_BYTES || value[0] !== MAGIC) return null
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(1)
}

function toAvro(type: FieldType, value: FieldValue): unknown {
  if (type.kind === 'decimal' && typeof value === 'bigint') return decimalBytes(value)
  if (value instanceof Uint8Array) return Buffer.from(value)
  return value
}

function fromAvro(type: FieldType, value: unknown): FieldValue {
  if (type.kind === 'decimal' && Buffer.isBuffer(value)) return decimalOf(value)
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) return { ...(value as Record<string, string>) }
  return value as FieldValue
}

/** What Buffer reads and writes as a number; bigints through hexadecimal text take five times as long. */
const NUMBER_BYTES_MAX = 6
const NUMBER_LIMIT = 2n ** BigInt(NUMBER_BYTES_MAX * 8 - 1)

/** Two's complement, big endian, as short as it may be (Avro's decimal over bytes). */
export function decimalBytes(value: bigint): Buffer {
  let bytes = 1
  if (value >= -NUMBER_LIMIT && value < NUMBER_LIMIT) {
    const number = Number(value)
    while (number < -(2 ** (bytes * 8 - 1)) || number >= 2 ** (bytes * 8 - 1)) bytes++
    const buffer = Buffer.allocUnsafe(bytes)
    buffer.writeIntBE(number, 0, bytes)
    return buffer
  }
  while (value < -(1n << BigInt(bytes * 8 - 1)) || value >= 1n << BigInt(bytes * 8 - 1)) bytes++
  const hex = BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0')
  return Buffer.from(hex, 'hex')
}

export function decimalOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length <= NUMBER_BYTES_MAX) return BigInt(view.readIntBE(0, bytes.length))
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${view.toString('hex')}`))
}
