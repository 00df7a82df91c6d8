import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { emptyEvidence, foldEvidence, hopEvidence, segmentOf, standingViolations } from './evidence.ts'
import { CLEAN, RAW, TABLE, cleanFacts, evidenceText, foldAll, latencyOf, told } from './told-run.fixture.ts'

const place = (seq: number, offset: number) => ({ stream: 0, seq, partition: 0, offset })

/** A run in pieces: each kind in an order of its own, as its agent would say it. */
const chapters: Readonly<Record<string, readonly RunFact[]>> = {
  intended: [0, 1, 2, 3].map((n) =>
    told('canaries-intended', { canaries: [{ stream: 0, ranges: [n * 5, n * 5 + 4] }], placeFirst: n * 10, shiftMs: n < 2 ? 0 : 300 }),
  ),
  ledger: [0, 1, 2].map((n) =>
    told('canaries-produced', {
      acknowledged: [{ stream: 0, ranges: [n * 5, n * 5 + 3] }],
      failed: [{ stream: 0, ranges: [n * 5 + 4, n * 5 + 4] }],
      offsets: [{ partition: 0, offsetFirst: n * 4, offsetLast: n * 4 + 3 }],
      latency: latencyOf(n + 1, n + 2),
    }),
  ),
  raw: [0, 1].map((n) =>
    told('hop-sighted', {
      hop: RAW,
      covered: [{ partition: 0, offsetFirst: n * 6, offsetLast: n * 6 + 5 }],
      canaries: [{ stream: 0, ranges: [n * 5, n * 5 + 3] }],
      repeats: [place(n * 5, n * 6 + 4)],
      disordered: [place(n * 5 + 1, n * 6 + 5)],
      latency: latencyOf(10 * n + 1),
      otherRecords: 1,
    }),
  ),
  clean: [told('hop-sighted', { hop: CLEAN, late: [{ stream: 0, ranges: [3, 3] }] })],
  table: [
    told('violation-found', { ranges: [2, 2] }),
    told('snapshot-reconciled', { snapshotId: '1' }),
    told('snapshot-reconciled', { snapshotId: '2', canaries: [{ stream: 0, ranges: [2, 2] }], sourceOffsets: [], latency: latencyOf(90) }),
    told('correction', { ranges: [2, 2] }),
    told('violation-found', { ranges: [4, 7] }),
    told('correction', { ranges: [5, 5], becomes: null }),
  ],
  probes: [0, 1].map((batch) =>
    told('probe-answered', { batch, requests: 3, errors: 1, canaries: [{ stream: 0, ranges: [batch, batch] }] }),
  ),
  faults: [told('fault-changed', { phase: 'injected' }), told('fault-changed', { phase: 'healed' })],
  missing: [told('evidence-missing'), told('evidence-missing', { reason: 'broker away' })],
}
const all = Object.values(chapters).flat()

const fold = (facts: readonly RunFact[]) => {
  const evidence = emptyEvidence()
  for (const fact of facts) foldEvidence(evidence, fact)
  return evidence
}

/** Merges the chapters: each in its own order, between each other in any. */
const anyOrder = fc.array(fc.nat(), { minLength: all.length, maxLength: all.length }).map((draws) => {
  const left = Object.values(chapters).map((facts) => [...facts])
  return draws.map((draw) => {
    const open = left.filter((facts) => facts.length > 0)
    return (open[draw % open.length] as RunFact[]).shift() as RunFact
  })
})

describe('evidence', () => {
  test('does not depend on which agent was heard first', () => {
    const expected = evidenceText(fold(all))
    fc.assert(
      fc.property(anyOrder, (facts) => {
        expect(evidenceText(fold(facts))).toEqual(expected)
      }),
    )
  })

  test('is the same when the facts since any moment come again, in the order of their partition', () => {
    const expected = evidenceText(fold(all))
    fc.assert(
      fc.property(anyOrder, fc.nat({ max: all.length }), fc.nat({ max: all.length }), (facts, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        expect(evidenceText(fold([...facts.slice(0, to), ...facts.slice(from)]))).toEqual(expected)
      }),
    )
  })

  test('is the same when any one fact comes once more at the end', () => {
    const expected = evidenceText(fold(all))
    for (const fact of all) expect([fact.kind, evidenceText(fold([...all, fact]))]).toEqual([fact.kind, expected])
  })

  test('counts what was heard of others: the reporter must not count itself', () => {
    expect(fold([told('stage-started'), told('stage-started'), told('run-accepted', { agent: 'reporter' })]).heard).toBe(2)
  })
})

