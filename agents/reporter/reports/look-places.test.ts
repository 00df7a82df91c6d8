import { describe, expect, it } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { auditStages } from '../../../shared/core/audit-facts.fixture.ts'
import { TIME_STREAM } from '../../../shared/core/audit-findings.ts'
import { hopName } from '../../../topology/topology.ts'
import { htmlReport } from './html.ts'
import { jsonReport, reportOf } from './json.ts'
import { locate, lookCommand } from './locate.ts'
import { forPeople, lookPlacesOf, type LookPlaces } from './look-places.ts'
import { markdownReport } from './markdown.ts'
import { canaryId, cleanFacts, sampleResolved, sourceOf, violation } from './sample-run.ts'

const TABLE = 'table:market.trades'
const SECRET = 'a-key-that-must-not-be-told'
const places: LookPlaces = {
  pipelineKafka: 'kafka:9092',
  peopleAddresses: { 'kafka:9092': '127.0.0.1:29092', 'query-api:8080': '127.0.0.1:18080', 'catalog:8181': '127.0.0.1:19181' },
  apis: Object.fromEntries(
    ['api:trade', 'api:stats'].map((hop) => [
      hop,
      { origin: 'http://query-api:8080', headers: [{ name: 'x-api-key', variable: 'PIPELINE_API_KEY' }] },
    ]),
  ),
}

const recordSchema = JSON.stringify({
  type: 'record',
  name: 'Trade',
  fields: [
    ...['trade_id', 'symbol', 'venue', 'side', 'note'].map((name) => ({ name, type: 'string' })),
    { name: 'traded_at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 } },
    { name: 'quantity', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 4 } },
  ],
})

/** The sample, with records whose content can be computed. */
function facts(statsUrl = '/symbols/{symbol}/stats?from={from}&to={to}'): RunFact[] {
  const resolved = sampleResolved()
  const hops = resolved.hops.map((hop) => (hopName(hop) === 'api:stats' ? { ...hop, url: statsUrl } : hop))
  return cleanFacts().map((fact) =>
    fact.kind === 'run-accepted' ? { ...fact, resolved: JSON.stringify({ ...resolved, recordSchema, hops }) } : fact,
  )
}

const wrong = (hop: string, ranges: number[]) => violation({ violation: 'wrong-answer', hop, stream: 1, ranges })

function commandFor(fact: ReturnType<typeof wrong>, where = places, told = facts()): string | null {
  const { run, evidence } = sourceOf([...told, fact])
  const [found] = evidence.violations.values()
  return found === undefined ? null : lookCommand(run, locate(run, found), where)
}

