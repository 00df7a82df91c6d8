import { expect, test } from 'vitest'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { weightOf } from './state-weight.ts'

test('the weight of a state grows with whatever it keeps, and counts what is kept twice once', () => {
  const canaries = (...seqs: number[]) => CanarySet.ofMembers(seqs.map((seq) => ({ stream: 0, seq })))
  const one = { runs: new Map([['a', { text: 'abc' }]]), seen: new Set([1, 2]) }
  expect(weightOf({ ...one, other: one.runs })).toBe(weightOf(one) + 1)
  expect(weightOf({ ...one, runs: new Map([...one.runs, ['b', { text: 'abc' }]]) })).toBe(weightOf(one) + 1 + 1 + 3)
  expect(weightOf(canaries(1, 3, 5))).toBeGreaterThan(weightOf(canaries(1, 3)))
  // A range is a range, however long.
  expect(weightOf(canaries(1, 2, 3))).toBe(weightOf(canaries(1)))
})

test('it finds what holds itself', () => {
  const ring: { next?: object } = {}
  ring.next = ring
  expect(weightOf(ring)).toBe(2)
})
