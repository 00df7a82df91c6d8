import { SpanKind } from '@opentelemetry/api'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../lake.ts'
import { createLog } from '../log.ts'
import { createMetrics } from './metrics.ts'
import { latestTrades, tradeById, windowStats } from './queries.ts'
import type { Queries } from './queries.ts'
import { createServer } from './server.ts'
import { BATCH_SPANS_MAX, QUEUE_SPANS_MAX, attribute, createTracing, icebergAttribute } from './tracing.ts'

const SNAPSHOT = '9223372036854775807'
const KEY = { 'x-api-key': 'k' }
const callerOf = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) })
const sampledBy = ({ traceId, spanId }: { traceId: string; spanId: string }) => ({ traceparent: `00-${traceId}-${spanId}-01` })
const [A, B] = [callerOf('a'), callerOf('b')]

let database: Database
beforeAll(async () => {
  database = await Database.open({ threads: 1, memoryMb: 128 })
  const connection = await database.connect()
  await connection.run(`CREATE TABLE head AS SELECT ${SNAPSHOT}::BIGINT AS snapshot_id`)
  await connection.run(`CREATE TABLE trades AS SELECT 't-' || i AS trade_id, 'AAPL' AS symbol, 'XNAS' AS venue, 'BUY' AS side,
    2::DECIMAL(38,6) AS price, 3::DECIMAL(38,4) AS quantity, 6::DECIMAL(38,10) AS notional, i::BIGINT AS traded_at, NULL::VARCHAR AS note,
    MAP {'desk': 'x'} AS attributes, 0 AS source_partition, i AS source_offset FROM range(10) r(i)`)
})
afterAll(() => {
  database.close()
})

/** An exporter that keeps what it gets; `take` says how an export ends. */
function collector(take: (done: Parameters<SpanExporter['export']>[1]) => void = (done) => done({ code: 0 })) {
  const spans: ReadableSpan[] = []
  const exporter: SpanExporter = {
    export(batch, done) {
      spans.push(...batch)
      take(done)
    },
    shutdown: () => Promise.resolve(),
  }
  return { spans, exporter }
}

type Ask = (path: string, headers: Record<string, string>, signal?: AbortSignal) => Promise<number>
const silent = createLog('test', 'silent')

/** The API on a port of its own, for as long as `use` takes; what it then has exported. `wrap` stands before the database. */
async function served(use: (ask: Ask) => Promise<unknown>, wrap: (connection: Queries) => Queries = (connection) => connection) {
  const { spans, exporter } = collector()
  const tracing = createTracing(exporter, silent)
  const connection = tracing.traced(wrap(await database.connect()))
  const server = createServer({
    apiKey: KEY['x-api-key'],
    log: silent,
    metrics: createMetrics(),
    tracing,
    assertReady: () => undefined,
    heldSinceMs: () => 0,
    tradeById: (tradeId) => tradeById(connection, tradeId),
    latestTrades: (symbol, limit) => latestTrades(connection, symbol, limit),
    windowStats: (window) => windowStats(connection, window),
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  await use(async (path, headers, signal) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...KEY, ...headers }, ...(signal && { signal }) })
    await response.text()
    return response.status
  })
  await server.close()
  await tracing.close()
  return spans
}

const ofRequests = (spans: ReadableSpan[]) => spans.filter(({ kind }) => kind === SpanKind.SERVER)
const ofQueries = (spans: ReadableSpan[]) => spans.filter(({ kind }) => kind === SpanKind.INTERNAL)
const parentOf = ({ parentSpanContext }: ReadableSpan) => parentSpanContext?.spanId

