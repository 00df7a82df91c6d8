import type { Fact } from '../../schemas/results.ts'
import { SOURCE_HOP, hopName, type Hop } from '../../topology/topology.ts'
import { canaryIdText, runTraceIdOf, spanIdOf, traceIdOf, type CanaryId } from '../core/identity.ts'
import type { Sighting, SightingDetail } from './recent-sightings.ts'
import { assayAttribute, attribute } from './trace-attributes.ts'
import type { FinishedSpan } from './tracing.ts'

/** A hop as its spans show it; names and attributes follow OpenTelemetry's conventions for messaging, databases and HTTP. */
export interface HopFace extends Pick<FinishedSpan, 'name' | 'kind' | 'attributes' | 'service'> {
  readonly hop: string
  /** The hop whose span is the parent; null for the first. */
  readonly parent: string | null
}

export const RUN_SERVICE = 'assay-run'
const RUN_SPAN = 'run'

/** The span of a run, in the trace of the run: what canaries link to. */
export const runSpanRef = (runId: string) => runTraceSpanRef(runId, RUN_SPAN)

/** A span in the trace of a run, such as `stage:produce`. */
export function runTraceSpanRef(runId: string, name: string): { readonly traceId: string; readonly spanId: string } {
  const traceId = runTraceIdOf(runId)
  return { traceId, spanId: spanIdOf(traceId, name) }
}

export function hopFace(hops: readonly Hop[], hop: string): HopFace {
  const at = hops.findIndex((candidate) => hopName(candidate) === hop)
  // An endpoint stands behind the last hop that stores, another endpoint does not.
  const before = hops.slice(0, at === -1 ? 0 : at).findLast(({ kind }) => kind !== 'api')
  const parent = hop === SOURCE_HOP ? null : before === undefined ? SOURCE_HOP : hopName(before)
  return { hop, parent, service: `assay-${hop}`, ...(hop === SOURCE_HOP ? sourceFace(hops) : faceOf(hops[at], hop)) }
}

type Face = Pick<HopFace, 'name' | 'kind' | 'attributes'>

function sourceFace(hops: readonly Hop[]): Face {
  const [first] = hops
  if (first?.kind === 'source')
    return { name: `send ${first.subject}`, kind: 'producer', attributes: messaging(first.subject, 'send', first.broker) }
  const topic = hops.find((hop) => hop.kind === 'topic')?.topic ?? ''
  return { name: `send ${topic}`, kind: 'producer', attributes: messaging(topic, 'send') }
}

function faceOf(hop: Hop | undefined, name: string): Face {
  switch (hop?.kind) {
    case 'source':
      return { name: `process ${hop.subject}`, kind: 'consumer', attributes: messaging(hop.subject, 'process', hop.broker) }
    case 'topic':
      return { name: `process ${hop.topic}`, kind: 'consumer', attributes: messaging(hop.topic, 'process') }
    case 'table':
      return { name: `commit ${hop.namespace}.${hop.table}`, kind: 'client', attributes: tableAttributes(hop) }
    case 'api':
      return apiFace(hop)
    default:
      return { name, kind: 'internal', attributes: {} }
  }
}

const messaging = (topic: string, operation: 'send' | 'process', system: 'kafka' | 'nats' = 'kafka') => ({
  [attribute.messagingSystem]: system,
  [attribute.messagingOperationName]: operation,
  [attribute.messagingOperationType]: operation,
  [attribute.messagingDestination]: topic,
})

export const tableAttributes = ({ namespace, table }: { namespace: string; table: string }) => ({
  [attribute.dbSystem]: 'iceberg',
  [attribute.dbNamespace]: namespace,
  [attribute.dbCollection]: table,
  [attribute.dbOperation]: 'commit',
})

