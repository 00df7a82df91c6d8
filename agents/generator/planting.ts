import { mirrorDefectAt, isMirror } from '../../shared/core/mirror.ts'
import { fieldText, type CanaryRecord, type RecordField } from '../../shared/core/record-schema.ts'
import type { Load } from '../../topology/plan.ts'
import type { RecordOutcome } from '../../shared/runtime/kafka-writer.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'

/** One record that is written for a canary. */
export interface Copy {
  readonly isChanged: boolean
  readonly hasHeaders: boolean
}

const whole: Copy = { isChanged: false, hasHeaders: true }

/** What is written for a canary: itself, unless a defect is planted with it. */
export function copiesOf(load: Load, stream: number, seq: number): readonly Copy[] {
  const defect = mirrorDefectAt(load, stream, seq)
  switch (defect) {
    case 'skipped':
      return []
    case 'doubled':
      return [whole, whole]
    case 'changed':
      return [{ ...whole, isChanged: true }]
    case 'headerless':
      return [{ ...whole, hasHeaders: false }]
    // Their place in time is what is wrong with them.
    case 'delayed':
    case 'swapped':
    case null:
      return [whole]
    default:
      return defect satisfies never
  }
}

/** Order of what is sent at one time: by seq, but the second of a swapped pair goes first. */
export const turnOf = (load: Load, stream: number, seq: number) =>
  isMirror(load, stream) && mirrorDefectAt(load, stream, seq - (seq % 2)) === 'swapped' ? seq + (seq % 2 === 0 ? 1 : -1) : seq

/** A wrong value in these is seen as nothing but a wrong value: digits of numbers and times may count as lost precision. */
const plainTypes = ['string', 'enum', 'long', 'int', 'date', 'string-map', 'bytes', 'boolean']

/**
 * The field that a changed canary has wrong: one that every hop must keep as it is, and that is neither who the canary
 * is nor where or when it goes. Null where the record has none.
 */
export function fieldToChange({ record, hops }: Pick<ResolvedRun, 'record' | 'hops'>, fields: readonly RecordField[]): RecordField | null {
  const kept = new Set([record.identity, record.key, record.marker.field, record.eventTime])
  for (const hop of hops) if (hop.kind === 'topic' || hop.kind === 'table') for (const { field } of hop.expect) kept.add(field)
  const free = fields.filter(
    ({ name }) => !kept.has(name) && record.fields[name]?.fixed === undefined && record.fields[name]?.perStream === undefined,
  )
  const rank = ({ type }: RecordField) => (plainTypes.indexOf(type.kind) + plainTypes.length + 1) % (plainTypes.length + 1)
  return [...free].sort((a, b) => rank(a) - rank(b))[0] ?? null
}

/** So many other canaries are asked for a value that differs. */
const OTHERS_MAX = 200

/** The canary with one value that another canary has there: ordinary in every way, and wrong. Null where none differs. */
export function changedRecord(content: CanaryRecord, field: RecordField, other: (index: number) => CanaryRecord): CanaryRecord | null {
  const right = fieldText(field.type, content[field.name] ?? null)
  for (let index = 1; index <= OTHERS_MAX; index++) {
    const value = other(index)[field.name] ?? null
    if (value !== null && fieldText(field.type, value) !== right) return { ...content, [field.name]: value }
  }
  return null
}

/** What became of a canary as a whole: a defect of two records of which one is in doubt is in doubt. */
export function jointOutcome(outcomes: readonly RecordOutcome[]): RecordOutcome {
  const [first] = outcomes
  if (first === undefined) return { outcome: 'failed', partition: null, reason: 'nothing was to be written for it' }
  return outcomes.find(({ outcome }) => outcome !== first.outcome) === undefined
    ? first
    : { outcome: 'unknown', partition: first.partition, reason: 'of several records of one canary not all were written' }
}
