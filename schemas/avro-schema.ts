import { z } from 'zod'

/**
 * Avro from zod, mechanically: the zod schemas are the source, and what they say in JSON Schema is turned into Avro.
 *
 * | zod | Avro |
 * | --- | --- |
 * | string, enum | string. Not an Avro enum: a reader of an older version must still read a record that holds a new symbol |
 * | int, number, boolean | long, double, boolean |
 * | the literal `kind` | nothing: the record's name says it |
 * | array, record of strings | array, map |
 * | object | record, named by its path: `HopSighted`, `HopSightedLatency`, `HopSightedCanariesItem` |
 * | nullable | union with null; null is the default unless zod has another |
 * | default | default |
 */
export type AvroSchema =
  | 'null'
  | 'string'
  | 'long'
  | 'double'
  | 'boolean'
  | readonly AvroSchema[]
  | { readonly type: 'array'; readonly items: AvroSchema }
  | { readonly type: 'map'; readonly values: AvroSchema }
  | AvroRecord

export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly namespace: string
  readonly doc?: string
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  readonly doc?: string
  readonly type: AvroSchema
  readonly default?: unknown
}

export type MessageSchema = z.ZodObject<{ kind: z.ZodLiteral<string> }>
export type JsonSchema = z.core.JSONSchema.BaseSchema

/** The message as readers have it: defaults filled in, preprocessing done. */
export const jsonSchemaOf = (message: z.ZodType): JsonSchema => z.toJSONSchema(message, { io: 'output' })

/**
 * The message as writers of JSON may have it: what has a default may be left out, and where the schema preprocesses,
 * which in this contract means that an object may stand in place of its text, it may.
 */
export function jsonInputSchemaOf(message: MessageSchema): JsonSchema {
  const input = z.toJSONSchema(message, { io: 'input', unrepresentable: 'any' })
  const fields: Readonly<Record<string, z.core.SomeType>> = message.shape
  const properties = Object.entries(input.properties ?? {}).map(([name, property]) => {
    if (fields[name]?._zod.def.type !== 'pipe') return [name, property] as const
    const { description, ...text } = schemaObject(property, name)
    return [name, { description, anyOf: [text, { type: 'object' }] }] as const
  })
  return { ...input, properties: Object.fromEntries(properties) as NonNullable<JsonSchema['properties']> }
}

export const kindOf = (message: MessageSchema): string => message.shape.kind.value

/** `hop-sighted` → `HopSighted`; also from camelCase. */
export const pascalCase = (text: string): string => text.replace(/(?:^|[-_])(\w)/g, (_, first: string) => first.toUpperCase())

interface Place {
  readonly namespace: string
  readonly path: string
}

export function avroRecordOf(message: MessageSchema, namespace: string): AvroRecord {
  return recordOf(jsonSchemaOf(message), { namespace, path: pascalCase(kindOf(message)) })
}

/** The one schema of a topic. New messages go to the end of the list: that keeps the union BACKWARD compatible. */
export const avroUnionOf = (messages: readonly MessageSchema[], namespace: string): readonly AvroRecord[] =>
  messages.map((message) => avroRecordOf(message, namespace))

function recordOf(schema: JsonSchema, { namespace, path }: Place): AvroRecord {
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const field = schemaObject(property, `${path}.${name}`)
    if (field.const !== undefined) return []
    if (!schema.required?.includes(name)) throw unsupported(`${path}.${name}`, 'an optional field (use nullable, or a default)')
    return [fieldOf(name, field, { namespace, path: path + pascalCase(name) })]
  })
  return { type: 'record', name: path, namespace, ...docOf(schema), fields }
}

function fieldOf(name: string, schema: JsonSchema, place: Place): AvroField {
  const type = typeOf(schema, place)
  const nullable = Array.isArray(type)
  if (!nullable) return { name, ...docOf(schema), type, ...(schema.default === undefined ? {} : { default: schema.default }) }
  // Avro's default belongs to the first branch of a union.
  const value = schema.default ?? null
  return { name, ...docOf(schema), type: value === null ? type : [...(type as readonly AvroSchema[])].reverse(), default: value }
}

function typeOf(nullableSchema: JsonSchema, place: Place): AvroSchema {
  const { schema, nullable } = withoutNull(nullableSchema, place.path)
  const type = plainTypeOf(schema, place)
  return nullable ? ['null', type] : type
}

function plainTypeOf(schema: JsonSchema, place: Place): AvroSchema {
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
      return 'long'
    case 'number':
      return 'double'
    case 'boolean':
      return 'boolean'
    case 'array':
      return { type: 'array', items: typeOf(schemaObject(schema.items, place.path), { ...place, path: `${place.path}Item` }) }
    case 'object':
      return schema.properties === undefined
        ? { type: 'map', values: typeOf(schemaObject(schema.additionalProperties, place.path), { ...place, path: `${place.path}Value` }) }
        : recordOf(schema, place)
    default:
      throw unsupported(place.path, JSON.stringify(schema))
  }
}

/** JSON Schema has two ways of nullable: a union with null, and a list of types. */
export function withoutNull(schema: JsonSchema, path: string): { readonly schema: JsonSchema; readonly nullable: boolean } {
  const types: unknown = schema.type
  if (Array.isArray(types)) {
    const [only, ...others] = (types as unknown[]).filter((type) => type !== 'null')
    if (only === undefined || others.length > 0 || types.length !== 2) throw unsupported(path, `the types ${types.join(', ')}`)
    return { schema: { ...schema, type: only as NonNullable<JsonSchema['type']> }, nullable: true }
  }
  if (schema.anyOf === undefined) return { schema, nullable: false }
  const [only, ...others] = schema.anyOf.map((branch) => schemaObject(branch, path)).filter(({ type }) => type !== 'null')
  if (only === undefined || others.length > 0 || schema.anyOf.length !== 2) throw unsupported(path, 'a union other than nullable')
  return { schema: only, nullable: true }
}

const docOf = ({ description }: JsonSchema): { doc?: string } => (description === undefined ? {} : { doc: description })

export function schemaObject(schema: unknown, path: string): JsonSchema {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw unsupported(path, JSON.stringify(schema))
  return schema as JsonSchema
}

const unsupported = (path: string, what: string) => new TypeError(`${path}: the contract has no Avro form for ${what}`)
