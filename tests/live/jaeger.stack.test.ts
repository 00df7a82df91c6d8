import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AGENT_NAMES } from '../../compose/local/agents.ts'
import { comparePlanted } from '../../compose/local/planted.ts'
import { agentNames, type AgentName } from '../../shared/core/agent.ts'
import { canaryIdText, runTraceIdOf, spanIdOf, traceIdOf, type CanaryId } from '../../shared/core/identity.ts'
import { CLEAN, RAW, RUN, TABLE } from '../../shared/core/told-run.fixture.ts'
import type { TraceKind } from '../../shared/runtime/config.ts'
import { API, CHANGED, GOOD, LOST, UNSAMPLED, traceRun } from '../../shared/runtime/traced-run.fixture.ts'
import { createTracing } from '../../shared/runtime/tracing.ts'
import { SOURCE_HOP } from '../../topology/topology.ts'
import { eventsOf, linksOf, parentOf, startJaeger, tagsOf, until, type Jaeger, type JaegerTrace } from './jaeger.ts'
import { liveRun, startLiveStack, type LiveStack } from './live-stack.ts'

/** What a reader of Jaeger sees, through each way in. */
const BUILD_LIMIT_MS = 30 * 60_000
const note = (line: string) => {
  process.stderr.write(`${line}\n`)
}

let jaeger: Jaeger
beforeAll(async () => {
  // Builds it, where it is not built yet.
  await (await startJaeger(note)).stop()
}, BUILD_LIMIT_MS)

const serviceOf = (trace: JaegerTrace, processID: string) => trace.processes[processID]?.serviceName

/** Indented by depth; a span whose parent is not there is marked. */
function tree(trace: JaegerTrace | null): string[] {
  if (trace === null) return []
  const ids = new Set(trace.spans.map(({ spanID }) => spanID))
  const under = (parent: string | null, depth: number): string[] =>
    trace.spans
      .filter((span) => parentOf(span) === parent)
      .sort((a, b) => a.startTime - b.startTime || (a.operationName < b.operationName ? -1 : 1))
      .flatMap((span) => [
        `${'  '.repeat(depth)}${serviceOf(trace, span.processID)} ${span.operationName}`,
        ...under(span.spanID, depth + 1),
      ])
  const orphans = trace.spans.filter((span) => parentOf(span) !== null && !ids.has(parentOf(span) ?? ''))
  return [...under(null, 0), ...orphans.map(({ operationName }) => `orphan ${operationName}`)]
}

const spanOf = (trace: JaegerTrace | null, spanId: string) => trace?.spans.find(({ spanID }) => spanID === spanId)
const hasSpans = (count: number) => (trace: JaegerTrace | null) => (trace?.spans.length ?? 0) >= count