describe('the ledger', () => {
  test('keeps apart what is vouched for, what is in doubt and what was refused', () => {
    const { acknowledged, unknown, failed } = fold([
      told('canaries-produced', {
        acknowledged: [{ stream: 0, ranges: [0, 4] }],
        unknown: [{ stream: 0, ranges: [5, 6] }],
        failed: [{ stream: 1, ranges: [0, 0] }],
      }),
    ])
    expect([acknowledged, unknown, failed].map((set) => set.toWire())).toEqual([
      [{ stream: 0, ranges: [0, 4] }],
      [{ stream: 0, ranges: [5, 6] }],
      [{ stream: 1, ranges: [0, 0] }],
    ])
  })

  test('moves the clock of intended sends from where the generator came back', () => {
    expect(fold(chapters['intended'] ?? []).shifts).toEqual([{ placeFirst: 20, shiftMs: 300 }])
  })

  test('leaves the clock where the first to intend has set it: who was cut off tells what another has taken over', () => {
    const intent = (place: number, shiftMs: number) =>
      told('canaries-intended', { canaries: [{ stream: 0, ranges: [place, place + 4] }], placeFirst: place, shiftMs })
    const takenOver = [intent(0, 0), intent(5, 40_000), intent(10, 40_000)]
    // The last of the stale ones is the first heard of its canaries: it is written as it says.
    const { shifts } = fold([...takenOver, intent(5, 0), intent(10, 0), intent(15, 0), intent(20, 40_000)])
    expect(shifts).toEqual([
      { placeFirst: 5, shiftMs: 40_000 },
      { placeFirst: 15, shiftMs: 0 },
      { placeFirst: 20, shiftMs: 40_000 },
    ])
  })
})

describe('a sighting', () => {
  test('that overlaps one before adds its canaries, and its latencies only where it covers something new', () => {
    const first = told('hop-sighted', {
      covered: [{ partition: 0, offsetFirst: 0, offsetLast: 9 }],
      latency: latencyOf(1),
      otherRecords: 2,
    })
    const inside = told('hop-sighted', {
      covered: [{ partition: 0, offsetFirst: 3, offsetLast: 4 }],
      latency: latencyOf(2),
      otherRecords: 2,
    })
    const beyond = told('hop-sighted', {
      covered: [{ partition: 1, offsetFirst: 3, offsetLast: 4 }],
      latency: latencyOf(3),
      otherRecords: 2,
    })
    const hop = hopEvidence(fold([first, inside, beyond]), RAW)
    expect([hop.latency.count, hop.otherRecords, hop.segments.length]).toEqual([2, 4, 2])
  })

  test('places a canary between two offsets', () => {
    const { segments } = hopEvidence(fold(chapters['raw'] ?? []), RAW)
    expect(segmentOf(segments, 0, 7)?.covered).toEqual([{ partition: 0, offsetFirst: 6, offsetLast: 11 }])
    expect(segmentOf(segments, 0, 4)).toBeNull()
    expect(segmentOf(segments, 1, 7)).toBeNull()
  })
})

describe('a correction', () => {
  const standing = (...facts: RunFact[]) =>
    standingViolations(fold(facts))
      .map(({ violation, stream, standing: { ranges } }) => `${violation} ${stream}/${ranges.join('-')}`)
      .sort()
  const lost = told('violation-found', { ranges: [4, 7] })

  test.each([
    ['takes back all', told('correction', { ranges: [4, 7], becomes: null }), []],
    ['takes back a part', told('correction', { ranges: [5, 5], becomes: null }), ['lost 0/4-4-6-7']],
    ['turns a part into what it is instead', told('correction', { ranges: [5, 6] }), ['late 0/5-6', 'lost 0/4-4-7-7']],
    ['of more than was said takes back what was said', told('correction', { ranges: [0, 5] }), ['late 0/4-5', 'lost 0/6-7']],
    ['of another stream concerns nobody', told('correction', { ranges: [4, 7], stream: 1 }), ['lost 0/4-7']],
    ['of another hop concerns nobody', told('correction', { ranges: [4, 7], hop: RAW }), ['lost 0/4-7']],
    ['of another kind concerns nobody', told('correction', { ranges: [4, 7], violation: 'stale' }), ['lost 0/4-7']],
  ] as const)('%s', (_what, correction, expected) => {
    expect(standing(lost, correction)).toEqual(expected)
    expect(standing(lost, correction, correction)).toEqual(expected)
    // The accusation may be heard again after it was taken back: a restarted agent reads from where it was.
    expect(standing(lost, correction, lost)).toEqual(expected)
  })
})

test('different fields of one canary are different defects; the same defect twice is one', () => {
  const price = told('violation-found', { violation: 'corrupted', field: 'price' })
  const note = told('violation-found', { violation: 'corrupted', field: 'note' })
  expect(standingViolations(fold([price, note, price])).map(({ field }) => field)).toEqual(['price', 'note'])
})

test('a clean run leaves no violation and no doubt', () => {
  const { evidence } = foldAll(cleanFacts())
  expect(standingViolations(evidence)).toEqual([])
  expect(evidence.acknowledged.size).toBe(40)
  expect(hopEvidence(evidence, TABLE).sighted.size).toBe(40)
})