describe('a request of a traced caller', () => {
  it('is a span below the caller, and its query is one below the request', async () => {
    const spans = await served(async (ask) => {
      expect(await ask('/trades/t-5?x=1', sampledBy(A))).toBe(200)
    })
    const [[request, ...others], [query, ...more]] = [ofRequests(spans), ofQueries(spans)]
    expect([others, more, spans.length]).toEqual([[], [], 2])
    expect(spans.map((span) => span.spanContext().traceId)).toEqual([A.traceId, A.traceId])
    expect(spans.map(({ resource }) => resource.attributes['service.name'])).toEqual(['market-api', 'market-api'])
    expect([parentOf(request!), request!.name]).toEqual([A.spanId, 'GET /trades/:tradeId'])
    expect(request!.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/trades/:tradeId',
      'http.response.status_code': 200,
      'url.path': '/trades/t-5',
      'url.scheme': 'http',
    })
    expect([parentOf(query!), query!.name]).toEqual([request!.spanContext().spanId, 'SELECT trades'])
    expect(query!.attributes).toEqual({
      'db.system.name': 'duckdb',
      'db.namespace': 'memory.main',
      'db.collection.name': 'trades',
      'db.operation.name': 'SELECT',
      'db.query.summary': 'SELECT trades',
      'db.query.text': expect.stringMatching(/^SELECT [^]*WHERE trade_id = \$tradeId [^]* ON true$/) as string,
      'db.response.returned_rows': 1,
      'iceberg.table': 'market.trades',
      'iceberg.snapshot.id': SNAPSHOT,
    })
  })

  it.each([
    ['/symbols/aapl/trades?limit=7', 7],
    ['/symbols/aapl/stats?from=0&to=5', 1],
  ])('%s tells how many rows came', async (path, rows) => {
    const [query] = ofQueries(await served((ask) => ask(path, sampledBy(A))))
    expect(query?.attributes).toMatchObject({ 'db.response.returned_rows': rows, 'iceberg.snapshot.id': SNAPSHOT })
  })

  it('that comes with others at once keeps to its own trace', async () => {
    const callers = [A, B, callerOf('c'), callerOf('d')]
    const spans = await served(async (ask) => {
      await Promise.all([...callers.map((caller) => ask('/trades/t-1', sampledBy(caller))), ask('/trades/t-1', {})])
    })
    const chains = ofQueries(spans).map((query) => {
      const request = ofRequests(spans).find((span) => span.spanContext().spanId === parentOf(query))
      return [query.spanContext().traceId, request?.spanContext().traceId, request && parentOf(request)]
    })
    expect(chains.sort()).toEqual(callers.map(({ traceId, spanId }) => [traceId, traceId, spanId]))
    expect(spans).toHaveLength(8)
  })

  it.each([
    { what: 'a trade that is not there', path: '/trades/none', headers: {}, told: [404, 'GET /trades/:tradeId', 1] },
    { what: 'a wrong key', path: '/trades/t-1', headers: { 'x-api-key': 'wrong' }, told: [401, 'GET /trades/:tradeId', 0] },
    { what: 'an unknown route', path: '/nowhere', headers: {}, told: [404, 'GET', 0] },
  ])('is no failure for $what', async ({ path, headers, told }) => {
    const spans = await served((ask) => ask(path, { ...sampledBy(A), ...headers }))
    const [request] = ofRequests(spans)
    expect([request?.attributes['http.response.status_code'], request?.name, ofQueries(spans).length]).toEqual(told)
    expect(spans.map(({ status, attributes }) => [status.code, attributes['error.type']])).toEqual(spans.map(() => [0, undefined]))
  })

  it('fails where its query does, and says with what', async () => {
    const broken = () => ({ rows: () => Promise.reject(new TypeError('no such table')) })
    const spans = await served(async (ask) => {
      expect(await ask('/trades/t-1', sampledBy(A))).toBe(500)
    }, broken)
    expect(ofQueries(spans)[0]).toMatchObject({
      status: { code: 2, message: 'TypeError: no such table' },
      attributes: { 'error.type': 'TypeError' },
    })
    expect(ofRequests(spans)[0]).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': '500', 'http.response.status_code': 500 },
    })
  })

  it('of a caller that went away ends without a status', async () => {
    const gone = new AbortController()
    const answering = Promise.withResolvers<undefined>()
    const slow = (connection: Queries): Queries => ({
      async rows(sql, bindings) {
        gone.abort()
        await answering.promise
        return connection.rows(sql, bindings)
      },
    })
    const spans = await served(async (ask) => {
      await expect(ask('/trades/t-1', sampledBy(A), gone.signal)).rejects.toThrow('abort')
      // The server has seen it go when it serves the next one.
      expect(await ask('/health', {})).toBe(200)
      answering.resolve(undefined)
    }, slow)
    expect(ofRequests(spans)[0]?.attributes).toMatchObject({ 'error.type': 'aborted' })
    expect(ofRequests(spans)[0]?.attributes).not.toHaveProperty('http.response.status_code')
  })
})

