import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ResultMessage, RunFact } from '../../schemas/results.ts'
import type { BusEvent } from '../../shared/core/bus-events.ts'
import { configOf } from '../../shared/core/played-core.fixture.ts'
import { mirrorPlants, mirrorViolation } from '../../shared/core/mirror.ts'
import { foldWorks, initWorks } from '../../shared/core/run-work.ts'
import {
  ALL,
  API,
  CLEAN,
  RAW,
  TABLE,
  accepted,
  chaosPlan,
  cleanFacts,
  latencyOf,
  resolvedOf,
  smokePlan,
  told,
  topology,
} from '../../shared/core/told-run.fixture.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { inconclusiveReasonOf } from './inconclusive-reasons.ts'
import { LiveMetrics } from './live-metrics.ts'
import { reporterMetrics } from './metrics.ts'

/** A reporter that hears these, one after another, as its metrics show it at `nowMs`: series by name and labels. */
async function shown(events: readonly BusEvent[], nowMs = 0): Promise<Readonly<Record<string, number>>> {
  const metrics = createMetrics(reporterMetrics(topology), { processMetrics: false })
  const live = new LiveMetrics(topology, metrics)
  const works = initWorks(configOf('reporter'))
  for (const event of events) live.onStep(event, foldWorks(works, event), works)
  live.refresh(nowMs)
  const { text } = await metrics.text()
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

const CAUGHT_UP: BusEvent = { type: 'caught-up', atMs: 0 }
const heard = (facts: readonly ResultMessage[]) => facts.map((fact): BusEvent => ({ type: 'fact', fact }))
const live = (...facts: ResultMessage[]) => [CAUGHT_UP, ...heard(facts)]

const summary = { hop: TABLE, expected: 40, sighted: 39, violations: [], fidelity: 0.975, p50Ms: 10, p95Ms: 500, p99Ms: 600, maxMs: 700 }
const failed = told('run-judged', { atMs: 90_000, verdict: 'fail', reasons: ['1 lost at table:lake.trades'], hops: [summary] })
const story: readonly RunFact[] = [
  ...cleanFacts().slice(0, -1),
  told('hop-sighted', { hop: RAW, covered: [{ partition: 1, offsetFirst: 0, offsetLast: 9 }], latency: latencyOf(20, 30, 4_000) }),
  told('violation-found', { ranges: [5, 7] }),
  told('violation-found', { violation: 'corrupted', stream: 1, field: 'price' }),
  told('correction', { ranges: [5, 5] }),
  told('correction', { ranges: [6, 6], becomes: null }),
  failed,
]

test('a story is counted hop by hop', async () => {
  expect(await shown(live(...story))).toMatchObject({
    [`assay_hop_violations_total{hop="${TABLE}",violation="lost"}`]: 3,
    [`assay_hop_corrections_total{hop="${TABLE}",violation="lost"}`]: 2,
    [`assay_hop_violations_total{hop="${TABLE}",violation="late"}`]: 1,
    [`assay_hop_violations_total{hop="${TABLE}",violation="corrupted"}`]: 1,
    [`assay_hop_violations_total{hop="${CLEAN}",violation="lost"}`]: 0,
    [`assay_hop_latency_seconds_bucket{hop="${RAW}",le="0.025"}`]: 1,
    [`assay_hop_latency_seconds_bucket{hop="${RAW}",le="0.05"}`]: 2,
    [`assay_hop_latency_seconds_count{hop="${RAW}"}`]: 3,
    [`assay_hop_latency_seconds_count{hop="${API}"}`]: 1,
    'assay_hop_latency_seconds_count{hop="source"}': 1,
    'assay_runs_total{verdict="fail"}': 1,
    'assay_run_last_verdict{verdict="fail"}': 1,
    'assay_run_last_verdict{verdict="pass"}': 0,
    assay_run_last_judged_timestamp_seconds: 90,
    [`assay_hop_canaries_expected_total{hop="${TABLE}"}`]: 40,
    [`assay_hop_canaries_sighted_total{hop="${TABLE}"}`]: 39,
    [`assay_hop_canaries_bad_total{hop="${TABLE}"}`]: 1,
    [`assay_hop_fidelity_ratio{hop="${TABLE}"}`]: 0.975,
    [`assay_hop_latency_p95_seconds{hop="${TABLE}"}`]: 0.5,
    'assay_reporter_facts_total{kind="violation-found"}': 2,
  })
})

test('facts that come again, at once or later, add nothing', async () => {
  const once = await shown(live(...story))
  const isOfRun = (series: string) => !series.startsWith('assay_reporter_facts_total')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(story.length - 1), { maxLength: 30 }), async (repeats) => {
      const again = story.flatMap((fact, at) => [fact, ...repeats.filter((of) => of <= at).map((of) => story[of] as RunFact)])
      const twice = await shown(live(...again))
      for (const [series, value] of Object.entries(once)) if (isOfRun(series)) expect([series, twice[series]]).toEqual([series, value])
    }),
    { numRuns: 30 },
  )
})

