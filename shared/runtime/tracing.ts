import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import type { Attributes, HrTime, SpanContext } from '@opentelemetry/api'
import { JaegerExporter } from '@opentelemetry/exporter-jaeger'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { Resource } from '@opentelemetry/resources'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'

/**
 * The door to OpenTelemetry. Trace and span ids are computed from the canary, not drawn, so any agent can write its
 * span at any later time: spans are handed over finished, without a tracer.
 */
export interface FinishedSpan {
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
}

export interface Tracing {
  /** Never throws and never waits. Dropped when the collector is down and the queue is full. */
  span(span: FinishedSpan): void
  flush(): Promise<void>
  close(): Promise<void>
}

export interface TracingOptions {
  readonly kind: 'otlp' | 'jaeger' | 'none'
  /** OTLP: the collector's base URL. Jaeger: the URL of its Thrift collector. */
  readonly endpoint: string
  readonly agent: string
  readonly instance: string
}

const QUEUE_SPANS_MAX = 8_192
const BATCH_SPANS_MAX = 512
const BATCH_DELAY_MS = 500
const EXPORT_TIMEOUT_MS = 5_000

/** The W3C header, sampled. */
export const traceparent = (traceId: string, spanId: string) => `00-${traceId}-${spanId}-01`

export function createTracing(options: TracingOptions): Tracing {
  const exporter = exporterOf(options)
  if (exporter === null) return { span: () => undefined, flush: () => Promise.resolve(), close: () => Promise.resolve() }
  const processor = new BatchSpanProcessor(exporter, {
    maxQueueSize: QUEUE_SPANS_MAX,
    maxExportBatchSize: BATCH_SPANS_MAX,
    scheduledDelayMillis: BATCH_DELAY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  })
  const resource = resourceFromAttributes({
    'service.name': `assay-${options.agent}`,
    'service.namespace': 'assay',
    'service.instance.id': options.instance,
  })
  return {
    span: (span) => {
      processor.onEnd(readable(span, resource))
    },
    flush: () => settled(processor.forceFlush()),
    close: () => settled(processor.shutdown()),
  }
}

function exporterOf({ kind, endpoint }: TracingOptions): SpanExporter | null {
  switch (kind) {
    case 'otlp':
      return new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: EXPORT_TIMEOUT_MS })
    case 'jaeger':
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- by setting, for collectors that speak no OTLP
      return new JaegerExporter({ endpoint })
    case 'none':
      return null
    default:
      return kind satisfies never
  }
}

/** Spans that did not get through are lost, by design: no verdict depends on them. Nor may they hold up an agent's end. */
async function settled(work: Promise<void>): Promise<void> {
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
