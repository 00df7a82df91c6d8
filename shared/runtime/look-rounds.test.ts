import { expect, test } from 'vitest'
import { lookRounds } from './look-rounds.ts'

const span = (partition: number, offsetFirst: number, offsetLast: number) => ({ partition, offsetFirst, offsetLast })

test('intervals of one partition that follow each other are read in one go, whatever their order', () => {
  expect(lookRounds([span(0, 10, 19), span(1, 5, 5), span(0, 0, 9), span(0, 25, 30)])).toEqual([[span(0, 0, 30), span(1, 5, 5)]])
})

test('an interval within another adds nothing', () => {
  expect(lookRounds([span(0, 0, 100), span(0, 10, 20)])).toEqual([[span(0, 0, 100)]])
})

test('what lies far behind is the next consumer’s', () => {
  expect(lookRounds([span(0, 0, 9), span(0, 5_009, 5_009), span(0, 1_000_000, 1_000_001), span(1, 3, 4)])).toEqual([
    [span(0, 0, 5_009), span(1, 3, 4)],
    [span(0, 1_000_000, 1_000_001)],
  ])
})

test('nothing to read is no round', () => {
  expect(lookRounds([])).toEqual([])
})
