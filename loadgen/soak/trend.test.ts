import { expect, test } from 'vitest'
import { isNoise, trendOf } from './trend.ts'

const HOUR = 3_600_000
const samples = (valueAt: (index: number) => number, count = 60) =>
  Array.from({ length: count }, (_, index) => ({ atMs: 5_000 + (index * HOUR) / (count - 1), value: valueAt(index) }))

test('a line is its own trend, without noise', () => {
  const trend = trendOf(samples((index) => 100 + index))
  expect(trend?.perHour).toBeCloseTo(59)
  expect(trend?.growth).toBeCloseTo(59)
  expect(trend?.noise).toBeCloseTo(0)
})

test('what goes up and down is noise; what creeps beneath it is not', () => {
  const saw = (index: number) => (index % 2 === 0 ? 10 : -10)
  const level = trendOf(samples((index) => 200 + saw(index)))
  const creeping = trendOf(samples((index) => 200 + saw(index) + index))
  expect([level, creeping].map((trend) => trend !== null && isNoise(trend))).toEqual([true, false])
})

test('too few samples, or all of one moment, have none', () => {
  expect(trendOf(samples(() => 1, 2))).toBeNull()
  expect(trendOf([1, 2, 3].map((value) => ({ atMs: 1, value })))).toBeNull()
})
