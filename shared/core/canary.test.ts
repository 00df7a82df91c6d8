import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordShape, type RecordShape } from '../../topology/topology.ts'
import { canaryContent, edgeValues, eventTimeOf, intendedAtMs, placeOf, streamLength, type CanarySource } from './canary.ts'
import { runTimeMs } from './identity.ts'
import { decimalText, fieldText, parseDecimal, readRecordSchema } from './record-schema.ts'
import { RUN, recordSchema } from './told-run.fixture.ts'

const fields = readRecordSchema(
  JSON.stringify({
    type: 'record',
    name: 'Everything',
    fields: [
      ...(JSON.parse(recordSchema) as { fields: object[] }).fields,
      { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
      { name: 'open', type: 'boolean' },
      { name: 'lots', type: 'int' },
      { name: 'total', type: 'long' },
      { name: 'ratio', type: 'double' },
      { name: 'raw', type: 'bytes' },
      { name: 'day', type: { type: 'int', logicalType: 'date' } },
      { name: 'seen_at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'extra', type: { type: 'map', values: 'string' } },
    ],
  }),
)
const record: RecordShape = recordShape.parse({
  subject: 's',
  identity: 'trade_id',
  marker: { field: 'venue', value: 'XTST' },
  key: 'symbol',
  eventTime: 'traded_at',
  fields: {
    symbol: { perStream: 's{stream}-{run}' },
    price: { range: ['1.000000', '2.000000'] },
    lots: { range: ['5', '9'] },
    note: { oneOf: ['a', 'b'] },
  },
})
const load = { canaries: 1_000, ratePerSecond: 100, streams: 4, edgeValuesEvery: 10 }
const sourceOf = (said: Partial<CanarySource> = {}): CanarySource => ({ runId: RUN, seed: 7, load, record, fields, ...said })
const at = canaryContent(sourceOf())
const places = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 1_000_000 }))

describe('a canary', () => {
  test('is a function of run, seed, stream and seq alone: any agent makes the same', () => {
    const again = canaryContent(sourceOf())
    fc.assert(
      fc.property(places, ([stream, seq]) => {
        again(stream, seq + 1)
        expect(again(stream, seq)).toEqual(at(stream, seq))
      }),
    )
  })

  test.each([true, false])('is marked by a boolean where the marker is one: %s', (marked) => {
    const own = { ...record, marker: { field: 'open', value: String(marked) } }
    const content = canaryContent(sourceOf({ record: own }))
    for (let seq = 0; seq < 50; seq++) expect(content(1, seq)['open']).toBe(marked)
  })

  test('differs with the seed', () => {
    const other = canaryContent(sourceOf({ seed: 8 }))
    const same = Array.from({ length: 100 }, (_, seq) => seq).filter((seq) => at(0, seq)['price'] === other(0, seq)['price'])
    expect(same.length).toBeLessThan(5)
  })

  test('has an identity of its own, the marker, and one key a stream and run', () => {
    const ids = new Set<unknown>()
    for (let stream = 0; stream < 4; stream++) for (let seq = 0; seq < 500; seq++) ids.add(at(stream, seq)['trade_id'])
    expect(ids.size).toBe(2_000)
    expect(at(2, 9)).toMatchObject({ venue: 'XTST', symbol: at(2, 77)['symbol'] })
    expect(at(2, 9)['symbol']).toMatch(/^s02-/)
    const otherRun = canaryContent(sourceOf({ runId: RUN.replace(/1$/, '2') }))
    expect(otherRun(2, 9)['symbol']).not.toBe(at(2, 9)['symbol'])
  })

  test('keeps to the hints where it is ordinary', () => {
    const plain = canaryContent(sourceOf({ load: { ...load, edgeValuesEvery: 0 } }))
    fc.assert(
      fc.property(places, ([stream, seq]) => {
        const { price, lots, note } = plain(stream, seq) as { price: bigint; lots: number; note: string | null }
        expect(price >= 1_000_000n && price <= 2_000_000n).toBe(true)
        expect(lots >= 5 && lots <= 9).toBe(true)
        expect(['a', 'b', null]).toContain(note)
      }),
    )
  })

  test('keeps to its types where nothing is hinted, and to the ends of floating ranges in the width of the type', () => {
    const typed = (name: string, type: object | string) => ({ name, type })
    const decimal = (precision: number, scale: number) => ({ type: 'bytes', logicalType: 'decimal', precision, scale })
    const narrow = readRecordSchema(
      JSON.stringify({
        ...(JSON.parse(recordSchema) as object),
        fields: [
          ...(JSON.parse(recordSchema) as { fields: object[] }).fields,
          typed('rate', decimal(5, 4)),
          typed('share', decimal(4, 4)),
          typed('weight', 'float'),
          typed('part', 'double'),
        ],
      }),
    )
    const hints = {
      symbol: { perStream: 's{stream}-{run}' },
      weight: { range: ['0.1', '0.9'], edges: false },
      part: { range: ['-1', '1'], edges: false },
    }
    const shape = recordShape.parse({ ...record, fields: hints })
    const made = canaryContent(sourceOf({ fields: narrow, record: shape, load: { ...load, edgeValuesEvery: 0 } }))
    const of = (name: string) => Array.from({ length: 500 }, (_, seq) => made(0, seq)[name])
    expect(of('rate').every((value) => (value as bigint) < 100_000n)).toBe(true)
    expect(of('share').every((value) => (value as bigint) < 10_000n)).toBe(true)
    for (const value of of('weight') as number[]) expect([value, value >= 0.1 && value <= 0.9]).toEqual([Math.fround(value), true])
    expect(Math.max(...(of('part') as number[]))).toBeLessThanOrEqual(1)
    expect(new Set(of('part')).size).toBeGreaterThan(100)
  })

  test('has a key always, though its field may be null', () => {
    const nullable = fields.map((field) => (field.name === 'symbol' ? { ...field, nullable: true } : field))
    const made = canaryContent(sourceOf({ fields: nullable }))
    expect(Array.from({ length: 100 }, (_, seq) => made(1, seq)['symbol'])).toEqual(Array.from({ length: 100 }, () => at(1, 0)['symbol']))
  })

  test('carries an edge value every so often, in one field, and never where identity would suffer', () => {
    const plain = canaryContent(sourceOf({ load: { ...load, edgeValuesEvery: 0 } }))
    const edged = new Set<string>()
    for (let seq = 0; seq < 4_000; seq++) {
      const changed = fields
        .map(({ name }) => name)
        .filter((name) => at(1, seq)[name] !== plain(1, seq)[name] && typeof at(1, seq)[name] !== 'object')
      expect(changed.length).toBeLessThanOrEqual(seq % 10 === 9 ? 1 : 0)
      for (const name of changed) edged.add(name)
    }
    for (const name of ['trade_id', 'symbol', 'venue', 'traded_at']) expect(edged).not.toContain(name)
    expect(edged.size).toBeGreaterThan(5)
  })

  test('has an event time that grows with seq by the rate, from the time in the run id', () => {
    expect(eventTimeOf(sourceOf(), 0, 0)).toBe(runTimeMs(RUN) * 1_000)
    // Four streams take turns: the next of a stream is 4 / 100 s later.
    expect(eventTimeOf(sourceOf(), 1, 6) - eventTimeOf(sourceOf(), 1, 5)).toBe(40_000)
    expect(eventTimeOf(sourceOf({ record: { ...record, eventTime: 'total' } }), 0, 25) - runTimeMs(RUN)).toBe(1_000)
  })

  test.each([
    ['identity', { ...record, identity: 'id' }, /names field id/],
    ['marker', { ...record, marker: { field: 'm', value: '' } }, /names field m/],
    ['key', { ...record, key: 'k' }, /names field k/],
    ['event time', { ...record, eventTime: 't' }, /names field t/],
    ['hint', { ...record, fields: { volume: { edges: true } } }, /names field volume, and the record's schema has only trade_id, symbol/],
  ])('cannot be made where the topology names a field that is not there: %s', (_what, shape, message) => {
    expect(() => canaryContent(sourceOf({ record: shape }))).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringMatching(message) as string }),
    )
  })

  test('cannot have a boolean for its event time', () => {
    expect(() => canaryContent(sourceOf({ record: { ...record, eventTime: 'open' } }))(0, 0)).toThrow(
      /event time field open must be a timestamp or a long/,
    )
  })

  test('has edges for every type, null first where it may be', () => {
    for (const field of fields) expect(edgeValues(field).length).toBeGreaterThan(0)
    expect(edgeValues(fields.find(({ name }) => name === 'note') as (typeof fields)[number])[0]).toBeNull()
  })
})