test('an amended verdict shows, and is not counted; the first heard again changes nothing', async () => {
  const first = told('run-judged', { verdict: 'fail', atMs: 1_000, revision: 0 })
  const amended = told('run-judged', { verdict: 'pass', atMs: 31_000, revision: 1 })
  expect(await shown(live(accepted(), first, amended, first))).toMatchObject({
    'assay_run_last_verdict{verdict="pass"}': 1,
    'assay_run_last_verdict{verdict="fail"}': 0,
    'assay_runs_total{verdict="fail"}': 1,
    'assay_runs_total{verdict="pass"}': 0,
  })
})

test('of verdicts heard in any order the newest shows', async () => {
  const [older, newer] = ['a', 'b'].map((last) => `01999999-0000-7000-8000-00000000000${last}`)
  const of = (runId = '', verdict: 'pass' | 'fail', atMs: number) => [
    accepted(undefined, { runId }),
    told('run-judged', { runId, verdict, atMs }),
  ]
  const pass = { 'assay_run_last_verdict{verdict="pass"}': 1, 'assay_run_last_verdict{verdict="fail"}': 0 }
  for (const facts of [
    [...of(older, 'fail', 1_000), ...of(newer, 'pass', 2_000)],
    [...of(newer, 'pass', 2_000), ...of(older, 'fail', 1_000)],
  ])
    expect(await shown([...heard(facts), CAUGHT_UP])).toMatchObject(pass)
})

test('history that is read again after a restart counts nothing, and shows the last verdict', async () => {
  const after = await shown([...heard(story), CAUGHT_UP])
  const counted = Object.entries(after).filter(([series, value]) => /_total|_count|_bucket/.test(series) && value !== 0)
  expect(counted).toEqual([])
  expect(after).toMatchObject({ 'assay_run_last_verdict{verdict="fail"}': 1, [`assay_hop_fidelity_ratio{hop="${TABLE}"}`]: 0.975 })
})

const produced = told('stage-started', { stage: 'produce', epochMs: 1_000 })
const half = [
  { stream: 0, ranges: [0, 9] },
  { stream: 1, ranges: [0, 9] },
]

test.each([
  ['before anything was written', [], { raw: [9, 0], table: [9, 0], asked: 10 }],
  ['written, nowhere seen', [told('canaries-produced')], { raw: [9, 40], table: [9, 40], asked: 10 }],
  [
    'half of it in the first topic',
    [told('canaries-produced'), told('hop-sighted', { canaries: half })],
    { raw: [7.1, 20], table: [9, 40], asked: 10 },
  ],
  ['all of it in the first topic', [told('canaries-produced'), told('hop-sighted')], { raw: [5.1, 0], table: [9, 40], asked: 10 }],
  ['production has ended', [told('canaries-produced'), told('stage-ended')], { raw: [0, 40], table: [0, 40], asked: 0 }],
  ['judged', [told('canaries-produced'), told('run-judged')], { raw: [0, 0], table: [0, 0], asked: 0 }],
] as const)('freshness and lag: %s', async (_title, facts, { raw, table, asked }) => {
  const series = await shown(live(accepted(), produced, ...facts), 10_000)
  const at = (hop: string) => [series[`assay_hop_freshness_seconds{hop="${hop}"}`], series[`assay_hop_lag_canaries{hop="${hop}"}`]]
  expect([at(RAW), at(TABLE), series['assay_load_asked_canaries_per_second']]).toEqual([raw, table, asked])
  expect(series).toMatchObject({
    [`assay_hop_deliver_within_seconds{hop="${TABLE}"}`]: 5,
    [`assay_hop_answer_within_seconds{hop="${API}"}`]: 0.1,
  })
})

test('a hop that the plan does not watch is neither late nor behind', async () => {
  const plan = { ...chaosPlan, stages: [{ stage: 'produce', task: 'produce', timeoutMs: 30_000 }] }
  const series = await shown(live(accepted(plan), produced, told('canaries-produced', { acknowledged: ALL })), 10_000)
  expect([series[`assay_hop_freshness_seconds{hop="${TABLE}"}`], series[`assay_hop_lag_canaries{hop="${TABLE}"}`]]).toEqual([0, 0])
  expect(series['assay_hop_freshness_seconds{hop="source"}']).toBeCloseTo(5.1)
})

test.each([
  [['injected'], 1],
  [['injected', 'bit'], 1],
  [['injected', 'bit', 'healed'], 0],
  [['injected', 'heal-failed'], 1],
  [['injected', 'heal-failed', 'healed'], 0],
  [['injected', 'void'], 0],
] as const)('a fault that was %s: %i active', async (phases, active) => {
  const facts = phases.map((phase) => told('fault-changed', { phase }))
  expect((await shown(live(accepted(chaosPlan), ...facts)))['assay_fault_active{fault="pause"}']).toBe(active)
  expect((await shown([...heard([accepted(chaosPlan), ...facts]), CAUGHT_UP]))['assay_fault_active{fault="pause"}']).toBe(active)
})

