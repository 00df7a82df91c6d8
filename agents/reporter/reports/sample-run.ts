import { readFileSync } from 'node:fs'
import type { Fact, RunFact } from '../../../schemas/results.ts'
import { canaryIdText, traceIdOf } from '../../../shared/core/identity.ts'
import { judgeFromTopics } from '../../../shared/core/judge-again.ts'
import { LatencySketch } from '../../../shared/core/latency-sketch.ts'
import { loadPlan, loadTopology, type Loaded } from '../../../topology/load.ts'
import type { ResolvedRun } from '../../../topology/resolved-run.ts'
import type { ReportSource } from './report-source.ts'

/** A run told fact by fact, for tests of what is made of one: 1,000 canaries in two streams through the reference pipeline. */
export const SAMPLE_RUN_ID = '01932b3c-0000-7abc-8000-0123456789ab'
export const SAMPLE_START_MS = 1_763_863_200_000
const CANARIES = 1_000
const HOPS = ['topic:market.trades.raw', 'topic:market.trades', 'table:market.trades'] as const

const root = new URL('../../../topology/', import.meta.url)
const head = (agent: string, afterMs: number) => ({ runId: SAMPLE_RUN_ID, agent, instance: `${agent}-1`, atMs: SAMPLE_START_MS + afterMs })
const everyone = [
  { stream: 0, ranges: [0, 499] },
  { stream: 1, ranges: [0, 499] },
]

export const canaryId = (stream: number, seq: number) => canaryIdText({ runId: SAMPLE_RUN_ID, stream, seq })

function value<Value>(loaded: Loaded<Value>): Value {
  if (loaded.ok) return loaded.value
  throw new Error(JSON.stringify(loaded.problems))
}

export function sampleResolved(plan = 'smoke'): ResolvedRun {
  const environment = new Proxy<Record<string, string>>({}, { get: () => 'http://127.0.0.1:1' })
  const topology = value(loadTopology('reference.yaml', readFileSync(new URL('reference.yaml', root), 'utf8'), environment))
  return {
    plan: value(loadPlan(`${plan}.yaml`, readFileSync(new URL(`plans/${plan}.yaml`, root), 'utf8'), { canaries: String(CANARIES) })),
    topology: topology.name,
    record: topology.record,
    recordSchema: '{}',
    hops: topology.hops.map((hop) => (hop.kind === 'api' ? { ...hop, url: hop.url.replace(/^https?:\/\/[^/]*/, ''), headers: {} } : hop)),
    chaosTargets: ['connect'],
    seed: 7,
  }
}

function latency(ms: number) {
  const sketch = new LatencySketch()
  for (let i = 0; i < CANARIES; i++) sketch.add(ms)
  return sketch.toWire()
}

/** Everything went well: each canary sighted at each hop and answered for by the API. */
export function cleanFacts(plan = 'smoke'): RunFact[] {
  const resolved = sampleResolved(plan)
  const stages = resolved.plan.stages.map(({ stage }) => stage)
  const empty = { positions: [], snapshotId: null, sequenceNumber: null, tableUuid: null, topicIds: [] }
  return [
    {
      kind: 'run-accepted',
      ...head('reporter', 10),
      controlOffset: 4,
      requestedAtMs: SAMPLE_START_MS,
      requestedBy: 'ann@host',
      window: null,
      planName: plan,
      resolved: JSON.stringify(resolved),
    },
    ...stages.map((stage): RunFact => ({
      kind: 'stage-started',
      ...head('generator', 100),
      stage,
      epochMs: SAMPLE_START_MS + 200,
      ...empty,
    })),
    { kind: 'canaries-intended', ...head('generator', 200), hop: 'source', canaries: everyone, placeFirst: 0, shiftMs: 0 },
    {
      kind: 'canaries-produced',
      ...head('generator', 1_300),
      hop: 'source',
      acknowledged: everyone,
      unknown: [],
      failed: [],
      offsets: [{ partition: 0, offsetFirst: 0, offsetLast: CANARIES - 1 }],
      latency: latency(4),
      heldBackMs: 0,
    },
    ...HOPS.slice(0, 2).map((hop, index): RunFact => sighting(hop, 10 * (index + 1))),
    snapshot(),
    ...['api:trade', 'api:stats'].map((hop): RunFact => answered(hop)),
    ...stages.map((stage): RunFact => ({ kind: 'stage-ended', ...head('generator', 9_000), stage, outcome: 'ok', reason: '' })),
  ]
}

