import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { signalGroup, startChild } from '../../compose/local/child.ts'
import { freePorts } from '../../compose/local/ports.ts'
import { httpAnswers } from '../../compose/local/probes.ts'
import { programs } from './programs.ts'

const CONFIGURATION = join(import.meta.dirname, '../../compose/observability/jaeger/jaeger.yaml')
const START_LIMIT_MS = 30_000
const POLL_MS = 50

export interface Jaeger {
  /** Base URLs for the three ways in. */
  readonly endpoints: { readonly otlp: string; readonly 'otlp-grpc': string; readonly jaeger: string }
  readonly apiUrl: string
  /** Null for a trace that is not there. */
  trace(traceId: string): Promise<JaegerTrace | null>
  /** Traces of a service that hold a span with these tags. */
  search(service: string, tags: Readonly<Record<string, string>>): Promise<JaegerTrace[]>
  services(): Promise<string[]>
  /** Takes connections from here on, and answers none. */
  hang(): void
  stop(): Promise<void>
}

const tag = z.object({ key: z.string(), value: z.union([z.string(), z.number(), z.boolean()]) })
const jaegerSpan = z.object({
  traceID: z.string(),
  spanID: z.string(),
  operationName: z.string(),
  references: z.array(z.object({ refType: z.enum(['CHILD_OF', 'FOLLOWS_FROM']), traceID: z.string(), spanID: z.string() })),
  startTime: z.number(),
  duration: z.number(),
  tags: z.array(tag),
  logs: z.array(z.object({ timestamp: z.number(), fields: z.array(tag) })),
  processID: z.string(),
  warnings: z.array(z.string()).nullish(),
})
const jaegerTrace = z.object({
  traceID: z.string(),
  spans: z.array(jaegerSpan),
  processes: z.record(z.string(), z.object({ serviceName: z.string() })),
})
export type JaegerTrace = z.infer<typeof jaegerTrace>
export type JaegerSpan = z.infer<typeof jaegerSpan>

/** A real Jaeger on loopback, built from its published module on first use, with the configuration that Compose uses. */
export async function startJaeger(note: (line: string) => void): Promise<Jaeger> {
  const command = await programs.jaeger(note)
  const dir = await mkdtemp(join(tmpdir(), 'assay-jaeger-'))
  const [ui = 0, grpc = 0, health = 0, metrics = 0, otlp = 0, otlpGrpc = 0, thrift = 0] = await freePorts(7)
  const logFile = join(dir, 'jaeger.log')
  const child = await startChild({
    name: 'jaeger',
    command,
    args: ['--config', `file:${CONFIGURATION}`],
    cwd: dir,
    logFile,
    pidFile: join(dir, 'jaeger.pid'),
    env: {
      ...process.env,
      JAEGER_LISTEN_HOST: '127.0.0.1',
      JAEGER_UI_PORT: String(ui),
      JAEGER_GRPC_PORT: String(grpc),
      JAEGER_HEALTH_PORT: String(health),
      JAEGER_METRICS_PORT: String(metrics),
      JAEGER_OTLP_HTTP_PORT: String(otlp),
      JAEGER_OTLP_GRPC_PORT: String(otlpGrpc),
      JAEGER_THRIFT_PORT: String(thrift),
    },
  })
  const stop = async () => {
    signalGroup(child.pid, 'SIGKILL')
    await child.exited
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const deadlineMs = Date.now() + START_LIMIT_MS
    while ((await httpAnswers(`http://127.0.0.1:${health}/status`)) !== 'ok') {
      if (child.ended() || Date.now() > deadlineMs)
        throw new Error(`Jaeger did not start:\n${(await readFile(logFile, 'utf8')).slice(-3_000)}`)
      await sleep(POLL_MS)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...queriesOf(`http://127.0.0.1:${ui}`),
    endpoints: {
      otlp: `http://127.0.0.1:${otlp}`,
      'otlp-grpc': `http://127.0.0.1:${otlpGrpc}`,
      jaeger: `http://127.0.0.1:${thrift}/api/traces`,
    },
    hang: () => void signalGroup(child.pid, 'SIGSTOP'),
    stop,
  }
}

function queriesOf(apiUrl: string): Pick<Jaeger, 'apiUrl' | 'trace' | 'search' | 'services'> {
  const get = async (path: string): Promise<{ status: number; data: unknown }> => {
    const response = await fetch(`${apiUrl}${path}`, { signal: AbortSignal.timeout(10_000) })
    const body = z.object({ data: z.unknown() }).parse(await response.json())
    return { status: response.status, data: body.data }
  }
  return {
    apiUrl,
    async trace(traceId) {
      const { status, data } = await get(`/api/traces/${traceId}`)
      return status === 404 ? null : (z.array(jaegerTrace).parse(data)[0] ?? null)
    },
    async search(service, tags) {
      const query = new URLSearchParams({ service, tags: JSON.stringify(tags), limit: '1500', lookback: '1h' })
      return z.array(jaegerTrace).parse((await get(`/api/traces?${query.toString()}`)).data ?? [])
    },
    async services() {
      return z.array(z.string()).parse((await get('/api/services')).data ?? [])
    },
  }
}

/** A span as a reader of the trace sees it. */
export const tagsOf = (span: JaegerSpan) => Object.fromEntries(span.tags.map(({ key, value }) => [key, value]))
export const eventsOf = (span: JaegerSpan) =>
  span.logs.map(({ fields }) => Object.fromEntries(fields.map(({ key, value }) => [key, value])))
export const parentOf = (span: JaegerSpan) =>
  span.references.find(({ refType, traceID }) => refType === 'CHILD_OF' && traceID === span.traceID)?.spanID ?? null
export const linksOf = (span: JaegerSpan) => span.references.filter(({ spanID }) => spanID !== parentOf(span))

/** Asks until the answer suits, or the limit is reached: then the last answer is returned, for the test to judge. */
export async function until<T>(ask: () => Promise<T>, suits: (answer: T) => boolean, withinMs = 15_000): Promise<T> {
  const deadlineMs = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (suits(answer) || Date.now() > deadlineMs) return answer
    await sleep(POLL_MS)
  }
}
