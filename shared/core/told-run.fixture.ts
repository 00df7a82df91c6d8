import type { ControlMessage } from '../../schemas/control.ts'
import type { LatencySketchWire, Located, StreamRanges } from '../../schemas/parts.ts'
import { resultMessage, type Fact, type ResultKind, type RunFact } from '../../schemas/results.ts'
import { planSchema } from '../../topology/plan.ts'
import { resolvedRun, type ResolvedRun } from '../../topology/resolved-run.ts'
import { topologySchema } from '../../topology/topology.ts'
import { emptyRunBook, foldRunBook, type RunBook, type RunState } from './run-book.ts'
import { intendedAtMs } from './canary.ts'
import { emptyEvidence, foldEvidence, type Evidence } from './evidence.ts'
import { auditStages, plainAuditFacts } from './audit-facts.fixture.ts'
import { auditState } from './audit-state.ts'
import { LatencySketch } from './latency-sketch.ts'

/** A run told fact by fact: two topics, a table and an API; 40 canaries in two streams, 10 a second. */
export const RUN = '01999999-0000-7000-8000-000000000001'
export const RAW = 'topic:raw'
export const CLEAN = 'topic:clean'
export const TABLE = 'table:lake.trades'
export const API = 'api:stats'
export const ALL: StreamRanges[] = [
  { stream: 0, ranges: [0, 19] },
  { stream: 1, ranges: [0, 19] },
]

