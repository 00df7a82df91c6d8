import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { RowCounts } from './row-counts.ts'

const row = fc.record({ stream: fc.nat(1), seq: fc.nat(9) })
const steps = fc.array(fc.record({ adds: fc.boolean(), rows: fc.array(row, { maxLength: 8 }) }), { maxLength: 12 })
const wire = (rows: readonly { stream: number; seq: number }[]): StreamRanges[] =>
  rows.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] }))

function tally(rows: readonly StreamRanges[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const one of rows)
    for (const { stream, seq } of CanarySet.of([one]).members()) counts[`${stream}/${seq}`] = (counts[`${stream}/${seq}`] ?? 0) + 1
  return counts
}

test('counts rows as a plain tally does, whatever is added and taken; what is not there comes back', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const counts = new RowCounts()
      const truth = new Map<string, number>()
      for (const { adds, rows } of all) {
        const refused: string[] = []
        for (const { stream, seq } of rows) {
          const key = `${stream}/${seq}`
          const count = truth.get(key) ?? 0
          if (adds) truth.set(key, count + 1)
          else if (count === 0) refused.push(key)
          else if (count === 1) truth.delete(key)
          else truth.set(key, count - 1)
        }
        if (adds) counts.add(wire(rows))
        else
          expect(
            counts
              .take(wire(rows))
              .members()
              .map(({ stream, seq }) => `${stream}/${seq}`),
          ).toEqual([...new Set(refused)].sort())
        expect(tally(counts.toWire())).toEqual(Object.fromEntries(truth))
      }
    }),
  )
})

test('rows beyond those of another are the difference of the tallies', () => {
  fc.assert(
    fc.property(fc.array(row), fc.array(row), (mine, others) => {
      const [left, right] = [tally(wire(mine)), tally(wire(others))]
      const beyond = Object.entries(left).flatMap(([key, count]) => (count > (right[key] ?? 0) ? [[key, count - (right[key] ?? 0)]] : []))
      expect(tally(RowCounts.of(wire(mine)).beyond(RowCounts.of(wire(others))))).toEqual(Object.fromEntries(beyond))
    }),
  )
})
