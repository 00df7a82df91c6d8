import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SOURCE_HOP } from '../../topology/topology.ts'
import { runTraceIdOf, spanIdOf, traceIdOf, type CanaryId } from '../core/identity.ts'
import { CLEAN, RAW, RUN, TABLE, told } from '../core/told-run.fixture.ts'
import { TRACED_MAX, isTraced } from './canary-spans.ts'
import {
  API,
  CHANGED,
  GOOD,
  LOST,
  UNSAMPLED,
  at,
  changedFact,
  hears,
  lostFact,
  resolved,
  says,
  spansOf,
  tick,
  traceRun,
} from './traced-run.fixture.ts'
import type { FinishedSpan, Tracing } from './tracing.ts'

const noWait = () => Promise.resolve()
function collecting(): { spans: FinishedSpan[]; tracing: Tracing } {
  const spans: FinishedSpan[] = []
  return { spans, tracing: { isOn: true, span: (span) => void spans.push(span), flush: noWait, close: noWait } }
}

/** The spans of a trace as an indented tree, each with its events and links. */
function tree(spans: readonly FinishedSpan[], canary: CanaryId): string[] {
  const own = spans.filter(({ traceId }) => traceId === traceIdOf(canary))
  const lines = (parent: string | null, depth: number): string[] =>
    own
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .flatMap((span) => [
        [
          `${'  '.repeat(depth)}${span.service}: ${span.name}`,
          ...(span.error === undefined ? [] : ['failed']),
          ...(span.events ?? []).map(({ name }) => `(${name})`),
        ].join(' '),
        ...lines(span.spanId, depth + 1),
      ])
  const all = lines(null, 0)
  expect(all).toHaveLength(own.length)
  return all
}

const { spans: run, tracing } = collecting()
traceRun(1_000_000, () => tracing)

test('a canary is one tree, written by four agents: a service for each hop, names as the conventions have them', () => {
  expect(tree(run, GOOD)).toEqual([
    'assay-source: send raw',
    '  assay-topic:raw: process raw',
    '    assay-topic:clean: process clean',
    '      assay-table:lake.trades: commit lake.trades',
    '        assay-api:trade: GET /trades/{trade_id}',
  ])
  const spanAt = (hop: string) => run.find(({ traceId, spanId }) => traceId === traceIdOf(GOOD) && spanId === spanIdOf(traceId, hop))
  expect(spanAt(CLEAN)).toMatchObject({
    kind: 'consumer',
    startMs: 1_000_010,
    endMs: 1_000_013,
    attributes: {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'clean',
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
      'assay.canary': `${RUN}:0000:000000000000`,
      'assay.hop': CLEAN,
    },
  })
  expect(spanAt(SOURCE_HOP)).toMatchObject({ kind: 'producer', attributes: { 'assay.outcome': 'acknowledged' } })
  expect(spanAt(TABLE)).toMatchObject({
    attributes: { 'db.system.name': 'iceberg', 'db.collection.name': 'trades', 'assay.snapshot.id': '77' },
  })
  expect(spanAt(API)).toMatchObject({
    attributes: { 'http.response.status_code': 200, 'server.address': 'api.told', 'server.port': 8080, 'assay.outcome': 'right' },
  })
})

test('a bad canary is a whole tree although it was no sampled one, before and after it was found out; other good ones are none', () => {
  expect(isTraced(resolved.plan, LOST.stream, LOST.seq)).toBe(false)
  expect(tree(run, LOST)).toEqual([
    'assay-source: send raw',
    '  assay-topic:raw: process raw',
    '    assay-topic:clean: lost at topic:clean failed (assay.lost)',
  ])
  expect(tree(run, CHANGED)).toEqual([
    'assay-source: send raw',
    '  assay-topic:raw: process raw',
    '    assay-topic:clean: process clean failed (assay.corrupted)',
    '      assay-table:lake.trades: commit lake.trades',
    '        assay-api:trade: GET /trades/{trade_id}',
  ])
  expect(tree(run, UNSAMPLED)).toEqual([])
  const changed = run.find(({ error }) => error?.startsWith('corrupted') === true)
  expect(changed?.attributes).toMatchObject({ 'assay.violation': 'corrupted', 'error.type': 'corrupted', 'messaging.kafka.offset': 3 })
  expect(changed?.events?.[0]?.attributes).toMatchObject({ 'assay.field': 'price', 'assay.expected': '1.50', 'assay.actual': '1.51' })
})

