import { hopName, type FieldHint, type Hop, type RecordShape } from '../../topology/topology.ts'
import { parseDecimal, type FieldType, type RecordField } from './record-schema.ts'

/**
 * What a topology says of the record that the record's schema cannot hold, each with field, what was expected and what
 * was given: canaries made by it could not be written. Names that are no field of the schema are not looked at.
 */
export function shapeProblems({ identity, marker, fields: hints }: RecordShape, fields: readonly RecordField[]): string[] {
  return fields.flatMap((field) => {
    const { name, type } = field
    const problems: string[] = []
    if (name === identity && type.kind !== 'string') problems.push(`record.identity: expected a field of type string, got ${told(field)}`)
    if (name === marker.field) problems.push(...markerProblems(field, marker.value))
    return [...problems, ...hintProblems(field, hints[name] ?? {})]
  })
}

/** Keys of hops that are no field there. */
export function keyProblems(hops: readonly Hop[], fields: readonly RecordField[]): string[] {
  return hops.flatMap((hop) => {
    if (hop.kind !== 'topic' || hop.key === null) return []
    const isField = [...fields.map(({ name }) => name), ...hop.expect.map(({ field }) => field)].includes(hop.key)
    return isField ? [] : [`${hopName(hop)}.key: expected a field of the record, or one of the hop's expect, got ${hop.key}`]
  })
}

type Hint = Partial<Pick<FieldHint, 'oneOf' | 'fixed' | 'perStream' | 'range'>>

function hintProblems(field: RecordField, { oneOf, fixed, perStream, range }: Hint): string[] {
  const path = `record.fields.${field.name}`
  const problems: string[] = []
  if (oneOf !== undefined) problems.push(...textProblems(`${path}.oneOf`, field, oneOf))
  if (fixed !== undefined) problems.push(...textProblems(`${path}.fixed`, field, [fixed]))
  if (perStream !== undefined && field.type.kind !== 'string')
    problems.push(`${path}.perStream: expected a field of type string, got ${told(field)}`)
  if (range !== undefined) problems.push(...rangeProblems(`${path}.range`, field, range))
  return problems
}

function markerProblems(field: RecordField, value: string): string[] {
  if (field.type.kind !== 'boolean') return textProblems('record.marker', field, [value])
  return value === 'true' || value === 'false' ? [] : [`record.marker: expected true or false for ${told(field)}, got ${value}`]
}

function textProblems(path: string, field: RecordField, given: readonly string[]): string[] {
  const { type } = field
  if (type.kind === 'string') return []
  if (type.kind !== 'enum') return [`${path}: expected a field of type string or enum, got ${told(field)}`]
  const strange = given.filter((value) => !type.symbols.includes(value))
  return strange.length === 0
    ? []
    : [`${path}: expected symbols of ${told(field)}, which are ${type.symbols.join(', ')}; got ${strange.join(', ')}`]
}

function rangeProblems(path: string, field: RecordField, range: readonly [string, string]): string[] {
  const bounds = boundsOf(field.type)
  if (bounds === null) return [`${path}: expected a field of a number type, got ${told(field)}`]
  const strange = range.filter((value) => !bounds.hold(value))
  return strange.length === 0 ? [] : [`${path}: expected ${bounds.text} for ${told(field)}, got ${strange.join(', ')}`]
}

interface Bounds {
  readonly text: string
  readonly hold: (value: string) => boolean
}

/** What a number of the type may be; null for types that are not numbers. */
function boundsOf(type: FieldType): Bounds | null {
  switch (type.kind) {
    case 'int':
    case 'date':
      return wholeFrom(-(2 ** 31), 2 ** 31 - 1)
    case 'long':
      return wholeFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    case 'float':
    case 'double':
      return { text: 'numbers', hold: () => true }
    case 'decimal': {
      const { precision, scale } = type
      const limit = 10n ** BigInt(precision)
      return {
        text: `numbers of at most ${precision - scale} digits before the point`,
        hold: (value) => parseDecimal(value, scale) < limit && parseDecimal(value, scale) > -limit,
      }
    }
    case 'string':
    case 'boolean':
    case 'bytes':
    case 'enum':
    case 'string-map':
    case 'timestamp-millis':
    case 'timestamp-micros':
      return null
    default:
      return type satisfies never
  }
}

const wholeFrom = (least: number, most: number): Bounds => ({
  text: `whole numbers from ${least} to ${most}`,
  hold: (value) => Number.isInteger(Number(value)) && Number(value) >= least && Number(value) <= most,
})

const told = ({ name, type }: RecordField) => `${name} of type ${type.kind}`
