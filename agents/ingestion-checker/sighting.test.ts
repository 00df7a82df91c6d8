import { describe, expect, test } from 'vitest'
import { emptyEvidence, foldEvidence, hopEvidence } from '../../shared/core/evidence.ts'
import { RAW, told } from '../../shared/core/told-run.fixture.ts'
import {
  emptyPending,
  foldBatch,
  hasNews,
  sightingOf,
  type ReadBatch,
  type RecordFault,
  type SightContext,
  type SightedRecord,
} from './sighting.ts'

/** Canary n of a stream is intended at 1,000 n, and 500 ms later is late. */
function contextOf(): SightContext {
  const evidence = emptyEvidence()
  foldEvidence(
    evidence,
    told('hop-sighted', { covered: [{ partition: 0, offsetFirst: 0, offsetLast: 9 }], canaries: [{ stream: 0, ranges: [0, 4, 7, 7] }] }),
  )
  return {
    told: hopEvidence(evidence, RAW),
    pending: emptyPending(),
    positions: new Map([[0, 10]]),
    lasts: new Map([['0/0', 7]]),
    deliverWithinMs: 500,
    intendedAtMs: (_stream, seq) => seq * 1_000,
    untimed: [],
    latencyAtLeastMs: ({ atMs, dueMs }) => atMs - dueMs,
  }
}
const record = (seq: number, offset: number, said: Partial<SightedRecord> = {}): SightedRecord => ({
  stream: 0,
  seq,
  offset,
  appendedAtMs: seq * 1_000 + 20,
  faults: [],
  ...said,
})
const batch = (records: readonly SightedRecord[], said: Partial<ReadBatch> = {}): ReadBatch => ({
  partition: 0,
  offsetFirst: 10,
  offsetLast: 19,
  records,
  otherOffsets: [13, 14],
  ...said,
})
const fault: RecordFault = { violation: 'corrupted', field: 'price', expected: '1', actual: '2' }

describe('what another instance has told of meanwhile', () => {
  test.each<[what: string, records: SightedRecord[], suspicions: string[]]>([
    ['is no repeat', [record(4, 9), record(8, 10)], []],
    ['is held against what comes behind it', [record(7, 9), record(6, 10)], ['reordered 6@10']],
    ['has its repeats told where they stand', [record(4, 9), record(4, 10)], ['duplicated 4@10']],
  ])('%s', (_, records, suspicions) => {
    // Our own reading began before its sighting was heard.
    const context = { ...contextOf(), positions: new Map([[0, 5]]), lasts: new Map<string, number>() }
    const found = foldBatch(context, batch(records, { offsetFirst: 5 }))
    expect(found.map(({ violation, place }) => `${violation} ${place.seq}@${place.offset}`)).toEqual(suspicions)
    expect(sightingOf(RAW, context.pending).covered).toEqual([{ partition: 0, offsetFirst: 5, offsetLast: 19 }])
  })
})

test('a lost one that another instance has taken back is no repeat where it stands, and one behind it is', () => {
  const context = contextOf()
  const evidence = emptyEvidence()
  foldEvidence(evidence, told('violation-found', { violation: 'lost', hop: RAW, stream: 0, ranges: [8, 8] }))
  foldEvidence(evidence, told('correction', { violation: 'lost', becomes: null, hop: RAW, stream: 0, ranges: [8, 8], reason: 'it came' }))
  const records = [record(8, 10), record(8, 11)]
  const found = foldBatch({ ...context, told: hopEvidence(evidence, RAW) }, batch(records))
  expect(found.map(({ violation, place }) => `${violation} ${place.seq}@${place.offset}`)).toEqual(['duplicated 8@11'])
})

