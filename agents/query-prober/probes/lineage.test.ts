import { expect, test } from 'vitest'
import { Lineage } from './lineage.ts'

const lineageOf = (...chain: [id: string, parent: string | null, atMs: number][]) => {
  const lineage = new Lineage()
  for (const [snapshotId, parentId, committedAtMs] of chain) lineage.add({ snapshotId, parentId, committedAtMs })
  return lineage
}
const told = lineageOf(['11', '10', 100], ['12', '11', 200], ['13', '12', 300], ['99', '11', 250])

test.each([
  { named: '12', needed: '12', relation: 'holds', why: 'the snapshot itself' },
  { named: '13', needed: '11', relation: 'holds', why: 'a later one' },
  { named: '11', needed: '13', relation: 'older', why: 'an earlier one' },
  { named: '10', needed: '13', relation: 'older', why: 'the one before the run, which nobody told' },
  { named: '99', needed: '12', relation: 'unknown', why: 'one that branched off before' },
  { named: '5', needed: '12', relation: 'unknown', why: 'one nobody knows' },
])('$why: $relation', ({ named, needed, relation }) => {
  expect(told.relate(named, needed)).toBe(relation)
})

test('an old snapshot was superseded when its child was committed', () => {
  expect(told.supersededAtMs('11', '13')).toBe(200)
  expect(told.supersededAtMs('10', '13')).toBe(100)
  expect(told.supersededAtMs('13', '11')).toBeNull()
})

test('a chain that bites its tail ends', () => {
  expect(lineageOf(['1', '2', 0], ['2', '1', 0]).relate('3', '1')).toBe('unknown')
})
