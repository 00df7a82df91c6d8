import { expect, test } from 'vitest'
import { figureTable, isHeld, type Figure } from './figures.ts'

const figure: Figure = { name: 'write', ours: 12_000, unit: 'records/s', peer: 'the limit', peers: 24_000, target: { least: 10_000 } }

test.each([
  [{ ...figure }, true],
  [{ ...figure, ours: 9_999 }, false],
  [{ ...figure, target: { most: 12_000 } }, true],
  [{ ...figure, target: { most: 11_999 } }, false],
  [{ ...figure, target: {} }, true],
])('a figure is held to its target, the least or the most: %#', (given, held) => {
  expect(isHeld(given)).toBe(held)
})

test('each figure stands beside its peer, with their ratio', () => {
  expect(figureTable([figure, { ...figure, peers: null, ours: 3 }])).toContain(
    '12,000 records/s  the limit  24,000 records/s  0.500  ≥ 10,000  yes',
  )
  expect(figureTable([{ ...figure, ours: 3 }])).toContain('NO')
  expect(figureTable([{ ...figure, target: {} }])).not.toContain('yes')
})
