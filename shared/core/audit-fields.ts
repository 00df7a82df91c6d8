import type { AuditColumn } from '../../schemas/results/audit-scoped.ts'
import type { AuditField, ComparedAs } from '../../schemas/results/audit-window.ts'
import type { Expectation, TableHop } from '../../topology/topology.ts'
import { decimalText, type CanaryRecord, type FieldType, type FieldValue, type RecordField } from './record-schema.ts'

export interface BothSides {
  /** Of the topic's records, by the schema they are written with. */
  readonly fields: readonly RecordField[]
  readonly columns: readonly AuditColumn[]
  readonly table: Pick<TableHop, 'expect' | 'audit'>
  /** What the topic has instead of the record at the source. */
  readonly expectBefore: readonly Expectation[]
  /** The field that is the key of records in the topic; null where the topology does not say. */
  readonly key: string | null
}

/**
 * The key, and the fields that both sides have and that can be compared: those the topology names, else every one that is the same
 * at the table as in the topic. What the table derives is left out.
 */
export function comparableFields({ fields, columns, table, expectBefore, key }: BothSides): AuditField[] {
  const chosen = table.audit?.fields
  const columnOf = (field: string) => columns.find(({ name }) => name === field)
  const isKeyed = key !== null && columnOf(key)?.type === 'string' && !isDerived(key, table.expect, expectBefore)
  const keys: AuditField[] = isKeyed ? [{ field: key, as: 'key' }] : []
  const values = fields.flatMap(({ name, type }): AuditField[] => {
    const column = columnOf(name)
    const isWanted = chosen === undefined ? !isDerived(name, table.expect, expectBefore) : chosen.includes(name)
    const as = column === undefined || !isWanted ? null : comparedAs(type, column.type)
    return as === null ? [] : [{ field: name, as }]
  })
  return [...keys, ...values]
}

function isDerived(field: string, here: readonly Expectation[], before: readonly Expectation[]): boolean {
  const textIn = (expect: readonly Expectation[]) => expect.find((one) => one.field === field)?.sql ?? null
  return textIn(here) !== textIn(before)
}

const isInteger = (column: string) => column === 'int' || column === 'long'
const isDecimal = (column: string) => column.startsWith('decimal(')
const isTimestamp = (column: string) => /^timestamp(tz)?(_ns)?$/.test(column)

/** What a field of the topic and a column of the table are both brought to; null where there is no such thing. */
export function comparedAs({ kind }: FieldType, column: string): ComparedAs | null {
  const only = (as: ComparedAs, fits: boolean) => (fits ? as : null)
  switch (kind) {
    case 'int':
    case 'long':
    case 'decimal':
      return only('exact', isInteger(column) || isDecimal(column))
    case 'float':
    case 'double':
      return only('floating', column === 'float' || column === 'double')
    case 'string':
    case 'enum':
      return column === 'uuid' ? 'uuid' : only('text', column === 'string')
    case 'boolean':
      return only('boolean', column === 'boolean')
    case 'bytes':
      return only('bytes', column === 'binary' || column.startsWith('fixed['))
    case 'date':
      return column === 'date' ? 'days' : only('exact', isInteger(column))
    case 'timestamp-millis':
    case 'timestamp-micros':
      return isTimestamp(column) ? 'micros' : only('exact', isInteger(column))
    case 'string-map':
      return only('map', column === 'map<string, string>')
  }
}

/** An Iceberg type as one text; of nested ones only a map of strings is told apart. */
export function columnTypeText(type: unknown): string {
  if (typeof type === 'string') return type.replaceAll(' ', '')
  const map = type as { type?: unknown; key?: unknown; value?: unknown }
  if (map.type !== 'map') return typeof map.type === 'string' ? map.type : 'unknown'
  return map.key === 'string' && map.value === 'string' ? 'map<string, string>' : 'map'
}

/** Between the parts of what is hashed, between the entries of a map, and between key and value of one. */
export const FIELD_MARK = '\u001f'
export const ENTRY_MARK = '\u001d'
export const VALUE_MARK = '\u001e'

/** The value of a record as both sides write it; `canonicalSql` of the engine gives the same for an equal value of a row. */
export function canonicalText(type: FieldType, as: ComparedAs, value: FieldValue): string | null {
  if (value === null) return null
  switch (as) {
    case 'exact':
      return type.kind === 'decimal' ? trimmed(decimalText(value as bigint, type.scale)) : String(value as number | bigint)
    case 'floating':
      return floatingText(value as number)
    case 'text':
    case 'key':
      return (value as string).normalize('NFC')
    case 'uuid':
      return (value as string).toLowerCase()
    case 'boolean':
    case 'days':
      return String(value as boolean | number)
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('hex')
    case 'micros':
      return type.kind === 'timestamp-millis' ? (BigInt(value as number | bigint) * 1000n).toString() : String(value as number | bigint)
    case 'map':
      return Object.entries(value as Readonly<Record<string, string>>)
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([key, item]) => `${key}${VALUE_MARK}+${item}`)
        .join(ENTRY_MARK)
  }
}

/** Zeros at the end of a fraction say nothing. */
const trimmed = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

const bits = new DataView(new ArrayBuffer(8))

/** The 64 bits: no two ways of writing a number. Minus zero is zero, and there is one NaN. */
function floatingText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  bits.setFloat64(0, value === 0 ? 0 : value)
  return bits.getBigUint64(0).toString(2).padStart(64, '0')
}

/** For people. */
export function shownText(as: ComparedAs, canonical: string | null): string {
  if (canonical === null) return 'null'
  if (as === 'map')
    return `{${canonical.replaceAll(`${VALUE_MARK}+`, ': ').replaceAll(`${VALUE_MARK}-`, ': null').replaceAll(ENTRY_MARK, ', ')}}`
  if (as !== 'floating' || !/^[01]{64}$/.test(canonical)) return canonical
  bits.setBigUint64(0, BigInt(`0b${canonical}`))
  return String(bits.getFloat64(0))
}

/** Of what kind the shown texts are, to tell a loss of precision from a wrong value. */
export function shownType(as: ComparedAs): FieldType {
  switch (as) {
    case 'exact':
      return { kind: 'decimal', precision: 38, scale: 0 }
    case 'floating':
      return { kind: 'double' }
    case 'micros':
      return { kind: 'timestamp-micros' }
    default:
      return { kind: 'string' }
  }
}

export interface KeyedRecord {
  readonly key: Uint8Array | null
  readonly record: CanaryRecord
}

/** What is hashed of a record, in the order of `fields`. */
export function canonicalValues(
  { key, record }: KeyedRecord,
  types: ReadonlyMap<string, FieldType>,
  fields: readonly AuditField[],
): (string | null)[] {
  return fields.map(({ field, as }) => {
    if (as === 'key') return key === null ? null : canonicalText({ kind: 'string' }, as, Buffer.from(key).toString())
    const type = types.get(field)
    return type === undefined ? null : canonicalText(type, as, record[field] ?? null)
  })
}

export function hashedText(partition: number, offset: number, values: readonly (string | null)[]): string {
  let text = `${partition}${FIELD_MARK}${offset}`
  for (const value of values) text += value === null ? `${FIELD_MARK}-` : `${FIELD_MARK}+${value}`
  return text
}
