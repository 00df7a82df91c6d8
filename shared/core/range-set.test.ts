import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RangeSet, difference, intersection, members, sizeOf, union } from './range-set.ts'

const numbers = fc.array(fc.nat({ max: 60 }), { maxLength: 80 })
const setOf = (values: readonly number[]) => {
  const set = RangeSet.empty()
  for (const value of values) set.add(value)
  return set
}
const sorted = (values: Iterable<number>) => [...new Set(values)].sort((a, b) => a - b)

describe('a range set is a set of integers', () => {
  test('whatever the order of adding', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const set = setOf(values)
        expect([...members(set.ranges)]).toEqual(sorted(values))
        expect(set.size).toBe(new Set(values).size)
        for (let value = 0; value <= 61; value++) expect(set.has(value)).toBe(values.includes(value))
      }),
    )
  })

  test('kept as disjoint ranges that do not touch', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 9 })), { maxLength: 30 }), (spans) => {
        const set = RangeSet.empty()
        for (const [first, length] of spans) set.addRange(first, first + length)
        const { ranges } = set
        for (let i = 2; i < ranges.length; i += 2) expect(ranges[i]).toBeGreaterThan((ranges[i - 1] as number) + 1)
        expect([...members(ranges)]).toEqual(sorted(spans.flatMap(([f, l]) => Array.from({ length: l + 1 }, (_, i) => f + i))))
      }),
    )
  })

  test('add says whether the value was new', () => {
    const set = RangeSet.empty()
    expect([set.add(3), set.add(3), set.add(4), set.add(2), set.add(4)]).toEqual([true, false, true, true, false])
    expect(set.ranges).toEqual([2, 4])
    expect(set.last).toBe(4)
  })
})

test('difference, intersection and union are those of sets', () => {
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const left = setOf(a).ranges
      const right = setOf(b).ranges
      expect([...members(difference(left, right))]).toEqual(sorted(a).filter((v) => !b.includes(v)))
      expect([...members(intersection(left, right))]).toEqual(sorted(a).filter((v) => b.includes(v)))
      expect([...members(union(left, right))]).toEqual(sorted([...a, ...b]))
      expect(sizeOf(union(left, right))).toBe(new Set([...a, ...b]).size)
    }),
  )
})

test('odd or inverted ranges are our own bug', () => {
  expect(() => RangeSet.of([1])).toThrow('pairs')
  expect(() => RangeSet.of([5, 2])).toThrow('not a range')
})
