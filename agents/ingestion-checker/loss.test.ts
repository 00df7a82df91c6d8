import { describe, expect, test } from 'vitest'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { emptyEvidence, foldEvidence, hopEvidence, type Segment } from '../../shared/core/evidence.ts'
import { RAW, resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { SUSPECTS_MAX, adoptProgress, isPassed, newLossWatch, searchFrom, stillMissing, suspectsOf } from './loss.ts'

const segment = (first: number, last: number, said: Partial<Segment> = {}): Segment => ({
  covered: [{ partition: 0, offsetFirst: first, offsetLast: last }],
  canaries: [{ stream: 0, ranges: [first, last] }],
  atMs: first * 1_000,
  ...said,
})
const setOf = (...ranges: number[]) => CanarySet.of([{ stream: 0, ranges }])
const none = new CanarySet()

describe('progress', () => {
  const progress = {
    committed: new Map([[0, 50]]),
    ends: new Map([
      [0, 10],
      [1, 5],
    ]),
    askedAtMs: 700,
  }

  test.each([
    [
      'has come to all its ends',
      [
        [0, 10],
        [1, 5],
      ],
      true,
    ],
    [
      'is short of one',
      [
        [0, 10],
        [1, 4],
      ],
      false,
    ],
    ['has not begun one', [[0, 10]], false],
  ] as const)('counts once our own reading %s', (...[, positions, adopted]) => {
    const watch = newLossWatch()
    watch.candidate = progress
    adoptProgress(watch, new Map(positions))
    expect([watch.proven.get(0), watch.provenAskedMs, watch.candidate]).toEqual(
      adopted ? [50, 700, null] : [undefined, -Infinity, progress],
    )
  })

  test('has passed a segment when it stands behind its last offset, in every partition', () => {
    const covered = [
      { partition: 0, offsetFirst: 0, offsetLast: 9 },
      { partition: 1, offsetFirst: 0, offsetLast: 4 },
    ]
    expect(
      isPassed(
        covered,
        new Map([
          [0, 10],
          [1, 5],
        ]),
      ),
    ).toBe(true)
    expect(
      isPassed(
        covered,
        new Map([
          [0, 9],
          [1, 5],
        ]),
      ),
    ).toBe(false)
    expect(isPassed(covered, new Map([[0, 10]]))).toBe(false)
  })
})

describe('suspects', () => {
  const segments = [segment(0, 4), segment(5, 9), segment(10, 14)]
  const { load } = resolvedOf().plan
  const proof = (passed: number, sighted: CanarySet, accused = none) => ({
    passed: new Map([[0, passed]]),
    inParts: true,
    sighted,
    told: accused,
    load,
  })
  const seqs = (found: ReturnType<typeof suspectsOf>) => found.flatMap(({ canaries }) => [...canaries.ranges(0)])

  test('are what was passed and not seen, and nothing that is still on its way', () => {
    expect(seqs(suspectsOf(newLossWatch(), segments, proof(10, setOf(0, 6, 8, 9))))).toEqual([7, 7])
    expect(seqs(suspectsOf(newLossWatch(), segments, proof(0, none)))).toEqual([])
  })

  test('are not those that were told already', () => {
    expect(seqs(suspectsOf(newLossWatch(), segments, proof(15, setOf(0, 6, 8, 14), setOf(7, 7))))).toEqual([])
  })

  test('are looked for no more in a segment that was complete once', () => {
    const watch = newLossWatch()
    suspectsOf(watch, segments, proof(15, setOf(0, 4, 6, 14)))
    expect([...watch.cleared].map(({ atMs }) => atMs)).toEqual([0, 10_000])
    expect(seqs(suspectsOf(watch, segments, proof(15, none)))).toEqual([5, 9])
  })

  test('are in a segment passed in part those that later ones have overtaken, once for each progress', () => {
    const watch = newLossWatch()
    const halfway = proof(8, setOf(0, 4, 5, 5, 7, 7))
    const found = suspectsOf(watch, segments, halfway)
    expect([seqs(found), found.map(({ isPart }) => isPart)]).toEqual([[6, 6], [true]])
    expect(suspectsOf(watch, segments, halfway)).toEqual([])
    expect(seqs(suspectsOf(watch, segments, proof(9, setOf(0, 4, 5, 5, 7, 7))))).toEqual([6, 6])
    expect(suspectsOf(newLossWatch(), segments, { ...halfway, inParts: false })).toEqual([])
    expect(suspectsOf(newLossWatch(), segments, proof(5, setOf(0, 4, 6, 6)))).toEqual([])
  })

  test('are no more at a time than a limit, whole segments', () => {
    const wide = [0, 1, 2].map((n) => segment(n * SUSPECTS_MAX, n * SUSPECTS_MAX + SUSPECTS_MAX - 1))
    expect(suspectsOf(newLossWatch(), wide, proof(SUSPECTS_MAX * 4, none))).toHaveLength(1)
  })
})

test('a second look begins well before the origin, and not at the start of the topic', () => {
  const evidence = emptyEvidence()
  for (const [n, atMs] of [5_000, 20_000, 40_000].entries()) {
    foldEvidence(evidence, told('hop-sighted', { covered: [{ partition: 0, offsetFirst: n * 10, offsetLast: n * 10 + 9 }], atMs }))
  }
  const hop = hopEvidence(evidence, RAW)
  const from = (atMs: number) =>
    searchFrom(
      hop,
      new Map([
        [0, 3],
        [1, 8],
      ]),
      [{ segment: segment(0, 0, { atMs }), canaries: none, isPart: false }],
    )
  expect([...from(31_000)]).toEqual([
    [0, 20],
    [1, 8],
  ])
  expect([...from(12_000)]).toEqual(
    [
      [0, 3],
      [1, 8],
    ].map(([partition, offset]) => (partition === 0 ? [0, 3] : [partition, offset])),
  )
})

test('only what the second look did not find either is missing, with where it stands at the hop before', () => {
  const place = (seq: number) => ({ stream: 0, seq, partition: 2, offset: 100 + seq })
  const suspects = [{ segment: segment(0, 9), canaries: setOf(3, 5), isPart: false }]
  expect(stillMissing(suspects, { found: [place(4)], origin: [place(3), place(4)] }, new Map())).toEqual([
    { stream: 0, seq: 3, origin: place(3) },
    { stream: 0, seq: 5, origin: null },
  ])
})

test('of a segment passed in part only those are missing whose place is known and was passed', () => {
  const place = (seq: number) => ({ stream: 0, seq, partition: 2, offset: 100 + seq })
  const suspects = [{ segment: segment(0, 9), canaries: setOf(3, 5), isPart: true }]
  const missing = (offset: number) =>
    stillMissing(suspects, { found: [], origin: [place(3), place(4)] }, new Map([[2, offset]])).map(({ seq }) => seq)
  expect([missing(103), missing(104), missing(200)]).toEqual([[], [3], [3, 4]])
})
