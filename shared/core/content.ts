import type { ViolationKind } from '../../schemas/parts.ts'
import type { FieldType } from './record-schema.ts'

/**
 * What a difference between two texts of one field means. Digits cut or rounded off are a loss of precision, which has
 * other causes and other remedies than a wrong value.
 */
export function kindOfDifference(
  type: FieldType | null,
  expected: string | null,
  actual: string | null,
): Extract<ViolationKind, 'corrupted' | 'precision-lost'> {
  if (expected === null || actual === null || type === null) return 'corrupted'
  switch (type.kind) {
    case 'decimal':
      return isShortened(expected, actual) ? 'precision-lost' : 'corrupted'
    case 'timestamp-micros':
      return isCoarser(expected, actual, [1_000n, 1_000_000n]) ? 'precision-lost' : 'corrupted'
    case 'timestamp-millis':
      return isCoarser(expected, actual, [1_000n]) ? 'precision-lost' : 'corrupted'
    case 'float':
    case 'double':
      return Math.fround(Number(expected)) === Number(actual) ? 'precision-lost' : 'corrupted'
    default:
      return 'corrupted'
  }
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
const fractionOf = (text: string) => text.split('.')[1] ?? ''
const unscaled = (text: string, scale: number) => {
  const [whole = '0'] = text.split('.')
  return BigInt(whole + fractionOf(text).slice(0, scale).padEnd(scale, '0'))
}

function isCoarser(expected: string, actual: string, units: readonly bigint[]): boolean {
  if (!/^-?\d+$/.test(expected) || !/^-?\d+$/.test(actual)) return false
  const whole = BigInt(expected)
  const found = BigInt(actual)
  return units.some((unit) => found === (whole / unit) * unit || found === whole / unit)
}
