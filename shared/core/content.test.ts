import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kindOfDifference } from './content.ts'
import { decimalText } from './record-schema.ts'

const decimal = { kind: 'decimal', precision: 18, scale: 6 } as const
const micros = { kind: 'timestamp-micros' } as const

test.each([
  [decimal, '12.345678', '12.340000', 'precision-lost'],
  [decimal, '12.345678', '12.34', 'precision-lost'],
  [decimal, '12.345678', '12.35', 'precision-lost'],
  [decimal, '-12.345678', '-12.34', 'precision-lost'],
  [decimal, '-12.345678', '-12.35', 'precision-lost'],
  [decimal, '0.000001', '0', 'precision-lost'],
  [decimal, '12.345678', '13.345678', 'corrupted'],
  [decimal, '12.345678', '12.36', 'corrupted'],
  [decimal, '12.345678', '12.3456789', 'corrupted'],
  [decimal, '12.345678', 'twelve', 'corrupted'],
  [decimal, '12.345678', null, 'corrupted'],
  [micros, '1700000000000005', '1700000000000000', 'precision-lost'],
  [micros, '1700000000123456', '1700000000123', 'precision-lost'],
  [micros, '1700000000000005', '1700000000000006', 'corrupted'],
  [{ kind: 'double' } as const, '0.1', String(Math.fround(0.1)), 'precision-lost'],
  [{ kind: 'string' } as const, 'abc', 'ab', 'corrupted'],
])('%o: %s became %s: %s', (...[type, expected, actual, kind]) => {
  expect(kindOfDifference(type, expected, actual)).toBe(kind)
})

test('any digits cut off a decimal are a loss of precision, and a change before them is not', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.integer({ min: 1, max: 6 }), (value, cut) => {
      const unit = 10n ** BigInt(cut)
      fc.pre(value % unit !== 0n)
      const shortened = (value / unit) * unit
      expect(kindOfDifference(decimal, decimalText(value, 6), decimalText(shortened, 6))).toBe('precision-lost')
      expect(kindOfDifference(decimal, decimalText(value, 6), decimalText(value + 10n ** 7n, 6))).toBe('corrupted')
    }),
  )
})
