import { isSameType } from '../../shared/core/rules.ts'
import { fieldText, type CanaryRecord, type FieldType, type RecordField } from '../../shared/core/record-schema.ts'
import type { Contract } from '../../topology/rules.ts'
import type { RecordFault } from './sighting.ts'

/** What a contract says of one record: names of terms that are broken, and of those that were produced to be. */
export interface ContractOutcome {
  readonly faults: readonly RecordFault[]
  readonly broken: readonly string[]
  readonly exempt: readonly string[]
}

export interface RecordUnderContract {
  readonly stream: number
  readonly seq: number
  readonly partition: number
  readonly record: CanaryRecord
  readonly fields: readonly RecordField[]
  /** Fields that the record has, and that are held to nothing. */
  readonly opaque: ReadonlyMap<string, unknown>
  /** The text a field must have by what was produced; undefined for a field that nobody can expect. */
  readonly expectedText: (field: string) => string | null | undefined
}

/** So many keys are remembered of each set of fields and partition: uniqueness is held among them. */
const KEYS_MAX = 50_000

/** Holds the records of one hop, as they are read, to its contract. Remembers keys for uniqueness, nothing else. */
export class ContractCheck {
  readonly #contract: Contract
  readonly #keys = new Map<string, Map<string, string>>()

  constructor(contract: Contract) {
    this.#contract = contract
  }

  check(of: RecordUnderContract): ContractOutcome {
    const outcome = { faults: [] as RecordFault[], broken: [] as string[], exempt: [] as string[] }
    const isOpaque = (name: string) => of.opaque.has(name)
    for (const [name, column] of Object.entries(this.#contract.columns)) if (!isOpaque(name)) checkColumn({ name, column, of }, outcome)
    for (const fields of this.#contract.unique) if (!fields.some(isOpaque)) this.#checkUnique(fields, of, outcome)
    return outcome
  }

  #checkUnique(fields: readonly string[], of: RecordUnderContract, outcome: Outcome): void {
    const found = keyOf(fields.map((field) => textOf(of, field)))
    const expected = keyOf(fields.map((field) => of.expectedText(field)))
    const id = `${of.stream}/${of.seq}`
    const set = `${of.partition}|${fields.join('|')}`
    const clash = found === null ? null : this.#remember(set, found, id)
    // What must be alike is remembered beside it: sets that the canaries themselves repeat accuse nobody.
    const expectedClash = expected === null ? null : this.#remember(`${set}|expected`, expected, id)
    if (clash === null) return
    const name = `contract: unique ${fields.join(', ')}`
    if (expectedClash !== null) {
      outcome.exempt.push(name)
      return
    }
    outcome.broken.push(name)
    const field = fields.join(', ')
    const what = { expected: `no other record with the same ${field}`, actual: `${found ?? ''}, as in canary ${clash}` }
    outcome.faults.push({ violation: 'rule-broken', rule: name, field, ...what })
  }

  /** The other canary that has the key; the same one again is a repeat, and told as such. */
  #remember(set: string, key: string, id: string): string | null {
    const keys = this.#keys.get(set) ?? new Map<string, string>()
    this.#keys.set(set, keys)
    const holder = keys.get(key)
    if (holder !== undefined) return holder === id ? null : holder
    keys.set(key, id)
    const oldest = keys.keys().next()
    if (keys.size > KEYS_MAX && oldest.done !== true) keys.delete(oldest.value)
    return null
  }
}

interface Outcome {
  readonly faults: RecordFault[]
  readonly broken: string[]
  readonly exempt: string[]
}

function checkColumn(
  { name, column, of }: { name: string; column: Contract['columns'][string]; of: RecordUnderContract },
  outcome: Outcome,
): void {
  const field = of.fields.find((one) => one.name === name)
  const wanted = of.expectedText(name)
  const rule = `contract: ${name}`
  if (field === undefined || (column.type !== undefined && !isSameType(column.type, typeText(field.type)))) {
    outcome.broken.push(rule)
    const expected = column.type === undefined ? 'a column of this name' : `a column of type ${column.type}`
    // That an expected field is gone is told by itself.
    if (field !== undefined || wanted === undefined)
      outcome.faults.push({
        ...{ violation: 'schema-violated', rule, field: name, expected },
        actual: field === undefined ? 'no such column' : `a column of type ${typeText(field.type)}`,
      })
    if (field === undefined) return
  }
  const text = textOf(of, name)
  for (const term of valueTerms(name, column)) {
    if (term.holds(text)) continue
    if (wanted !== undefined && !term.holds(wanted)) {
      outcome.exempt.push(term.rule)
      continue
    }
    outcome.broken.push(term.rule)
    outcome.faults.push({ violation: term.violation, rule: term.rule, field: name, expected: term.expected, actual: text ?? 'null' })
  }
}

interface ValueTerm {
  readonly rule: string
  readonly violation: 'schema-violated' | 'rule-broken'
  readonly expected: string
  readonly holds: (text: string | null) => boolean
}

function valueTerms(name: string, { notNull, range, oneOf }: Contract['columns'][string]): ValueTerm[] {
  const terms: ValueTerm[] = []
  if (notNull)
    terms.push({
      ...{ rule: `contract: ${name} not null`, violation: 'schema-violated', expected: 'a value, not null' },
      holds: (text) => text !== null,
    })
  if (range !== undefined)
    terms.push({
      ...{ rule: `contract: ${name} range`, violation: 'rule-broken', expected: `from ${range[0]} to ${range[1]}` },
      holds: (text) => text === null || (isAtMost(range[0], text) && isAtMost(text, range[1])),
    })
  if (oneOf !== undefined)
    terms.push({
      ...{ rule: `contract: ${name} one of`, violation: 'rule-broken', expected: `one of ${oneOf.join(', ')}` },
      holds: (text) => text === null || oneOf.includes(text),
    })
  return terms
}

const decimalPattern = /^(-?)(\d+)(?:\.(\d+))?$/

/** Exact for decimals of any length; what is no number is in no range. */
function isAtMost(left: string, right: string): boolean {
  const [a, b] = [decimalPattern.exec(left), decimalPattern.exec(right)]
  if (a === null || b === null) return Number(left) <= Number(right)
  const scale = Math.max(a[3]?.length ?? 0, b[3]?.length ?? 0)
  const whole = ([, sign = '', digits = '0', fraction = '']: RegExpExecArray) => BigInt(`${sign}${digits}${fraction.padEnd(scale, '0')}`)
  return whole(a) <= whole(b)
}

function textOf({ record, fields }: RecordUnderContract, name: string): string | null {
  const field = fields.find((one) => one.name === name)
  return field === undefined ? null : fieldText(field.type, record[name] ?? null)
}

/** Null where a part is null or not known: such keys are alike to none. */
const keyOf = (texts: readonly (string | null | undefined)[]) => (texts.every((text) => text != null) ? JSON.stringify(texts) : null)

/** As Avro calls it: the logical type where there is one. */
function typeText(type: FieldType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision}, ${type.scale})`
    case 'string-map':
      return 'map'
    default:
      return type.kind
  }
}
