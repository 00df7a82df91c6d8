import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { spanIdOf, traceIdOf } from '../core/identity.ts'
import { createTracing, traceparent, type FinishedSpan } from './tracing.ts'

/** Protobuf as it is on the wire: tag, then varint, fixed64 or length-delimited. Enough to read back what a collector gets. */
type Field = { readonly number: number; readonly value: Buffer | bigint }

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const number = tag >> 3
    if ((tag & 7) === 0) fields.push({ number, value: varint() })
    else if ((tag & 7) === 1) fields.push({ number, value: bytes.readBigUInt64LE((at += 8) - 8) })
    else if ((tag & 7) === 5) fields.push({ number, value: BigInt(bytes.readUInt32LE((at += 4) - 4)) })
    else {
      const length = Number(varint())
      fields.push({ number, value: bytes.subarray(at, (at += length)) })
    }
  }
  return fields
}

const inside = (bytes: Buffer, number: number) =>
  fieldsOf(bytes).flatMap((field) => (field.number === number && Buffer.isBuffer(field.value) ? [field.value] : []))
const hex = (bytes: Buffer, number: number) => inside(bytes, number)[0]?.toString('hex') ?? ''

/** ExportTraceServiceRequest → ResourceSpans (1) → ScopeSpans (2) → Span (2): trace_id 1, span_id 2, parent 4, name 5, status 15. */
function spansOf(request: Buffer) {
  const spans = inside(request, 1).flatMap((resource) => inside(resource, 2).flatMap((scope) => inside(scope, 2)))
  return spans.map((span) => ({
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: inside(span, 5)[0]?.toString() ?? '',
    status: inside(span, 15)[0]?.toString() ?? '',
    startNs: fieldsOf(span).find(({ number }) => number === 7)?.value,
    links: inside(span, 13).map((link) => hex(link, 1)),
  }))
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let collector: Server
let endpoint = ''
let received: { path: string; body: Buffer }[] = []

beforeEach(async () => {
  received = []
  collector = createServer((request: IncomingMessage, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push({ path: request.url ?? '', body: Buffer.concat(parts) })
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const address = collector.address()
  endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
})
afterEach(async () => {
  collector.closeAllConnections()
  await new Promise((resolve) => collector.close(resolve))
})

const runId = '0193a5b0-0000-7000-8000-000000000001'
const traceId = traceIdOf({ runId, stream: 1, seq: 7 })
const at = (hop: string, after: string | null) => ({
  service: `assay-${hop}`,
  traceId,
  spanId: spanIdOf(traceId, hop),
  parentSpanId: after === null ? null : spanIdOf(traceId, after),
  name: hop,
  kind: 'internal' as const,
  startMs: 1_700_000_000_123,
  endMs: 1_700_000_000_456,
  attributes: { 'assay.seq': 7 },
})

test('spans of two agents arrive at a collector as one tree, under the ids they were given', async () => {
  const generator = createTracing({ kind: 'otlp', endpoint, agent: 'generator', instance: '0' })
  const checker = createTracing({ kind: 'otlp', endpoint: `${endpoint}/`, agent: 'ingestion-checker', instance: '0' })
  // The child comes first: agents report when they can, not in order.
  checker.span({ ...at('topic:raw', 'source'), error: 'lost', links: [{ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) }] })
  await checker.close()
  generator.span(at('source', null))
  await generator.close()

  expect(received.map(({ path }) => path)).toEqual(['/v1/traces', '/v1/traces'])
  const spans = received.flatMap(({ body }) => spansOf(body))
  const root = spans.find(({ name }) => name === 'source')
  const child = spans.find(({ name }) => name === 'topic:raw')
  expect(spans).toHaveLength(2)
  expect(root).toMatchObject({ traceId, spanId: spanIdOf(traceId, 'source'), parentSpanId: '', startNs: 1_700_000_000_123_000_000n })
  expect(child).toMatchObject({ traceId, parentSpanId: root?.spanId, links: ['ab'.repeat(16)] })
  expect(child?.status).toContain('lost')
})

test('collectors that are not there cost neither an error nor a wait nor memory', async () => {
  const heapBytes = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const beforeBytes = heapBytes()
  const gone = (['otlp', 'otlp-grpc', 'jaeger'] as const).map((kind) =>
    createTracing({ kind, endpoint: 'http://127.0.0.1:1', agent: 'generator', instance: '0' }),
  )
  const span = at('source', null)
  for (let turn = 0; turn < 60; turn++) {
    for (const tracing of gone) for (let i = 0; i < 1_000; i++) tracing.span(span)
    await new Promise((resolve) => setImmediate(resolve))
  }
  // The three queues and libraries; 180,000 spans would take three times as much.
  expect(heapBytes() - beforeBytes).toBeLessThan(72 * 1024 * 1024)
  await Promise.all(gone.map((tracing) => tracing.close()))
})

/** Of the names of the spans that get through, behind a collector that is stuck until all of them were handed over. */
async function throughStuckCollector(spans: Iterable<FinishedSpan>): Promise<Map<string, number>> {
  const answers: (() => void)[] = []
  let isAnswering = false
  collector.removeAllListeners('request')
  collector.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push({ path: request.url ?? '', body: Buffer.concat(parts) })
      const answer = () => void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      if (isAnswering) answer()
      else answers.push(answer)
    })
  })
  const tracing = createTracing({ kind: 'otlp', endpoint, agent: 'generator', instance: '0' })
  for (const span of spans) tracing.span(span)
  await vi.waitFor(() => expect(answers.length).toBeGreaterThan(0), { timeout: 60_000 })
  isAnswering = true
  for (const answer of answers) answer()
  await tracing.close()
  const counts = new Map<string, number>()
  for (const { name } of received.flatMap(({ body }) => spansOf(body))) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function* repeated(span: FinishedSpan, times: number): Generator<FinishedSpan> {
  for (let i = 0; i < times; i++) yield span
}

test('a flood of good spans takes no place from those of bad canaries, and these are bounded too', async () => {
  const counts = await throughStuckCollector([
    ...repeated(at('good', null), 20_000),
    { ...at('lost', null), error: 'lost' },
    { ...at('seen before', null), isKept: true },
    ...repeated({ ...at('many', null), error: 'lost' }, 20_000),
  ])
  // Planted: there were more good ones than their queue holds.
  expect(counts.get('good')).toBeLessThan(20_000)
  expect([counts.get('lost'), counts.get('seen before')]).toEqual([1, 1])
  expect(counts.get('many')).toBeLessThanOrEqual(2_048 + 512)
})

test('a collector that takes requests and does not answer gets no more than the queue holds', async () => {
  const counts = await throughStuckCollector(repeated(at('source', null), 51_000))
  expect(counts.get('source')).toBeGreaterThan(6_000)
  expect(counts.get('source')).toBeLessThanOrEqual(6_144 + 512)
})

test('the Jaeger exporter sends to the endpoint it is given', async () => {
  const tracing = createTracing({ kind: 'jaeger', endpoint: `${endpoint}/api/traces`, agent: 'generator', instance: '0' })
  tracing.span(at('source', null))
  await tracing.flush()
  await tracing.close()
  expect(received[0]?.path).toContain('/api/traces')
  expect(received[0]?.body.includes('source')).toBe(true)
})

test('traceparent is the W3C header of a span, sampled unless it is said not to be', () => {
  expect(traceparent('ab'.repeat(16), 'cd'.repeat(8))).toBe(`00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`)
  expect(traceparent('ab'.repeat(16), 'cd'.repeat(8), false)).toBe(`00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-00`)
})
