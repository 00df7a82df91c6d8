import { describe, expect, test } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { told } from '../../../shared/core/told-run.fixture.ts'
import { htmlReport } from './html.ts'
import { jsonReport, reportOf, reportSchema } from './json.ts'
import { markdownReport } from './markdown.ts'
import { placesOf } from './raw-records.ts'
import { TIME_STREAM } from '../../../shared/core/audit-findings.ts'
import { cleanFacts, SAMPLE_RUN_ID, sampleResolved, sourceOf, violation } from './sample-run.ts'

const TABLE = 'table:market.trades'
const at = { runId: SAMPLE_RUN_ID, hop: TABLE, agent: 'ingestion-checker' }
const window = { ...at, partition: 3, offsetFirst: 0, offsetLast: 999, step: 1_000, fields: [{ field: 'price', as: 'exact' as const }] }
const print = { count: 990, sum: 'a', xor: 'b' }
const facts: RunFact[] = [
  ...cleanFacts('smoke-audit'),
  told('audit-due', { ...at, topic: 'market.trades', windows: [{ partition: 3, offsetFirst: 0, offsetLast: 999 }], isLast: true }),
  told('audit-window', { ...window, side: 'topic', prints: [print], leftOut: 2 }),
  told('audit-window', { ...window, side: 'table', prints: [print], snapshotId: '7' }),
]
const differing = { hop: TABLE, stream: -4, ranges: [812, 812], partition: 3, offset: 812, field: 'price', expected: '1.25', actual: '1.2' }

test('reports say which way all traffic was compared, how much of it, and what came of it', () => {
  const source = sourceOf(facts)
  const text = markdownReport(source)
  expect(text).toContain('## Audit of all traffic')
  for (const line of [
    '- fields: price',
    '- windows: 1 of 1 the same on both sides',
    '- records compared: 990',
    '- differences: none',
    '2 records without a value',
  ])
    expect(text).toContain(line)
  expect(text).toContain('by the source offsets that the table stores')
  expect(htmlReport(source)).toContain('<h2 id="audit">Audit of all traffic</h2>')
  expect(reportOf(source).audits).toEqual([
    expect.objectContaining({ hop: TABLE, topic: 'market.trades', way: 'offsets', compared: 990, agreed: 1 }),
  ])
  expect(reportSchema.safeParse(JSON.parse(jsonReport(source))).success).toBe(true)
})

test('a run without an audit has no such section', () => {
  const source = sourceOf(cleanFacts())
  expect(markdownReport(source)).not.toContain('Audit')
  expect(htmlReport(source)).not.toContain('Audit of all traffic')
  expect(reportOf(source)).not.toHaveProperty('audits')
})

test('a record that is no canary is named by its place, with commands to look at both sides', () => {
  const source = sourceOf([...facts, violation({ violation: 'precision-lost', ...differing })])
  const text = markdownReport(source)
  expect(text).toContain('### 1 record precision-lost (price) at table:market.trades')
  expect(text).toContain('`partition 3 offset 812` | topic market.trades partition 3 offset 812')
  expect(text).toContain('-t market.trades -p 3 -o 812 -c 1')
  const [listed] = reportOf(source).violations.listed
  expect(listed).toMatchObject({ canaryId: 'partition 3 offset 812', stream: -4, seqs: [812, 812] })
  expect(placesOf(source).places).toEqual([{ topic: 'market.trades', partition: 3, offset: 812 }])
})

describe('of a table that stores no offsets, reports', () => {
  const MINUTE = 60_000
  const resolved = sampleResolved('smoke-audit')
  const eventTime = { topic: 'market.trades', field: 'traded_at', column: 'traded_at' }
  const hops = resolved.hops.map((hop) => (hop.kind === 'table' ? { ...hop, sourceOffsets: null, audit: { eventTime } } : hop))
  const timed = cleanFacts('smoke-audit').map((fact) =>
    fact.kind === 'run-accepted' ? { ...fact, resolved: JSON.stringify({ ...resolved, hops }) } : fact,
  )
  const window = (minute: number, count: number) => ({ startMs: minute * MINUTE, count, before: 0 })
  const inTopic = told('audit-times', {
    ...at,
    side: 'topic',
    topic: 'market.trades',
    windows: [window(1, 700), window(2, 300)],
    leftOut: 2,
  })
  const inTable = (...windows: ReturnType<typeof window>[]) =>
    told('audit-times', { ...at, side: 'table', topic: 'market.trades', windows, snapshotId: '7' })
  const lost = violation({
    violation: 'lost',
    hop: TABLE,
    stream: TIME_STREAM,
    ranges: [120, 120],
    expected: '300 rows or more with an event time from 1970-01-01 00:02:00 UTC to 1970-01-01 00:03:00 UTC',
    actual: '299 rows since the audit began, in snapshot 7',
  })

  test('say that it was counted by event time, how much of it, and what came of it', () => {
    const source = sourceOf([...timed, inTopic, inTable(window(1, 700), window(2, 300))])
    const text = markdownReport(source)
    for (const line of [
      '- way: by event time, as the table does not store source offsets: the count of each window alone',
      '- topic: market.trades',
      '- windows: 2 of 2 the same on both sides',
      '- records compared: 1,000',
      '- differences: none',
      '2 records without a value',
    ])
      expect(text).toContain(line)
    expect(text).not.toContain('- fields:')
    expect(htmlReport(source)).toContain('by event time, as the table does not store source offsets')
    expect(reportOf(source).audits).toEqual([
      expect.objectContaining({
        hop: TABLE,
        topic: 'market.trades',
        way: 'event-time',
        fields: [],
        windows: 2,
        agreed: 2,
        compared: 1_000,
      }),
    ])
    expect(reportSchema.safeParse(JSON.parse(jsonReport(source))).success).toBe(true)
  })

  test('say what was not compared', () => {
    const open = markdownReport(sourceOf([...timed, inTopic]))
    expect(open).toContain('- windows: 0 of 2 the same on both sides; not all were compared')
    const more = markdownReport(sourceOf([...timed, inTopic, inTable(window(1, 701), window(2, 300))]))
    expect(more).toContain('- not compared: 701 rows have an event time from 1970-01-01 00:01:00 UTC to 1970-01-01 00:02:00 UTC')
  })

  test('name a window in which rows are missing by its event time, and no record', () => {
    const source = sourceOf([...timed, inTopic, inTable(window(1, 700), window(2, 299)), lost])
    const text = markdownReport(source)
    expect(text).toContain('- differences: 1, among the violations')
    expect(text).toContain(`### 1 window of event time with records lost at ${TABLE}`)
    expect(text).toContain('`event time from 1970-01-01 00:02:00 UTC`')
    expect(reportOf(source).violations.listed).toEqual([
      expect.objectContaining({ canaryId: 'event time from 1970-01-01 00:02:00 UTC', stream: TIME_STREAM, seqs: [120, 120], topic: null }),
    ])
    expect(placesOf(source).places).toEqual([])
    expect(reportSchema.safeParse(JSON.parse(jsonReport(source))).success).toBe(true)
  })
})
