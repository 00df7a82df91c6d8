import { describe, expect, test } from 'vitest'
import { recordShape, topicHop } from '../../topology/topology.ts'
import { readRecordSchema } from './record-schema.ts'
import { keyProblems, shapeProblems } from './shape-problems.ts'

const fields = readRecordSchema(
  JSON.stringify({
    type: 'record',
    name: 'Trade',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'number', type: 'long' },
      { name: 'venue', type: { type: 'enum', name: 'Venue', symbols: ['XNAS', 'XTST'] } },
      { name: 'side', type: ['null', { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] }] },
      { name: 'canary', type: 'boolean' },
      { name: 'lots', type: 'int' },
      { name: 'day', type: { type: 'int', logicalType: 'date' } },
      { name: 'ratio', type: 'double' },
      { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 6, scale: 2 } },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
      { name: 'note', type: ['null', 'string'] },
    ],
  }),
)
const plain = { subject: 's', identity: 'id', marker: { field: 'venue', value: 'XTST' }, key: 'note', fields: {} }
const problemsOf = (said: object) => shapeProblems(recordShape.parse({ ...plain, ...said }), fields)

describe('a topology that fits its record', () => {
  test.each([
    ['says nothing of its fields', {}],
    ['marks with a boolean', { marker: { field: 'canary', value: 'true' } }],
    ['marks with any text', { marker: { field: 'note', value: 'ours' } }],
    ['chooses among the symbols of an enum', { fields: { side: { oneOf: ['SELL'] }, venue: { fixed: 'XNAS' } } }],
    ['says what it likes of a text', { fields: { note: { oneOf: ['a'], fixed: 'b', perStream: '{stream}' } } }],
    ['keeps numbers to what they hold', { fields: { lots: { range: ['-2147483648', '2147483647'] }, day: { range: ['0', '9.0'] } } }],
    ['has fractions where there are some', { fields: { ratio: { range: ['0.5', '10'] }, price: { range: ['-9999.99', '9999.99'] } } }],
    ['speaks of a field that is not there, which others say', { marker: { field: 'tenant', value: 'x' } }],
  ])('%s', (_what, said) => {
    expect(problemsOf(said)).toEqual([])
  })
})

describe('a topology does not fit its record', () => {
  test.each([
    ['an identity that is no text', { identity: 'number' }, 'record.identity: expected a field of type string, got number of type long'],
    [
      'a marker that is no symbol',
      { marker: { field: 'venue', value: 'XTSTT' } },
      'record.marker: expected symbols of venue of type enum, which are XNAS, XTST; got XTSTT',
    ],
    [
      'a marker in a field without text',
      { marker: { field: 'lots', value: '7' } },
      'record.marker: expected a field of type string or enum, got lots of type int',
    ],
    [
      'a marker that is no boolean',
      { marker: { field: 'canary', value: 'yes' } },
      'record.marker: expected true or false for canary of type boolean, got yes',
    ],
    [
      'a symbol that is none, among others',
      { fields: { side: { oneOf: ['BUY', 'SEL'] } } },
      'record.fields.side.oneOf: expected symbols of side of type enum, which are BUY, SELL; got SEL',
    ],
    [
      'a fixed symbol that is none',
      { fields: { side: { fixed: 'buy' } } },
      'record.fields.side.fixed: expected symbols of side of type enum, which are BUY, SELL; got buy',
    ],
    [
      'texts for a number',
      { fields: { lots: { oneOf: ['1', '2'] } } },
      'record.fields.lots.oneOf: expected a field of type string or enum, got lots of type int',
    ],
    [
      'a text for each stream in an enum',
      { fields: { side: { perStream: '{stream}' } } },
      'record.fields.side.perStream: expected a field of type string, got side of type enum',
    ],
    [
      'a fraction for whole numbers',
      { fields: { lots: { range: ['0.5', '10'] } } },
      'record.fields.lots.range: expected whole numbers from -2147483648 to 2147483647 for lots of type int, got 0.5',
    ],
    [
      'a number that is too large',
      { fields: { day: { range: ['0', '2147483648'] } } },
      'record.fields.day.range: expected whole numbers from -2147483648 to 2147483647 for day of type date, got 2147483648',
    ],
    [
      'a number beyond what is exact',
      { fields: { number: { range: ['0', '9007199254740993'] } } },
      'record.fields.number.range: expected whole numbers from -9007199254740991 to 9007199254740991 for number of type long, got 9007199254740993',
    ],
    [
      'a decimal of more digits',
      { fields: { price: { range: ['-10000', '10000.00'] } } },
      'record.fields.price.range: expected numbers of at most 4 digits before the point for price of type decimal, got -10000, 10000.00',
    ],
    [
      'a range of what is no number',
      { fields: { at: { range: ['0', '1'] } } },
      'record.fields.at.range: expected a field of a number type, got at of type timestamp-micros',
    ],
  ])('with %s', (_what, said, problem) => {
    expect(problemsOf(said)).toEqual([problem])
  })
})

test('the key of a hop is a field of the record, or one that the hop derives', () => {
  const expect_ = [{ field: 'total', type: 'BIGINT', sql: 'lots * 2' }]
  const hop = (topic: string, key: string | null) =>
    topicHop.parse({ kind: 'topic', topic, key, expect: expect_, deliverWithinMs: 1, giveUpAfterMs: 1 })
  expect(keyProblems([hop('a', 'note'), hop('b', 'total'), hop('c', null), hop('d', 'desk')], fields)).toEqual([
    "topic:d.key: expected a field of the record, or one of the hop's expect, got desk",
  ])
})
