import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { traceIdOf } from './identity.ts'
import { members } from './range-set.ts'
import { TOLD_SINGLY_MAX, ViolationBudget, violationFact, type Finding } from './violations.ts'
import { RUN, TABLE } from './told-run.fixture.ts'

const finding = (seq: number, said: Partial<Finding> = {}): Finding => ({
  violation: 'lost',
  hop: TABLE,
  stream: 0,
  ranges: [seq, seq],
  expected: 'a row',
  actual: 'none',
  ...said,
})
const many = (count: number, said: Partial<Finding> = {}) => Array.from({ length: count }, (_, seq) => finding(seq, said))

describe('a budget of findings', () => {
  test('lets the first ones be told one by one, over all batches together', () => {
    const budget = new ViolationBudget()
    expect(budget.limit(many(TOLD_SINGLY_MAX - 1))).toHaveLength(TOLD_SINGLY_MAX - 1)
    expect(budget.limit(many(10))).toHaveLength(2)
  })

  test('names every canary beyond all the same', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 500 }), { minLength: 1, maxLength: 200 }), (seqs) => {
        const budget = new ViolationBudget()
        budget.limit(many(TOLD_SINGLY_MAX))
        const joined = budget.limit(seqs.map((seq) => finding(seq)))
        expect(joined).toHaveLength(1)
        expect([...members(joined[0]?.ranges ?? [])]).toEqual([...seqs].sort((a, b) => a - b))
      }),
    )
  })

  test('is one for each kind and hop, and joins no two streams or fields', () => {
    const budget = new ViolationBudget()
    budget.limit(many(TOLD_SINGLY_MAX))
    expect(budget.limit([finding(1, { violation: 'late' }), finding(1, { hop: 'topic:raw' })])).toHaveLength(2)
    const apart = budget.limit([finding(1), finding(2), finding(1, { stream: 1 }), finding(3, { field: 'price' })])
    expect(apart.map(({ stream, ranges, field }) => [stream, ranges, field ?? null])).toEqual([
      [0, [1, 2], null],
      [1, [1, 1], null],
      [0, [3, 3], 'price'],
    ])
  })
})

describe('a finding as a fact', () => {
  const head = { runId: RUN, agent: 'storage-reconciler', instance: '1', atMs: 5 }

  test('carries the trace of its first canary, and null where nothing is known', () => {
    expect(violationFact(head, finding(8))).toMatchObject({
      kind: 'violation-found',
      traceId: traceIdOf({ runId: RUN, stream: 0, seq: 8 }),
      offset: null,
      snapshotId: null,
      file: null,
      field: null,
    })
  })

  test('keeps what there was to a length', () => {
    const fact = violationFact(head, finding(8, { expected: 'x'.repeat(10_000), actual: 'y'.repeat(10_000) }))
    expect([fact.expected.length, fact.actual.length]).toEqual([300, 300])
  })
})
