import { afterEach, describe, expect, test } from 'vitest'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { spanIdOf, traceIdOf } from '../../shared/core/identity.ts'
import { everything } from '../../shared/core/shares.ts'
import { RAW, RUN, recordSchema, resolvedOf } from '../../shared/core/told-run.fixture.ts'
import { recordCodec, recordReader, type RecordReader } from '../../shared/runtime/record-codec.ts'
import { traceparent } from '../../shared/runtime/tracing.ts'
import { SOURCE_HOP } from '../../topology/topology.ts'
import type { CheckerEvent } from './events.ts'
import type { LogBatch, LogReading } from './hop-logs.ts'
import { Reading, type ReadingOf } from './reading.ts'
import type { ReadBatch } from './sighting.ts'

const FIRST = 7
/** With a field more, that has a default. */
const GROWN = 8
/** The price is a text. */
const CHANGED = 9
const UNKNOWN = 10
/** With fields more that are of types nobody models. */
const WIDER = 11
/** The note is one. */
const LISTED = 12
const field = (schema: string, change: (fields: { name: string; type: unknown }[]) => object[]) => {
  const parsed = JSON.parse(schema) as { fields: { name: string; type: unknown }[] }
  return JSON.stringify({ ...parsed, fields: change(parsed.fields) })
}
const codecs = new Map([
  [FIRST, recordCodec(FIRST, recordSchema)],
  [
    GROWN,
    recordCodec(
      GROWN,
      field(recordSchema, (fields) => [...fields, { name: 'desk', type: 'string', default: '' }]),
    ),
  ],
  [
    CHANGED,
    recordCodec(
      CHANGED,
      field(recordSchema, (fields) => fields.map((one) => (one.name === 'price' ? { ...one, type: 'string' } : one))),
    ),
  ],
])
const list = { type: 'array', items: 'string' }
const readers = new Map<number, RecordReader>([
  ...codecs,
  [
    WIDER,
    recordReader(
      WIDER,
      field(recordSchema, (fields) => [
        ...fields,
        { name: 'event_id', type: { type: 'string', logicalType: 'uuid' } },
        { name: 'legs', type: list },
      ]),
    ),
  ],
  [
    LISTED,
    recordReader(
      LISTED,
      field(recordSchema, (fields) => fields.map((one) => (one.name === 'note' ? { ...one, type: list } : one))),
    ),
  ],
])
const canaries = runCanaries(RUN, resolvedOf())
const hop = {
  kind: 'topic' as const,
  topic: 'raw',
  headers: ['traceparent'],
  key: null,
  processedBy: null,
  expect: [],
  contract: null,
  deliverWithinMs: 1,
  giveUpAfterMs: 1,
}
const KEY = Buffer.from(canaries.at(0, 0)['symbol'] as string)
const parentOf = (seq: number) => {
  const traceId = traceIdOf({ runId: RUN, stream: 0, seq })
  return { traceparent: Buffer.from(traceparent(traceId, spanIdOf(traceId, SOURCE_HOP))) }
}

let reading: Reading | null = null
afterEach(() => reading?.close())

/** Hands records to a reading, which begins at offset 100, and gives what the core hears of it. */
async function read(
  records: readonly { value: Buffer | null; key?: Buffer | null; headers?: Readonly<Record<string, Buffer>> }[],
  { hop: hopMore = {}, ...more }: Partial<LogBatch> & { hop?: { topic?: string; key?: string } } = {},
) {
  const heard: CheckerEvent[] = []
  let begin: LogReading | undefined
  const nothing = () => undefined
  // Of its ports only what reading uses.
  const of: object = {
    ports: { log: { warn: nothing }, metrics: { add: nothing } },
    hop: { ...hop, ...hopMore },
    log: {
      read: (asked: LogReading) => {
        begin = asked
        return { positions: () => new Map<number, number>(), skipped: () => 0, close: () => Promise.resolve() }
      },
    },
    canaries,
    rows: null,
    codecOf: (id: number) => {
      const codec = readers.get(id)
      return codec === undefined ? Promise.reject(new AssayError('SCHEMA_UNKNOWN', `schema ${id}`)) : Promise.resolve(codec)
    },
    spans: { at: () => ({}), sighted: nothing },
    nowMs: () => 0,
  }
  const start = {
    type: 'start-reading',
    runId: RUN,
    hop: RAW,
    positions: new Map([[0, 100]]),
    reading: 1,
    shares: everything,
    resolved: canaries.resolved,
  } as const
  reading = new Reading(of as ReadingOf, start, (event) => heard.push(event))
  const first = more.removed === undefined ? 100 : more.removed.offsetLast + 1
  await begin?.onBatch({
    partition: 0,
    records: records.map(({ value, key = KEY, headers = {} }, at) => ({ offset: first + at, timestampMs: 5, key, value, headers })),
    ...more,
  })
  return heard.flatMap((event) => (event.type === 'batch-read' ? [event.batch] : []))[0] as ReadBatch
}
const said = ({ records, otherOffsets }: ReadBatch) => ({
  canaries: records.map(({ seq, faults }) => [seq, ...faults.map(({ violation, field: of }) => `${violation} ${of}`)]),
  others: otherOffsets,
})
const encoded = (seq: number, schemaId = FIRST, change: object = {}) =>
  codecs.get(schemaId)?.encode({ desk: '', ...canaries.at(0, seq), ...change }) as Buffer
