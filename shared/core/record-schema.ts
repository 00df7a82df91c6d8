import { AssayError } from './errors.ts'

/** A record's fields, read from its Avro schema: what content generation and comparison need to know. */
export interface RecordField {
  readonly name: string
  readonly type: FieldType
  readonly nullable: boolean
}

export type FieldType =
  | {
      readonly kind: 'string' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'date' | 'timestamp-millis' | 'timestamp-micros'
    }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'string-map' }

/**
 * The value of one field. Decimals are unscaled bigints (price 1.50 at scale 2 is 150n); ints, longs, dates and
 * timestamps are safe integers, or bigints where others wrote longs beyond these; doubles are numbers.
 */
export type FieldValue = null | boolean | number | bigint | string | Uint8Array | Readonly<Record<string, string>>
export type CanaryRecord = Readonly<Record<string, FieldValue>>

/**
 * Fields of the Avro record schema at the source, given as JSON text. Throws INPUT_INVALID naming a field of whose type no canary
 * values can be made.
 */
export function readRecordSchema(schemaText: string): readonly RecordField[] {
  return avroFields(schemaText).map(({ name, type }) => {
    const known = fieldTypeOf(type)
    if (known !== null) return { name, ...known }
    throw new AssayError('INPUT_INVALID', `field ${name}: cannot make canary values of Avro type ${JSON.stringify(type)}`)
  })
}

/** Fields of a record that others write as they like. */
export interface WrittenFields {
  readonly fields: readonly RecordField[]
  /** Fields whose type has no `FieldType`, by name: what Avro calls it. Their values are not read, and can be compared with nothing. */
  readonly opaque: ReadonlyMap<string, string>
}

/** Of a schema behind the source, given as JSON text. Throws INPUT_INVALID for one that is no record. */
export function readWrittenSchema(schemaText: string): WrittenFields {
  const fields: RecordField[] = []
  const opaque = new Map<string, string>()
  for (const { name, type } of avroFields(schemaText)) {
    const known = fieldTypeOf(type)
    if (known === null) opaque.set(name, avroName(type))
    else fields.push({ name, ...known })
  }
  return { fields, opaque }
}

function avroFields(schemaText: string): { readonly name: string; readonly type: unknown }[] {
  const schema: unknown = JSON.parse(schemaText)
  if (!isObject(schema) || schema['type'] !== 'record' || !Array.isArray(schema['fields']))
    throw new AssayError('INPUT_INVALID', `the schema of a record must be an Avro record, got ${schemaText.slice(0, 80)}`)
  return schema['fields'].map((field: unknown) => {
    if (isObject(field) && typeof field['name'] === 'string') return { name: field['name'], type: field['type'] }
    throw new AssayError('INPUT_INVALID', `a field without a name: ${JSON.stringify(field)}`)
  })
}

/** Null for a type that has no `FieldType`. */
function fieldTypeOf(avro: unknown): Omit<RecordField, 'name'> | null {
  if (Array.isArray(avro)) {
    const others = avro.filter((branch) => branch !== 'null')
    const only = others.length === 1 && avro.length === 2 ? fieldTypeOf(others[0]) : null
    return only === null ? null : { ...only, nullable: true }
  }
  if (typeof avro === 'string') {
    const plain = plainKinds.find((kind) => kind === avro)
    return plain === undefined ? null : { type: { kind: plain }, nullable: false }
  }
  if (!isObject(avro)) return null
  const type = complexTypeOf(avro)
  if (type !== null) return { type, nullable: false }
  return typeof avro['type'] === 'string' && avro['logicalType'] === undefined ? fieldTypeOf(avro['type']) : null
}

/** The logical type where there is one, the name of one that is defined elsewhere. */
function avroName(avro: unknown): string {
  if (Array.isArray(avro)) {
    const others = avro.filter((branch) => branch !== 'null')
    return others.length === 1 ? avroName(others[0]) : 'union'
  }
  return isObject(avro) ? avroName(avro['logicalType'] ?? avro['type']) : String(avro)
}

const plainKinds = ['string', 'boolean', 'int', 'long', 'float', 'double', 'bytes'] as const

function complexTypeOf(avro: Readonly<Record<string, unknown>>): FieldType | null {
  const { type, logicalType } = avro
  if (logicalType === 'decimal' && type === 'bytes')
    return { kind: 'decimal', precision: Number(avro['precision']), scale: Number(avro['scale'] ?? 0) }
  if (logicalType === 'timestamp-micros' || logicalType === 'timestamp-millis' || logicalType === 'date') return { kind: logicalType }
  if (type === 'enum' && Array.isArray(avro['symbols'])) return { kind: 'enum', symbols: avro['symbols'].map(String) }
  if (type === 'map' && (avro['values'] === 'string' || (isObject(avro['values']) && avro['values']['type'] === 'string')))
    return { kind: 'string-map' }
  return null
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value as text, the same for equal values wherever they were read: `12.500000` for decimals, sorted keys for maps. */
export function fieldText(type: FieldType, value: FieldValue): string | null {
  if (value === null) return null
  if (type.kind === 'decimal' && typeof value === 'bigint') return decimalText(value, type.scale)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${JSON.stringify(item)}`)
      .join(',')}}`
  }
  return String(value)
}

/** 12500000n at scale 6 is "12.500000". */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const text = scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`
  return unscaled < 0n ? `-${text}` : text
}

/** "12.5" at scale 6 is 12500000n; digits beyond the scale are cut. */
export function parseDecimal(text: string, scale: number): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  const unscaled = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'))
  return text.startsWith('-') ? -unscaled : unscaled
}
