import fc from 'fast-check'
import { LONG_MAX, LONG_MIN } from './avro.ts'
import { jsonSchemaOf, kindOf, schemaObject, withoutNull, type JsonSchema, type MessageSchema } from './avro-schema.ts'

/** Any message its schema allows, derived from the schema itself: a new message is tested from its first day. */
export const arbitraryMessage = (message: MessageSchema): fc.Arbitrary<Record<string, unknown>> =>
  objectOf(jsonSchemaOf(message), kindOf(message)) as fc.Arbitrary<Record<string, unknown>>

function objectOf(schema: JsonSchema, path: string): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => [name, arbitraryOf(schemaObject(field, path), `${path}.${name}`)] as const,
  )
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true })
}

function arbitraryOf(nullableSchema: JsonSchema, path: string): fc.Arbitrary<unknown> {
  const { schema, nullable } = withoutNull(nullableSchema, path)
  const some = plainOf(schema, path)
  return nullable ? fc.option(some, { nil: null }) : some
}

function plainOf(schema: JsonSchema, path: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  switch (schema.type) {
    case 'string':
      return textOf(schema)
    case 'integer':
      return integerOf(schema)
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(arbitraryOf(schemaObject(schema.items, path), path), { maxLength: 8 })
    case 'object':
      return schema.properties === undefined ? mapOf(schema, path) : objectOf(schema, path)
    default:
      throw new TypeError(`${path}: no arbitrary for ${JSON.stringify(schema)}`)
  }
}

/** Far ones and near ones, within what the contract's Avro carries. */
function integerOf({ exclusiveMinimum }: JsonSchema): fc.Arbitrary<number> {
  const min = typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : LONG_MIN
  return fc.oneof(
    fc.integer({ min: Math.max(min, -100), max: 100 }),
    fc.maxSafeInteger().filter((value) => value >= min && value <= LONG_MAX),
  )
}

/** Well-formed Unicode: a lone surrogate has no UTF-8 form, hence none on the wire. */
function textOf({ pattern, minLength = 0, maxLength = 1000 }: JsonSchema): fc.Arbitrary<string> {
  return pattern === undefined
    ? fc.string({ unit: 'binary', minLength, maxLength: Math.floor(maxLength / 2) })
    : fc.stringMatching(new RegExp(pattern))
}

/** `__proto__` is no name that a JavaScript object can hold as data. */
const mapOf = (schema: JsonSchema, path: string) =>
  fc.dictionary(
    fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__'),
    arbitraryOf(schemaObject(schema.additionalProperties, path), path),
    { noNullPrototype: true, maxKeys: 6 },
  )