describe.each(['otlp', 'otlp-grpc', 'jaeger'] as const)('over %s', (kind: Exclude<TraceKind, 'none'>) => {
  beforeAll(async () => {
    jaeger = await startJaeger(note)
    const tracings = new Map(
      agentNames.map((agent) => [agent, createTracing({ kind, endpoint: jaeger.endpoints[kind], agent, instance: '0' })]),
    )
    traceRun(Date.now() - 5_000, (agent: AgentName) => tracings.get(agent) ?? expect.unreachable())
    await Promise.all([...tracings.values()].map((tracing) => tracing.close()))
  })
  afterAll(() => jaeger.stop())

  test('a canary is one tree, in the services of its hops', async () => {
    const trace = await until(() => jaeger.trace(traceIdOf(GOOD)), hasSpans(5))
    expect(tree(trace)).toEqual([
      'assay-source send raw',
      '  assay-topic:raw process raw',
      '    assay-topic:clean process clean',
      '      assay-table:lake.trades commit lake.trades',
      '        assay-api:trade GET /trades/{trade_id}',
    ])
    expect(trace?.spans.flatMap(({ warnings }) => warnings ?? [])).toEqual([])
    const tags = (hop: string) => tagsOf(spanOf(trace, spanIdOf(traceIdOf(GOOD), hop)) ?? expect.unreachable())
    expect(tags(SOURCE_HOP)).toMatchObject({ 'span.kind': 'producer', 'messaging.system': 'kafka', 'messaging.operation.type': 'send' })
    expect(tags(RAW)).toMatchObject({ 'span.kind': 'consumer', 'messaging.destination.name': 'raw', 'messaging.kafka.offset': 0 })
    expect(tags(TABLE)).toMatchObject({ 'db.system.name': 'iceberg', 'db.collection.name': 'trades', 'assay.snapshot.id': '77' })
    expect(tags(API)).toMatchObject({ 'span.kind': 'client', 'http.response.status_code': 200 })
    expect(await jaeger.trace(traceIdOf(UNSAMPLED))).toBeNull()
  })

  test('a lost one is found by a search for its tag, and ends where it was lost, with the evidence', async () => {
    const found = await until(
      () => jaeger.search('assay-topic:clean', { 'assay.violation': 'lost' }),
      (traces) => traces.length > 0,
    )
    expect(found.map(({ traceID }) => traceID)).toEqual([traceIdOf(LOST)])
    const trace = await until(() => jaeger.trace(traceIdOf(LOST)), hasSpans(3))
    expect(tree(trace)).toEqual(['assay-source send raw', '  assay-topic:raw process raw', '    assay-topic:clean lost at topic:clean'])
    const lost = spanOf(trace, spanIdOf(traceIdOf(LOST), CLEAN)) ?? expect.unreachable()
    expect(tagsOf(lost)).toMatchObject({ error: true, 'error.type': 'lost' })
    expect(tagsOf(lost)['otel.status_description']).toBe('lost: expected in the topic, found in no record up to offset 39')
    expect(eventsOf(lost)).toEqual([
      expect.objectContaining({ event: 'assay.lost', 'assay.expected': 'in the topic', 'messaging.kafka.offset': 5 }) as unknown,
    ])
  })

  test('a run is a trace of its own, linked with canaries and snapshots', async () => {
    const trace = await until(() => jaeger.trace(runTraceIdOf(RUN)), hasSpans(6))
    expect(tree(trace)[0]).toBe('assay-run run told')
    expect(tree(trace).slice(1).sort()).toEqual([
      '    assay-table:lake.trades snapshot lake.trades',
      ...['probe', 'produce', 'reconcile', 'sight'].map((stage) => `  assay-run stage ${stage}`),
    ])
    const root = spanOf(trace, spanIdOf(runTraceIdOf(RUN), 'run')) ?? expect.unreachable()
    expect(tagsOf(root)).toMatchObject({ 'assay.verdict': 'fail', 'assay.run.id': RUN, error: true })
    expect(linksOf(root).map(({ traceID, spanID }) => [traceID, spanID])).toEqual(
      [LOST, CHANGED].map((canary) => [traceIdOf(canary), spanIdOf(traceIdOf(canary), CLEAN)]),
    )
    const snapshot = trace?.spans.find(({ operationName }) => operationName === 'snapshot lake.trades')
    const committed = spanOf(await jaeger.trace(traceIdOf(CHANGED)), spanIdOf(traceIdOf(CHANGED), TABLE)) ?? expect.unreachable()
    expect(linksOf(committed).map(({ traceID, spanID }) => [traceID, spanID])).toEqual([[runTraceIdOf(RUN), snapshot?.spanID]])
  })

  test('the list of services is that of the hops', async () => {
    const hops = ['source', 'topic:raw', 'topic:clean', 'table:lake.trades', 'api:trade', 'run']
    expect((await jaeger.services()).sort()).toEqual(hops.map((hop) => `assay-${hop}`).sort())
  })
})

