import avsc from 'avsc'
import { AssayError } from '../core/errors.ts'
import {
  readRecordSchema,
  readWrittenSchema,
  type CanaryRecord,
  type FieldType,
  type FieldValue,
  type RecordField,
  type WrittenFields,
} from '../core/record-schema.ts'

/** Records of the pipeline, whoever wrote them, in Confluent framing: a zero byte, the schema's id in four bytes, the Avro body. */
export interface RecordReader extends WrittenFields {
  readonly schemaId: number
  /** Without the opaque fields. Throws SCHEMA_UNKNOWN for a body that is not of this schema. */
  decode(framed: Uint8Array): CanaryRecord
}

export interface RecordCodec extends RecordReader {
  encode(record: CanaryRecord): Buffer
}

const MAGIC = 0
const HEADER_BYTES = 5
const SCRATCH_BYTES = 4096

/** Throws INPUT_INVALID when the schema is no record, or none that Avro knows. */
export function recordReader(schemaId: number, schemaText: string): RecordReader {
  const { fields, opaque } = readWrittenSchema(schemaText)
  const decodeBody = bodyDecoder(schemaText, fields)
  return {
    schemaId,
    fields,
    opaque,
    decode(framed) {
      let raw: RawRecord
      try {
        raw = decodeBody(Buffer.from(framed.buffer, framed.byteOffset + HEADER_BYTES, framed.byteLength - HEADER_BYTES))
      } catch (cause) {
        throw new AssayError('SCHEMA_UNKNOWN', `a record framed with schema ${schemaId} is not of that schema: ${String(cause)}`, { cause })
      }
      const record: Record<string, FieldValue> = {}
      for (const field of fields) record[field.name] = fromAvro(field.type, raw[field.name])
      return record
    },
  }
}

/** Throws INPUT_INVALID when canaries cannot be made of the schema. */
export function recordCodec(schemaId: number, schemaText: string): RecordCodec {
  const fields = readRecordSchema(schemaText)
  const type = avroType(schemaText)
  let scratch = framedBuffer(schemaId, SCRATCH_BYTES)
  return {
    ...recordReader(schemaId, schemaText),
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
  }
}

type AvroOptions = NonNullable<Parameters<typeof avsc.Type.forSchema>[1]>

/** Defaults are for readers with a schema of their own, and writers of other libraries are not always strict about them. */
function avroType(schemaText: string, options: AvroOptions = {}): avsc.Type {
  const schema: unknown = JSON.parse(schemaText, (key, value: unknown) => (key === 'default' ? undefined : value))
  try {
    return avsc.Type.forSchema(schema as avsc.Schema, { noAnonymousTypes: false, ...options })
  } catch (cause) {
    throw new AssayError('INPUT_INVALID', `an Avro schema that cannot be read: ${String(cause)}`, { cause })
  }
}

const notWritten = () => {
  throw new Error('longs are only read')
}

/** Longs beyond what a number holds are bigints. It takes several times as long as avsc's own, which refuses them. */
const wideLong = avsc.types.LongType.__with({
  fromBuffer(bytes: Buffer) {
    const value = bytes.readBigInt64LE()
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  },
  toBuffer: notWritten,
  fromJSON: notWritten,
  toJSON: notWritten,
  isValid: notWritten,
  compare: notWritten,
})

const isLong = (schema: unknown) =>
  schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')

const longKinds: ReadonlySet<FieldType['kind']> = new Set(['long', 'timestamp-millis', 'timestamp-micros'])
/** What avsc reads as this or more may be negative: on the wire the sign is the last bit of twice the value, which a number does not hold. */
const UNSIGNED_FROM = 2 ** 52

type RawRecord = Readonly<Record<string, unknown>>

/** Wide longs are read where a record needs them; all are, once avsc has refused one. Where there are none, nobody pays for them. */
function bodyDecoder(schemaText: string, fields: readonly RecordField[]): (body: Buffer) => RawRecord {
  const longs = fields.filter(({ type }) => longKinds.has(type.kind)).map(({ name }) => name)
  const plain = avroType(schemaText)
  let wide: avsc.Type | null = null
  let isWide = false
  const readWide = (body: Buffer) => {
    wide ??= avroType(schemaText, { typeHook: (schema) => (isLong(schema) ? wideLong : undefined) })
    return wide.fromBuffer(body) as RawRecord
  }
  return (body) => {
    if (isWide) return readWide(body)
    try {
      const raw = plain.fromBuffer(body) as RawRecord
      return longs.some((name) => (raw[name] as number) >= UNSIGNED_FROM) ? readWide(body) : raw
    } catch {
      const raw = readWide(body)
      isWide = true
      return raw
    }
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