function sighting(hop: string, ms: number): Fact<'hop-sighted'> {
  return {
    kind: 'hop-sighted',
    ...head('ingestion-checker', 2_000),
    hop,
    covered: [{ partition: 0, offsetFirst: 0, offsetLast: 1_020 }],
    canaries: everyone,
    repeats: [],
    disordered: [],
    late: [],
    latency: latency(ms),
    lasts: [],
    otherRecords: 21,
  }
}

function snapshot(): Fact<'snapshot-reconciled'> {
  const size = { filesAdded: 4, rowsAdded: 1_021, bytesAdded: 80_000 }
  return {
    kind: 'snapshot-reconciled',
    ...head('storage-reconciler', 3_000),
    hop: HOPS[2],
    snapshotId: '8736928765648536223',
    parentId: null,
    committedAtMs: SAMPLE_START_MS + 2_900,
    operation: 'append',
    ...size,
    canaries: everyone,
    repeats: [],
    removed: [],
    late: [],
    latency: latency(1_500),
    sourceOffsets: [{ partition: 0, offsetFirst: 0, offsetLast: 1_020 }],
  }
}

function answered(hop: string): Fact<'probe-answered'> {
  const answer = {
    requests: 20,
    errors: 0,
    latency: latency(12),
    canaries: everyone,
    covered: [],
    unchecked: [],
    snapshotId: '8736928765648536223',
  }
  return { kind: 'probe-answered', ...head('query-prober', 5_000), hop, probe: hop, batch: 1, ...answer }
}

/** What a sample of a violation says of itself where nothing else is said. */
export const nowhere = {
  field: null,
  expected: 'once',
  actual: 'nowhere',
  partition: null,
  offset: null,
  snapshotId: null,
  file: null,
  difference: null,
  rule: null,
} as const

export function violation(
  said: Pick<Fact<'violation-found'>, 'violation' | 'hop' | 'stream' | 'ranges'> & Partial<Fact<'violation-found'>>,
): Fact<'violation-found'> {
  const traceId = traceIdOf({ runId: SAMPLE_RUN_ID, stream: said.stream, seq: said.ranges[0] ?? 0 })
  return { kind: 'violation-found', ...head('ingestion-checker', 8_000), ...nowhere, traceId, ...said }
}

export function faultStep(phase: Fact<'fault-changed'>['phase'], afterMs: number, recoveryMs: number | null = null): Fact<'fault-changed'> {
  const lease = { leaseUntilMs: SAMPLE_START_MS + 20_000, recoveryMs, detail: `${phase} by the sample` }
  return {
    kind: 'fault-changed',
    ...head('chaos-injector', afterMs),
    stage: 'pause-sink',
    fault: 'pause',
    target: 'connect',
    phase,
    ...lease,
  }
}

export const missing = (hop: string, reason: string): Fact<'evidence-missing'> => ({
  kind: 'evidence-missing',
  ...head('storage-reconciler', 7_000),
  hop,
  reason,
})

/** What the reporter hands to a report. */
export function sourceOf(facts: readonly RunFact[]): ReportSource {
  const judged = judgeFromTopics(facts)
  if (judged === null) throw new Error('the facts hold no run-accepted')
  const { run, evidence, judgement } = judged
  const environment = { assayVersion: '0.1.0', host: 'box', pipelineKafka: '127.0.0.1:19092' }
  return { run, evidence, judgement, isEarly: false, atMs: SAMPLE_START_MS + 10_000, environment }
}
