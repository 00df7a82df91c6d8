import { describe, expect, test } from 'vitest'
import type { StreamRanges } from '../../schemas/parts.ts'
import { applyReading, type ReadRows } from './row-change.ts'
import { RowCounts } from './row-counts.ts'

const one = (first: number, last = first): StreamRanges[] => [{ stream: 0, ranges: [first, last] }]
const at = (seq: number, offset = -1) => ({ stream: 0, seq, partition: offset < 0 ? -1 : 0, offset })
const nothing: ReadRows = { isWhole: false, canaries: [], repeats: [], removed: [], emptied: [], places: [] }

interface Case {
  what: string
  before: StreamRanges[]
  read: Partial<ReadRows>
  brought?: StreamRanges[]
  repeats?: ReturnType<typeof at>[]
  removed?: StreamRanges[]
  gone?: StreamRanges[]
  after: StreamRanges[]
}

describe('a reading', () => {
  test.each<Case>([
    { what: 'of what was not there', before: [], read: { canaries: one(0, 4) }, brought: one(0, 4), after: one(0, 4) },
    { what: 'of a row beside another', before: one(0, 4), read: { canaries: one(3) }, repeats: [at(3)], after: [...one(0, 4), ...one(3)] },
    {
      what: 'of one whose place is known',
      before: one(0, 4),
      read: { canaries: one(3), places: [{ ...at(3, 9), file: 'f' }] },
      repeats: [at(3, 9)],
      after: [...one(0, 4), ...one(3)],
    },
    {
      what: 'of two rows at once',
      before: [],
      read: { canaries: one(3), repeats: [at(3, 7)] },
      brought: one(3),
      repeats: [at(3, 7)],
      after: [...one(3), ...one(3)],
    },
    {
      what: 'of rows taken away',
      before: one(0, 4),
      read: { removed: one(2, 3) },
      removed: one(2, 3),
      gone: one(2, 3),
      after: [...one(0, 1), ...one(4)],
    },
    { what: 'of one of two rows taken away', before: [...one(2), ...one(2)], read: { removed: one(2) }, removed: one(2), after: one(2) },
    { what: 'of rows taken away that nobody knew', before: one(0), read: { removed: one(0, 1) }, removed: one(0), gone: one(0), after: [] },
    {
      what: 'of rows taken away and written anew',
      before: one(0, 4),
      read: { emptied: one(2), canaries: one(2) },
      brought: one(2),
      removed: one(2),
      after: one(0, 4),
    },
    {
      what: 'of every row of one taken away',
      before: [...one(2), ...one(2)],
      read: { emptied: one(2) },
      removed: [...one(2), ...one(2)],
      gone: one(2),
      after: [],
    },
    {
      what: 'of all there is',
      before: one(0, 4),
      read: { isWhole: true, canaries: one(3, 6), repeats: [at(4, 8)] },
      brought: one(5, 6),
      repeats: [at(4, 8)],
      removed: one(0, 2),
      gone: one(0, 2),
      after: [...one(3, 6), ...one(4)],
    },
  ])('$what', ({ before, read, brought = [], repeats = [], removed = [], gone = [], after }) => {
    const rows = RowCounts.of(before)
    const change = applyReading(rows, { ...nothing, ...read })
    expect({ ...change, brought: change.brought.toWire(), gone: change.gone.toWire() }).toEqual({ brought, repeats, removed, gone })
    expect(RowCounts.of(rows.toWire()).toWire()).toEqual(RowCounts.of(after).toWire())
  })
})
