import type { Fact } from '../../schemas/results.ts'
import { isBusEffect } from '../core/bus-events.ts'
import { placeOf } from '../core/canary.ts'
import { runTraceIdOf, spanIdOf, traceIdOf, type CanaryId } from '../core/identity.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { SOURCE_HOP, hopName } from '../../topology/topology.ts'
import type { FinishedSpan, Tracing } from './tracing.ts'

export interface HopSpan {
  readonly canary: CanaryId
  readonly hop: string
  readonly name: string
  readonly kind: FinishedSpan['kind']
  readonly startMs: number
  readonly endMs: number
  readonly attributes: FinishedSpan['attributes']
}

/** Good canaries are sampled by their place, so that all agents keep the same ones; bad ones are all kept. */
export const isTraced = ({ plan }: Pick<ResolvedRun, 'plan'>, stream: number, seq: number) =>
  placeOf(plan.load, stream, seq) % plan.traceEvery === 0

/** The span of a canary at a hop. Its parent is the span of the hop before, whoever writes that and whenever. */
export function writeHopSpan(tracing: Tracing, resolved: Pick<ResolvedRun, 'hops'>, span: HopSpan): void {
  tracing.span(hopSpan(resolved, span))
}

/** Every defect that was just told leaves a span at its hop, sampled or not. */
export function writeViolationSpans(
  tracing: Tracing,
  resolved: Pick<ResolvedRun, 'hops'>,
  effects: readonly { readonly type: string }[],
): void {
  for (const effect of effects) {
    if (isBusEffect(effect) && effect.type === 'publish' && effect.fact.kind === 'violation-found')
      writeViolationSpan(tracing, resolved, effect.fact)
  }
}

/** A defect, as a failed span of its hop with the evidence as an event. */
function writeViolationSpan(tracing: Tracing, resolved: Pick<ResolvedRun, 'hops'>, fact: Fact<'violation-found'>): void {
  const canary = { runId: fact.runId, stream: fact.stream, seq: fact.ranges[0] ?? 0 }
  const evidence = {
    'assay.violation': fact.violation,
    'assay.expected': fact.expected,
    'assay.actual': fact.actual,
    ...(fact.field === null ? {} : { 'assay.field': fact.field }),
    ...(fact.partition === null ? {} : { 'messaging.destination.partition.id': String(fact.partition) }),
    ...(fact.offset === null ? {} : { 'messaging.kafka.offset': fact.offset }),
    ...(fact.snapshotId === null ? {} : { 'assay.snapshot.id': fact.snapshotId }),
  }
  const span = {
    canary,
    hop: fact.hop,
    name: `${fact.violation} at ${fact.hop}`,
    kind: 'internal',
    startMs: fact.atMs,
    endMs: fact.atMs,
    attributes: {},
  } as const
  tracing.span({
    ...hopSpan(resolved, span),
    events: [{ name: `assay.${fact.violation}`, atMs: fact.atMs, attributes: evidence }],
    error: `${fact.violation}: expected ${fact.expected}, found ${fact.actual}`,
  })
}

function hopSpan({ hops }: Pick<ResolvedRun, 'hops'>, { canary, hop, ...span }: HopSpan): FinishedSpan {
  const traceId = traceIdOf(canary)
  const names = [SOURCE_HOP, ...hops.filter(({ kind }) => kind !== 'api').map(hopName)]
  const at = names.indexOf(hop)
  // An endpoint stands behind the last hop that stores.
  const parent = hop === SOURCE_HOP ? null : at === -1 ? (names.at(-1) ?? null) : (names[at - 1] ?? null)
  return {
    ...span,
    traceId,
    spanId: spanIdOf(traceId, hop),
    parentSpanId: parent === null ? null : spanIdOf(traceId, parent),
    attributes: {
      'assay.run.id': canary.runId,
      'assay.stream': canary.stream,
      'assay.seq': canary.seq,
      'assay.hop': hop,
      ...span.attributes,
    },
    links: hop === SOURCE_HOP ? [{ traceId: runTraceIdOf(canary.runId), spanId: spanIdOf(runTraceIdOf(canary.runId), 'run') }] : [],
  }
}
