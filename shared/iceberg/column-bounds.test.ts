import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quoteText } from '../engines/duckdb.ts'
import { measureColumns } from '../engines/parquet-columns.ts'
import { decodeBound, falseBounds, type ActualColumn, type StatedColumns } from './column-bounds.ts'
import { useScratchEngine } from '../engines/scratch-engine.fixture.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const text = (value: string) => Buffer.from(value)

describe('single values', () => {
  test.each([
    ['int', 'ffffffff', -1n],
    ['long', '4b00000000000000', 75n],
    ['long', '4b000000', 75n],
    ['date', '01000000', 1n],
    ['timestamptz', '00000000000000c0', -(2n ** 62n)],
    ['float', '0000c03f', 1.5],
    ['double', '000000000000f0bf', -1],
    ['double', '0000c03f', 1.5],
    ['double', '000000000000f87f', null],
    ['decimal(9, 2)', 'ff38', -200n],
    ['decimal(38, 0)', '00ffffffffffffffffffffffffffffffff', 2n ** 128n - 1n],
    ['boolean', '01', 1n],
    ['long', '4b', null],
    ['uuid', '00000000000000000000000000000000', null],
    ['struct<1: a>', '00', null],
  ] as const)('of %s: %s', (type, hex, value) => {
    expect(decodeBound(type, bytes(hex))).toBe(value)
  })
})

const column = (said: Partial<ActualColumn>): ActualColumn => ({
  fieldId: 1,
  name: 'c',
  type: 'string',
  valueCount: 10,
  nullCount: 0,
  least: text('b'),
  greatest: text('y'),
  ...said,
})
const stated = (lower: Uint8Array | null, upper: Uint8Array | null): StatedColumns => ({
  lowerBounds: new Map(lower === null ? [] : [[1, lower]]),
  upperBounds: new Map(upper === null ? [] : [[1, upper]]),
  valueCounts: new Map(),
  nullCounts: new Map(),
})

test.each([
  ['as wide as the values', text('b'), text('y'), []],
  ['wider', text('a'), text('z'), []],
  ['cut short: lower down, upper up', text(''), text('z'), []],
  ['absent', null, null, []],
  ['too high', text('ba'), text('y'), ['c of at least ba, as the manifest says: b']],
  ['too low', text('b'), text('xz'), ['c of at most xz, as the manifest says: y']],
  ['of bytes beyond ASCII', bytes('c3a4'), null, ['c of at least 0xc3a4, as the manifest says: b']],
])('bounds %s', (...[, lower, upper, faults]) => {
  expect(falseBounds(stated(lower, upper), [column({})]).map(({ expected, actual }) => `${expected}: ${actual}`)).toEqual(faults)
})

test('a column of nothing but nulls breaks no bound', () => {
  expect(falseBounds(stated(text('a'), text('b')), [column({ least: null, greatest: null, nullCount: 10 })])).toEqual([])
})

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

test('any longs within their bounds are believed, any outside are not', () => {
  const long = (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  }
  fc.assert(
    fc.property(int64, int64, int64, (lower, upper, value) => {
      const faults = falseBounds(stated(long(lower), long(upper)), [column({ type: 'long', least: value, greatest: value })])
      expect(faults).toHaveLength((value < lower ? 1 : 0) + (value > upper ? 1 : 0))
    }),
  )
})

describe('columns of a real file', () => {
  const scratch = useScratchEngine()

  test.each([
    ['int', '(1)::INTEGER, (-7)::INTEGER, NULL', -7n, 1n],
    ['long', '9223372036854775807, -5, NULL', -5n, 9223372036854775807n],
    ['date', "DATE '1969-12-31', DATE '1970-01-03', NULL", -1n, 2n],
    ['time', "TIME '00:00:01', TIME '23:00:00', NULL", 1_000_000n, 82_800_000_000n],
    ['timestamp', "TIMESTAMP '1970-01-01 00:00:01', TIMESTAMP '1969-12-31 23:59:59', NULL", -1_000_000n, 1_000_000n],
    ['timestamptz', "TIMESTAMPTZ '1970-01-01 00:00:01Z', TIMESTAMPTZ '1970-01-01 00:00:02Z', NULL", 1_000_000n, 2_000_000n],
    ['timestamp_ns', "TIMESTAMP_NS '1970-01-01 00:00:00.000000001', TIMESTAMP_NS '1970-01-01 00:00:01', NULL", 1n, 1_000_000_000n],
    ['double', "'nan'::DOUBLE, 'inf'::DOUBLE, -1.5", -1.5, Infinity],
    [
      'decimal(38, 2)',
      '(-0.05)::DECIMAL(38,2), 123456789012345678901234567890.12::DECIMAL(38,2), NULL',
      -5n,
      12345678901234567890123456789012n,
    ],
    ['boolean', 'true, false, NULL', 0n, 1n],
    ['string', "'é', 'z', NULL", Buffer.from('z'), Buffer.from('é')],
    ['binary', "'\\xFF'::BLOB, '\\x01'::BLOB, NULL", Buffer.from([1]), Buffer.from([255])],
  ] as const)('are measured as their bounds are: %s', async (...[type, values, least, greatest]) => {
    const path = join(scratch.folder, `${type.replace(/\W/g, '')}.parquet`)
    await scratch.db.query(
      `COPY (SELECT unnest([${values}]) AS c, MAP {'a': [1, 2]} AS nested) TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS {c: 1, nested: 2})`,
    )
    const fields = [{ id: 1, name: 'renamed', required: false, type }]
    const nulls = values.includes('NULL') ? 1 : 0
    expect(await measureColumns(scratch.db, path, { fields })).toEqual({
      rowCount: 3,
      columns: [{ fieldId: 1, name: 'c', type, valueCount: 3, nullCount: nulls, least, greatest }],
    })
  })

  const LONG = 5_000
  test.each([
    ['of any length hold', 'b'.repeat(LONG), 'y'.repeat(LONG), 0],
    ['that are cut hold', 'b'.repeat(4_096), `${'y'.repeat(4_096)}z`, 0],
    ['that are false at the beginning do not', `c${'b'.repeat(LONG)}`, `x${'y'.repeat(LONG)}`, 2],
  ])('bounds of long texts %s', async (...[, lower, upper, faultCount]) => {
    for (const [type, sql] of [
      ['string', ''],
      ['binary', '::BLOB'],
    ] as const) {
      const path = join(scratch.folder, `long-${type}.parquet`)
      const values = ['b', 'y'].map((letter) => `repeat('${letter}', ${LONG})${sql}`)
      await scratch.db.query(`COPY (SELECT unnest([${values.join(', ')}]) AS c) TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS {c: 1})`)
      const { columns } = await measureColumns(scratch.db, path, { fields: [{ id: 1, name: 'c', required: false, type }] })
      expect(falseBounds(stated(text(lower), text(upper)), columns)).toHaveLength(faultCount)
    }
  })
})
