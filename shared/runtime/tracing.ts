import { hostname, networkInterfaces } from 'node:os'
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { Attributes, HrTime, SpanContext } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { EXPORT_TIMEOUT_MS, exporters } from './span-exporters.ts'
import { assayAttribute, attribute } from './trace-attributes.ts'
import type { TraceKind } from './config.ts'

/**
 * The door to OpenTelemetry. Trace and span ids are computed from the canary, not drawn, so any agent can write its
 * span at any later time: spans are handed over finished, without a tracer.
 */
export interface FinishedSpan {
  /** Under which trace stores list it: one name for each hop, one for runs. */
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | null
  readonly name: string
  readonly kind: 'internal' | 'producer' | 'consumer' | 'client' | 'server'
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Attributes
  readonly events?: readonly { readonly name: string; readonly atMs: number; readonly attributes: Attributes }[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  /** Marks the span as failed. */
  readonly error?: string
  /** Of a bad canary, whatever its hop saw: it waits in a queue of its own, as failed spans do. */
  readonly isKept?: true
}

export interface Tracing {
  /** Whether spans go anywhere. */
  readonly isOn: boolean
  /** Never throws and never waits. Dropped when the collector is down and its queue is full; good spans take no place from bad ones. */
  span(span: FinishedSpan): void
  flush(): Promise<void>
  close(): Promise<void>
}

export interface TracingOptions {
  readonly kind: TraceKind
  /** As `exporters` of span-exporters.ts says. */
  readonly endpoint: string
  readonly agent: string
  readonly instance: string
}

const QUEUE_SPANS_MAX = 6_144
/** Of failed spans, and others of bad canaries. */
const KEPT_SPANS_MAX = 2_048
const BATCH_SPANS_MAX = 512
const BATCH_DELAY_MS = 500

/** The W3C header. */
export const traceparent = (traceId: string, spanId: string, isSampled = true) => `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`

export function createTracing({ kind, endpoint, agent, instance }: TracingOptions): Tracing {
  if (kind === 'none') return { isOn: false, span: () => undefined, flush: () => Promise.resolve(), close: () => Promise.resolve() }
  const queueOf = (spansMax: number) =>
    new BatchSpanProcessor(exporters[kind](endpoint), {
      maxQueueSize: spansMax,
      maxExportBatchSize: BATCH_SPANS_MAX,
      scheduledDelayMillis: BATCH_DELAY_MS,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS,
    })
  const [sampled, kept] = [queueOf(QUEUE_SPANS_MAX), queueOf(KEPT_SPANS_MAX)]
  const both = (work: (queue: BatchSpanProcessor) => Promise<void>) => settled(Promise.all([kept, sampled].map(work)))
  const host = hostOf()
  const resources = new Map<string, Resource>()
  const resourceOf = (service: string) => {
    let resource = resources.get(service)
    if (resource === undefined)
      resources.set(service, (resource = host.merge(resourceFromAttributes(serviceAttributes(service, { agent, instance })))))
    return resource
  }
  return {
    isOn: true,
    span: (span) => {
      const queue = span.isKept === true || span.error !== undefined ? kept : sampled
      queue.onEnd(readable(span, resourceOf(span.service)))
    },
    flush: () => both((queue) => queue.forceFlush()),
    close: () => both((queue) => queue.shutdown()),
  }
}

/** Jaeger takes spans of one `ip` to share a clock, and remarks on the clocks of all others; OTEL_RESOURCE_ATTRIBUTES may set it. */
function hostOf(): Resource {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const outside = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
  const host = { [attribute.hostName]: hostname(), ip: outside ?? '127.0.0.1' }
  return resourceFromAttributes(host).merge(detectResources({ detectors: [envDetector] }))
}

const serviceAttributes = (service: string, { agent, instance }: Pick<TracingOptions, 'agent' | 'instance'>) => ({
  [attribute.serviceName]: service,
  [attribute.serviceNamespace]: 'assay',
  [attribute.serviceInstanceId]: `${agent}/${instance}`,
  [assayAttribute.agent]: agent,
})

/** Spans that did not get through are lost, by design: no verdict depends on them. Nor may they hold up an agent's end. */
async function settled(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, EXPORT_TIMEOUT_MS)))
  await Promise.race([work.catch(() => undefined), limit])
  clearTimeout(timer)
}

const kinds = {
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
}

function readable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const context = contextOf(span.traceId, span.spanId)
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => context,
    ...(span.parentSpanId === null ? {} : { parentSpanContext: contextOf(span.traceId, span.parentSpanId) }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    // Clocks of two machines may disagree; the two times tell, a duration below zero is none.
    duration: hrTime(Math.max(0, span.endMs - span.startMs)),
    status: span.error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: span.error },
    attributes: span.attributes,
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ context: contextOf(traceId, spanId) })),
    events: (span.events ?? []).map(({ name, atMs, attributes }) => ({ name, time: hrTime(atMs), attributes })),
    ended: true,
    resource,
    instrumentationScope: { name: 'assay' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)]
}
