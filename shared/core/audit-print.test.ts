import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addPrints, emptyPrint, inOnePart, IntervalPrints, isSamePrint, partCount, partOf, withParts } from './audit-print.ts'

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const records = fc.array(fc.record({ offset: fc.integer({ min: 0, max: 199 }), low: word, high: word }), { maxLength: 50 })
const range = { partition: 0, offsetFirst: 0, offsetLast: 199 }

function printOf(told: readonly { offset: number; low: number; high: number }[]) {
  const prints = new IntervalPrints(inOnePart(range))
  for (const { offset, low, high } of told) prints.add(offset, low, high)
  return prints.toWire()[0] ?? emptyPrint()
}

test('a print does not depend on the order of records', () => {
  fc.assert(
    fc.property(records, fc.integer(), (told, seed) => {
      const shuffled = [...told].sort((a, b) => ((a.low ^ seed) >>> 0) - ((b.low ^ seed) >>> 0))
      expect(printOf(shuffled)).toEqual(printOf(told))
    }),
  )
})

test('prints of two sets together are that of both, and the hashes are added modulo 2^64', () => {
  fc.assert(
    fc.property(records, records, (left, right) => {
      expect(addPrints(printOf(left), printOf(right))).toEqual(printOf([...left, ...right]))
    }),
  )
  const most = { offset: 0, low: 2 ** 32 - 1, high: 2 ** 32 - 1 }
  expect(printOf([most, { offset: 1, low: 1, high: 0 }])).toEqual({ count: 2, sum: '0', xor: 'fffffffffffffffe' })
})

test('one changed, doubled or missing record shows', () => {
  fc.assert(
    fc.property(
      records.filter(({ length }) => length > 0),
      fc.nat(),
      (told, pick) => {
        const at = pick % told.length
        const one = told[at] as { offset: number; low: number; high: number }
        const changed = told.map((record, i) => (i === at ? { ...record, low: (record.low ^ 1) >>> 0 } : record))
        const others = [changed, [...told, one], told.filter((_, i) => i !== at)]
        for (const other of others) expect(isSamePrint(printOf(told), printOf(other))).toBe(false)
      },
    ),
  )
})

test('parts cover their interval, each offset once', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(1_000_000), (offsetFirst, more) => {
      const interval = withParts({ partition: 3, offsetFirst, offsetLast: offsetFirst + more })
      let next = offsetFirst
      for (let i = 0; i < partCount(interval); i++) {
        const part = partOf(interval, i)
        expect(part.offsetFirst).toBe(next)
        next = part.offsetLast + 1
      }
      expect(next).toBe(interval.offsetLast + 1)
      expect(partCount(interval)).toBeLessThanOrEqual(100)
    }),
  )
})
