import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from '../config.ts'
import { PipelineError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { ApiMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { Pinned, Stats, Trade, Window } from './queries.ts'
import type { Tracing } from './tracing.ts'

export type ApiPorts = {
  apiKey: string
  log: Log
  metrics: ApiMetrics
  tracing: Pick<Tracing, 'begin'>
  assertReady: () => void
  /** Of records that Kafka got before, no answer knows: Unix ms. */
  heldSinceMs: () => number
  tradeById: (tradeId: string) => Promise<Pinned<Trade | undefined>>
  latestTrades: (symbol: string, limit: number) => Promise<Pinned<readonly Trade[]>>
  windowStats: (window: Window) => Promise<Pinned<Stats>>
}

const INT64_MAX = 2n ** 63n - 1n
const micros = z
  .string()
  .regex(/^-?\d{1,19}$/, { error: 'expected epoch microseconds, a whole number', abort: true })
  .transform((digits) => BigInt(digits))
  .refine((value) => value <= INT64_MAX && value >= -INT64_MAX, 'expected 64 bits at most')
const symbol = z
  .string()
  .min(1)
  .max(64)
  .transform((given) => given.toUpperCase())

const tradeRequest = z.object({ tradeId: z.string().min(1).max(200) })
const latestRequest = z.object({
  symbol,
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a whole number')
    .default('20')
    .transform(Number)
    .pipe(z.number().min(1).max(1_000)),
})
const statsRequest = z
  .object({ symbol, from: micros, to: micros })
  .refine(({ from, to }) => from <= to, 'expected from to be no later than to')

export function createServer(ports: ApiPorts): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true, routerOptions: { maxParamLength: 400 } })
  server.setErrorHandler((error, request, reply) => {
    const { status, code, message } = answerTo(error)
    if (status >= 500) ports.log.warn({ err: error, url: request.url }, 'a request failed')
    return refuse(reply, status, { code, message })
  })
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, 404, { code: 'ROUTE_UNKNOWN', message: `no route ${request.method} ${request.url}` }),
  )
  server.addHook('onRequest', (request, reply, done) => {
    const { method, headers, routeOptions } = request
    const trace = ports.tracing.begin({ method, path: request.url.split('?', 1)[0] ?? '', route: routeOptions.url, headers })
    // Unlike the hook after an answer, this comes for callers that went away, too.
    reply.raw.once('close', () => {
      trace.end(reply.raw.writableFinished ? reply.statusCode : undefined)
    })
    trace.around(done)
  })
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    ports.metrics.answered({ route, status: reply.statusCode, seconds: reply.elapsedTime / 1_000 })
    done()
  })
  server.get('/openapi.json', () => openApiDocument)
  server.get('/metrics', async (_request, reply) => reply.type(ports.metrics.contentType).send(await ports.metrics.text()))
  server.get('/health', () => {
    ports.assertReady()
    return { status: 'ok' }
  })
  void server.register((data, _options, done) => {
    addDataRoutes(data, ports)
    done()
  })
  return server
}

function addDataRoutes(data: FastifyInstance, ports: ApiPorts): void {
  data.addHook('onRequest', (request, _reply, done) => {
    const given = request.headers['x-api-key']
    if (typeof given !== 'string' || !sameText(given, ports.apiKey)) throw new Refusal(401, 'UNAUTHORISED', 'x-api-key is missing or wrong')
    done()
  })
  data.addHook('preHandler', (_request, _reply, done) => {
    ports.assertReady()
    done()
  })
  // After the query: rows may have been let go while it ran.
  data.addHook('onSend', (_request, reply, payload) => {
    void reply.header('x-rows-held-since', String(ports.heldSinceMs()))
    return Promise.resolve(payload)
  })
  data.get('/trades/:tradeId', async (request, reply) => {
    const { tradeId } = parameters(tradeRequest, request)
    const { snapshotId, answer } = await ports.tradeById(tradeId)
    void reply.header('x-snapshot-id', snapshotId)
    if (answer !== undefined) return { ...answer, snapshotId }
    return reply
      .code(404)
      .send({ error: { code: 'TRADE_UNKNOWN', message: unknownTrade(tradeId, { snapshotId, sinceMs: ports.heldSinceMs() }) }, snapshotId })
  })
  data.get('/symbols/:symbol/trades', async (request, reply) => {
    const asked = parameters(latestRequest, request)
    const { snapshotId, answer } = await ports.latestTrades(asked.symbol, asked.limit)
    void reply.header('x-snapshot-id', snapshotId)
    return { symbol: asked.symbol, trades: answer, snapshotId }
  })
  data.get('/symbols/:symbol/stats', async (request, reply) => {
    const { snapshotId, answer } = await ports.windowStats(parameters(statsRequest, request))
    void reply.header('x-snapshot-id', snapshotId)
    return { ...answer, snapshotId }
  })
}

const unknownTrade = (tradeId: string, { snapshotId, sinceMs }: { snapshotId: string; sinceMs: number }) =>
  `snapshot ${snapshotId} holds no trade "${tradeId}" since ${new Date(sinceMs).toISOString()}; older rows are not held`

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

function parameters<Shape extends z.ZodType>(shape: Shape, request: { params: unknown; query: unknown }): z.output<Shape> {
  const parsed = shape.safeParse(Object.assign({}, request.query, request.params))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
  throw new Refusal(400, 'PARAMETER_INVALID', problems.join('; '))
}

function answerTo(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof Refusal) return error
  if (error instanceof PipelineError && error.retryable) return { status: 503, code: error.code, message: error.message }
  const status = error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  if (status < 500 && error instanceof Error) return { status, code: 'REQUEST_INVALID', message: error.message }
  return { status: 500, code: 'INTERNAL', message: 'the request failed; the log says why' }
}

function refuse(reply: FastifyReply, status: number, error: { code: string; message: string }) {
  return reply.code(status).send({ error: { code: error.code, message: error.message } })
}

function sameText(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