describe('commands to look oneself', () => {
  it('ask an endpoint for a canary at the address of people, with the header it wants from the environment', () => {
    expect(commandFor(wrong('api:trade', [41, 41]))).toBe(
      `curl -H "x-api-key: $PIPELINE_API_KEY" http://127.0.0.1:18080/trades/${encodeURIComponent(canaryId(1, 41))}`,
    )
  })

  it('ask it for a window: by the key of the stream as the table has it, from its first canary to the one behind its last', () => {
    const command = commandFor(wrong('api:stats', [10, 19])) ?? ''
    const [, symbol = '', from, to] =
      /^curl -H "x-api-key: \$PIPELINE_API_KEY" 'http:\/\/127\.0\.0\.1:18080\/symbols\/(\S+)\/stats\?from=(\d+)&to=(\d+)'$/.exec(command) ??
      []
    expect(symbol).toMatch(/01$/)
    expect(symbol).toBe(symbol.toUpperCase())
    const { load } = sampleResolved().plan
    // Streams take turns: between two canaries of one lie those of the others.
    expect(Number(to) - Number(from)).toBe((10 * load.streams * 1_000_000) / load.ratePerSecond)
    expect(commandFor(wrong('api:stats', [20, 29]))).toContain(`from=${to ?? ''}&`)
  })

  it.each([
    ['a field that takes an engine to compute', '/n/{notional}'],
    ['a field that differs from canary to canary', '/p/{price}'],
    ['a field nobody knows', '/x/{nothing}'],
  ])('are left out for %s', (_what, url) => {
    expect(commandFor(wrong('api:stats', [10, 19]), places, facts(url))).toBeNull()
  })

  it('are left out where the content of records cannot be computed, and the report is made all the same', () => {
    expect(commandFor(wrong('api:stats', [10, 19]), places, cleanFacts())).toBeNull()
  })

  it('name brokers, catalog and store as people reach them', () => {
    const lost = violation({ violation: 'lost', hop: TABLE, stream: 1, ranges: [41, 41], partition: 3, offset: 812 })
    const source = sourceOf([...facts(), lost])
    const lake = { catalog: 'http://catalog:8181', warehouse: null, s3: 'http://s3:8080', s3Region: 'r' }
    const told = {
      ...source,
      environment: { ...source.environment, ...places, peopleAddresses: { ...places.peopleAddresses, 's3:8080': '127.0.0.1:19000' }, lake },
    }
    const page = htmlReport(told)
    expect(page).toContain('kcat -b 127.0.0.1:29092 -C -t market.trades -p 3 -o 812')
    expect(page).toContain('ENDPOINT &#39;http://127.0.0.1:19181&#39;')
    expect(page).toContain('ENDPOINT &#39;127.0.0.1:19000&#39;, URL_STYLE')
    expect(reportOf(told).violations.listed[0]?.look).toContain('kcat -b 127.0.0.1:29092')
    // What the agents themselves use is the environment's.
    expect(reportOf(told).environment.pipelineKafka).toBe('kafka:9092')
  })

  it('look for rows of a window of event time by the column that the topology names', () => {
    const timed = facts().map((fact) => {
      if (fact.kind !== 'run-accepted') return fact
      const resolved = sampleResolved()
      const eventTime = { topic: 'market.trades', field: 'traded_at', column: 'Traded At' }
      const hops = resolved.hops.map((hop) => (hop.kind === 'table' ? { ...hop, sourceOffsets: null, audit: { eventTime } } : hop))
      const plan = { ...resolved.plan, stages: [...resolved.plan.stages, ...auditStages] }
      return { ...fact, resolved: JSON.stringify({ ...resolved, plan, hops }) }
    })
    const lost = violation({ violation: 'lost', hop: TABLE, stream: TIME_STREAM, ranges: [120, 120] })
    const within = `"Traded At" >= '1970-01-01 00:02:00 UTC' AND "Traded At" < '1970-01-01 00:02:10 UTC'`
    expect(commandFor(lost, places, timed)).toContain(`SELECT * FROM market.trades WHERE ${within}`)
  })
})

describe('where people look', () => {
  const { connections, hops } = (() => {
    const resolved = sampleResolved()
    const connections = {
      kafka: { bootstrap: 'kafka:9092', security: { ssl: false, sasl: null } },
      registry: { url: 'http://registry:8080' },
      catalog: { url: 'http://catalog:8181', token: null, warehouse: null },
      s3: { endpoint: 'http://s3:8080', region: 'r', accessKey: 'a', secretKey: 's' },
    }
    const hops = resolved.hops.map((hop) =>
      hop.kind === 'api'
        ? { ...hop, url: `http://ann:pw@query-api:8080${hop.url}`, headers: { 'x-api-key': SECRET, 'x-tenant': 'acme' } }
        : hop,
    )
    return { connections, hops }
  })()

  it('is taken from the topology: the name of the variable that holds a secret, and never its value', () => {
    const where = lookPlacesOf({ connections, hops }, { environment: { PATH: '/bin', OTHER: SECRET, PIPELINE_API_KEY: SECRET } })
    expect(where.apis?.['api:trade']).toEqual({
      origin: 'http://query-api:8080',
      headers: [
        { name: 'x-api-key', variable: 'PIPELINE_API_KEY' },
        { name: 'x-tenant', variable: 'X_TENANT' },
      ],
    })
    const source = sourceOf([...facts(), wrong('api:trade', [1, 1]), wrong('api:stats', [10, 19])])
    const told = { ...source, environment: { ...source.environment, ...where } }
    for (const render of [htmlReport, jsonReport, markdownReport]) {
      expect(render(told)).toContain('x-api-key')
      expect(render(told)).not.toMatch(new RegExp(`${SECRET}|ann|acme`.replace('ann|', 'ann:pw|')))
    }
  })

  it.each([
    ['kafka:9092', '127.0.0.1:29092'],
    ['kafka:9092,kafka:9093', '127.0.0.1:29092,kafka:9093'],
    ['my-kafka:9092', 'my-kafka:9092'],
    ['kafka:90921', 'kafka:90921'],
    ['http://catalog:8181/v1', 'http://127.0.0.1:19181/v1'],
  ])('%s is %s to them', (inside, outside) => {
    expect(forPeople(places, inside)).toBe(outside)
  })
})
