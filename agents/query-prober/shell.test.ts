import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { AssayError } from '../../shared/core/errors.ts'
import { canaryIdText, spanIdOf, traceIdOf } from '../../shared/core/identity.ts'
import { openDuckDb, type DuckDb } from '../../shared/engines/duckdb.ts'
import { parseLossless } from '../../shared/iceberg/lossless.ts'
import { parseTableMetadata } from '../../shared/iceberg/metadata.ts'
import type { TableCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { createTracing } from '../../shared/runtime/tracing.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { planSchema } from '../../topology/plan.ts'
import { apiHop, recordShape, tableHop, type Topology } from '../../topology/topology.ts'
import type { Answer, ProberEvent, Question } from './events.ts'
import { proberMetrics } from './metrics.ts'
import { ProberShell } from './shell.ts'

const RUN = '01999999-0000-7000-8000-000000000001'
const recordSchema = readFileSync(new URL('../../compose/reference/schemas/RawTrade.avsc', import.meta.url), 'utf8')
const record = recordShape.parse({
  subject: 'raw-value',
  identity: 'trade_id',
  marker: { field: 'venue', value: 'XTST' },
  key: 'symbol',
  eventTime: 'traded_at',
  fields: {
    symbol: { perStream: 'assay-{stream}' },
    price: { range: ['1.000000', '2.000000'] },
    quantity: { range: ['1.0000', '2.0000'] },
  },
})
const plan = planSchema.parse({
  version: 1,
  name: 't',
  load: { canaries: 200, ratePerSecond: 100, streams: 2, edgeValuesEvery: 3 },
  stages: [{ stage: 'probe', task: 'probe-api' }],
})
const table = tableHop.parse({
  kind: 'table',
  namespace: 'market',
  table: 'trades',
  expect: [
    { field: 'symbol', type: 'VARCHAR', sql: 'upper(symbol)' },
    { field: 'notional', type: 'DECIMAL(38,10)', sql: 'price * quantity' },
  ],
  deliverWithinMs: 1,
  giveUpAfterMs: 1,
})

type Respond = (request: IncomingMessage) => { status: number; body: string } | null
let respond: Respond
let db: DuckDb
let server: Server
let shell: ProberShell
let answerTo: (ask: { hop: string; question: Question; intendedAtMs?: number; isSuspect?: boolean }) => Promise<ProberEvent>
let catalog: TableCatalog['loadTable'] = () => Promise.reject(new AssayError('CATALOG_UNAVAILABLE', 'catalog away'))

beforeAll(async () => {
  server = createServer((request, response) => {
    const reply = respond(request)
    if (reply !== null) response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const api = { headers: { 'x-api-key': 'k' }, snapshot: 'snapshotId', timeoutMs: 30_000 }
  const hops = [
    table,
    apiHop.parse({
      kind: 'api',
      name: 'trade',
      per: 'canary',
      url: `${base}/trades/{trade_id}`,
      answers: [
        { json: 'symbol', sql: 'symbol' },
        { json: 'notional', sql: 'notional' },
      ],
      ...api,
    }),
    // What is asked of this one gets no answer.
    apiHop.parse({
      ...{ kind: 'api', name: 'silent', per: 'canary', url: `${base}/trades/{trade_id}` },
      ...{ answers: [{ json: 'symbol', sql: 'symbol' }], ...api, timeoutMs: 300 },
    }),
    apiHop.parse({
      kind: 'api',
      name: 'stats',
      per: 'window',
      url: `${base}/symbols/{symbol}/stats?from={from}&to={to}`,
      answers: [
        { json: 'count', sql: 'count(*)' },
        { json: 'notional', sql: 'sum(notional)' },
        { json: 'vwap', sql: 'sum(notional)::DOUBLE / sum(quantity)::DOUBLE', tolerance: 1e-9 },
      ],
      ...api,
    }),
  ]
  const topology: Topology = {
    version: 1,
    name: 't',
    connections: {
      kafka: { bootstrap: 'none', security: { ssl: false, sasl: null } },
      registry: { url: base },
      catalog: { url: base, token: null, warehouse: null },
      s3: { endpoint: base, region: '', accessKey: '', secretKey: '' },
    },
    record,
    hops,
    chaos: { targets: {} },
  }
  const resolved: ResolvedRun = { plan, topology: 't', record, recordSchema, hops, chaosTargets: [], seed: 5 }
  db = await openDuckDb({ memoryLimitMb: 128, threads: 1, tempDir: tmpdir() })
  shell = new ProberShell({
    topology,
    catalog: { loadTable: (name) => catalog(name) },
    db,
    log: createLog({ agent: 'query-prober', instance: 't', level: 'silent' }),
    metrics: createMetrics(proberMetrics(topology), { processMetrics: false }),
    tracing: createTracing({ kind: 'none', endpoint: '', agent: 'query-prober', instance: 't' }),
  })
  shell.perform({ type: 'begin-probing', runId: RUN, resolved }, () => undefined)
  answerTo = ({ hop, question, intendedAtMs = 0, isSuspect = false }) =>
    new Promise((send) => {
      shell.perform({ type: 'ask', runId: RUN, hop, id: 1, question, intendedAtMs, isSuspect }, send)
    })
})
afterAll(async () => {
  await shell.close()
  server.closeAllConnections()
  server.close()
})
afterEach(() => {
  respond = () => null
})

const lookup: Question = { kind: 'canary', stream: 1, seq: 4 }
const window: Question = { kind: 'window', stream: 1, seqFirst: 0, seqLast: 9 }
const json = (body: unknown, status = 200) => ({ status, body: JSON.stringify(body) })

async function answer(ask: Parameters<typeof answerTo>[0]): Promise<Answer> {
  const event = await answerTo(ask)
  if (event.type !== 'answered') throw new Error(`expected an answer, got ${JSON.stringify(event)}`)
  return event.answer
}

test('a look-up asks by identity, with the key, and compares with the row as the table must hold it', async () => {
  let asked: IncomingMessage | undefined
  respond = (request) => {
    asked = request
    return { status: 200, body: '{"symbol":"ASSAY-01","notional":"0","snapshotId":9223372036854775807}' }
  }
  const got = await answer({ hop: 'api:trade', question: lookup })
  expect(asked?.url).toBe(`/trades/${encodeURIComponent(canaryIdText({ runId: RUN, stream: 1, seq: 4 }))}`)
  expect(asked?.headers['x-api-key']).toBe('k')
  expect(got).toMatchObject({ status: 200, isJson: true, snapshotId: '9223372036854775807' })
  expect(got.mismatches).toEqual([{ json: 'notional', expected: expect.stringMatching(/^\d\.\d{10}$/) as string, actual: '0' }])
})

test('the endpoint hears of the trace, and may add to it where the trace is sent or the canary is suspect', async () => {
  const heard: unknown[] = []
  respond = (request) => {
    heard.push(request.headers['traceparent'])
    return json({})
  }
  const first: Question = { kind: 'canary', stream: 0, seq: 0 }
  await answer({ hop: 'api:trade', question: first })
  await answer({ hop: 'api:trade', question: lookup })
  await answer({ hop: 'api:trade', question: lookup, isSuspect: true })
  await answer({ hop: 'api:stats', question: window, isSuspect: true })
  const parentOf = ({ stream, seq }: { stream: number; seq: number }) => {
    const traceId = traceIdOf({ runId: RUN, stream, seq })
    return `00-${traceId}-${spanIdOf(traceId, 'api:trade')}`
  }
  expect(heard).toEqual([
    `${parentOf({ stream: 0, seq: 0 })}-01`,
    ...['00', '01'].map((flags) => `${parentOf({ stream: 1, seq: 4 })}-${flags}`),
    undefined,
  ])
})

test('a window asks from its first event time to the one behind its last, and sums exactly, edge values included', async () => {
  let asked = ''
  respond = (request) => {
    asked = request.url ?? ''
    return json({ count: 1, notional: null, vwap: null })
  }
  const [wrong] = [await answer({ hop: 'api:stats', question: window })]
  const epochMicros = parseInt(RUN.slice(0, 8) + RUN.slice(9, 13), 16) * 1000
  // Streams take turns, ten milliseconds apart.
  expect(asked).toBe(`/symbols/ASSAY-01/stats?from=${epochMicros + 10_000}&to=${epochMicros + 210_000}`)
  expect(wrong.mismatches.map(({ json: path }) => path)).toEqual(['count', 'notional', 'vwap'])
  const right = Object.fromEntries(wrong.mismatches.map(({ json: path, expected }) => [path, expected]))
  expect(right['count']).toBe('10')
  respond = () => json({ ...right, count: 10, vwap: Number(right['vwap']) * (1 + 1e-12) })
  expect((await answer({ hop: 'api:stats', question: window })).mismatches).toEqual([])
})

test('a stranger comes without the key', async () => {
  respond = (request) => json({}, request.headers['x-api-key'] === undefined ? 401 : 200)
  expect(await answer({ hop: 'api:stats', question: { kind: 'no-credentials', stream: 0, seq: 1 } })).toMatchObject({
    status: 401,
    mismatches: [],
  })
})

test('a page that is no JSON, and no answer at all, are told as such', async () => {
  respond = () => ({ status: 404, body: '<html>' })
  expect(await answer({ hop: 'api:trade', question: { kind: 'unknown-id', stream: 0, seq: 5_000 } })).toMatchObject({
    status: 404,
    isJson: false,
  })
  respond = () => null
  expect(await answer({ hop: 'api:silent', question: lookup })).toMatchObject({ status: null, error: 'no answer within 300 ms' })
})

test('a question is asked at its intended time, and its latency counts from there', async () => {
  // The first answer opens the engine: what is timed here comes after it.
  respond = () => json({})
  await answer({ hop: 'api:trade', question: lookup, intendedAtMs: 0 })
  const intendedAtMs = performance.timeOrigin + performance.now() + 1_000
  let askedAtMs = 0
  respond = () => {
    askedAtMs = performance.timeOrigin + performance.now()
    return json({})
  }
  const { latencyMs, atMs } = await answer({ hop: 'api:trade', question: lookup, intendedAtMs })
  expect(askedAtMs).toBeGreaterThan(intendedAtMs - 2)
  expect(latencyMs).toBeCloseTo(atMs - intendedAtMs, 3)
})

test('what cannot be computed is our own trouble', async () => {
  expect(await answerTo({ hop: 'api:other', question: lookup })).toMatchObject({
    type: 'unanswerable',
    reason: expect.stringContaining('api:other') as string,
  })
})

test('the lineage is looked at anew each time, ids whole; a catalog that is away is told', async () => {
  const look = () =>
    new Promise<ProberEvent>((send) => {
      shell.perform({ type: 'look-at-lineage', runId: RUN, hop: 'table:market.trades' }, send)
    })
  expect(await look()).toMatchObject({ type: 'lineage-unseen', reason: 'catalog away' })
  const asked: string[] = []
  catalog = ({ namespace, table: name }) => {
    asked.push(`${namespace}.${name}`)
    const text = `{"format-version":2,"location":"s3://w","current-snapshot-id":9223372036854775807,"snapshots":[
      {"snapshot-id":9223372036854775807,"parent-snapshot-id":12,"timestamp-ms":5,"manifest-list":"m"}]}`
    return Promise.resolve({ metadataLocation: null, metadata: parseTableMetadata(parseLossless(text), 'a test') })
  }
  expect(await look()).toMatchObject({
    type: 'lineage-seen',
    snapshots: [{ snapshotId: '9223372036854775807', parentId: '12', committedAtMs: 5 }],
  })
  await look()
  expect(asked).toEqual(['market.trades', 'market.trades'])
})
