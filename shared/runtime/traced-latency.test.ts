import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { configOf } from '../core/played-core.fixture.ts'
import { traceIdOf } from '../core/identity.ts'
import { foldWorks, initWorks } from '../core/run-work.ts'
import { ALL, RAW, RUN, accepted, chaosPlan, resolvedOf, told } from '../core/told-run.fixture.ts'
import { createMetrics } from './metrics.ts'
import { allAt, createTracedLatencies, tracedLatencyRow } from './traced-latency.ts'

const NAME = 'assay_test_traced_latency_seconds'
/** One canary in eight: of two streams the places 0, 8, 16, 24, 32, each of stream 0. */
const plan = { ...chaosPlan, traceEvery: 8 }

function works(...facts: readonly RunFact[]) {
  const of = initWorks(configOf('ingestion-checker'))
  for (const fact of [accepted(plan), ...facts]) foldWorks(of, { type: 'fact', fact })
  return of
}

const produced = [told('stage-started', { stage: 'produce', epochMs: 1_000 }), told('canaries-intended', { canaries: ALL })]

function setUp(isOn = true) {
  const metrics = createMetrics([tracedLatencyRow(NAME, [RAW])], { processMetrics: false })
  const traced = createTracedLatencies({ name: NAME, hops: [RAW], metrics, tracing: { isOn } })
  const open = async () => (await metrics.text('application/openmetrics-text')).text
  const count = async () => Number(/_count\{hop="topic:raw"\} (\d+)/.exec(await open())?.[1])
  return { traced, open, count }
}

test('a canary whose trace is sent is an exemplar with its own latency', async () => {
  const { traced, open, count } = setUp()
  // Ten a second from 1 s on: place 8 is intended at 1.8 s.
  traced.seen(works(...produced), { runId: RUN, hop: RAW }, allAt([{ stream: 0, ranges: [3, 5] }], 2_000))
  expect(await count()).toBe(1)
  const traceId = traceIdOf({ runId: RUN, stream: 0, seq: 4 })
  expect(await open()).toMatch(new RegExp(`_bucket\\{le="0.25",hop="topic:raw"\\} 1 # \\{trace_id="${traceId}"\\} 0\\.2 `))
})

test('of all canaries of a run only the sampled ones are told', async () => {
  const { traced, count } = setUp()
  traced.seen(works(...produced), { runId: RUN, hop: RAW }, allAt(ALL, 9_000))
  expect(await count()).toBe(5)
})

test.each([
  ['before anything was produced', { of: works(), hop: RAW, isOn: true }],
  ['at a hop of which this agent does not know', { of: works(...produced), hop: 'topic:other', isOn: true }],
  ['of a run that nobody has heard of', { of: initWorks(configOf('ingestion-checker')), hop: RAW, isOn: true }],
  ['while traces go nowhere', { of: works(...produced), hop: RAW, isOn: false }],
] as const)('nothing is told %s', async (_title, { of, hop, isOn }) => {
  const { traced, count } = setUp(isOn)
  traced.seen(of, { runId: RUN, hop }, allAt(ALL, 9_000))
  expect(await count()).toBe(0)
})

test('a latency that its agent knows is taken as it is', async () => {
  const { traced, open } = setUp()
  const resolved = resolvedOf(plan)
  traced.measured(resolved.plan, { runId: RUN, hop: RAW }, { stream: 0, seq: 0, latencyMs: 40 })
  traced.measured(resolved.plan, { runId: RUN, hop: RAW }, { stream: 1, seq: 0, latencyMs: 40_000 })
  const text = await open()
  expect(text).toContain(`# {trace_id="${traceIdOf({ runId: RUN, stream: 0, seq: 0 })}"} 0.04 `)
  expect(text).toContain('_count{hop="topic:raw"} 1')
})
