import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { contradictionsIn, saidAgain, speakersOf } from './told.ts'

const head = { runId: '0196f3a0-0000-7000-8000-000000000000', agent: 'ingestion-checker', atMs: 1 }
const canaries = (last: number) => [{ stream: 2, ranges: [0, last] }]

const sighted = (instance: string, of: Partial<Extract<RunFact, { kind: 'hop-sighted' }>>): RunFact => ({
  kind: 'hop-sighted',
  ...head,
  instance,
  hop: 'topic:out',
  covered: [{ partition: 0, offsetFirst: 0, offsetLast: 9 }],
  canaries: canaries(9),
  late: [],
  repeats: [],
  disordered: [],
  lasts: [],
  otherRecords: 0,
  latency: { count: 0, minMs: null, maxMs: null, zeroCount: 0, bins: [], negativeBins: [] },
  ...of,
})

const lost = (seq: number): RunFact => ({
  kind: 'violation-found',
  ...head,
  instance: 'a',
  hop: 'topic:out',
  violation: 'lost',
  stream: 2,
  ranges: [seq, seq],
  expected: 'there',
  actual: 'not there',
  field: null,
  partition: null,
  offset: null,
  snapshotId: null,
  file: null,
  traceId: 'a'.repeat(32),
  difference: null,
  rule: null,
})

test('two that say the same of one thing do not contradict each other, whatever the order', () => {
  const both = [...canaries(9), { stream: 1, ranges: [0, 3] }]
  expect(contradictionsIn([sighted('a', { canaries: both }), sighted('b', { canaries: both.toReversed() })])).toEqual([])
})

test('two that say different things of one thing do', () => {
  expect(contradictionsIn([sighted('a', {}), sighted('b', { canaries: canaries(8) })])).toHaveLength(1)
  const elsewhere = sighted('b', { covered: [{ partition: 1, offsetFirst: 0, offsetLast: 9 }], canaries: canaries(8) })
  expect(contradictionsIn([sighted('a', {}), elsewhere])).toEqual([])
})

test('a finding that is said again is noticed, and another of the same kind is not', () => {
  expect(saidAgain([lost(3), lost(4)])).toEqual([])
  expect(saidAgain([lost(3), lost(4), lost(3)])).toHaveLength(1)
})

test('those who said something of a kind', () => {
  expect(speakersOf([sighted('a', {}), lost(3), sighted('b', {}), sighted('a', {})], 'hop-sighted')).toEqual(['a', 'b'])
})
