import { ROOT_CONTEXT, SpanKind, SpanStatusCode, defaultTextMapGetter, trace } from '@opentelemetry/api'
import type { Attributes, Context, Span } from '@opentelemetry/api'
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { AlwaysOffSampler, BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler } from '@opentelemetry/sdk-trace-base'
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingHttpHeaders } from 'node:http'
import type { Log } from '../log.ts'
import type { Queries } from './queries.ts'

/**
 * Traces of requests, as OpenTelemetry's conventions for HTTP and databases have them. Whether one is traced is its
 * caller's to say: without a sampled `traceparent` nothing is. A collector that is away costs spans and no answer.
 */
export type Tracing = {
  begin: (request: Received) => RequestTrace
  /** The same connection; of a traced request, each of its queries is a span below that of the request. */
  traced: (connection: Queries) => Queries
  /** Sends what is left, for as long as one export may take. */
  close: () => Promise<void>
}

export type Received = { method: string; path: string; route: string | undefined; headers: IncomingHttpHeaders }

export type RequestTrace = {
  /** What `work` begins, and what follows from that, is part of the request. */
  around: (work: () => void) => void
  /** Once: answered with a status, or undefined when the caller went away before. */
  end: (status: number | undefined) => void
}

type Told = Pick<Log, 'info' | 'warn'>

/** Some 6 MB at most, and what one export holds. */
export const QUEUE_SPANS_MAX = 2_048
export const BATCH_SPANS_MAX = 512
const BATCH_DELAY_MS = 500
/** One export takes so long at most; then its spans are lost. Within what a stop may take. */
const EXPORT_TIMEOUT_MS = 3_000
const VALUE_LENGTH_MAX = 2_048

/** Unless OTEL_SERVICE_NAME gives another one. */
const SERVICE = 'market-api'

export const attribute = {
  serviceName: 'service.name',
  errorType: 'error.type',
  method: 'http.request.method',
  status: 'http.response.status_code',
  route: 'http.route',
  path: 'url.path',
  scheme: 'url.scheme',
  dbSystem: 'db.system.name',
  dbNamespace: 'db.namespace',
  dbCollection: 'db.collection.name',
  dbOperation: 'db.operation.name',
  dbText: 'db.query.text',
  dbSummary: 'db.query.summary',
  dbRows: 'db.response.returned_rows',
} as const

/** Iceberg has no conventions yet. */
export const icebergAttribute = { table: 'iceberg.table', snapshotId: 'iceberg.snapshot.id' } as const

/** Every query here reads the copy of one table's rows. */
const QUERY_SUMMARY = 'SELECT trades'
const query: Attributes = {
  [attribute.dbSystem]: 'duckdb',
  [attribute.dbNamespace]: 'memory.main',
  [attribute.dbCollection]: 'trades',
  [attribute.dbOperation]: 'SELECT',
  [attribute.dbSummary]: QUERY_SUMMARY,
  [icebergAttribute.table]: 'market.trades',
}

const untraced: RequestTrace = {
  around: (work) => {
    work()
  },
  end: () => undefined,
}

/** Without an exporter nothing is recorded. */
export function createTracing(exporter: SpanExporter | undefined, log: Told): Tracing {
  const provider = new BasicTracerProvider({
    sampler: exporter === undefined ? new AlwaysOffSampler() : new ParentBasedSampler({ root: new AlwaysOffSampler() }),
    resource: resourceFromAttributes({ [attribute.serviceName]: SERVICE }).merge(detectResources({ detectors: [envDetector] })),
    spanLimits: { attributeValueLengthLimit: VALUE_LENGTH_MAX },
    spanProcessors: exporter === undefined ? [] : [queueTo(telling(exporter, log))],
  })
  const tracer = provider.getTracer(SERVICE)
  const propagator = new W3CTraceContextPropagator()
  const requests = new AsyncLocalStorage<Context>()
  return {
    begin({ method, path, route, headers }) {
      const name = route === undefined ? method : `${method} ${route}`
      const attributes = {
        [attribute.method]: method,
        [attribute.path]: path,
        [attribute.scheme]: 'http',
        ...(route !== undefined && { [attribute.route]: route }),
      }
      const caller = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller)
      if (!span.isRecording()) return untraced
      return {
        around: (work) => {
          requests.run(trace.setSpan(caller, span), work)
        },
        end: (status) => {
          endRequest(span, status)
        },
      }
    },
    traced: (connection) => ({
      async rows(sql, bindings) {
        const request = requests.getStore()
        if (request === undefined) return connection.rows(sql, bindings)
        // The database is part of this process.
        const options = { kind: SpanKind.INTERNAL, attributes: { ...query, [attribute.dbText]: sql } }
        return recorded(tracer.startSpan(QUERY_SUMMARY, options, request), () => connection.rows(sql, bindings))
      },
    }),
    // What did not get through was told by the exporter.
    close: () => provider.shutdown().catch(() => undefined),
  }
}

export const otlpProtocols = ['http/protobuf', 'grpc'] as const

/** `endpoint` is the collector's base URL. Only the library that is needed is loaded, and none without traces. */
export async function otlpExporter(endpoint: string, protocol: (typeof otlpProtocols)[number]): Promise<SpanExporter> {
  if (protocol === 'grpc') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc')
    return new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS })
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  return new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: EXPORT_TIMEOUT_MS })
}

/** Spans are handed over without waiting; those that find the queue full are dropped. */
const queueTo = (exporter: SpanExporter) =>
  new BatchSpanProcessor(exporter, {
    maxQueueSize: QUEUE_SPANS_MAX,
    maxExportBatchSize: BATCH_SPANS_MAX,
    scheduledDelayMillis: BATCH_DELAY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  })

/** The log says once that spans are lost, and once that they get through again. */
function telling(exporter: SpanExporter, log: Told): SpanExporter {
  let losing = false
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const lost = result.code !== ExportResultCode.SUCCESS
        if (lost && !losing) log.warn({ err: result.error }, 'spans are lost: the collector takes none')
        if (!lost && losing) log.info('spans get through again')
        losing = lost
        done(result)
      })
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }
}

function endRequest(span: Span, status: number | undefined): void {
  if (status !== undefined) span.setAttribute(attribute.status, status)
  const failure = status === undefined ? 'aborted' : status >= 500 ? String(status) : undefined
  if (failure !== undefined) fail(span, failure)
  span.end()
}

type Rows = Awaited<ReturnType<Queries['rows']>>

async function recorded(span: Span, ask: () => Promise<Rows>): Promise<Rows> {
  try {
    const rows = await ask()
    span.setAttribute(attribute.dbRows, rows.length)
    const snapshotId = rows[0]?.['snapshot_id']
    if (typeof snapshotId === 'string') span.setAttribute(icebergAttribute.snapshotId, snapshotId)
    return rows
  } catch (error) {
    fail(span, error instanceof Error ? error.name : 'unknown', String(error))
    throw error
  } finally {
    span.end()
  }
}

function fail(span: Span, type: string, message?: string): void {
  span.setAttribute(attribute.errorType, type)
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) })
}
