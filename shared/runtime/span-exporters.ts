import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { attribute } from './trace-attributes.ts'
import type { TraceKind } from './config.ts'

/** One export takes so long at most; then its spans are lost. */
export const EXPORT_TIMEOUT_MS = 5_000

type Done = Parameters<SpanExporter['export']>[1]
type Code = Parameters<Done>[0]['code']
// Their enum stands in a package that only the exporters depend on.
const SUCCESS = 0 as Code
const FAILED = 1 as Code

/**
 * How finished spans leave, by setting. Libraries are loaded with the first span that is exported: an agent that
 * writes no traces holds none of them in memory.
 */
export const exporters: Readonly<Record<Exclude<TraceKind, 'none'>, (endpoint: string) => SpanExporter>> = {
  /** The endpoint is the collector's base URL. */
  otlp: (endpoint) =>
    loadedLate(async () => {
      const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
      return new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: EXPORT_TIMEOUT_MS })
    }),
  /** The endpoint's scheme says whether the connection is secured. */
  'otlp-grpc': (endpoint) =>
    loadedLate(async () => {
      const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc')
      return new OTLPTraceExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS })
    }),
  /** The endpoint is the URL of the Thrift collector. For collectors that speak no OTLP. */
  jaeger: (endpoint) =>
    loadedLate(async () => {
      const { JaegerExporter } = await import('@opentelemetry/exporter-jaeger')
      return byService((process) => new JaegerExporter({ endpoint, tags: tagsOf(process) }))
    }),
}

function loadedLate(load: () => Promise<SpanExporter>): SpanExporter {
  let loading: Promise<SpanExporter> | null = null
  return {
    export(spans, done) {
      loading ??= load()
      loading.then(
        (exporter) => {
          exporter.export(spans, done)
        },
        (error: unknown) => {
          failed(done, error)
        },
      )
    },
    forceFlush: async () => (await loading)?.forceFlush?.(),
    shutdown: async () => (await loading)?.shutdown(),
  }
}

/**
 * Jaeger's own exporter takes the service of its first span for that of all, so each service has one of its own. Nor
 * does it give up on a collector that takes requests and answers none: one that is over its time is thrown away, and
 * its connections with it, else each would hold a batch for ever.
 */
export function byService(create: (process: ReadableSpan['resource']) => SpanExporter, timeoutMs = EXPORT_TIMEOUT_MS): SpanExporter {
  const open = new Map<string, SpanExporter>()
  const exportOf = ([service, spans]: [string, ReadableSpan[]]) => {
    const [first] = spans
    if (first === undefined) return Promise.resolve()
    let exporter = open.get(service)
    if (exporter === undefined) open.set(service, (exporter = create(first.resource)))
    return within(exporter, spans, timeoutMs).catch((error: unknown) => {
      open.delete(service)
      exporter.shutdown().catch(() => undefined)
      throw error
    })
  }
  return {
    export(spans, done) {
      const services = Map.groupBy(spans, ({ resource }) => String(resource.attributes[attribute.serviceName]))
      Promise.all([...services].map(exportOf)).then(
        () => {
          done({ code: SUCCESS })
        },
        (error: unknown) => {
          failed(done, error)
        },
      )
    },
    forceFlush: () => Promise.resolve(),
    shutdown: async () => {
      await Promise.all([...open.values()].map((exporter) => exporter.shutdown()))
    },
  }
}

const tagsOf = ({ attributes }: ReadableSpan['resource']) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: String(value) }))

function within(exporter: SpanExporter, spans: ReadableSpan[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    timer.unref()
    exporter.export(spans, ({ code, error }) => {
      clearTimeout(timer)
      if (code === FAILED) reject(error ?? new Error('spans were refused'))
      else resolve()
    })
  })
}

function failed(done: Done, error: unknown): void {
  done({ code: FAILED, error: error instanceof Error ? error : new Error(String(error)) })
}
