import { differenceOf, KEY_FIELD, type TypedText } from '../../shared/core/content.ts'
import { fieldText, type CanaryRecord, type FieldValue, type RecordField } from '../../shared/core/record-schema.ts'
import type { FieldType } from '../../shared/core/record-schema.ts'
import type { RecordFault } from './sighting.ts'

export interface RecordToCheck {
  readonly record: CanaryRecord
  readonly fields: readonly RecordField[]
  /** Fields that the record has, and that are compared with nothing. */
  readonly opaque: ReadonlyMap<string, unknown>
  readonly headers: Readonly<Record<string, Uint8Array>>
}

export interface HeadersExpected {
  readonly headers: Readonly<Record<string, string>>
}

export interface RecordExpected extends HeadersExpected {
  readonly row: ReadonlyMap<string, string | null>
  readonly typeOf: (field: string) => FieldType | null
  /** Fields of which the hop's `expect` says what they must hold. */
  readonly projected?: ReadonlySet<string>
}

/** What a hop must hold that changes nothing: the record as it was produced. */
export interface RecordUnchanged extends HeadersExpected {
  readonly produced: CanaryRecord
  readonly producedFields: readonly RecordField[]
}

/** Every field and header of a record against what it must be. */
export function checkRecord(given: RecordToCheck, expected: RecordExpected): RecordFault[] {
  const { record, fields, opaque } = given
  const faults: RecordFault[] = []
  const types = new Map(fields.map(({ name, type }) => [name, type]))
  for (const [name, text] of expected.row) {
    const type = types.get(name) ?? null
    if (type === null && opaque.has(name)) continue
    checkField(
      { name, actual: type === null ? null : { type, value: record[name] ?? null } },
      { type: expected.typeOf(name), text, isProjected: expected.projected?.has(name) ?? false },
      faults,
    )
  }
  checkHeaders(given.headers, expected.headers, faults)
  return faults
}

/** The same where nothing is projected: most values are seen to be equal without their text. */
export function checkUnchanged(given: RecordToCheck, expected: RecordUnchanged): RecordFault[] {
  const { record, fields, opaque } = given
  const { produced, producedFields } = expected
  const faults: RecordFault[] = []
  for (const [index, { name, type }] of producedFields.entries()) {
    // Both schemas have the same fields in the same order, unless the pipeline's has changed.
    const field = fields[index]?.name === name ? fields[index] : fields.find((candidate) => candidate.name === name)
    if (field === undefined && opaque.has(name)) continue
    const wanted = produced[name] ?? null
    const value = record[name] ?? null
    if (field !== undefined && isSame({ type, value: wanted }, { type: field.type, value })) continue
    checkField({ name, actual: field === undefined ? null : { type: field.type, value } }, { type, text: fieldText(type, wanted) }, faults)
  }
  checkHeaders(given.headers, expected.headers, faults)
  return faults
}

interface Typed {
  readonly type: FieldType
  readonly value: FieldValue
}

/** True only where the texts are the same as well; false proves nothing. */
function isSame(wanted: Typed, found: Typed): boolean {
  if (wanted.type.kind === 'decimal' || found.type.kind === 'decimal')
    return wanted.value === found.value && scaleOf(wanted.type) === scaleOf(found.type)
  if (wanted.type.kind !== found.type.kind && (isMoment(wanted.type) || isMoment(found.type))) return false
  if (wanted.type.kind === 'string-map' && found.type.kind === 'string-map') return isSameMap(wanted.value, found.value)
  return wanted.value === found.value
}

const isMoment = ({ kind }: FieldType) => kind === 'timestamp-millis' || kind === 'timestamp-micros'

const scaleOf = (type: FieldType) => (type.kind === 'decimal' ? type.scale : null)

function isSameMap(wanted: FieldValue, found: FieldValue): boolean {
  if (!isMap(wanted) || !isMap(found)) return wanted === found
  const keys = Object.keys(wanted)
  return keys.length === Object.keys(found).length && keys.every((key) => wanted[key] === found[key])
}

const isMap = (value: FieldValue): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array)

function checkField({ name, actual }: { name: string; actual: Typed | null }, expected: TypedText, faults: RecordFault[]): void {
  const said = expected.text ?? 'null'
  if (actual === null) {
    faults.push({ violation: 'schema-violated', field: name, expected: said, actual: 'the record has no such field' })
    return
  }
  const text = fieldText(actual.type, actual.value)
  const found = differenceOf(expected, { type: actual.type, text })
  if (found !== null) faults.push({ ...found, field: name, expected: said, actual: text ?? 'null' })
}

/** Of the record's key, where it is not the text of the field that it must be. */
export function keyFaults(key: Uint8Array | null, expected: string | null): RecordFault[] {
  const actual = key === null ? null : Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString()
  if (actual === expected) return []
  return [
    {
      violation: 'corrupted',
      difference: 'value',
      field: KEY_FIELD,
      expected: expected ?? 'no key',
      actual: actual?.slice(0, 100) ?? 'no key',
    },
  ]
}

function checkHeaders(
  headers: Readonly<Record<string, Uint8Array>>,
  expected: Readonly<Record<string, string>>,
  faults: RecordFault[],
): void {
  for (const name in expected) {
    const text = expected[name] as string
    const bytes = headers[name]
    const actual = bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
    if (actual === text) continue
    const said = actual === null ? 'no such header' : actual.slice(0, 100)
    faults.push({ violation: 'header-lost', field: name, expected: text, actual: said })
  }
}
