import { expect, test } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { told } from '../../../shared/core/told-run.fixture.ts'
import { htmlReport } from './html.ts'
import { jsonReport, reportOf, reportSchema } from './json.ts'
import { markdownReport } from './markdown.ts'
import { placesOf } from './raw-records.ts'
import { cleanFacts, SAMPLE_RUN_ID, sourceOf, violation } from './sample-run.ts'

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
