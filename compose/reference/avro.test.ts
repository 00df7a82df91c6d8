import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bigintFromBytes, bigintToBytes, createReader, encodeFramed, framedSchemaId, parseSchema } from './avro.ts'
import { PipelineError } from './errors.ts'

const schemaText = readFileSync(new URL('./schemas/RawTrade.avsc', import.meta.url), 'utf8')
const type = parseSchema(schemaText)
const trade = {
  trade_id: 't-1',
  symbol: 'VOD.l',
  venue: 'XLON',
  side: 'BUY',
  price: 73_125_000n,
  quantity: -1n,
  traded_at: 253_402_300_799_999_999n,
  note: null,
  attributes: { desk: 'Zürich' },
}

describe('two’s complement decimals', () => {
  it('come back whole, whatever the value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), (value) => {
        expect(bigintFromBytes(bigintToBytes(value))).toBe(value)
      }),
    )
  })

  it.each([
    [0n, '00'],
    [127n, '7f'],
    [128n, '0080'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [2n ** 63n, '008000000000000000'],
    [-(2n ** 63n), '8000000000000000'],
  ])('%s is written as %s, as Java’s BigInteger does', (value, hex) => {
    expect(bigintToBytes(value).toString('hex')).toBe(hex)
  })
})

describe('framed records', () => {
  it('carry decimals, far-future microseconds and maps whole', () => {
    const framed = encodeFramed(type, 258, trade)
    expect(framedSchemaId(framed)).toBe(258)
    expect(createReader(type, type)(framed)).toEqual(trade)
  })

  it('are read by a newer schema through resolution', () => {
    const newer = parseSchema(schemaText.replace('"name": "note"', '"name": "remark", "aliases": ["note"]'))
    const { note, ...rest } = trade
    expect(createReader(type, newer)(encodeFramed(type, 1, trade))).toEqual({ ...rest, remark: note })
  })

  it.each([[null], [Buffer.alloc(0)], [Buffer.from('{"a":1}')]])('refuses %s as unframed', (value) => {
    expect(() => framedSchemaId(value)).toThrow(PipelineError)
  })

  it('refuses a body cut short', () => {
    const framed = encodeFramed(type, 1, trade)
    expect(() => createReader(type, type)(framed.subarray(0, framed.length - 1))).toThrow(PipelineError)
  })
})
