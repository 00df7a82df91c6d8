import { expect, test } from 'vitest'
import { parseLossless } from '../../../shared/iceberg/lossless.ts'
import { compareAnswer, plainNumber, textAt } from './compare.ts'

test.each([
  ['1.50', '1.5'],
  ['-0.000', '0'],
  ['007.10', '7.1'],
  ['15e-1', '1.5'],
  ['1.5E3', '1500'],
  ['12345678901234567890.123456789000', '12345678901234567890.123456789'],
  ['0.0000000001', '0.0000000001'],
  ['n/a', 'n/a'],
])('%s is spelt %s', (given, plain) => {
  expect(plainNumber(given)).toBe(plain)
})

const number = (text: string | null, tolerance = 0) => ({ json: 'v', text, isNumber: true, tolerance })
const words = (text: string | null) => ({ json: 'v', text, isNumber: false, tolerance: 0 })

test.each([
  { expected: number('1.50'), body: { v: '1.5' }, why: 'a decimal with fewer digits of the same value' },
  { expected: number('3'), body: { v: 3 }, why: 'a count as a JSON number' },
  { expected: number('9223372036854775807'), body: parseLossless('{"v":9223372036854775807}'), why: 'an integer of 63 bits' },
  { expected: number('2.0000000001', 1e-9), body: { v: '2' }, why: 'a quotient within the tolerance' },
  { expected: words('1.0'), body: { v: '1.0' }, why: 'text' },
  { expected: number(null), body: { v: null }, why: 'null' },
])('$why is right', ({ expected, body }) => {
  expect(compareAnswer(body, [expected])).toEqual([])
})

test.each([
  { expected: number('1.50'), body: { v: '1.51' }, actual: '1.51', why: 'another decimal' },
  {
    expected: number('12345678901234567890.1'),
    body: { v: 12345678901234567000 },
    actual: '12345678901234567000',
    why: 'a decimal bent to a double',
  },
  { expected: words('1.0'), body: { v: '1.00' }, actual: '1.00', why: 'text that only looks like a number' },
  { expected: number('2.001', 1e-9), body: { v: '2' }, actual: '2', why: 'a quotient beyond the tolerance' },
  { expected: number('0'), body: { v: null }, actual: 'null', why: 'null for zero' },
  { expected: number('0', 1e-9), body: { v: '' }, actual: '', why: 'no text for zero, with a tolerance too' },
  { expected: words('a'), body: {}, actual: 'absent', why: 'a field that is not there' },
  { expected: words('a'), body: undefined, actual: 'absent', why: 'an answer that is no JSON' },
])('$why is a mismatch', ({ expected, body, actual }) => {
  expect(compareAnswer(body, [expected])).toEqual([{ json: 'v', expected: expected.text, actual }])
})

test('a path leads through objects, and not through what they inherit', () => {
  expect(textAt({ a: { b: [1n] } }, 'a.b')).toBe('["1"]')
  expect(textAt({ a: 'x' }, 'a.length')).toBeUndefined()
  expect(textAt({}, 'constructor')).toBeUndefined()
})
