import { kindOfDifference } from '../../shared/core/content.ts'
import { fieldText, type CanaryRecord, type RecordField } from '../../shared/core/record-schema.ts'
import type { FieldType } from '../../shared/core/record-schema.ts'
import type { RecordFault } from './sighting.ts'

export interface RecordToCheck {
  readonly record: CanaryRecord
  readonly fields: readonly RecordField[]
  readonly headers: Readonly<Record<string, Uint8Array>>
}

export interface RecordExpected {
  readonly row: ReadonlyMap<string, string | null>
  readonly typeOf: (field: string) => FieldType | null
  readonly headers: Readonly<Record<string, string>>
}

/** Every field and header of a record against what it must be. */
export function checkRecord({ record, fields, headers }: RecordToCheck, expected: RecordExpected): RecordFault[] {
  const faults: RecordFault[] = []
  const types = new Map(fields.map(({ name, type }) => [name, type]))
  for (const [name, text] of expected.row) {
    const type = types.get(name)
    if (type === undefined) {
      faults.push({ violation: 'schema-violated', field: name, expected: text ?? 'null', actual: 'the record has no such field' })
      continue
    }
    const actual = fieldText(type, record[name] ?? null)
    if (actual === text) continue
    faults.push({
      violation: kindOfDifference(expected.typeOf(name), text, actual),
      field: name,
      expected: text ?? 'null',
      actual: actual ?? 'null',
    })
  }
  for (const [name, text] of Object.entries(expected.headers)) {
    const actual = headers[name]
    if (actual !== undefined && Buffer.from(actual).toString() === text) continue
    faults.push({
      violation: 'header-lost',
      field: name,
      expected: text,
      actual: actual === undefined ? 'no such header' : Buffer.from(actual).toString().slice(0, 100),
    })
  }
  return faults
}