const canary = (seq: number, schemaId = FIRST, change: object = {}) => ({ value: encoded(seq, schemaId, change), headers: parentOf(seq) })
/** The same bytes under another schema, with some more behind them. */
function framedAs(schemaId: number, { value, headers }: ReturnType<typeof canary>, ...more: number[]) {
  const framed = Buffer.concat([value, Buffer.from(more)])
  framed.writeUInt8(schemaId, 4)
  return { value: framed, headers }
}

describe('the key of a record', () => {
  const strange = (key: Buffer | null) => [canary(0), { ...canary(1), key }]
  test.each([
    ['at the first hop is what the generator gave it', {}, Buffer.from('other'), [[0], [1, 'corrupted (key)']]],
    ['at the first hop is there', {}, null, [[0], [1, 'corrupted (key)']]],
    ['behind it may be any, where nobody says what it is', { topic: 'clean' }, Buffer.from('other'), [[0], [1]]],
    ['behind it is the field that the topology names', { topic: 'clean', key: 'symbol' }, null, [[0], [1, 'corrupted (key)']]],
  ] as const)('%s', async (...[, hopMore, key, expected]) => {
    expect(said(await read(strange(key), { hop: hopMore })).canaries).toEqual(expected)
  })
})

describe('what is read of a topic', () => {
  test('is its canaries, each compared, and the offsets of what is none', async () => {
    expect(said(await read([canary(0), { value: encoded(1, FIRST, { trade_id: 'T-1' }) }, canary(2)]))).toEqual({
      canaries: [[0], [2]],
      others: [101],
    })
  })

  test.each<[what: string, value: Buffer | null]>([
    ['no value', null],
    ['an empty value', Buffer.alloc(0)],
    ['no framing', Buffer.from('plain text')],
    ['a framing cut short', Buffer.from([0, 0, 0])],
    ['a body of another schema', Buffer.from([0, 0, 0, 0, FIRST, 255, 255, 255])],
    ['a schema that nobody knows', Buffer.from([0, 0, 0, 0, UNKNOWN, 1, 2])],
  ])('goes on behind a record with %s, which is no canary', async (...[, value]) => {
    expect(said(await read([canary(0), { value, headers: parentOf(1) }, canary(2)]))).toEqual({ canaries: [[0], [2]], others: [101] })
  })

  test('may change its schema in mid-run: what readers need not know is held against nobody', async () => {
    expect(said(await read([canary(0), canary(1, GROWN), canary(2)])).canaries).toEqual([[0], [1], [2]])
  })

  test('may not change what a field says by it', async () => {
    expect(said(await read([canary(0), canary(1, CHANGED, { price: 'much' })])).canaries).toEqual([[0], [1, 'corrupted price']])
  })

  test('may have fields whose types nobody models: they are held against nobody', async () => {
    const batch = await read([canary(0), framedAs(WIDER, canary(1), 2, 97, 0)])
    expect(said(batch)).toEqual({ canaries: [[0], [1]], others: [] })
    expect(batch.records[1]).not.toHaveProperty('opaque')
  })

  test('of a type that nobody models is not passed as equal where it should be compared', async () => {
    // Nothing, and a list without items, are one byte alike.
    const batch = await read([framedAs(LISTED, canary(1, FIRST, { note: null }))])
    expect(batch.records).toMatchObject([{ seq: 1, faults: [], opaque: [['note', 'array']] }])
  })

  test('keeps the headers of each record: those of another are lost ones', async () => {
    expect(
      said(
        await read([
          { ...canary(0), headers: {} },
          { ...canary(1), headers: parentOf(2) },
        ]),
      ).canaries,
    ).toEqual([
      [0, 'header-lost traceparent'],
      [1, 'header-lost traceparent'],
    ])
  })

  test('does not cover what was removed before', async () => {
    expect(await read([canary(7)], { removed: { offsetFirst: 100, offsetLast: 106 } })).toMatchObject({
      offsetFirst: 107,
      offsetLast: 107,
      removed: { partition: 0, offsetFirst: 100, offsetLast: 106 },
    })
  })
})
