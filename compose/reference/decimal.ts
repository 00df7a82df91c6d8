/** Decimals are held as their unscaled value: 12.50 at scale 2 is 1250n. */

export const PRICE_SCALE = 6
export const QUANTITY_SCALE = 4
export const NOTIONAL_SCALE = 10

export function decimalToText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const sign = unscaled < 0n ? '-' : ''
  if (scale === 0) return sign + digits
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The reverse of `decimalToText`; takes fewer decimals than `scale`, never more. */
export function decimalFromText(text: string, scale: number): bigint {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text)
  const fraction = match?.[3] ?? ''
  if (match === null || fraction.length > scale) throw new RangeError(`expected a decimal of at most ${scale} decimals, found '${text}'`)
  const unscaled = BigInt((match[2] ?? '') + fraction.padEnd(scale, '0'))
  return match[1] === '-' ? -unscaled : unscaled
}

/** Quotient of two integers, rounded to the nearest, halves away from zero. */
export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  if (divisor === 0n) throw new RangeError('division by zero')
  const negative = dividend < 0n !== divisor < 0n
  const [top, bottom] = [abs(dividend), abs(divisor)]
  const quotient = (2n * top + bottom) / (2n * bottom)
  return negative ? -quotient : quotient
}

/** Digits beyond `decimals` are cut off, towards zero. */
export function cutDecimals(unscaled: bigint, scale: number, decimals: number): bigint {
  return unscaled - (unscaled % 10n ** BigInt(scale - decimals))
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}
