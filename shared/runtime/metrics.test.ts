import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'
import type { MetricRow } from './metrics.ts'

const rows: readonly MetricRow[] = [
  { name: 'a_total', type: 'counter', unit: 'things', help: 'A.', labels: { kind: ['lost', 'late'], hop: ['x', 'y'] } },
  { name: 'b', type: 'gauge', unit: 'things', help: 'B.' },
  { name: 'c_seconds', type: 'histogram', unit: 'seconds', help: 'C.', labels: { hop: ['x'] }, buckets: [1, 2] },
]
const lines = async (metrics: ReturnType<typeof createMetrics>) =>
  (await metrics.text()).text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

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
  expect((await createMetrics([]).text()).text).toContain('process_resident_memory_bytes')
})

test.each(['nodejs_eventloop_lag_p99_seconds', 'nodejs_gc_duration_seconds', 'process_open_fds', 'process_cpu_seconds_total'])(
  '%s tells of the process',
  async (name) => {
    expect((await createMetrics([]).text()).text).toContain(`# TYPE ${name} `)
  },
)

test('a scraper that asks for OpenMetrics gets it with the trace of what was observed; another the classic text', async () => {
  const metrics = createMetrics(rows, { processMetrics: false })
  metrics.observe('c_seconds', { value: 1.5, traceId: 'abc' }, { hop: 'x' })
  const [open, classic] = await Promise.all([
    metrics.text('application/openmetrics-text;version=1.0.0,text/plain;q=0.5'),
    metrics.text('text/plain'),
  ])
  expect(open.contentType).toMatch(/^application\/openmetrics-text/)
  expect(open.text).toMatch(/^c_seconds_bucket\{le="2",hop="x"\} 1 # \{trace_id="abc"\} 1\.5 /m)
  expect(open.text).toMatch(/^# TYPE a counter$/m)
  expect(open.text.endsWith('# EOF\n')).toBe(true)
  expect(open.text).toMatch(/^a_total\{kind="lost",hop="x"\} 0$/m)
  expect(classic.contentType).toMatch(/^text\/plain/)
  expect(classic.text).toMatch(/^a_total\{kind="lost",hop="x"\} 0$/m)
  expect(classic.text).toMatch(/^c_seconds_bucket\{le="2",hop="x"\} 1$/m)
  expect(classic.text).not.toMatch(/trace_id|EOF/)
})

test('a histogram fed by counts is as one fed one by one', async () => {
  const one: MetricRow = {
    name: 'd_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'D.',
    labels: { hop: ['x', 'y'] },
    buckets: [0, 1, 2],
  }
  const counted = fc.record({
    value: fc.integer({ min: -8, max: 40 }).map((eighths) => eighths / 8),
    count: fc.integer({ min: 0, max: 20 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(counted, { maxLength: 10 }), async (values) => {
      const [byCount, byOne] = [{ ...one, fed: 'by-count' as const }, one].map((row) => createMetrics([row], { processMetrics: false }))
      byCount?.observeMany('d_seconds', values, { hop: 'y' })
      for (const { value, count } of values) for (let i = 0; i < count; i++) byOne?.observe('d_seconds', value, { hop: 'y' })
      const sorted = async (metrics: typeof byOne) => (metrics === undefined ? [] : (await lines(metrics)).map(plain).sort())
      expect(await sorted(byCount)).toEqual(await sorted(byOne))
    }),
    { numRuns: 50 },
  )
})

/** Labels in one order. */
const plain = (line: string) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join()}}`)

test('a counter may carry the trace of what it counted last, where its row says so', async () => {
  const row: MetricRow = { name: 'e_total', type: 'counter', unit: 'things', help: 'E.', labels: { hop: ['x', 'y'] }, traced: true }
  const metrics = createMetrics([row, ...rows], { processMetrics: false })
  metrics.add('e_total', 2, { hop: 'y' })
  metrics.add('e_total', { value: 3, traceId: 'abc' }, { hop: 'x' })
  const { text } = await metrics.text('application/openmetrics-text')
  expect(text).toMatch(/^e_total\{hop="x"\} 3 # \{trace_id="abc"\} 3 /m)
  expect(text).toMatch(/^e_total\{hop="y"\} 2$/m)
  expect(() => {
    metrics.add('b', { value: 1, traceId: 'abc' })
  }).toThrow(/b takes no traces/)
  expect(() => {
    metrics.add('a_total', { value: 1, traceId: 'abc' }, { kind: 'lost', hop: 'x' })
  }).toThrow(/a_total takes no traces/)
})
