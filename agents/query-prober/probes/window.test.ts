import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RangeSet, members } from '../../../shared/core/range-set.ts'
import { cutWindows, halves, memberAt, spread, windowSize } from './window.ts'

const someRanges = fc.array(fc.nat(300), { maxLength: 120 }).map((seqs) => {
  const set = RangeSet.empty()
  for (const seq of seqs) set.addRange(seq, seq)
  return set.ranges
})

test('windows together hold every canary once, and none crosses a border of the grid', () => {
  fc.assert(
    fc.property(someRanges, fc.integer({ min: 1, max: 50 }), (ranges, size) => {
      const windows = cutWindows(ranges, size)
      expect(windows.flatMap(({ first, last }) => [...members([first, last])])).toEqual([...members(ranges)])
      for (const { first, last } of windows) expect(Math.floor(first / size)).toBe(Math.floor(last / size))
    }),
  )
})

test('what is left out splits one window and moves no other', () => {
  expect(cutWindows([0, 6, 8, 29], 10)).toEqual([
    { first: 0, last: 6 },
    { first: 8, last: 9 },
    { first: 10, last: 19 },
    { first: 20, last: 29 },
  ])
})

test.each([
  { canaries: 20_000, streams: 8, size: 250, why: 'ten windows a stream' },
  { canaries: 5, streams: 8, size: 1, why: 'never an empty window' },
  { canaries: 100_000, streams: 1024, size: 98, why: 'one window a stream where there are many' },
  { canaries: 10_000_000, streams: 8, size: 5_000, why: 'no window beyond what is computed in memory' },
])('$canaries canaries in $streams streams: $why', ({ canaries, streams, size }) => {
  expect(windowSize({ canaries, streams })).toBe(size)
})

test('the halves of a window are the window', () => {
  expect(halves({ first: 4, last: 5 })).toEqual([
    { first: 4, last: 4 },
    { first: 5, last: 5 },
  ])
  expect(halves({ first: 0, last: 4 })).toEqual([
    { first: 0, last: 2 },
    { first: 3, last: 4 },
  ])
})

test('every member is found at its place, and none beyond', () => {
  fc.assert(
    fc.property(someRanges, (ranges) => {
      const all = [...members(ranges)]
      expect(all.map((_, n) => memberAt(ranges, n)?.seq)).toEqual(all)
      expect(memberAt(ranges, all.length)).toBeNull()
    }),
  )
})

test('a sample is as large as asked, without repeats, and from every part', () => {
  const streams = [
    { stream: 0, ranges: [0, 9, 20, 29] },
    { stream: 3, ranges: [5, 24] },
  ]
  expect(spread(streams, 4)).toEqual([
    { stream: 0, seq: 5 },
    { stream: 0, seq: 25 },
    { stream: 3, seq: 10 },
    { stream: 3, seq: 20 },
  ])
  expect(new Set(spread(streams, 100).map(({ stream, seq }) => `${stream}/${seq}`)).size).toBe(40)
  expect(spread([], 5)).toEqual([])
})