test('a run is a trace of its own: stages and snapshots under it, linked with its canaries both ways', () => {
  const spans = run.filter(({ traceId }) => traceId === runTraceIdOf(RUN))
  const root = spans.find(({ parentSpanId }) => parentSpanId === null)
  expect(root).toMatchObject({
    service: 'assay-run',
    name: 'run told',
    attributes: { 'assay.verdict': 'fail', 'assay.requested_by': 'ann' },
  })
  expect(root?.error).toMatch(/^fail: /)
  expect(root?.links).toEqual([
    { traceId: traceIdOf(LOST), spanId: spanIdOf(traceIdOf(LOST), CLEAN) },
    { traceId: traceIdOf(CHANGED), spanId: spanIdOf(traceIdOf(CHANGED), CLEAN) },
  ])
  const nameOf = (id: string | null) => spans.find(({ spanId }) => spanId === id)?.name
  expect(spans.filter((span) => span !== root).map(({ name, parentSpanId }) => `${nameOf(parentSpanId)} → ${name}`)).toEqual([
    'stage reconcile → snapshot lake.trades',
    ...['sight', 'reconcile', 'produce', 'probe'].map((stage) => `run told → stage ${stage}`),
  ])
  const snapshot = spans.find(({ name }) => name === 'snapshot lake.trades')
  const committed = run.filter(({ service, traceId }) => service === 'assay-table:lake.trades' && traceId !== runTraceIdOf(RUN))
  expect(committed.map(({ links }) => links)).toEqual(committed.map(() => [{ traceId: snapshot?.traceId, spanId: snapshot?.spanId }]))
  for (const source of run.filter(({ name }) => name === 'send raw'))
    expect(source.links).toEqual([{ traceId: root?.traceId, spanId: root?.spanId }])
})

const sighting = (canary: CanaryId, startMs = 0) => ({
  stream: canary.stream,
  seq: canary.seq,
  startMs,
  endMs: startMs,
  partition: 0,
  offset: startMs,
})
const idsOf = (spans: readonly FinishedSpan[]) => spans.map(({ traceId, spanId }) => `${traceId}/${spanId}`)

test('what is told after its span was written becomes a span under it', () => {
  const { spans, tracing } = collecting()
  const checker = spansOf('ingestion-checker', tracing)
  checker.onStep(tick(0), [])
  checker.sighted(checker.at(at, CLEAN), sighting(GOOD))
  checker.onStep(tick(1), [])
  expect(spans).toEqual([])
  checker.onStep(tick(6_000), [])
  expect(spans.map(({ name }) => name)).toEqual(['process clean'])
  const late = told('violation-found', { ...changedFact, violation: 'late', stream: GOOD.stream, ranges: [0, 0] })
  checker.onStep(hears(late), [says(late)])
  checker.onStep(tick(6_200), [says(late)])
  checker.close()
  expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
    ['process clean', spanIdOf(traceIdOf(GOOD), RAW)],
    ['late at topic:clean', spanIdOf(traceIdOf(GOOD), CLEAN)],
  ])
  expect(spans[1]).toMatchObject({ error: expect.stringContaining('late') as string, events: [{ name: 'assay.late' }] })
})

test('one that was lost and comes after all tells both on one span', () => {
  const { spans, tracing } = collecting()
  const checker = spansOf('ingestion-checker', tracing)
  checker.onStep(tick(0), [says(lostFact)])
  checker.sighted(checker.at(at, CLEAN), sighting(LOST, 900))
  checker.onStep(tick(1_000), [says(told('correction', { hop: CLEAN, stream: LOST.stream, ranges: [LOST.seq, LOST.seq] }))])
  checker.onStep(hears(told('run-judged')), [])
  checker.onStep(tick(1_200), [])
  expect(spans).toHaveLength(1)
  expect(spans[0]).toMatchObject({ name: 'process clean', startMs: 900, events: [{ name: 'assay.lost' }, { name: 'assay.correction' }] })
})

