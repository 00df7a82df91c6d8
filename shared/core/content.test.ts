import fc from 'fast-check'
import { expect, test } from 'vitest'
import { differenceOf } from './content.ts'
import { edgeValues } from './canary.ts'
import { decimalText, fieldText, type FieldType, type FieldValue } from './record-schema.ts'

const decimal = { kind: 'decimal', precision: 18, scale: 6 } as const
const micros = { kind: 'timestamp-micros' } as const
const millis = { kind: 'timestamp-millis' } as const
const string = { kind: 'string' } as const
const long = { kind: 'long' } as const
const double = { kind: 'double' } as const
const side = { kind: 'enum', symbols: ['BUY', 'SELL'] } as const
const map = { kind: 'string-map' } as const

test.each<[FieldType, expected: string | null, actual: string | null, difference: string]>([
  [decimal, '12.345678', '12.340000', 'precision'],
  [decimal, '12.345678', '12.34', 'precision'],
  [decimal, '12.345678', '12.35', 'precision'],
  [decimal, '-12.345678', '-12.34', 'precision'],
  [decimal, '-12.345678', '-12.35', 'precision'],
  [decimal, '0.000001', '0', 'precision'],
  [decimal, '12.345678', '13.345678', 'value'],
  [decimal, '12.345678', '12.36', 'value'],
  [decimal, '12.345678', '12.3456789', 'value'],
  [decimal, '12.345678', 'twelve', 'value'],
  [decimal, '12.345678', null, 'value'],
  [decimal, '12.345678', '1234.5678', 'unit'],
  [decimal, '12.345678', '12345678', 'unit'],
  [decimal, '12345.000000', '12.345000', 'unit'],
  [decimal, '1.000000', '0.000000', 'value'],
  [micros, '1700000000000005', '1700000000000000', 'precision'],
  [micros, '-1', '-1000', 'precision'],
  [micros, '-1', '0', 'precision'],
  [micros, '1700000000123456', '1700000000123', 'unit'],
  [micros, '1700000000123456', '1700000000123456000', 'unit'],
  [micros, '1700000000123456', '1700000000', 'unit'],
  [micros, '-1500', '-2', 'unit'],
  [millis, '1700000000123', '1700000000123000', 'unit'],
  [millis, '1700000000123', '1700000000000', 'precision'],
  [micros, '1700000000123456', '1700003600123456', 'time-zone'],
  [micros, '1700000000123456', '1699980200123456', 'time-zone'],
  [millis, '1700000000123', '1700050400123', 'time-zone'],
  [millis, '1700000000123', '1700051300123', 'value'],
  [micros, '1700000000123456', '1700000060123456', 'value'],
  [micros, '1700000000000005', '1700000000000006', 'value'],
  [long, '5000', '5000000', 'unit'],
  [long, '5000', '50000', 'value'],
  [long, '5000', '5001', 'value'],
  [long, '16777217', '16777216', 'precision'],
  [double, '0.1', String(Math.fround(0.1)), 'precision'],
  [double, '0.75', '0.7', 'precision'],
  [double, '0.75', '750', 'unit'],
  [double, '0.75', '0.5', 'value'],
  [string, 'abc', 'ab', 'value'],
  [string, 'e\u0301', '\u00e9', 'normal-form'],
  [string, '\ufb01n', 'fin', 'normal-form'],
  [string, '', null, 'null-versus-empty'],
  [string, null, '', 'null-versus-empty'],
  [string, null, 'x', 'value'],
  [map, '{}', null, 'null-versus-empty'],
  [map, '{"a":"e\u0301"}', '{"a":"\u00e9"}', 'normal-form'],
  [string, '2026-03-01T12:00:00Z', '2026-03-01T13:00:00+01:00', 'time-zone'],
  [string, '2026-03-01 12:00:00.5', '2026-03-01 14:00:00.5', 'time-zone'],
  [string, '2026-03-01T12:00:00.123456Z', '2026-03-01T12:00:00.123Z', 'precision'],
  [string, '2026-03-01T12:00:00Z', '2026-03-01T12:00:01Z', 'value'],
  [side, 'BUY', 'SELL', 'enum'],
  [side, 'BUY', 'buy', 'enum'],
  [side, 'BUY', 'HOLD', 'enum'],
  [side, 'BUY', null, 'value'],
  [{ kind: 'boolean' }, 'true', 'false', 'value'],
  [{ kind: 'bytes' }, '', null, 'null-versus-empty'],
  [{ kind: 'bytes' }, 'ff', 'fe', 'value'],
  [{ kind: 'date' }, '0', '1', 'value'],
])('%o: %s became %s: %s', (...[type, expected, actual, difference]) => {
  expect(differenceOf({ type, text: expected }, { type, text: actual })).toEqual({
    violation: difference === 'precision' ? 'precision-lost' : 'corrupted',
    difference,
  })
})

