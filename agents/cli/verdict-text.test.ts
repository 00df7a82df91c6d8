import { describe, expect, it } from 'vitest'
import { TIME_STREAM } from '../../shared/core/audit-findings.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { cleanFacts, SAMPLE_RUN_ID, sourceOf, violation } from '../reporter/reports/sample-run.ts'
import { doubted, verdictDifferences, verdictLines, violationLine } from './verdict-text.ts'

const lost = violation({ violation: 'lost', hop: 'topic:market.trades', stream: 1, ranges: [41, 41], partition: 3, offset: 812 })

describe('verdict as text', () => {
  it('says N of M, violations and latencies for every hop', () => {
    const { judgement } = sourceOf([...cleanFacts(), lost])
    const lines = verdictLines({ runId: SAMPLE_RUN_ID, planName: 'smoke', judgement, tookMs: 41_230, reports: ['/r/report.md'] })
    expect(lines.slice(0, 2)).toEqual([`FAIL  smoke  ${SAMPLE_RUN_ID}  in 41.2 s`, '  1,000 canaries acknowledged'])
    expect(lines.find((line) => line.includes('topic:market.trades '))).toMatch(
      /1,000 of 1,000 +1 lost +20\.0 ms +20\.0 ms +20\.0 ms +20\.0 ms$/,
    )
    expect(lines.join('\n')).toContain('  reasons\n    1 lost at topic:market.trades')
    expect(lines.at(-1)).toBe('    /r/report.md')
  })

  it('keeps a flood of reasons short', () => {
    const { judgement } = sourceOf(cleanFacts())
    const reasons = Array.from({ length: 40 }, (_, index) => `reason ${index}`)
    const lines = verdictLines({ runId: SAMPLE_RUN_ID, planName: 'smoke', judgement: { ...judgement, reasons }, tookMs: null, reports: [] })
    expect(lines.filter((line) => line.startsWith('    reason'))).toHaveLength(15)
    expect(lines.at(-1)).toBe('    and 25 more')
  })

  it('puts kind, hop, canary, place and trace of a violation on one line', () => {
    const [violationOf] = standingViolations(sourceOf([...cleanFacts(), lost]).evidence)
    if (violationOf === undefined) expect.fail('no violation stands')
    expect(violationLine(violationOf)).toBe(
      `lost at topic:market.trades  stream 1 seq 41  partition 3 offset 812  expected once, found nowhere  trace ${lost.traceId}`,
    )
  })

  it.each([
    ['a window of event time by when it begins', TIME_STREAM, 120, 'event time from 1970-01-01 00:02:00 UTC, of all records'],
    ['a record that is no canary by its place', -4, 812, 'partition 3 offset 812, of all records'],
  ])('names %s', (...[, stream, place, shown]) => {
    const fact = violation({ violation: 'lost', hop: 'table:market.trades', stream, ranges: [place, place], snapshotId: '7' })
    const [violationOf] = standingViolations(sourceOf([...cleanFacts(), fact]).evidence)
    if (violationOf === undefined) expect.fail('no violation stands')
    expect(violationLine(violationOf)).toBe(
      `lost at table:market.trades  ${shown}  snapshot 7  expected once, found nowhere  trace ${fact.traceId}`,
    )
  })
})

it('finds no difference between a verdict and itself after a journey as JSON, and each field that was changed', () => {
  const { judgement } = sourceOf([...cleanFacts(), lost])
  const travelled = JSON.parse(JSON.stringify(judgement)) as typeof judgement
  expect(verdictDifferences(judgement, travelled)).toEqual([])
  expect(verdictDifferences(judgement, { ...travelled, unknown: 3, reasons: [] })).toHaveLength(2)
})

it.each([
  { verdict: 'pass' as const, doubtedIs: 'inconclusive' },
  { verdict: 'inconclusive' as const, doubtedIs: 'inconclusive' },
  { verdict: 'fail' as const, doubtedIs: 'fail' },
])('makes a doubted $verdict $doubtedIs', ({ verdict, doubtedIs }) => {
  const { judgement } = sourceOf(cleanFacts())
  expect(doubted({ ...judgement, verdict }, 'why')).toMatchObject({ verdict: doubtedIs, reasons: ['why'] })
})
