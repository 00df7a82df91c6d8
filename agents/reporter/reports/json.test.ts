import { describe, expect, it } from 'vitest'
import { traceIdOf } from '../../../shared/core/identity.ts'
import { fairShares, LISTED_MAX } from './json-violations.ts'
import { jsonReport, reportOf, reportSchema } from './json.ts'
import { canaryId, cleanFacts, faultStep, missing, SAMPLE_RUN_ID, sourceOf, violation } from './sample-run.ts'

const RAW = 'topic:market.trades.raw'
const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'

describe('JSON report', () => {
  it('reports a clean run as a pass with every hop counted and timed', () => {
    const report = reportSchema.parse(JSON.parse(jsonReport(sourceOf(cleanFacts()))))
    expect(report.verdict).toBe('pass')
    expect(report.reasons).toEqual([])
    expect(report.violations).toEqual({ canaries: 0, causes: [], listed: [], leftOut: [] })
    expect(report.canaries).toEqual({ intended: 1_000, acknowledged: 1_000, unknown: 0, failed: 0 })
    expect(report.hops.map(({ hop, expected, sighted }) => [hop, expected, sighted])).toEqual(
      ['source', RAW, TRADES, TABLE, 'api:trade', 'api:stats'].map((hop) => [hop, 1_000, 1_000]),
    )
    expect(report.hops[1]).toMatchObject({ maxMs: 10, otherRecords: 21 })
    expect(report.stages.map(({ agent, outcome }) => `${agent} ${outcome}`)).toEqual([
      'ingestion-checker ok',
      'storage-reconciler ok',
      'generator ok',
      'query-prober ok',
    ])
    expect(report.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['8736928765648536223'])
  })

  it('is early while the run is under way', () => {
    const source = sourceOf(cleanFacts())
    expect(reportSchema.parse(JSON.parse(jsonReport({ ...source, isEarly: true }))).early).toBe(true)
    expect(reportSchema.parse(JSON.parse(jsonReport(source))).early).toBeUndefined()
  })

  it('locates a lost canary at the hop before, where it was last seen', () => {
    const lost = violation({ violation: 'lost', hop: TRADES, stream: 1, ranges: [41, 41], partition: 3, offset: 812 })
    const [listed] = reportOf(sourceOf([...cleanFacts(), lost])).violations.listed
    expect(listed).toMatchObject({
      kind: 'lost',
      hop: TRADES,
      canaryId: canaryId(1, 41),
      seqs: [41, 41],
      topic: 'market.trades.raw',
      partition: 3,
      offset: 812,
      traceId: traceIdOf({ runId: SAMPLE_RUN_ID, stream: 1, seq: 41 }),
      look: 'kcat -b 127.0.0.1:19092 -C -t market.trades.raw -p 3 -o 812 -c 1',
    })
  })

  it.each([
    { hop: RAW, kind: 'lost' as const, topic: 'market.trades.raw' },
    { hop: TRADES, kind: 'corrupted' as const, topic: 'market.trades' },
    { hop: TABLE, kind: 'duplicated' as const, topic: 'market.trades' },
  ])('names topic $topic for the offset of a $kind one at $hop', ({ hop, kind, topic }) => {
    const source = sourceOf([...cleanFacts(), violation({ violation: kind, hop, stream: 0, ranges: [1, 1], partition: 0, offset: 5 })])
    expect(reportOf(source).violations.listed[0]?.topic).toBe(topic)
  })

  it('gives a query for a row without an offset, and none where there is nothing to ask', () => {
    const row = violation({ violation: 'corrupted', hop: TABLE, stream: 0, ranges: [1, 1], snapshotId: '77', file: 's3://a' })
    const answer = violation({ violation: 'wrong-answer', hop: 'api:stats', stream: 0, ranges: [1, 9] })
    const { listed } = reportOf(sourceOf([...cleanFacts(), answer, row])).violations
    expect(listed.map(({ look }) => look)).toEqual([`SELECT * FROM market.trades WHERE trade_id = '${canaryId(0, 1)}'`, null])
  })

  it('leaves out what was taken back, and keeps what stands of a range', () => {
    const facts = cleanFacts()
    facts.push(violation({ violation: 'lost', hop: TRADES, stream: 0, ranges: [10, 19] }))
    const head = { runId: SAMPLE_RUN_ID, agent: 'ingestion-checker', instance: 'i', atMs: 9 }
    facts.push({
      kind: 'correction',
      ...head,
      violation: 'lost',
      becomes: 'late',
      hop: TRADES,
      stream: 0,
      ranges: [10, 14],
      reason: 'arrived',
    })
    const { listed, canaries } = reportOf(sourceOf(facts)).violations
    expect(canaries).toBe(10)
    expect(listed.map(({ kind, seqs }) => [kind, seqs])).toEqual([
      ['lost', [15, 19]],
      ['late', [10, 14]],
    ])
  })

  it('lists no more than the limit, counts the rest, and lets a flood hide no other kind', () => {
    const facts = cleanFacts()
    for (let seq = 0; seq < LISTED_MAX + 100; seq++) facts.push(violation({ violation: 'late', hop: RAW, stream: 0, ranges: [seq, seq] }))
    facts.push(violation({ violation: 'reordered', hop: TABLE, stream: 0, ranges: [3, 3] }))
    const report = reportSchema.parse(reportOf(sourceOf(facts)))
    expect(report.violations.canaries).toBe(LISTED_MAX + 101)
    expect(report.violations.listed).toHaveLength(LISTED_MAX)
    expect(report.violations.listed.filter(({ kind }) => kind === 'reordered')).toHaveLength(1)
    expect(report.violations.leftOut).toEqual([{ kind: 'late', hop: RAW, canaries: 101 }])
  })

  it('keeps faults, recoveries and missing evidence', () => {
    const steps = [
      faultStep('journalled', 1_000),
      faultStep('bit', 1_200),
      faultStep('healed', 5_000),
      faultStep('recovered', 7_500, 2_500),
    ]
    const report = reportOf(sourceOf([...cleanFacts('smoke-chaos'), ...steps, missing(TABLE, 'catalog did not answer')]))
    expect(report.faults.map(({ phase }) => phase)).toEqual(['journalled', 'bit', 'healed', 'recovered'])
    expect(report.recoveries).toEqual([{ fault: 'pause', target: 'connect', recoveryMs: 2_500 }])
    expect(report.missing).toEqual([
      { hop: TABLE, reason: 'catalog did not answer', agent: 'storage-reconciler', atMs: expect.any(Number) as number },
    ])
    expect(report.verdict).toBe('inconclusive')
  })
})

it.each([
  { demands: [], total: 10, shares: [] },
  { demands: [3, 4], total: 10, shares: [3, 4] },
  { demands: [100, 1, 100], total: 11, shares: [5, 1, 5] },
  { demands: [5, 5, 5], total: 2, shares: [0, 1, 1] },
])('divides $total among $demands as $shares', ({ demands, total, shares }) => {
  expect(fairShares(demands, total)).toEqual(shares)
})
