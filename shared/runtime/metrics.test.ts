import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'
import type { MetricRow } from './metrics.ts'

const rows: readonly MetricRow[] = [
  { name: 'a_total', type: 'counter', unit: 'things', help: 'A.', labels: { kind: ['lost', 'late'], hop: ['x', 'y'] } },
  { name: 'b', type: 'gauge', unit: 'things', help: 'B.' },
  { name: 'c_seconds', type: 'histogram', unit: 'seconds', help: 'C.', labels: { hop: ['x'] }, buckets: [1, 2] },
]
const lines = async (metrics: ReturnType<typeof createMetrics>) =>
  (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))

test('every series stands at 0 before anything happened', async () => {
  expect(await lines(createMetrics(rows, { processMetrics: false }))).toEqual([
    'a_total{kind="lost",hop="x"} 0',
    'a_total{kind="lost",hop="y"} 0',
    'a_total{kind="late",hop="x"} 0',
    'a_total{kind="late",hop="y"} 0',
    'b 0',
    'c_seconds_bucket{le="1",hop="x"} 0',
    'c_seconds_bucket{le="2",hop="x"} 0',
    'c_seconds_bucket{le="+Inf",hop="x"} 0',
    'c_seconds_sum{hop="x"} 0',
    'c_seconds_count{hop="x"} 0',
  ])
})

test('counts, sets and observes by name', async () => {
  const metrics = createMetrics(rows, { processMetrics: false })
  metrics.add('a_total', 3, { kind: 'lost', hop: 'y' })
  metrics.set('b', 7)
  metrics.observe('c_seconds', 1.5, { hop: 'x' })
  const text = await lines(metrics)
  expect(text).toContain('a_total{kind="lost",hop="y"} 3')
  expect(text).toContain('b 7')
  expect(text).toContain('c_seconds_bucket{le="2",hop="x"} 1')
})

test('a name, a label or a value that is in no table is a bug of ours', () => {
  const metrics = createMetrics(rows, { processMetrics: false })
  expect(() => {
    metrics.add('nowhere')
  }).toThrow(/nowhere is in no table/)
  expect(() => {
    metrics.add('a_total', 1, { kind: 'lost', hop: 'z' })
  }).toThrow(/label hop: expected one of x, y, got z/)
  expect(() => {
    metrics.add('a_total', 1, { kind: 'lost' })
  }).toThrow(/label hop.*got nothing/)
  expect(() => {
    metrics.add('a_total', 1, { kind: 'lost', hop: 'x', run: '1' })
  }).toThrow(/has no label run/)
  expect(() => {
    metrics.set('a_total', 1, { kind: 'lost', hop: 'x' })
  }).toThrow(/only gauges/)
  expect(() => createMetrics([...rows, ...rows])).toThrow(/a_total stands in the tables twice/)
})

test('process metrics are there', async () => {
  expect(await createMetrics([]).text()).toContain('process_resident_memory_bytes')
})