test.each<[FieldType, string, FieldType | null, string]>([
  [decimal, '12.500000', { kind: 'decimal', precision: 20, scale: 9 }, '12.500000000'],
  [decimal, '12.500000', { kind: 'decimal', precision: 10, scale: 2 }, '12.50'],
  [decimal, '0.000000', null, '-0.00'],
  [micros, '1700000000123000', millis, '1700000000123'],
  [millis, '1700000000123', micros, '1700000000123000'],
  [double, '0', double, '-0'],
  [double, '1e+21', double, '1000000000000000000000'],
  [long, '5', { kind: 'int' }, '5'],
  [string, 'BUY', side, 'BUY'],
])('%o %s and %o %s are the same value', (...[type, text, actualType, actual]) => {
  expect(differenceOf({ type, text }, { type: actualType, text: actual })).toBeNull()
})

test('a coarser type is told only where digits went with it, a number in the wrong unit always', () => {
  expect(differenceOf({ type: micros, text: '1700000000123456' }, { type: millis, text: '1700000000123' })?.difference).toBe('precision')
  expect(differenceOf({ type: micros, text: '1700000000123456' }, { type: millis, text: '1700000000123456' })?.difference).toBe('unit')
})

test('digits beyond the unit that was produced are a difference: nobody wrote them', () => {
  const told = (text: string) => differenceOf({ type: millis, text: '1700000000123' }, { type: micros, text })?.difference ?? null
  expect([told('1700000000123000'), told('1700000000123456')]).toEqual([null, 'value'])
})

test('what a projection says is meant in its own unit', () => {
  const projected = { type: micros, text: '1700000000123', isProjected: true }
  expect(differenceOf(projected, { type: millis, text: '1700000000123' })).toBeNull()
})

test('any digits cut off a decimal are a loss of precision, and a change before them is not', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.integer({ min: 1, max: 6 }), (value, cut) => {
      const unit = 10n ** BigInt(cut)
      fc.pre(value % unit !== 0n)
      const shortened = (value / unit) * unit
      const became = (text: string) => differenceOf({ type: decimal, text: decimalText(value, 6) }, { type: decimal, text })?.violation
      expect(became(decimalText(shortened, 6))).toBe('precision-lost')
      expect(became(decimalText(value + 10n ** 7n, 6))).toBe('corrupted')
    }),
  )
})

const types: FieldType[] = [
  ...[decimal, micros, millis, string, long, double, side, map],
  ...(['boolean', 'int', 'float', 'bytes', 'date'] as const).map((kind) => ({ kind })),
]

test('no edge value differs from itself, and every two that differ have a word for it', () => {
  for (const type of types) {
    const texts = edgeValues({ name: 'f', type, nullable: true }).map((value: FieldValue) => fieldText(type, value))
    for (const text of texts) {
      expect(differenceOf({ type, text }, { type, text })).toBeNull()
      for (const other of texts) if (other !== text) expect(differenceOf({ type, text }, { type, text: other })).not.toBeNull()
    }
  }
})
