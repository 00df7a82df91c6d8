import type { StreamRanges } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import { agentOfTask } from '../../topology/plan.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { SOURCE_HOP, type TableHop } from '../../topology/topology.ts'
import type { Evidence } from '../core/evidence.ts'
import { spanIdOf, traceIdOf } from '../core/identity.ts'
import type { Judgement } from '../core/judge.ts'
import type { RunState } from '../core/run-book.ts'
import { RUN_SERVICE, runSpanRef, runTraceSpanRef, tableAttributes, type SpanEvent } from './hop-spans.ts'
import type { SightingDetail } from './recent-sightings.ts'
import { assayAttribute, attribute } from './trace-attributes.ts'
import type { FinishedSpan, Tracing } from './tracing.ts'

/** So many canaries a run's span links to: bad ones first. */
const LINKS_MAX = 32
const SAMPLES_MAX = 4
const REASONS_MAX = 1_000

export interface JudgedRun {
  readonly run: RunState
  readonly evidence: Evidence
  readonly judgement: Judgement
  readonly atMs: number
}

/** A run as a trace of its own: its stages under it, what was found as events, links to canaries. */
export function writeRunSpans(tracing: Tracing, judged: JudgedRun): void {
  tracing.span(runSpan(judged))
  for (const stage of judged.run.resolved.plan.stages) {
    const span = stageSpan(judged, stage)
    if (span !== null) tracing.span(span)
  }
}

function runSpan({ run, evidence, judgement, atMs }: JudgedRun): FinishedSpan {
  const { runId, accepted, resolved } = run
  const { verdict, reasons } = judgement
  return {
    ...spanOfRun(runId, 'run'),
    parentSpanId: null,
    name: `run ${accepted.planName}`,
    startMs: accepted.requestedAtMs,
    endMs: atMs,
    attributes: {
      [assayAttribute.runId]: runId,
      [assayAttribute.plan]: accepted.planName,
      [assayAttribute.topology]: resolved.topology,
      [assayAttribute.requestedBy]: accepted.requestedBy,
      [assayAttribute.verdict]: verdict,
      'assay.acknowledged': judgement.acknowledged,
      'assay.unknown': judgement.unknown,
      'assay.failed': judgement.failed,
    },
    events: [...judgement.hops.map((hop) => hopEvent(hop, atMs)), ...evidence.faults.map(faultEvent)],
    links: [...linksTo(evidence, resolved, runId)],
    ...(verdict === 'pass' ? {} : { error: `${verdict}: ${reasons.join('; ')}`.slice(0, REASONS_MAX) }),
  }
}

function stageSpan({ run, atMs }: JudgedRun, { stage, task }: ResolvedRun['plan']['stages'][number]): FinishedSpan | null {
  const { started, ended } = run.stages.get(stage) ?? { started: null, ended: null }
  const first = started ?? ended
  if (first === null) return null
  const outcome = ended?.outcome ?? 'inconclusive'
  return {
    ...spanOfRun(run.runId, `stage:${stage}`),
    name: `stage ${stage}`,
    startMs: first.atMs,
    endMs: ended?.atMs ?? atMs,
    attributes: {
      [assayAttribute.runId]: run.runId,
      [assayAttribute.stage]: stage,
      [assayAttribute.task]: task,
      [assayAttribute.agent]: agentOfTask[task],
      [assayAttribute.outcome]: outcome,
    },
    ...(outcome === 'ok' ? {} : { error: `${outcome}: ${ended?.reason ?? 'it never ended'}`.slice(0, REASONS_MAX) }),
  }
}

/** A span of the run's trace; under the run's own, where nothing else is said. */
const spanOfRun = (runId: string, name: string) => ({
  service: RUN_SERVICE,
  ...runTraceSpanRef(runId, name),
  parentSpanId: runSpanRef(runId).spanId as string | null,
  kind: 'internal' as const,
})

const hopEvent = ({ hop, expected, sighted, fidelity, p95Ms, violations }: Judgement['hops'][number], atMs: number): SpanEvent => ({
  name: 'assay.hop',
  atMs,
  attributes: {
    [assayAttribute.hop]: hop,
    'assay.expected_canaries': expected,
    'assay.sighted_canaries': sighted,
    ...(fidelity === null ? {} : { 'assay.fidelity': fidelity }),
    ...(p95Ms === null ? {} : { 'assay.p95_ms': p95Ms }),
    ...Object.fromEntries(violations.map(({ violation, count }) => [`assay.violations.${violation}`, count])),
  },
})

