import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canaryContent } from '../core/canary.ts'
import { decimalBytes, decimalOf, framedSchemaId, recordCodec, recordReader } from './record-codec.ts'

const schema = JSON.stringify({
  type: 'record',
  name: 'Trade',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'symbol', type: 'string' },
    { name: 'venue', type: { type: 'enum', name: 'Venue', symbols: ['XNAS', 'XTST'] } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'attributes', type: { type: 'map', values: 'string' } },
  ],
})

test('every canary, edge values among them, survives encoding and decoding', () => {
  const codec = recordCodec(7, schema)
  const at = canaryContent({
    runId: '018bcfe5-6800-7000-8000-000000000001',
    seed: 5,
    load: { canaries: 400, ratePerSecond: 100, streams: 2, edgeValuesEvery: 2 },
    record: { subject: 's', identity: 'id', marker: { field: 'venue', value: 'XTST' }, key: 'symbol', eventTime: 'at', fields: {} },
    fields: codec.fields,
  })
  for (let seq = 0; seq < 200; seq++) {
    const record = at(1, seq)
    const framed = codec.encode(record)
    expect(framedSchemaId(framed)).toBe(7)
    expect(codec.decode(framed)).toEqual(record)
  }
})

test("decimals are the shortest two's complement, and come back", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }), (value) => {
      expect(decimalOf(decimalBytes(value))).toBe(value)
    }),
  )
  expect([0n, 127n, 128n, -128n, -129n].map((value) => decimalBytes(value).length)).toEqual([1, 1, 2, 1, 2])
})

test('a body of another schema is refused by name', () => {
  const codec = recordCodec(7, schema)
  expect(() => codec.decode(Buffer.from([0, 0, 0, 0, 7, 1, 2, 3]))).toThrow('schema 7')
  expect(framedSchemaId(Buffer.from('{"json": 1}'))).toBeNull()
  expect(framedSchemaId(null)).toBeNull()
})

/** As Avro writes it: zigzag, in as few bytes as it takes. */
function long(value: bigint): Buffer {
  const bytes: number[] = []
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128)
  return Buffer.from([...bytes, Number(left)])
}
const text = (value: string) => Buffer.concat([long(BigInt(value.length)), Buffer.from(value)])
const framed = (...parts: Buffer[]) => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), ...parts])
const id = { name: 'id', type: 'string' }
const readerOf = (...fields: { name: string; type: unknown; default?: unknown }[]) =>
  recordReader(7, JSON.stringify({ type: 'record', name: 'Clean', fields: [id, ...fields] }))

describe('a record that somebody else writes', () => {
  const leg = { type: 'record', name: 'Leg', fields: [{ name: 'size', type: 'long', default: 'none' }] }
  test.each<[what: string, type: unknown, body: Buffer, avroName: string]>([
    ['a logical type', { type: 'string', logicalType: 'uuid' }, text('u'), 'uuid'],
    ['one that may be null', ['null', { type: 'int', logicalType: 'time-millis' }], Buffer.from([2, 8]), 'time-millis'],
    ['an array', { type: 'array', items: 'string' }, Buffer.concat([long(1n), text('x'), long(0n)]), 'array'],
    ['a record', leg, long(1n), 'record'],
    ['bytes of a fixed length', { type: 'fixed', name: 'Digest', size: 2 }, Buffer.from([1, 2]), 'fixed'],
    ['a union of more', ['null', 'string', 'long'], Buffer.concat([long(2n), long(2n ** 60n)]), 'union'],
    ['a moment of no zone', { type: 'long', logicalType: 'local-timestamp-micros' }, long(5n), 'local-timestamp-micros'],
  ])('is read around %s', (...[, type, body, avroName]) => {
    const reader = readerOf({ name: 'other', type }, { name: 'last', type: 'int' })
    expect(reader.decode(framed(text('a'), body, long(3n)))).toEqual({ id: 'a', last: 3 })
    expect([...reader.opaque]).toEqual([['other', avroName]])
  })

  test('is read around a type that is named where it comes again', () => {
    const venue = { type: 'enum', name: 'Venue', symbols: ['XNAS', 'XTST'] }
    const reader = readerOf({ name: 'venue', type: venue }, { name: 'before', type: 'Venue' })
    expect(reader.decode(framed(text('a'), long(1n), long(0n)))).toEqual({ id: 'a', venue: 'XTST' })
    expect([...reader.opaque]).toEqual([['before', 'Venue']])
  })

  test('has its longs whole, beyond what a number holds as well', () => {
    const moment = { type: 'long', logicalType: 'timestamp-micros' }
    const reader = readerOf({ name: 'nanos', type: ['null', 'long'] }, { name: 'at', type: moment })
    const read = (nanos: bigint, at: bigint) => reader.decode(framed(text('a'), long(1n), long(nanos), long(at)))
    // Of these avsc loses the sign, and refuses none.
    for (const nanos of [-(2 ** 53) + 2, -(2 ** 52) - 1]) expect(read(BigInt(nanos), 1n)).toEqual({ id: 'a', nanos, at: 1 })
    for (const nanos of [1_700_000_000_123_456_789n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n, -(2n ** 53n)])
      expect(read(nanos, 1_700_000_000_123_456n)).toEqual({ id: 'a', nanos, at: 1_700_000_000_123_456 })
    // Those that a number holds are numbers, whatever came before.
    for (const nanos of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1]) expect(read(BigInt(nanos), 1n)).toEqual({ id: 'a', nanos, at: 1 })
  })

  test('is refused where its body is cut short, however wide its longs', () => {
    const reader = readerOf({ name: 'nanos', type: 'long' })
    const whole = framed(text('a'), long(2n ** 60n))
    expect(() => reader.decode(whole.subarray(0, -1))).toThrow('schema 7')
    expect(reader.decode(whole)).toEqual({ id: 'a', nanos: 2n ** 60n })
    expect(() => reader.decode(whole.subarray(0, -1))).toThrow('schema 7')
  })

  test.each([
    ['is no record', '{"type":"enum","name":"E","symbols":["A"]}'],
    ['names a type that it does not define', '{"type":"record","name":"R","fields":[{"name":"x","type":"Elsewhere"}]}'],
  ])('has no reader where its schema %s', (_, schemaText) => {
    expect(() => recordReader(7, schemaText)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }) as Error)
  })
})
