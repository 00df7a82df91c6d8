import { expect, test } from 'vitest'
import { DAYS_MIN, floorsOf, growthOf, trendOf } from './trend.ts'

const HOUR = 3_600_000
const samples = (valueAt: (index: number) => number, count = 60) =>
  Array.from({ length: count }, (_, index) => ({ atMs: 5_000 + (index * HOUR) / (count - 1), value: valueAt(index) }))

test('a line is its own trend, without noise', () => {
  const trend = trendOf(samples((index) => 100 + index))
  expect(trend?.perHour).toBeCloseTo(59)
  expect(trend?.last).toBeCloseTo(159)
  expect(trend?.noise).toBeCloseTo(0)
  expect(trend?.error).toBeCloseTo(0)
})

test('scatter makes a slope uncertain', () => {
  const trend = trendOf(samples((index) => (index % 2 === 0 ? 10 : -10)))
  expect(trend?.noise).toBeCloseTo(10, 0)
  expect(Math.abs(trend?.perHour ?? Infinity)).toBeLessThan(2 * (trend?.error ?? 0))
})

test('what lies on the live memory until it is collected hides no slope', () => {
  // Sixty samples an hour; garbage is collected at each fifth.
  const heap = samples((index) => 100 + index / 10 + (index % 5) * 20)
  const floors = floorsOf(heap, (5 * HOUR) / 59)
  expect(floors.map(({ value }) => value)).toEqual(Array.from({ length: 12 }, (_, n) => 100 + n / 2))
  const [raw, floor] = [trendOf(heap), trendOf(floors)]
  expect(Math.abs(raw?.perHour ?? 0)).toBeLessThan(2 * (raw?.error ?? 0))
  expect(floor?.perHour).toBeCloseTo(5.9)
  expect(floor?.error).toBeCloseTo(0)
})

/** Megabytes by minute, over 45 minutes with four samples each, of an agent that may have 500. */
const soaked = (valueAt: (minute: number) => number) =>
  growthOf(
    Array.from({ length: 181 }, (_, i) => ({ atMs: i * 15_000, value: valueAt(i / 4) })),
    500,
  )
const saw = (minute: number) => ((minute * 4) % 2 === 0 ? 4 : -4)

test.each([
  ['level', () => 200],
  ['level, with noise', (minute: number) => 200 + saw(minute)],
  ['a drift of 0.3 MB an hour, almost without noise', (minute: number) => 200 + 0.005 * minute],
  ['warming up, then level', (minute: number) => 200 + Math.min(minute, 14) * 5],
  ['warming up until the 25th minute, then level', (minute: number) => 200 + Math.min(minute, 25) * 2],
  ['let go of at the end', (minute: number) => 250 - minute],
])('%s is sound', (_, valueAt) => {
  expect(soaked(valueAt)).toMatchObject({ isSound: true })
})

test.each([
  ['84 MB an hour', (minute: number) => 200 + (84 / 60) * minute],
  ['84 MB an hour beneath noise', (minute: number) => 200 + (84 / 60) * minute + saw(minute)],
  ['21 MB an hour', (minute: number) => 150 + (21 / 60) * minute],
  ['6 MB an hour: the limit in two days', (minute: number) => 200 + (6 / 60) * minute],
  ['level first, growing at the end', (minute: number) => 200 + Math.max(0, minute - 30) * 2],
  ['slowing down, and still too fast', (minute: number) => 200 + 20 * Math.log2(1 + minute)],
  ['level, above the limit', () => 501],
])('%s is not', (_, valueAt) => {
  expect(soaked(valueAt)).toMatchObject({ isSound: false })
})

test('what is allowed reaches the limit in just so many days', () => {
  const growth = soaked(() => 200)
  expect((growth?.allowedPerHour ?? 0) * DAYS_MIN * 24).toBeCloseTo(300)
  expect(growth?.daysToLimit).toBe(Infinity)
  expect(soaked((minute) => 200 + 0.05 * minute)?.daysToLimit).toBeCloseTo(4, 0)
})

test('too few samples, or all of one moment, have none', () => {
  expect(trendOf(samples(() => 1, 2))).toBeNull()
  expect(trendOf([1, 2, 3].map((value) => ({ atMs: 1, value })))).toBeNull()
  expect(growthOf([], 1)).toBeNull()
  expect(
    growthOf(
      samples(() => 1, 5),
      500,
    ),
  ).toBeNull()
})

test('processes that each begin higher than the one before have not grown; what each gains is a slope', () => {
  const lives = (gainAt: (index: number) => number) =>
    samples((index) => 100 + 30 * Math.floor(index / 20) + gainAt(index % 20)).map((one, index) => ({
      ...one,
      life: Math.floor(index / 20),
    }))
  expect(trendOf(lives(() => 0))?.perHour).toBeCloseTo(0)
  expect(trendOf(lives((index) => index))?.perHour).toBeCloseTo(59)
  expect(trendOf(lives((index) => index))?.last).toBeCloseTo(179)
})