describe('a real run', () => {
  let live: LiveStack
  const stops: (() => Promise<void>)[] = []
  beforeAll(async () => {
    jaeger = await startJaeger(note)
    stops.push(jaeger.stop)
    live = await startLiveStack(
      { ASSAY_TRACES: 'otlp-grpc', OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.endpoints['otlp-grpc'] },
      { serviceEnv: { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.endpoints.otlp } },
    )
    stops.push(live.stop)
    await live.stack.restart('normaliser', { NORMALISER_DEFECT: 'skip', NORMALISER_DEFECT_EVERY: '197' })
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  test('leaves the trace of each lost canary under the id that its report names, and one of itself', async () => {
    const { judged, runId } = await liveRun(live, { plan: 'smoke', parameters: { canaries: '2000' } })
    expect(judged.verdict).toBe('fail')
    const lost = await lostTracesIn(judged.reports)
    expect(lost.length).toBeGreaterThan(0)
    const story = [
      'assay-source send market.trades.raw',
      '  assay-topic:market.trades.raw process market.trades.raw',
      '    assay-topic:market.trades lost at topic:market.trades',
    ]
    const holds = (lines: readonly string[]) => (trace: JaegerTrace | null) => lines.every((line) => tree(trace).includes(line))
    for (const traceId of lost) expect(tree(await until(() => jaeger.trace(traceId), holds(story)))).toEqual(expect.arrayContaining(story))
    const found = await jaeger.search('assay-topic:market.trades', { 'assay.violation': 'lost', 'assay.run.id': runId })
    expect(found.map(({ traceID }) => traceID)).toEqual(expect.arrayContaining(lost))
    const past = [
      'assay-source send market.trades.raw',
      '  assay-topic:market.trades.raw process market.trades.raw',
      '    assay-topic:market.trades process market.trades',
      '      assay-table:market.trades commit market.trades',
      '        assay-api:trade GET /trades/{trade_id}',
      '          market-api GET /trades/:tradeId',
      '            market-api SELECT trades',
    ]
    const canary = { runId, stream: 0, seq: 0 }
    const good = await until(() => jaeger.trace(traceIdOf(canary)), holds(past))
    expect(tree(good)).toEqual(expect.arrayContaining(past))
    expectQuery(good, canary)
    // Of some 200 look-ups those whose trace is sent, and none else: they would be traces without a beginning.
    expect((await jaeger.search('market-api', {})).length).toBeLessThan(20)
    const run = await until(
      () => jaeger.trace(runTraceIdOf(runId)),
      (trace) => spanOf(trace, spanIdOf(runTraceIdOf(runId), 'run')) !== undefined,
    )
    expect(tree(run)[0]).toBe('assay-run run smoke')
    expect(tree(run).filter((line) => line.includes('orphan'))).toEqual([])
    expect(tree(run).some((line) => line.endsWith('snapshot market.trades'))).toBe(true)
  })

  test('has the same verdict where Jaeger hangs', async () => {
    jaeger.hang()
    const pids = AGENT_NAMES.map((name) => live.stack.pidOf(name))
    const { judged, again, evidence, runId } = await liveRun(live, { plan: 'smoke', parameters: { canaries: '2000' } })
    expect({ ...judged, ...again }).toEqual(judged)
    expect(judged.verdict).toBe('fail')
    const { planted, missed } = comparePlanted(runId, live.defectLog(), evidence)
    expect({ missed, planted: planted > 0 }).toEqual({ missed: [], planted: true })
    expect(AGENT_NAMES.map((name) => live.stack.pidOf(name))).toEqual(pids)
  })
})

/** The API's own part of a canary's trace: its query below its request, and that below the question. */
function expectQuery(trace: JaegerTrace | null, canary: CanaryId): void {
  const ofApi = trace?.spans.filter(({ processID }) => serviceOf(trace, processID) === 'market-api') ?? []
  const query = ofApi.find(({ operationName }) => operationName === 'SELECT trades') ?? expect.unreachable()
  const request = ofApi.find(({ spanID }) => spanID === parentOf(query)) ?? expect.unreachable()
  expect(parentOf(request)).toBe(spanIdOf(traceIdOf(canary), 'api:trade'))
  expect(tagsOf(request)).toMatchObject({
    'span.kind': 'server',
    'http.request.method': 'GET',
    'http.route': '/trades/:tradeId',
    'http.response.status_code': 200,
  })
  expect(decodeURIComponent(String(tagsOf(request)['url.path']))).toBe(`/trades/${canaryIdText(canary)}`)
  expect(tagsOf(query)).toMatchObject({
    'db.system.name': 'duckdb',
    'db.collection.name': 'trades',
    'db.query.text': expect.stringContaining('WHERE trade_id = $tradeId') as string,
    'db.response.returned_rows': 1,
    'iceberg.snapshot.id': expect.stringMatching(/^\d+$/) as string,
  })
}

/** Trace ids of lost canaries in the JSON report, as whoever reads it finds them. */
async function lostTracesIn(reports: readonly string[]): Promise<string[]> {
  const path = reports.find((report) => report.endsWith('.json')) ?? expect.unreachable('no JSON report')
  const ids = new Set<string>()
  JSON.parse(await readFile(path, 'utf8'), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('traceId' in value) || typeof value.traceId !== 'string') return value
    if (Object.values(value).includes('lost')) ids.add(value.traceId)
    return value
  })
  return [...ids]
}