const faultEvent = ({ fault, target, phase, detail, atMs }: Fact<'fault-changed'>): SpanEvent => ({
  name: `assay.fault ${phase}`,
  atMs,
  attributes: { 'assay.fault': fault, 'assay.target': target, 'assay.detail': detail },
})

/** Bad canaries at the hop where they went wrong; where there are none, some of the sampled ones. */
function* linksTo({ violations }: Evidence, { plan }: ResolvedRun, runId: string): Generator<{ traceId: string; spanId: string }> {
  let links = 0
  for (const { traceId, hop, standing } of violations.values()) {
    if (standing.isEmpty) continue
    yield { traceId, spanId: spanIdOf(traceId, hop) }
    if (++links >= LINKS_MAX) return
  }
  const { load, traceEvery } = plan
  for (let sample = 0; links === 0 && sample < SAMPLES_MAX && sample * traceEvery < load.canaries; sample++) {
    const place = sample * traceEvery
    const traceId = traceIdOf({ runId, stream: place % load.streams, seq: Math.floor(place / load.streams) })
    yield { traceId, spanId: spanIdOf(traceId, SOURCE_HOP) }
  }
}

export interface CommittedSnapshot {
  readonly snapshotId: string
  readonly parentId: string | null
  readonly committedAtMs: number
  readonly operation: string
  readonly filesAdded: number
  readonly rowsAdded: number
  readonly bytesAdded: number
  readonly canaries: readonly StreamRanges[]
}

/** The span of a snapshot, in the trace of the run. Returns what the canaries it brought say of it: the link to it. */
export function writeSnapshotSpan(
  tracing: Tracing,
  at: { readonly runId: string; readonly resolved: Pick<ResolvedRun, 'plan'>; readonly table: TableHop; readonly readAtMs: number },
  snapshot: CommittedSnapshot,
): SightingDetail {
  const { runId, resolved, table, readAtMs } = at
  const { snapshotId, parentId, committedAtMs } = snapshot
  const name = `${table.namespace}.${table.table}`
  const ref = runTraceSpanRef(runId, `snapshot:${name}:${snapshotId}`)
  const stage = resolved.plan.stages.find(({ task }) => task === 'reconcile-table')?.stage
  if (snapshot.canaries.length > 0)
    tracing.span({
      ...spanOfRun(runId, `snapshot:${name}:${snapshotId}`),
      service: `assay-table:${name}`,
      parentSpanId: runTraceSpanRef(runId, stage === undefined ? 'run' : `stage:${stage}`).spanId,
      name: `snapshot ${name}`,
      startMs: committedAtMs,
      endMs: Math.max(committedAtMs, readAtMs),
      attributes: {
        ...tableAttributes(table),
        [assayAttribute.runId]: runId,
        [assayAttribute.snapshotId]: snapshotId,
        ...(parentId === null ? {} : { [assayAttribute.parentSnapshotId]: parentId }),
        'assay.snapshot.operation': snapshot.operation,
        'assay.snapshot.files_added': snapshot.filesAdded,
        'assay.snapshot.rows_added': snapshot.rowsAdded,
        'assay.snapshot.bytes_added': snapshot.bytesAdded,
      },
    })
  return { attributes: { [assayAttribute.snapshotId]: snapshotId }, links: [ref] }
}

/** How many of a run's bad canaries got no trace: they were too many. */
export function writeUntraced(
  tracing: Tracing,
  of: { readonly runId: string; readonly hop: string; readonly violation: string; readonly traced: number; readonly untraced: number },
  atMs: number,
): void {
  const { runId, hop, violation, traced, untraced } = of
  tracing.span({
    ...spanOfRun(runId, `untraced:${hop}:${violation}`),
    name: `${violation} at ${hop}, not traced`,
    startMs: atMs,
    endMs: atMs,
    attributes: {
      [assayAttribute.runId]: runId,
      [assayAttribute.hop]: hop,
      [assayAttribute.violation]: violation,
      [attribute.errorType]: violation,
      'assay.traced': traced,
      'assay.untraced': untraced,
    },
  })
}
