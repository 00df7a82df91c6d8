import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CanarySet, OffsetCover } from './canary-set.ts'

const canaries = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 40 })), { maxLength: 60 })
const setOf = (pairs: readonly (readonly [number, number])[]) => {
  const set = new CanarySet()
  for (const [stream, seq] of pairs) set.add(stream, seq)
  return set
}
const names = (pairs: readonly (readonly [number, number])[]) => new Set(pairs.map(([stream, seq]) => `${stream}/${seq}`))

describe('a canary set', () => {
  test('is a set of (stream, seq): minus and and are those of sets', () => {
    fc.assert(
      fc.property(canaries, canaries, (left, right) => {
        const [a, b] = [names(left), names(right)]
        const has = (set: CanarySet) =>
          new Set([...names([...left, ...right])].filter((name) => set.has(...(name.split('/').map(Number) as [number, number]))))
        expect(has(setOf(left).minus(setOf(right)))).toEqual(a.difference(b))
        expect(has(setOf(left).and(setOf(right)))).toEqual(a.intersection(b))
        expect(setOf(left).size).toBe(a.size)
      }),
    )
  })

  test('travels and comes back the same, streams in order, none of them empty', () => {
    fc.assert(
      fc.property(canaries, (pairs) => {
        const wire = setOf(pairs).toWire()
        expect(CanarySet.of(wire).toWire()).toEqual(wire)
        expect(wire.map(({ stream }) => stream)).toEqual([...new Set(pairs.map(([stream]) => stream))].sort((a, b) => a - b))
      }),
    )
    const looked = new CanarySet()
    looked.stream(5)
    expect(looked.toWire()).toEqual([])
  })

  test('says whether an addition was news, and the last of a stream', () => {
    const set = new CanarySet()
    expect([set.add(1, 4), set.add(1, 4), set.add(2, 4)]).toEqual([true, false, true])
    expect([set.last(1), set.last(9)]).toEqual([4, -1])
  })
})

describe('covered offsets', () => {
  const cover = new OffsetCover()
  cover.add([
    { partition: 0, offsetFirst: 5, offsetLast: 9 },
    { partition: 0, offsetFirst: 12, offsetLast: 14 },
    { partition: 2, offsetFirst: 0, offsetLast: 0 },
  ])

  test.each([
    ['a piece of one', [{ partition: 0, offsetFirst: 6, offsetLast: 9 }], true],
    ['a piece with a hole', [{ partition: 0, offsetFirst: 9, offsetLast: 12 }], false],
    [
      'pieces of two partitions',
      [
        { partition: 0, offsetFirst: 5, offsetLast: 5 },
        { partition: 2, offsetFirst: 0, offsetLast: 0 },
      ],
      true,
    ],
    [
      'a piece of one beside a piece of none',
      [
        { partition: 0, offsetFirst: 5, offsetLast: 5 },
        { partition: 1, offsetFirst: 0, offsetLast: 0 },
      ],
      false,
    ],
    ['a partition never read', [{ partition: 1, offsetFirst: 0, offsetLast: 0 }], false],
  ])('include %s: %#', (_what, covered, expected) => {
    expect(cover.includes(covered)).toBe(expected)
  })

  test('say where to read on: behind what is covered without a gap', () => {
    expect([4, 5, 7, 10, 13].map((from) => cover.next(0, from))).toEqual([4, 10, 10, 10, 15])
    expect(cover.next(7, 3)).toBe(3)
  })
})
