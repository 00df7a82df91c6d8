import type { ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import { instantOf } from './instant.ts'
import type { FieldType } from './record-schema.ts'

export interface FieldDifference {
  readonly violation: Extract<ViolationKind, 'corrupted' | 'precision-lost'>
  readonly difference: ValueDifference
}

/** What stands where a field is named and the record's key is meant. */
export const KEY_FIELD = '(key)'

/** A field's value as text, and the type it is of where it stands; null where no type is known. */
export interface TypedText {
  readonly type: FieldType | null
  readonly text: string | null
  /** The topology says what is expected, in a unit of its own: the number counts as it stands. */
  readonly isProjected?: boolean
}

/**
 * How a field's value differs from the one that must be there; null where both say the same in types of their own: a
 * decimal of another scale, milliseconds for microseconds, -0 for 0. Digits cut or rounded off are a loss of precision,
 * which has other causes and other remedies than a wrong value.
 */
export function differenceOf(expected: TypedText, found: TypedText): FieldDifference | null {
  const actual = expected.isProjected === true ? found.text : asWritten(expected.type, found)
  if (actual === expected.text || isSameNumber(expected, actual)) return null
  const difference = wordFor(expected.type, expected.text, actual)
  return { violation: difference === 'precision' ? 'precision-lost' : 'corrupted', difference }
}

/** In the unit of the expected type: a type that is finer or coarser is no difference, only digits that are missing are. */
function asWritten(expected: FieldType | null, { type, text }: TypedText): string | null {
  if (text === null || type === null || expected === null || !wholePattern.test(text)) return text
  if (expected.kind === 'timestamp-micros' && type.kind === 'timestamp-millis') return `${BigInt(text) * MICROS_PER_MILLI}`
  if (expected.kind === 'timestamp-millis' && type.kind === 'timestamp-micros' && BigInt(text) % MICROS_PER_MILLI === 0n)
    return `${BigInt(text) / MICROS_PER_MILLI}`
  return text
}

const MICROS_PER_MILLI = 1_000n

function isSameNumber({ type, text }: TypedText, actual: string | null): boolean {
  if (text === null || actual === null || !isNumeric(type)) return false
  if (decimalPattern.test(text) && decimalPattern.test(actual)) {
    const scale = Math.max(fractionOf(text).length, fractionOf(actual).length)
    return unscaled(text, scale) === unscaled(actual, scale)
  }
  return (type?.kind === 'double' || type?.kind === 'float') && text !== '' && actual !== '' && Number(text) === Number(actual)
}

const isNumeric = (type: FieldType | null) => type !== null && numericKinds.has(type.kind)
const numericKinds: ReadonlySet<FieldType['kind']> = new Set(['decimal', 'int', 'long', 'float', 'double'])

function wordFor(type: FieldType | null, expected: string | null, actual: string | null): ValueDifference {
  if (expected === null || actual === null) return isEmpty(expected ?? actual) ? 'null-versus-empty' : 'value'
  switch (type?.kind) {
    case 'decimal':
      return isShortened(expected, actual) ? 'precision' : isScaled(expected, actual) ? 'unit' : 'value'
    case 'timestamp-micros':
    case 'timestamp-millis':
      return timeWord(type.kind === 'timestamp-micros' ? MICROS_PER_MILLI : 1n, expected, actual)
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return isNarrowed(expected, actual) || isShortened(expected, actual) ? 'precision' : isScaled(expected, actual) ? 'unit' : 'value'
    case 'enum':
      return 'enum'
    case 'string':
    case 'string-map':
    case undefined:
      return textWord(expected, actual)
    case 'boolean':
    case 'bytes':
    case 'date':
      return 'value'
    default:
      return 'value'
  }
}

/** As text: an empty text or no bytes, an empty map. */
const isEmpty = (text: string | null) => text === '' || text === '{}'

/** A unit is another when the number fits another one; a coarser moment in the same unit is a loss of precision. */
function timeWord(perMilli: bigint, expected: string, actual: string): ValueDifference {
  if (!wholePattern.test(expected) || !wholePattern.test(actual)) return 'value'
  const [wanted, found] = [BigInt(expected), BigInt(actual)]
  const coarse = perMilli === 1n ? [THOUSAND] : [THOUSAND, MILLION]
  if (coarse.some((unit) => found === floorTo(wanted, unit) || found === (wanted / unit) * unit)) return 'precision'
  if (timeUnits.some((unit) => found === wanted * unit || found === wanted / unit || found === floorTo(wanted, unit) / unit)) return 'unit'
  return isZoneShift(found - wanted, perMilli * THOUSAND) ? 'time-zone' : 'value'
}

const THOUSAND = 1_000n
const MILLION = 1_000_000n
const timeUnits = [THOUSAND, MILLION, 1_000_000_000n]
const floorTo = (value: bigint, unit: bigint) => value - (((value % unit) + unit) % unit)

const QUARTER_SECONDS = 900n
/** From -12:00 to +14:00. */
const ZONE_QUARTERS_MAX = 56n

/** By whole quarters of an hour, as zones of the world differ from UTC. */
function isZoneShift(shift: bigint, perSecond: bigint): boolean {
  const quarter = QUARTER_SECONDS * perSecond
  const magnitude = shift < 0n ? -shift : shift
  return shift !== 0n && shift % quarter === 0n && magnitude <= ZONE_QUARTERS_MAX * quarter
}

function textWord(expected: string, actual: string): ValueDifference {
  if (expected.normalize('NFC') === actual.normalize('NFC') || expected.normalize('NFKC') === actual.normalize('NFKC')) return 'normal-form'
  const [wanted, found] = [instantOf(expected), instantOf(actual)]
  if (wanted === null || found === null) return 'value'
  const [shift, local] = [found.atMicros - wanted.atMicros, found.localMicros - wanted.localMicros]
  if (shift === 0n && local === 0n) return 'value'
  if (isZoneShift(shift, MILLION) || isZoneShift(local, MILLION)) return 'time-zone'
  return timeWord(MICROS_PER_MILLI, String(wanted.atMicros), String(found.atMicros)) === 'precision' ? 'precision' : 'value'
}

/** What a float of half the width keeps of it, or a double of an integer beyond 53 bits. */
function isNarrowed(expected: string, actual: string): boolean {
  const [wanted, found] = [Number(expected), Number(actual)]
  return Number.isFinite(wanted) && actual !== '' && Math.fround(wanted) === found
}

/** From hundredths on: cents, thousandths, and a decimal point in another place. */
const SCALE_MIN = 2
const SCALE_MAX = 18

function isScaled(expected: string, actual: string): boolean {
  if (!decimalPattern.test(expected) || !decimalPattern.test(actual)) return false
  const scale = Math.max(fractionOf(expected).length, fractionOf(actual).length)
  const [wanted, found] = [unscaled(expected, scale), unscaled(actual, scale)]
  if (wanted === 0n || found === 0n) return false
  for (let power = SCALE_MIN; power <= SCALE_MAX; power++) {
    const factor = 10n ** BigInt(power)
    if (found === wanted * factor || wanted === found * factor) return true
  }
  return false
}

/** Whether `actual` is `expected` with digits behind the point cut off, or rounded half up or half even. */
function isShortened(expected: string, actual: string): boolean {
  if (!decimalPattern.test(expected) || !decimalPattern.test(actual)) return false
  const scale = fractionOf(expected).length
  const whole = unscaled(expected, scale)
  const found = unscaled(actual, scale)
  if (fractionOf(actual).replace(/0+$/, '').length > scale || whole === found) return false
  for (let cut = 1; cut <= scale; cut++) {
    const unit = 10n ** BigInt(cut)
    const down = (whole / unit) * unit
    const away = down + (whole < 0n ? -unit : unit)
    if (found === down) return true
    const rest = whole < 0n ? down - whole : whole - down
    if (found === away && rest * 2n >= unit) return true
  }
  return false
}

const decimalPattern = /^-?\d+(\.\d+)?$/
const wholePattern = /^-?\d+$/
const fractionOf = (text: string) => text.split('.')[1] ?? ''
const unscaled = (text: string, scale: number) => {
  const [whole = '0'] = text.split('.')
  return BigInt(whole + fractionOf(text).slice(0, scale).padEnd(scale, '0'))
}