test('a fault stands beyond the verdict of its run, until it is told that it was healed; of many the newest count', async () => {
  const active = async (...facts: ResultMessage[]) =>
    (await shown(live(accepted(chaosPlan), ...facts)))['assay_fault_active{fault="pause"}']
  const [injected, healed] = (['injected', 'healed'] as const).map((phase) => told('fault-changed', { phase })) as [RunFact, RunFact]
  expect(await active(injected, told('run-judged'))).toBe(1)
  expect(await active(injected, told('run-judged'), healed)).toBe(0)
  expect(await active(...Array.from({ length: 300 }, (_, i) => told('fault-changed', { stage: `pause-${i}` })))).toBe(256)
})

test('an agent is heard', async () => {
  const beat = told('agent-heartbeat', { agent: 'generator', atMs: 5_000, residentBytes: 123 } as never)
  expect(await shown(live(beat))).toMatchObject({
    'assay_agent_heartbeat_timestamp_seconds{agent="generator"}': 5,
    'assay_agent_heartbeat_timestamp_seconds{agent="reporter"}': 0,
    'assay_agent_resident_bytes{agent="generator"}': 123,
  })
})

test.each([
  ['cancelled: enough', 'cancelled'],
  ['stage probe did not start: nothing was heard from query-prober', 'agent-absent'],
  ['stage probe of query-prober did not end', 'stage-unfinished'],
  ['stage sight of ingestion-checker ended inconclusive: not done within 5 ms', 'stage-unfinished'],
  ['no canary was acknowledged', 'no-acknowledgement'],
  ['pause of sink did not take hold: it was not there', 'fault'],
  ['no evidence that the pipeline recovered from pause of sink', 'fault'],
  ['12 canaries at table:lake.trades were neither sighted nor judged', 'unaccounted'],
  ['table:lake.trades: catalog away', 'evidence-missing'],
  ['something new', 'other'],
])('inconclusive because "%s" is %s', (text, reason) => {
  expect(inconclusiveReasonOf(text)).toBe(reason)
})

test('a violation carries the trace of its canary', async () => {
  const metrics = createMetrics(reporterMetrics(topology), { processMetrics: false })
  const live = new LiveMetrics(topology, metrics)
  const works = initWorks(configOf('reporter'))
  const traceId = 'a'.repeat(32)
  for (const event of [CAUGHT_UP, ...heard([accepted(), told('violation-found', { ranges: [5, 7], traceId })])])
    live.onStep(event, foldWorks(works, event), works)
  const { text } = await metrics.text('application/openmetrics-text')
  expect(text).toContain(`assay_hop_violations_total{hop="${TABLE}",violation="lost"} 3 # {trace_id="${traceId}"} 3 `)
})

test('a watcher that missed a planted defect is counted once, by hop and defect; the others stay at 0', async () => {
  const plan = { ...smokePlan, load: { ...smokePlan.load, mirror: { each: 1 } } }
  const covered = [{ partition: 0, offsetFirst: 40, offsetLast: 60 }]
  const canaries = [{ stream: 2, ranges: [1, 11] }]
  const seen = mirrorPlants(resolvedOf(plan).plan.load).filter(({ defect }) => defect !== 'doubled')
  const facts = [
    ...cleanFacts(plan).slice(0, -1),
    told('canaries-produced', { acknowledged: canaries }),
    ...[RAW, CLEAN].map((hop) => told('hop-sighted', { hop, canaries, covered })),
    told('snapshot-reconciled', { snapshotId: '2', canaries }),
    ...seen.map(({ stream, seq, defect }) => told('mirror-defect-seen', { hop: RAW, stream, seq, violation: mirrorViolation[defect] })),
    ...['sight', 'reconcile', 'produce'].map((stage) => told('stage-ended', { stage })),
  ]
  const judged = told('run-judged', { verdict: 'inconclusive', reasons: [`the watcher of ${RAW} is blind: …`] })
  const blind = (hop: string, defect: string) => `assay_watcher_blind_total{hop="${hop}",defect="${defect}"}`
  expect(await shown(live(...facts))).toMatchObject({ [blind(RAW, 'doubled')]: 0, [blind(TABLE, 'skipped')]: 0 })
  for (const verdicts of [[judged], [judged, judged]])
    expect(await shown(live(...facts, ...verdicts))).toMatchObject({
      [blind(RAW, 'doubled')]: 1,
      [blind(RAW, 'skipped')]: 0,
      [blind(TABLE, 'doubled')]: 1,
      'assay_runs_inconclusive_total{reason="watcher-blind"}': 1,
    })
  expect(await shown([...heard([...facts, judged]), CAUGHT_UP])).toMatchObject({ [blind(RAW, 'doubled')]: 0 })
})