/** The URL of a hop holds references in braces, and in a resolved run perhaps to an address that is not known. */
function apiFace({ url, name }: { url: string; name: string }): Face {
  const address = /^(https?):\/\/([^/?#:]+)(?::(\d+))?([^?#]*)/.exec(url)
  const template = address?.[4] ?? name
  const host = address?.[2]
  const port = Number(address?.[3] ?? (address?.[1] === 'https' ? 443 : 80))
  return {
    name: `GET ${template}`,
    kind: 'client',
    attributes: {
      [attribute.httpMethod]: 'GET',
      [attribute.urlTemplate]: template,
      ...(host === undefined ? {} : { [attribute.serverAddress]: host, [attribute.serverPort]: port }),
    },
  }
}

/** A canary at a hop. Its parent is the span of the hop before, whoever writes that and whenever. */
export function hopSpan(face: HopFace, canary: CanaryId, seen: Sighting): FinishedSpan {
  const traceId = traceIdOf(canary)
  const { partition, offset, detail, startMs, endMs } = seen
  return {
    service: face.service,
    traceId,
    spanId: spanIdOf(traceId, face.hop),
    parentSpanId: face.parent === null ? null : spanIdOf(traceId, face.parent),
    name: face.name,
    kind: face.kind,
    startMs,
    endMs: Math.max(startMs, endMs),
    attributes: {
      ...face.attributes,
      ...canaryAttributes(canary),
      [assayAttribute.hop]: face.hop,
      ...(partition === undefined ? {} : { [attribute.messagingPartition]: String(partition) }),
      ...(offset === undefined ? {} : { [attribute.messagingOffset]: offset }),
      ...detail?.attributes,
    },
    links: [...(face.parent === null ? [runSpanRef(canary.runId)] : []), ...(detail?.links ?? [])],
  }
}

export const canaryAttributes = (canary: CanaryId) => ({
  [assayAttribute.runId]: canary.runId,
  [assayAttribute.canary]: canaryIdText(canary),
  [assayAttribute.stream]: canary.stream,
  [assayAttribute.seq]: canary.seq,
})

/** What the broker said of a record at the source. */
export const outcomeDetail: Readonly<Record<'acknowledged' | 'unknown' | 'failed', SightingDetail>> = {
  acknowledged: { attributes: { [assayAttribute.outcome]: 'acknowledged' } },
  unknown: { attributes: { [assayAttribute.outcome]: 'unknown' } },
  failed: { attributes: { [assayAttribute.outcome]: 'failed' } },
}

/** What an endpoint answered. */
export function answerDetail(
  { status, snapshotId, error }: { readonly status: number | null; readonly snapshotId: string | null; readonly error: string | null },
  outcome: 'right' | 'different',
): SightingDetail {
  return {
    attributes: {
      [assayAttribute.outcome]: status === null ? 'unanswered' : status === 200 ? outcome : 'refused',
      ...(status === null ? { [attribute.errorType]: error ?? 'no answer' } : { [attribute.httpStatus]: status }),
      ...(snapshotId === null ? {} : { [assayAttribute.snapshotId]: snapshotId }),
    },
  }
}

export type SpanEvent = NonNullable<FinishedSpan['events']>[number]

/** A defect with its evidence, as an event of the span of its hop. */
export function violationEvent(fact: Fact<'violation-found'>): SpanEvent {
  const given = {
    [assayAttribute.field]: fact.field,
    [assayAttribute.file]: fact.file,
    [assayAttribute.snapshotId]: fact.snapshotId,
    [attribute.messagingPartition]: fact.partition === null ? null : String(fact.partition),
    [attribute.messagingOffset]: fact.offset,
  }
  return {
    name: `assay.${fact.violation}`,
    atMs: fact.atMs,
    attributes: {
      [assayAttribute.violation]: fact.violation,
      [assayAttribute.expected]: fact.expected,
      [assayAttribute.actual]: fact.actual,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)),
    },
  }
}

/** Takes a defect back, or says what it is instead. */
export const correctionEvent = ({ violation, becomes, reason, atMs }: Fact<'correction'>): SpanEvent => ({
  name: 'assay.correction',
  atMs,
  attributes: { [assayAttribute.corrected]: becomes ?? 'nothing', 'assay.corrected_from': violation, [assayAttribute.reason]: reason },
})
