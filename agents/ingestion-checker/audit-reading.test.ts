import { describe, expect, test } from 'vitest'
import type { AuditField } from '../../schemas/results/audit-window.ts'
import { canonicalValues, hashedText } from '../../shared/core/audit-fields.ts'
import { IntervalPrints, withParts } from '../../shared/core/audit-print.ts'
import { AssayError, type ErrorCode } from '../../shared/core/errors.ts'
import { canaryIdText } from '../../shared/core/identity.ts'
import type { CanaryRecord } from '../../shared/core/record-schema.ts'
import { RUN, TABLE, recordSchema, resolvedOf } from '../../shared/core/told-run.fixture.ts'
import { addRecord, unreadableText } from '../../shared/engines/record-hash.ts'
import type { ReadRecord } from '../../shared/runtime/kafka-reader.ts'
import { recordCodec, recordReader } from '../../shared/runtime/record-codec.ts'
import { hopName } from '../../topology/topology.ts'
import { readTopicPrints, readTopicRecords, type TopicAuditPorts } from './audit-reading.ts'

const codec = recordCodec(1, recordSchema)
const columns = [
  { name: 'trade_id', type: 'string' },
  { name: 'price', type: 'decimal(38,10)' },
  { name: 'traded_at', type: 'timestamptz' },
]
const fields: AuditField[] = [
  { field: 'trade_id', as: 'text' },
  { field: 'traded_at', as: 'micros' },
  { field: 'price', as: 'exact' },
]
const types = new Map(codec.fields.map(({ name, type }) => [name, type]))
const recordAt = (offset: number, trade_id = `T-${offset}`): CanaryRecord => ({
  trade_id,
  symbol: 'abc',
  venue: 'XNAS',
  traded_at: 1_700_000_000_000_000 + offset,
  price: 1_250_000n,
  note: null,
})
const TRACE = 'ab'.repeat(16)
const read = (offset: number, value: Buffer | null, headers: Record<string, Buffer> = {}): ReadRecord => ({
  offset,
  timestampMs: 0,
  key: null,
  value,
  headers,
})
const foreign = canaryIdText({ runId: RUN.replace(/.$/, 'f'), stream: 0, seq: 1 })
const own = canaryIdText({ runId: RUN, stream: 1, seq: 7 })

/** Offsets 10 to 17: six records, a gap at 12, one without a value, one that is no Avro record. */
const log: readonly ReadRecord[] = [
  read(10, codec.encode(recordAt(10)), { traceparent: Buffer.from(`00-${TRACE}-${'0'.repeat(16)}-01`) }),
  read(11, codec.encode(recordAt(11, own))),
  read(13, null),
  read(14, Buffer.from([0, 0, 0, 0, 1, 9])),
  read(15, codec.encode(recordAt(15, foreign))),
  read(16, codec.encode(recordAt(16))),
  read(17, codec.encode(recordAt(17))),
]

function ports(said: Partial<TopicAuditPorts> = {}): { ports: TopicAuditPorts; spans: unknown[] } {
  const spans: unknown[] = []
  return {
    spans,
    ports: {
      admin: { topicOffsets: () => Promise.resolve([{ partition: 0, low: 10, high: 18 }]) },
      codecOf: () => Promise.resolve(codec),
      async read(options) {
        spans.push(...options.spans)
        for (const { partition, offsetFirst, offsetLast } of options.spans)
          await options.onRecords(
            partition,
            log.filter(({ offset }) => offset >= offsetFirst && offset <= offsetLast),
          )
      },
      ...said,
    },
  }
}

const at = { runId: RUN, hop: TABLE, topic: 'clean', resolved: resolvedOf() }
const wanted = (offsetFirst: number, offsetLast: number) => ({
  ...withParts({ partition: 0, offsetFirst, offsetLast }),
  fields: null,
  lastRecord: null,
  round: 0,
  toldAtMs: 0,
  mayCome: false,
})

