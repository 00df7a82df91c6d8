import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canaryContent } from '../core/canary.ts'
import { decimalBytes, decimalOf, framedSchemaId, recordCodec } from './record-codec.ts'

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