describe('the clock of intended sends', () => {
  test('lets streams take turns at the planned rate', () => {
    const clock = { load, epochMs: 1_000, shifts: [] }
    expect([intendedAtMs(clock, 0, 0), intendedAtMs(clock, 1, 0), intendedAtMs(clock, 0, 1)]).toEqual([1_000, 1_010, 1_040])
    expect(placeOf(load, 3, 2)).toBe(11)
  })

  test('is moved from where the generator came back, and not before', () => {
    const clock = {
      load,
      epochMs: 0,
      shifts: [
        { placeFirst: 8, shiftMs: 500 },
        { placeFirst: 16, shiftMs: 700 },
      ],
    }
    expect([1, 2, 3, 4].map((seq) => intendedAtMs(clock, 0, seq))).toEqual([40, 580, 620, 860])
  })

  test.each([
    [10, 4, [3, 3, 2, 2]],
    [2, 4, [1, 1, 0, 0]],
    [8, 4, [2, 2, 2, 2]],
  ])('gives %i canaries to %i streams', (canaries, streams, lengths) => {
    expect(lengths.map((_, stream) => streamLength({ ...load, canaries, streams }, stream))).toEqual(lengths)
  })
})

describe('a record schema', () => {
  test.each([
    ['no record', '"string"', /must be an Avro record/],
    [
      'a union of two',
      '{"type":"record","name":"R","fields":[{"name":"x","type":["string","long"]}]}',
      /field x: cannot make canary values of Avro type/,
    ],
    ['a type of no kind', '{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"array","items":"string"}}]}', /field x/],
    ['a field without a name', '{"type":"record","name":"R","fields":[{"type":"string"}]}', /a field without a name/],
  ])('of %s is refused and named', (_what, text, message) => {
    expect(() => readRecordSchema(text)).toThrow(message)
  })

  test('gives decimals a text that reads back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat({ max: 12 }), (unscaled, scale) => {
        expect(parseDecimal(decimalText(unscaled, scale), scale)).toBe(unscaled)
      }),
    )
    expect(decimalText(-5n, 3)).toBe('-0.005')
    expect(decimalText(5n, 0)).toBe('5')
  })

  test('gives equal values equal text, whatever the order of a map', () => {
    const text = (value: Record<string, string>) => fieldText({ kind: 'string-map' }, value)
    expect(text({ b: '1', a: '2' })).toBe(text({ a: '2', b: '1' }))
    expect(text({ a: '1' })).not.toBe(text({ a: '2' }))
    expect([
      fieldText({ kind: 'bytes' }, Uint8Array.of(255, 0)),
      fieldText({ kind: 'long' }, 7),
      fieldText({ kind: 'long' }, null),
    ]).toEqual(['ff00', '7', null])
  })
})