test('a window is printed by the fields that the table has as well, whatever their types', async () => {
  const [told] = await readTopicPrints(ports().ports, { type: 'audit-prints', ...at, columns, wanted: [wanted(10, 17)] })
  const expected = new IntervalPrints(withParts({ partition: 0, offsetFirst: 10, offsetLast: 17 }))
  for (const [offset, id] of [
    [10, 'T-10'],
    [11, own],
    [15, foreign],
    [16, 'T-16'],
    [17, 'T-17'],
  ] as const)
    addRecord(expected, offset, hashedText(0, offset, canonicalValues({ key: null, record: recordAt(offset, id) }, types, fields)))
  addRecord(expected, 14, unreadableText(0, 14))
  expect(told).toMatchObject({ prints: expected.toWire(), fields, leftOut: 1, lastRecord: 17, gone: null })
  // Offset 14 is no Avro record, 15 a canary of another run.
  expect(told?.doubtful).toEqual([
    { part: 4, unreadable: 1, foreign: 0 },
    { part: 5, unreadable: 0, foreign: 1 },
  ])
})

test('the key is printed as the text of its column where the topology says which field it is', async () => {
  const resolved = resolvedOf()
  const keyed = {
    ...at,
    resolved: { ...resolved, hops: resolved.hops.map((hop) => (hopName(hop) === 'topic:clean' ? { ...hop, key: 'symbol' } : hop)) },
  }
  const withSymbol = [...columns, { name: 'symbol', type: 'string' }]
  const withKeys = (text: string) => log.map((record) => ({ ...record, key: Buffer.from(text) }))
  const printed = async (records: readonly ReadRecord[]) => {
    const { admin, codecOf } = ports().ports
    const all: TopicAuditPorts = { admin, codecOf, read: ({ onRecords }) => Promise.resolve(onRecords(0, [...records])) }
    const [told] = await readTopicPrints(all, { type: 'audit-prints', ...keyed, columns: withSymbol, wanted: [wanted(10, 17)] })
    return told
  }
  const same = await printed(withKeys('abc'))
  expect(same?.fields[0]).toEqual({ field: 'symbol', as: 'key' })
  expect(same?.fields).toContainEqual({ field: 'symbol', as: 'text' })
  expect((await printed(withKeys('abd')))?.prints).not.toEqual(same?.prints)
  const asValues = new IntervalPrints(withParts({ partition: 0, offsetFirst: 16, offsetLast: 16 }))
  addRecord(
    asValues,
    16,
    hashedText(0, 16, ['abc', ...canonicalValues({ key: null, record: recordAt(16) }, types, same?.fields.slice(1) ?? [])]),
  )
  expect(same?.prints[6]).toEqual(asValues.toWire()[0])
})

test('what is wanted twice, at once or apart, comes to the same', async () => {
  const whole = await readTopicPrints(ports().ports, { type: 'audit-prints', ...at, columns, wanted: [wanted(10, 13), wanted(14, 17)] })
  const later = await readTopicPrints(ports().ports, { type: 'audit-prints', ...at, columns, wanted: [{ ...wanted(14, 17), fields }] })
  expect(later[0]?.prints).toEqual(whole[1]?.prints)
})

test('what retention has removed, or is not there yet, is gone and not read', async () => {
  const { ports: given, spans } = ports()
  const told = await readTopicPrints(given, {
    type: 'audit-prints',
    ...at,
    columns,
    wanted: [wanted(5, 9), wanted(18, 30), wanted(16, 17)],
  })
  expect(told.map(({ gone }) => gone)).toEqual([
    'what is below offset 10 was removed from topic clean',
    'topic clean ends at offset 18: was it made anew?',
    null,
  ])
  expect(spans).toEqual([{ partition: 0, offsetFirst: 16, offsetLast: 17 }])
})