describe('reading a batch', () => {
  test.each<[what: string, records: SightedRecord[], suspicions: string[]]>([
    ['in order and in time', [record(8, 10), record(9, 11)], []],
    ['with a repeat in it', [record(8, 10), record(8, 11)], ['duplicated 8@11']],
    ['with a repeat of what was told', [record(3, 10)], ['duplicated 3@10']],
    ['with a gap that closes later', [record(9, 10), record(8, 11)], ['reordered 8@11']],
    ['with one behind what was told', [record(5, 10)], ['reordered 5@10']],
    ['with another stream beside', [record(0, 10, { stream: 1 }), record(8, 11)], []],
    ['with a late one', [record(8, 10, { appendedAtMs: 8_501 })], ['late 8@10']],
    ['with one just in time', [record(8, 10, { appendedAtMs: 8_500 })], []],
    ['with a late one out of order: late says it all', [record(9, 10), record(8, 11, { appendedAtMs: 20_000 })], ['late 8@11']],
    ['with a changed one', [record(8, 10, { faults: [fault] })], ['corrupted 8@10']],
    ['with a repeat that is changed', [record(8, 10), record(8, 11, { faults: [fault] })], ['corrupted 8@11', 'duplicated 8@11']],
    ['of which the start was read before', [record(7, 8), record(8, 10)], []],
  ])('%s', (...[, records, suspicions]) => {
    const found = foldBatch(contextOf(), batch(records))
    expect(found.map(({ violation, place }) => `${violation} ${place.seq}@${place.offset}`)).toEqual(suspicions)
  })

  test('a second time changes nothing', () => {
    const context = contextOf()
    foldBatch(context, batch([record(8, 10), record(8, 11)]))
    const once = JSON.stringify(sightingOf(RAW, context.pending))
    expect(foldBatch(context, batch([record(8, 10), record(8, 11)]))).toEqual([])
    expect(JSON.stringify(sightingOf(RAW, context.pending))).toBe(once)
  })

  test('that was read before what came behind it changes nothing either', () => {
    const context = contextOf()
    const first = batch([record(8, 10)])
    foldBatch(context, first)
    foldBatch(context, batch([record(9, 20)], { offsetFirst: 20, offsetLast: 25, otherOffsets: [] }))
    const before = JSON.stringify([sightingOf(RAW, context.pending), [...context.positions]])
    expect(foldBatch(context, first)).toEqual([])
    expect(JSON.stringify([sightingOf(RAW, context.pending), [...context.positions]])).toBe(before)
  })

  test('of which a part was read before counts no record of that part again', () => {
    const context = contextOf()
    foldBatch(context, batch([record(8, 10)], { offsetLast: 13, otherOffsets: [11, 13] }))
    foldBatch(context, batch([record(8, 10), record(9, 15)], { otherOffsets: [11, 13, 14, 16] }))
    expect(sightingOf(RAW, context.pending)).toMatchObject({ canaries: [{ stream: 0, ranges: [8, 9] }], repeats: [], otherRecords: 4 })
  })

  test('is told as what it covered, batches joined, partitions in order', () => {
    const context = contextOf()
    expect(hasNews(context.pending)).toBe(false)
    foldBatch(context, batch([], { partition: 1, offsetFirst: 0, offsetLast: 3, otherOffsets: [1, 3] }))
    foldBatch(context, batch([record(8, 12)]))
    foldBatch(context, batch([record(9, 21, { appendedAtMs: 8_000 })], { offsetFirst: 20, offsetLast: 25, otherOffsets: [] }))
    expect(sightingOf(RAW, context.pending)).toMatchObject({
      covered: [
        { partition: 0, offsetFirst: 10, offsetLast: 25 },
        { partition: 1, offsetFirst: 0, offsetLast: 3 },
      ],
      canaries: [{ stream: 0, ranges: [8, 9] }],
      otherRecords: 4,
      // A record stamped before it was meant to be sent: clocks that disagree are told.
      latency: { count: 2, minMs: -1_000 },
    })
    expect(context.positions.get(0)).toBe(26)
  })

  test('goes on where it began when nothing was read before', () => {
    const context = { ...contextOf(), positions: new Map<number, number>() }
    foldBatch(context, batch([record(8, 12)]))
    expect(sightingOf(RAW, context.pending).covered).toEqual([{ partition: 0, offsetFirst: 10, offsetLast: 19 }])
  })
})

test('what was late by the clock of its writer alone is not late, and its latency is told as it says', () => {
  const context = { ...contextOf(), latencyAtLeastMs: () => 400 }
  expect(foldBatch(context, batch([record(8, 10, { appendedAtMs: 8_900 })]))).toEqual([])
  expect(sightingOf(RAW, context.pending)).toMatchObject({ late: [], latency: { count: 1, maxMs: 900 } })
})