test('whatever comes in whatever order, no two spans share an id, and every canary told about has a failed one', () => {
  // One that is sampled, and one that is not: few, so that much happens to each.
  const canary = fc.constantFrom(GOOD, LOST)
  const kind = fc.constantFrom('lost', 'duplicated' as const)
  const step = fc.oneof(
    fc.record({ see: canary, hop: fc.constantFrom(RAW, CLEAN) }),
    fc.record({ tell: canary, hop: fc.constantFrom(RAW, CLEAN), violation: kind }),
    fc.record({ correct: canary, hop: fc.constantFrom(RAW, CLEAN) }),
    fc.record({ afterMs: fc.integer({ min: 1, max: 4_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const { spans, tracing } = collecting()
      const checker = spansOf('ingestion-checker', tracing)
      const accused = new Set<string>()
      let nowMs = 0
      const range = ({ stream, seq }: CanaryId) => ({ stream, ranges: [seq, seq] })
      for (const one of steps) {
        if ('see' in one) checker.sighted(checker.at(at, one.hop), sighting(one.see, nowMs))
        else if ('correct' in one) checker.onStep(tick(nowMs), [says(told('correction', { hop: one.hop, ...range(one.correct) }))])
        else if ('afterMs' in one) checker.onStep(tick((nowMs += one.afterMs)), [])
        else {
          accused.add(`${traceIdOf(one.tell)}/${one.violation}`)
          const fact = told('violation-found', { agent: 'ingestion-checker', hop: one.hop, violation: one.violation, ...range(one.tell) })
          checker.onStep(tick(nowMs), [says(fact)])
        }
      }
      checker.close()
      expect(new Set(idsOf(spans)).size).toBe(spans.length)
      const told_ = spans
        .filter(({ error }) => error !== undefined)
        .flatMap(({ traceId, events }) => (events ?? []).map(({ name }) => `${traceId}/${name.replace('assay.', '')}`))
      expect([...accused].filter((one) => !told_.includes(one))).toEqual([])
    }),
  )
})

test('a million bad canaries leave as many traces as the limit says, and the count of the others', () => {
  const { spans, tracing } = collecting()
  const checker = spansOf('ingestion-checker', tracing)
  checker.onStep(tick(0), [])
  for (let first = 0; first < 1_000_000; first += 500)
    checker.onStep(tick(first / 100), [says(told('violation-found', { ...lostFact, ranges: [first, first + 499] }))])
  const one = told('violation-found', { ...changedFact, ranges: [7, 7] })
  checker.onStep(tick(10_001), [says(one)])
  checker.onStep(hears(told('run-judged', { atMs: 10_002 })), [])
  checker.close()
  // A flood of one kind does not cost the only one of another.
  expect(spans.filter(({ name }) => name === 'corrupted at topic:clean')).toHaveLength(1)
  expect(spans.filter(({ name }) => name === 'lost at topic:clean')).toHaveLength(TRACED_MAX)
  const rest = spans.filter(({ traceId }) => traceId === runTraceIdOf(RUN))
  expect(rest.map(({ name, attributes }) => [name, attributes['assay.traced'], attributes['assay.untraced']])).toEqual([
    ['lost at topic:clean, not traced', TRACED_MAX, 1_000_000 - TRACED_MAX],
  ])
})

test('an answer over many canaries is a trace of its first', () => {
  const { spans, tracing } = collecting()
  const prober = spansOf('query-prober', tracing)
  prober.onStep(tick(0), [says(told('violation-found', { violation: 'wrong-answer', hop: API, stream: 0, ranges: [3, 500] }))])
  prober.close()
  expect(spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
    [traceIdOf({ ...GOOD, seq: 3 }), spanIdOf(traceIdOf({ ...GOOD, seq: 3 }), TABLE)],
  ])
})

test('every span of a bad canary is one to keep, and none of a good one', () => {
  const kept = (canary: CanaryId) => run.filter(({ traceId }) => traceId === traceIdOf(canary)).map(({ isKept }) => isKept === true)
  expect(kept(LOST).length).toBeGreaterThan(1)
  expect(new Set(kept(LOST))).toEqual(new Set([true]))
  expect(new Set(kept(GOOD))).toEqual(new Set([false]))
})
