import { nowhere, sampleResolved } from '../../agents/reporter/reports/sample-run.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import { canaryIdText, deterministicRunId, traceIdOf } from '../../shared/core/identity.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'

export const RAW = 'topic:market.trades.raw'
export const CLEAN = 'topic:market.trades'
export const TABLE = 'table:market.trades'
export const LOOK_UPS = 'api:trade'
export const WINDOWS = 'api:stats'

/** First and last canary. All are of one stream, and one partition. */
type Span = readonly [first: number, last: number]
type Said<Kind extends RunFact['kind']> = Partial<Fact<Kind>>

/** Tells a run of 1,000 canaries fact by fact, at the times the teller says: what agents would put on the results topic. */
export interface Story {
  readonly runId: string
  accepted(): RunFact
  started(): RunFact[]
  produced(...span: Span): RunFact[]
  /** Seen everywhere up to a hop, by default to the last. */
  seen(first: number, last: number, upTo?: string): RunFact[]
  violation(said: Pick<Fact<'violation-found'>, 'violation' | 'hop' | 'ranges'> & Said<'violation-found'>): RunFact
  fault(phase: Fact<'fault-changed'>['phase'], recoveryMs?: number): RunFact
  missing(hop: string, reason: string): RunFact
  ended(outcomes?: Readonly<Record<string, 'failed' | 'inconclusive'>>): RunFact[]
}

export interface StoryOptions {
  readonly name: string
  readonly plan?: string
  /** When the run was asked for, Unix ms. */
  readonly fromMs: number
  readonly nowMs: () => number
}

/** Who speaks about what run. */
type HeadOf = (agent: string) => { runId: string; agent: string; instance: string; atMs: number }

export function storyOf({ name, plan = 'smoke', fromMs, nowMs }: StoryOptions): Story {
  const runId = deterministicRunId(fromMs, `page/${name}`)
  const resolved = sampleResolved(plan)
  const head: HeadOf = (agent) => ({ runId, agent, instance: '0', atMs: nowMs() })
  const stages = resolved.plan.stages.map(({ stage }) => stage)
  const asked = { controlOffset: 1, requestedAtMs: fromMs, requestedBy: 'ann@desk', window: null, planName: plan }
  const start = () => ({ epochMs: nowMs(), positions: [], snapshotId: null, sequenceNumber: null, tableUuid: null, topicIds: [] })
  const fault = { stage: 'pause-sink', fault: 'pause', target: 'connect', detail: '' }
  return {
    runId,
    accepted: () => ({ kind: 'run-accepted', ...head('generator'), ...asked, resolved: JSON.stringify(resolved) }),
    started: () => stages.map((stage) => ({ kind: 'stage-started', ...head('generator'), stage, ...start() })),
    produced: (...span) => produced(head, span),
    seen: (first, last, upTo = WINDOWS) =>
      sightings(head, [first, last]).slice(0, [RAW, CLEAN, TABLE, LOOK_UPS, WINDOWS].indexOf(upTo) + 1),
    violation: (said) => violation(head, said),
    fault: (phase, recoveryMs = -1) => ({
      kind: 'fault-changed',
      ...head('chaos-injector'),
      ...fault,
      phase,
      leaseUntilMs: nowMs() + 20_000,
      recoveryMs: recoveryMs < 0 ? null : recoveryMs,
    }),
    missing: (hop, reason) => ({ kind: 'evidence-missing', ...head('storage-reconciler'), hop, reason }),
    ended: (outcomes = {}) =>
      stages.map((stage) => {
        const outcome = outcomes[stage] ?? 'ok'
        return { kind: 'stage-ended', ...head('generator'), stage, outcome, reason: outcome === 'ok' ? '' : 'the story says so' }
      }),
  }
}

const canaries = ([first, last]: Span) => [{ stream: 0, ranges: [first, last] }]
const covered = ([offsetFirst, offsetLast]: Span) => [{ partition: 0, offsetFirst, offsetLast }]

function produced(head: HeadOf, span: Span): RunFact[] {
  const ledger = {
    acknowledged: canaries(span),
    unknown: [],
    failed: [],
    offsets: covered(span),
    latency: latencyOf(span, 4),
    heldBackMs: 0,
  }
  return [
    { kind: 'canaries-intended', ...head('generator'), hop: RAW, canaries: canaries(span), placeFirst: span[0], shiftMs: 0 },
    { kind: 'canaries-produced', ...head('generator'), hop: RAW, ...ledger },
  ]
}

/** One fact for each hop, in their order. */
function sightings(head: HeadOf, span: Span): RunFact[] {
  const sighted = (hop: string, ms: number): RunFact => ({
    kind: 'hop-sighted',
    ...head('ingestion-checker'),
    hop,
    covered: covered(span),
    canaries: canaries(span),
    repeats: [],
    disordered: [],
    late: [],
    latency: latencyOf(span, ms),
    lasts: [],
    otherRecords: 3,
  })
  const answered = (hop: string, asked: Span): RunFact => ({
    kind: 'probe-answered',
    ...head('query-prober'),
    hop,
    probe: hop,
    batch: span[0],
    requests: 20,
    errors: 0,
    latency: latencyOf([1, 20], 12),
    canaries: canaries(asked),
    covered: [],
    unchecked: [],
    snapshotId: '77',
  })
  const sample: Span = [span[0], Math.min(span[1], span[0] + 19)]
  return [sighted(RAW, 9), sighted(CLEAN, 24), committed(head, span), answered(LOOK_UPS, sample), answered(WINDOWS, span)]
}

function committed(head: HeadOf, span: Span): RunFact {
  const { agent, atMs, ...rest } = head('storage-reconciler')
  return {
    kind: 'snapshot-reconciled',
    ...rest,
    agent,
    atMs,
    hop: TABLE,
    snapshotId: `77${span[0]}`,
    parentId: null,
    committedAtMs: atMs,
    operation: 'append',
    filesAdded: 1,
    rowsAdded: span[1] - span[0] + 1,
    bytesAdded: 9_000,
    canaries: canaries(span),
    repeats: [],
    removed: [],
    late: [],
    latency: latencyOf(span, 1_700),
    sourceOffsets: covered(span),
  }
}

function violation(head: HeadOf, said: Parameters<Story['violation']>[0]): RunFact {
  const by = head(said.hop === TABLE ? 'storage-reconciler' : 'ingestion-checker')
  const traceId = traceIdOf({ runId: by.runId, stream: 0, seq: said.ranges[0] ?? 0 })
  return { kind: 'violation-found', ...by, stream: 0, ...nowhere, traceId, ...said }
}

export const canaryOf = (story: Story, seq: number) => canaryIdText({ runId: story.runId, stream: 0, seq })

export const heartbeat = (agent: string, atMs: number): ResultMessage => ({
  kind: 'agent-heartbeat',
  agent,
  instance: '0',
  atMs,
  startedAtMs: atMs,
  version: '0.1.0',
  residentBytes: 90_000_000,
})

/** Around a median, with a tail: as pipelines are. */
function latencyOf([first, last]: Span, ms: number) {
  const sketch = new LatencySketch()
  for (let i = 0; i <= last - first; i++) sketch.add(ms * (0.6 + 0.8 * ((i % 10) / 10)) * (i % 50 === 0 ? 3 : 1))
  return sketch.toWire()
}
