import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutDecimals, decimalFromText, decimalToText, divideHalfUp } from './decimal.ts'

describe('decimals', () => {
  it.each([
    [0n, 4, '0.0000'],
    [-5n, 2, '-0.05'],
    [123456n, 4, '12.3456'],
    [7n, 0, '7'],
  ])('%s at scale %s is written %s', (unscaled, scale, text) => {
    expect(decimalToText(unscaled, scale)).toBe(text)
  })

  it('come back from their text, whatever the value', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: 0, max: 12 }), (unscaled, scale) => {
        expect(decimalFromText(decimalToText(unscaled, scale), scale)).toBe(unscaled)
      }),
    )
  })

  it.each(['1.2.3', '', 'x', '1.23456'])('refuses %j at scale 4', (text) => {
    expect(() => decimalFromText(text, 4)).toThrow(RangeError)
  })

  it.each([
    [5n, 2n, 3n],
    [-5n, 2n, -3n],
    [4n, 3n, 1n],
    [-4n, -3n, 1n],
    [1n, 3n, 0n],
  ])('%s / %s rounds to %s', (dividend, divisor, quotient) => {
    expect(divideHalfUp(dividend, divisor)).toBe(quotient)
  })

  it('are cut towards zero', () => {
    expect(cutDecimals(12_349_999n, 6, 2)).toBe(12_340_000n)
    expect(cutDecimals(-12_349_999n, 6, 2)).toBe(-12_340_000n)
  })
})
