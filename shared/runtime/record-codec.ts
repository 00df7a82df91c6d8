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

/** Throws INPUT_INVALID when the schema is not a record of supported types. */
export function recordCodec(schemaId: number, schemaText: string): RecordCodec {
  const fields = readRecordSchema(schemaText)
  const type = avsc.Type.forSchema(JSON.parse(schemaText) as Parameters<typeof avsc.Type.forSchema>[0], { noAnonymousTypes: false })
  return {
    schemaId,
    fields,
    encode(record) {
      const raw: Record<string, unknown> = {}
      for (const field of fields) raw[field.name] = toAvro(field.type, record[field.name] ?? null)
      const body = type.toBuffer(raw)
      const framed = Buffer.allocUnsafe(HEADER_BYTES + body.length)
      framed.writeUInt8(MAGIC, 0)
      framed.writeUInt32BE(schemaId, 1)
      body.copy(framed, HEADER_BYTES)
      return framed
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

/** Two's complement, big endian, as short as it may be (Avro's decimal over bytes). */
export function decimalBytes(value: bigint): Buffer {
  let bytes = 1
  while (value < -(1n << BigInt(bytes * 8 - 1)) || value >= 1n << BigInt(bytes * 8 - 1)) bytes++
  const hex = BigInt.asUintN(bytes * 8, value)
    .toString(16)
    .padStart(bytes * 2, '0')
  return Buffer.from(hex, 'hex')
}

export function decimalOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}