export const recordSchema = JSON.stringify({
  type: 'record',
  name: 'Trade',
  fields: [
    { name: 'trade_id', type: 'string' },
    { name: 'symbol', type: 'string' },
    { name: 'venue', type: 'string' },
    { name: 'traded_at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 } },
    { name: 'note', type: ['null', 'string'] },
  ],
})

const deadlines = { deliverWithinMs: 5_000, giveUpAfterMs: 10_000 }
export const topology = topologySchema.parse({
  version: 1,
  name: 'told',
  connections: {
    kafka: { bootstrap: 'told:9092' },
    registry: { url: 'http://told' },
    catalog: { url: 'http://told' },
    s3: { endpoint: 'http://told', region: 'told', accessKey: 'a', secretKey: 's' },
  },
  record: {
    subject: 'raw-value',
    identity: 'trade_id',
    marker: { field: 'venue', value: 'XTST' },
    key: 'symbol',
    eventTime: 'traded_at',
    fields: { symbol: { perStream: 's{stream}' }, price: { range: ['1.000000', '2.000000'] } },
  },
  hops: [
    { kind: 'topic', topic: 'raw', ...deadlines },
    { kind: 'topic', topic: 'clean', processedBy: { group: 'cleaner', topic: 'raw' }, ...deadlines },
    { kind: 'table', namespace: 'lake', table: 'trades', sourceOffsets: { topic: 'clean', partition: 'p', offset: 'o' }, ...deadlines },
    {
      kind: 'api',
      name: 'stats',
      per: 'window',
      url: 'http://told/{symbol}',
      headers: { key: 'secret' },
      answers: [{ json: 'count', sql: 'count(*)' }],
    },
  ],
  chaos: { targets: { sink: { driver: 'process', pidFile: 'sink.pid', faults: ['pause'], leaseMsMax: 20_000 } } },
})

export const smokePlan = {
  version: 1,
  name: 'told',
  timeoutMs: 60_000,
  load: { canaries: 40, ratePerSecond: 10, streams: 2, edgeValuesEvery: 0 },
  stages: [
    { stage: 'sight', task: 'sight-topics', timeoutMs: 50_000 },
    { stage: 'reconcile', task: 'reconcile-table', timeoutMs: 50_000 },
    { stage: 'produce', task: 'produce', needsStarted: ['sight', 'reconcile'], timeoutMs: 30_000 },
    { stage: 'probe', task: 'probe-api', needsStarted: ['produce'], timeoutMs: 50_000 },
  ],
}

export const faultStages = [
  {
    stage: 'pause-sink',
    task: 'inject-fault',
    needsStarted: ['produce'],
    target: 'sink',
    fault: 'pause',
    durationMs: 1_000,
    leaseMs: 5_000,
    recoverWithinMs: 3_000,
  },
  { stage: 'heal', task: 'heal', needs: ['pause-sink'], always: true },
]
export const auditPlan = { ...smokePlan, stages: [...smokePlan.stages, ...auditStages] }
export const chaosPlan = { ...smokePlan, stages: [...smokePlan.stages, ...faultStages] }

export function resolvedOf(plan: object = smokePlan): ResolvedRun {
  return resolvedRun.parse({
    plan: planSchema.parse(plan),
    topology: topology.name,
    record: topology.record,
    recordSchema,
    hops: topology.hops,
    chaosTargets: ['sink'],
    seed: 7,
  })
}

export function latencyOf(...ms: number[]): LatencySketchWire {
  const sketch = new LatencySketch()
  for (const value of ms) sketch.add(value)
  return sketch.toWire()
}

const nowhere = { field: null, partition: null, offset: null, snapshotId: null, file: null, traceId: '0'.repeat(32) }
const sets = { canaries: [] as StreamRanges[], repeats: [] as Located[], late: [] as StreamRanges[], latency: latencyOf() }

/** What a fact says where a story does not care. */
const plain: Readonly<Record<ResultKind, object>> = {
  'run-accepted': {
    controlOffset: 0,
    requestedAtMs: 0,
    requestedBy: 'told',
    window: null,
    planName: 'told',
    resolved: JSON.stringify(resolvedOf()),
  },
  'request-refused': { controlOffset: 0, problems: ['no'], excerpt: '' },
  'stage-started': { stage: 'produce', epochMs: 0, positions: [], snapshotId: null, sequenceNumber: null, tableUuid: null, topicIds: [] },
  'stage-ended': { stage: 'produce', outcome: 'ok', reason: '' },
  'part-ended': { stage: 'sight', part: RAW },
  'mirror-defect-seen': { violation: 'lost', hop: RAW, stream: 2, seq: 0, field: null, expected: 'here', actual: 'passed by' },
  'canaries-intended': { hop: RAW, canaries: ALL, placeFirst: 0, shiftMs: 0 },
  'canaries-produced': {
    hop: RAW,
    acknowledged: ALL,
    unknown: [],
    failed: [],
    offsets: [{ partition: 0, offsetFirst: 0, offsetLast: 39 }],
    latency: latencyOf(3),
  },
  'hop-sighted': {
    hop: RAW,
    covered: [{ partition: 0, offsetFirst: 0, offsetLast: 39 }],
    disordered: [],
    lasts: [],
    otherRecords: 0,
    ...sets,
    canaries: ALL,
  },
  'snapshot-reconciled': {
    hop: TABLE,
    snapshotId: '1',
    parentId: null,
    committedAtMs: 0,
    operation: 'append',
    filesAdded: 1,
    rowsAdded: 40,
    bytesAdded: 1,
    sourceOffsets: [{ partition: 0, offsetFirst: 0, offsetLast: 39 }],
    ...sets,
    canaries: ALL,
  },
  'probe-answered': {
    hop: API,
    probe: 'windows',
    batch: 0,
    requests: 2,
    errors: 0,
    latency: latencyOf(7),
    canaries: ALL,
    covered: [],
    unchecked: [],
    snapshotId: '1',
  },
  'fault-changed': {
    stage: 'pause-sink',
    fault: 'pause',
    target: 'sink',
    phase: 'injected',
    leaseUntilMs: 0,
    recoveryMs: null,
    detail: '',
  },
  'violation-found': { violation: 'lost', hop: TABLE, stream: 0, ranges: [5, 5], expected: 'a row', actual: 'none', ...nowhere },
  correction: { violation: 'lost', becomes: 'late', hop: TABLE, stream: 0, ranges: [5, 5], reason: 'arrived after all' },
  'evidence-missing': { hop: TABLE, reason: 'catalog away' },
  'agent-heartbeat': { startedAtMs: 0, residentBytes: 0, version: '0' },
  'run-failing': { verdict: 'fail', reasons: ['1 lost'], gravest: { violation: 'lost', hop: TABLE }, factsHeard: 0, reports: [] },
  'run-judged': {
    verdict: 'pass',
    reasons: [],
    gravest: null,
    factsHeard: 0,
    acknowledged: 40,
    unknown: 0,
    failed: 0,
    hops: [],
    recoveries: [],
    reports: [],
  },
  'log-told': { lines: [], linesLeftOut: 0 },
  'rules-checked': { hop: TABLE, scope: 'snapshot 1', snapshotId: '1', checks: [] },
  ...plainAuditFacts(TABLE),
}

/** A fact of the run, as its schema has it; `said` is what the story cares for. */
export function told<Kind extends ResultKind>(kind: Kind, said: Partial<Fact<Kind>> = {}): Fact<Kind> {
  return resultMessage.parse({ kind, runId: RUN, agent: 'other', instance: 'o', atMs: 0, ...plain[kind], ...said }) as Fact<Kind>
}

export const accepted = (plan: object = smokePlan, said: Partial<Fact<'run-accepted'>> = {}): Fact<'run-accepted'> =>
  told('run-accepted', { resolved: JSON.stringify(resolvedOf(plan)), ...said })

export function requested(
  said: Partial<Extract<ControlMessage, { kind: 'run-requested' }>> = {},
): Extract<ControlMessage, { kind: 'run-requested' }> {
  return { kind: 'run-requested', runId: RUN, plan: 'told', parameters: {}, window: null, requestedBy: 'told', ...said }
}

/** All went well at every hop. */
export function cleanFacts(plan: object = smokePlan): RunFact[] {
  const stages = planSchema.parse(plan).stages.map(({ stage }) => stage)
  return [
    accepted(plan),
    ...stages.map((stage) => told('stage-started', { stage })),
    told('canaries-intended'),
    told('canaries-produced'),
    told('hop-sighted'),
    told('hop-sighted', { hop: CLEAN }),
    told('snapshot-reconciled'),
    told('probe-answered'),
    ...stages.map((stage) => told('stage-ended', { stage })),
  ]
}

export interface Told {
  readonly book: RunBook
  readonly run: RunState
  readonly evidence: Evidence
}

export function foldAll(facts: readonly RunFact[]): Told {
  const book = emptyRunBook()
  const evidence = emptyEvidence()
  for (const fact of facts) {
    foldRunBook(book, { type: 'fact', fact })
    foldEvidence(evidence, fact)
  }
  const [run] = book.runs.values()
  if (run === undefined) throw new Error('the story has no run-accepted')
  return { book, run, evidence }
}

/** Evidence as plain data, for comparing two folds. `heard` counts messages, not what they say. */
export function evidenceText(evidence: Evidence): unknown {
  const hops = [...evidence.hops].map(([hop, { sighted, late, repeats, disordered, latency, otherRecords }]) => [
    hop,
    sighted.toWire(),
    late.toWire(),
    repeats.toWire(),
    disordered.toWire(),
    latency.toWire(),
    otherRecords,
  ])
  const probes = [...evidence.probes].map(([hop, { compared, unchecked, latency, requests, errors }]) => [
    hop,
    compared.toWire(),
    unchecked.toWire(),
    latency.toWire(),
    requests,
    errors,
  ])
  return {
    sets: [evidence.intended, evidence.acknowledged, evidence.unknown, evidence.failed].map((set) => set.toWire()),
    latency: evidence.produceLatency.toWire(),
    // What the shifts mean: when canaries are meant to be sent.
    intendedMs: [0, 9, 10, 15].map((seq) => intendedAtMs({ load: resolvedOf().plan.load, epochMs: 0, shifts: evidence.shifts }, 0, seq)),
    hops: hops.sort(),
    probes: probes.sort(),
    violations: [...evidence.violations].map(([key, { standing }]) => [key, standing.ranges]).sort(),
    faults: evidence.faults.map(({ stage, phase }) => `${stage} ${phase}`).sort(),
    missing: evidence.missing.map(({ hop, reason }) => `${hop} ${reason}`).sort(),
    snapshots: evidence.snapshots.map(({ hop, snapshotId }) => `${hop} ${snapshotId}`).sort(),
    audits: [...evidence.audits].map(([hop, audit]) => [hop, auditState(audit)]).sort(),
    ledger: evidence.ledger.map((segment) => JSON.stringify(segment)).sort(),
    segments: [...evidence.hops].map(([hop, { segments }]) => [hop, segments.map((segment) => JSON.stringify(segment)).sort()]).sort(),
  }
}