describe('a record whose schema', () => {
  const OTHER = 2
  const withOther = log.map((one) => (one.offset === 11 ? { ...one, value: Buffer.from([0, 0, 0, 0, OTHER, 1]) } : one))
  const answering = (code: ErrorCode) =>
    ports({
      codecOf: (id) => (id === OTHER ? Promise.reject(new AssayError(code, `schema ${id}`)) : Promise.resolve(codec)),
      read: ({ onRecords }) => onRecords(0, withOther),
    }).ports
  const asked = { type: 'audit-prints' as const, ...at, columns, wanted: [wanted(10, 17)] }

  test.each<[what: string, code: ErrorCode]>([
    ['nobody knows', 'SCHEMA_UNKNOWN'],
    ['is no record', 'INPUT_INVALID'],
  ])('%s is one that cannot be read, and holds up no other', async (_, code) => {
    const [told] = await readTopicPrints(answering(code), asked)
    const [whole] = await readTopicPrints(ports().ports, asked)
    const isOther = whole?.prints.map((print, i) => JSON.stringify(print) !== JSON.stringify(told?.prints[i]))
    expect(isOther).toEqual([false, true, false, false, false, false, false, false])
    expect(told?.prints.map(({ count }) => count)).toEqual([1, 1, 0, 0, 1, 1, 1, 1])
    expect(told?.doubtful.map(({ part, unreadable }) => [part, unreadable])).toEqual([
      [1, 1],
      [4, 1],
      [5, 0],
    ])
  })

  test('writes a compared field in a type that nobody models is one that cannot be read', async () => {
    const parsed = JSON.parse(recordSchema) as { fields: { name: string }[] }
    const uuid = { name: 'trade_id', type: { type: 'string', logicalType: 'uuid' } }
    const fieldsOther = parsed.fields.map((one) => (one.name === 'trade_id' ? uuid : one))
    const other = recordReader(OTHER, JSON.stringify({ ...parsed, fields: fieldsOther }))
    const given = {
      ...answering('SCHEMA_UNKNOWN'),
      codecOf: (id: number) => Promise.resolve(id === OTHER ? other : codec),
    }
    const value = Buffer.from(codec.encode(recordAt(11)))
    value.writeUInt8(OTHER, 4)
    const readOther = ({ onRecords }: Parameters<TopicAuditPorts['read']>[0]) =>
      onRecords(
        0,
        withOther.map((one) => (one.offset === 11 ? { ...one, value } : one)),
      )
    const [told] = await readTopicPrints({ ...given, read: readOther }, asked)
    expect(told?.doubtful[0]).toEqual({ part: 1, unreadable: 1, foreign: 0 })
    const place = { partition: 0, offset: 11, fields, round: 0, toldAtMs: 0, mayCome: false }
    const [record] = await readTopicRecords({ ...given, read: readOther }, { type: 'audit-records', ...at, wanted: [place] })
    expect(record?.records[0]?.values).toEqual([])
  })

  test('is not to be had while the registry is away is asked for again', async () => {
    await expect(readTopicPrints(answering('REGISTRY_UNAVAILABLE'), asked)).rejects.toThrow('schema 2')
  })
})

test('single records tell their values, whose canary they are, and their own trace', async () => {
  const places = [10, 11, 12, 14, 15].map((offset) => ({ partition: 0, offset, fields, round: 0, toldAtMs: 0, mayCome: false }))
  const told = await readTopicRecords(ports().ports, { type: 'audit-records', ...at, wanted: places })
  expect(told.map(({ records }) => records[0] ?? null)).toEqual([
    { offset: 10, values: ['T-10', '1700000000000010', '1.25'], stream: null, seq: null, isForeign: false, traceId: TRACE, file: null },
    expect.objectContaining({ stream: 1, seq: 7, isForeign: false }),
    null,
    expect.objectContaining({ values: [], isForeign: false }),
    expect.objectContaining({ stream: null, isForeign: true }),
  ])
})

test('values that must not be shown are told as a hash: equal ones stay equal', async () => {
  const { hops, ...rest } = resolvedOf()
  const hidden = { ...rest, hops: hops.map((hop) => (hop.kind === 'table' ? { ...hop, audit: { showValues: false } } : hop)) }
  const places = [16, 17].map((offset) => ({ partition: 0, offset, fields, round: 0, toldAtMs: 0, mayCome: false }))
  const [first, second] = await readTopicRecords(ports().ports, { type: 'audit-records', ...at, resolved: hidden, wanted: places })
  expect(JSON.stringify([first, second])).not.toContain('T-1')
  expect(first?.records[0]?.values[2]).toBe(second?.records[0]?.values[2])
  expect(first?.records[0]?.values[0]).not.toBe(second?.records[0]?.values[0])
})