describe('nothing is traced', () => {
  it.each([
    ['without a traceparent', {}],
    ['of an unsampled trace', { traceparent: `00-${A.traceId}-${A.spanId}-00` }],
    ['below nothing that can be', { traceparent: `00-${'0'.repeat(32)}-${A.spanId}-01` }],
    ['of a header that cannot be read', { traceparent: 'yes' }],
  ])('%s', async (_, headers: Record<string, string>) => {
    const spans = await served(async (ask) => {
      expect(await ask('/trades/t-1', headers)).toBe(200)
      // The planted one: what is asked beside it is seen.
      expect(await ask('/trades/t-1', sampledBy(B))).toBe(200)
    })
    expect(spans.map((span) => span.spanContext().traceId)).toEqual([B.traceId, B.traceId])
  })

  it('without a collector, and queries are answered all the same', async () => {
    const tracing = createTracing(undefined, silent)
    const connection = tracing.traced(await database.connect())
    const asked: Promise<unknown>[] = []
    const trace = tracing.begin({ method: 'GET', path: '/', route: '/', headers: sampledBy(A) })
    trace.around(() => {
      asked.push(tradeById(connection, 't-1'))
    })
    expect(await asked[0]).toMatchObject({ snapshotId: SNAPSHOT })
    trace.end(200)
    await tracing.close()
  })
})

describe('a collector that is away', () => {
  const request = (tracing: ReturnType<typeof createTracing>) => {
    tracing.begin({ method: 'GET', path: '/', route: '/', headers: sampledBy(A) }).end(200)
  }

  it('costs what its queue may hold, and no waiting', async () => {
    // Takes a batch and never says whether it has it.
    const { spans, exporter } = collector(() => undefined)
    const tracing = createTracing(exporter, silent)
    const beganMs = performance.now()
    for (let n = 0; n < 5 * QUEUE_SPANS_MAX; n++) request(tracing)
    expect(performance.now() - beganMs).toBeLessThan(2_000)
    await tracing.close()
    expect(spans.length).toBeLessThanOrEqual(QUEUE_SPANS_MAX + BATCH_SPANS_MAX)
    expect(spans.length).toBeGreaterThanOrEqual(QUEUE_SPANS_MAX)
  })

  it('is told once when it goes, and once when it is back', async () => {
    const codes = [1, 1, 1, 0, 0]
    const { exporter } = collector((done) => {
      done({ code: codes.shift() ?? 0, error: new Error('refused') })
    })
    const told: string[] = []
    const tell = (...said: unknown[]) => void told.push(String(said.at(-1)))
    const tracing = createTracing(exporter, { warn: tell, info: tell })
    for (let batch = 0; batch < 5; batch++) {
      for (let n = 0; n < BATCH_SPANS_MAX; n++) request(tracing)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await tracing.close()
    expect([codes, told]).toEqual([[], ['spans are lost: the collector takes none', 'spans get through again']])
  })
})

it("names are those of OpenTelemetry's conventions, and Iceberg's stay out of their way", () => {
  const known = new Set<unknown>(Object.entries(conventions).flatMap(([name, value]) => (name.startsWith('ATTR_') ? [value] : [])))
  expect(Object.values(attribute).filter((name) => !known.has(name))).toEqual([])
  expect(Object.values(icebergAttribute).filter((name) => known.has(name))).toEqual([])
})
