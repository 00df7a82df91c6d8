import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { paceOf } from './told-run.ts'

const runId = '018bcfe5-6800-7000-8000-000000000001'
const head = { runId, agent: 'generator', instance: '0' } as const
const latency = { count: 0, minMs: null, maxMs: null, zeroCount: 0, bins: [], negativeBins: [] }
const range = (first: number, last: number) => [{ stream: 0, ranges: [first, last] }]

const started: RunFact = {
  ...{ kind: 'stage-started', ...head, atMs: 900, stage: 'produce', epochMs: 1_000 },
  ...{ positions: [], snapshotId: null, sequenceNumber: null, tableUuid: null, topicIds: [] },
}
const produced = (atMs: number, first: number, last: number): RunFact => ({
  ...{ kind: 'canaries-produced', ...head, atMs, hop: 'topic:raw', acknowledged: range(first, last) },
  ...{ unknown: [], failed: [], offsets: [], latency, heldBackMs: 0 },
})
const sighted = (atMs: number, first: number, last: number): RunFact => ({
  ...{ kind: 'hop-sighted', ...head, agent: 'ingestion-checker', atMs, hop: 'topic:raw', covered: [], canaries: range(first, last) },
  ...{ repeats: [], disordered: [], late: [], latency, lasts: [], otherRecords: 0 },
})

test('rates count from when the first canary was due, lags from ledger to sighting, in whatever order they are heard', () => {
  const facts = [sighted(3_500, 0, 999), produced(3_000, 0, 999), started, sighted(6_000, 1_000, 1_999), produced(5_000, 1_000, 1_999)]
  expect(paceOf(facts, 'topic:raw')).toEqual({ acknowledgedPerSecond: 500, sightedPerSecond: 400, behindMsMost: 1_000, caughtUpMs: 1_000 })
})

test('a checker that saw the canaries before the ledger told of them is not behind', () => {
  const facts = [started, sighted(2_000, 0, 999), produced(3_000, 0, 999)]
  expect(paceOf(facts, 'topic:raw')).toMatchObject({ behindMsMost: 0, caughtUpMs: 0 })
})

test('canaries that were never sighted leave the checker behind for ever', () => {
  expect(paceOf([started, produced(3_000, 0, 999), sighted(3_100, 0, 998)], 'topic:raw').behindMsMost).toBe(Infinity)
})
