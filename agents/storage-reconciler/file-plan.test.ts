import { describe, expect, test } from 'vitest'
import type { SnapshotChanges, TableFile } from '../../shared/iceberg/changes.ts'
import { planChange, replacedCount, type PlanInput } from './file-plan.ts'
import { overlapping } from './repeated-offsets.ts'

const file = (path: string, said: Partial<TableFile> = {}): TableFile => ({
  content: 'data',
  path,
  format: 'parquet',
  recordCount: 10,
  fileSizeBytes: 1,
  lowerBounds: new Map(),
  upperBounds: new Map(),
  valueCounts: new Map(),
  nullCounts: new Map(),
  partition: '{}',
  equalityIds: [],
  referencedDataFile: null,
  contentOffset: null,
  contentSizeBytes: null,
  dataSequenceNumber: 11,
  fileSequenceNumber: 11,
  snapshotId: 11n,
  partitionSpecId: 0,
  ...said,
})
const later = { dataSequenceNumber: 20, fileSequenceNumber: 20, snapshotId: 20n }
const [a, b, added] = [file('a'), file('b'), file('n', later)]
const old = file('old', { dataSequenceNumber: 3, fileSequenceNumber: 3, snapshotId: 3n })
const vectorOf = (path: string, said: Partial<TableFile> = {}) =>
  file('v', { ...later, content: 'position-deletes', referencedDataFile: path, contentOffset: 4, ...said })
const specs = [{ specId: 0, fields: [] }]
const keys = (...equalityIds: number[]) => file('k', { ...later, content: 'equality-deletes', equalityIds })

function planned(changes: Partial<SnapshotChanges>, said: Partial<PlanInput> = {}): string[] {
  const all: SnapshotChanges = { added: [], removed: [], deletes: [], removedDeletes: [], duplicatePaths: [], ...changes }
  const live = { data: [a, b, ...all.added].filter((one) => !all.removed.includes(one)), deletes: all.deletes, duplicatePaths: [] }
  const since = { sequenceNumber: 10, ancestors: new Set<bigint>() }
  const plan = planChange({ changes: all, live, since, identityId: 1, specs, named: new Map(), ...said })
  const read = plan.files.map(
    ({ file: { path }, before, after, isNew }) => `${path}:${before ? '-' : ''}${after ? '+' : ''}${isNew ? '*' : ''}`,
  )
  return [...read, ...plan.emptiedBy.map(({ path }) => `by ${path}`)]
}

describe('of a snapshot is read', () => {
  test.each<[what: string, changes: Partial<SnapshotChanges>, read: string[]]>([
    ['what it added', { added: [added] }, ['n:+*']],
    ['what it removed, as it was', { added: [added], removed: [a] }, ['a:-', 'n:+*']],
    ['nothing from before the run', { removed: [old] }, []],
    ['the file a deletion vector names, before and after', { deletes: [vectorOf('b')] }, ['b:-+']],
    ['the file of a vector that was taken back', { removedDeletes: [vectorOf('a')] }, ['a:-+']],
    ['an added file once, whatever is deleted from it', { added: [added], deletes: [vectorOf('n')] }, ['n:+*']],
    ['no data file for deletes by identity', { deletes: [keys(1)] }, ['by k']],
    ['what deletes by another column can reach', { added: [added], deletes: [keys(2)] }, ['a:-+', 'b:-+', 'n:+*']],
    ['the same where the identity is but one of several', { deletes: [keys(1, 2)] }, ['a:-+', 'b:-+']],
    ['everything in reach where files must be read anyway', { removed: [a], deletes: [keys(1)] }, ['a:-', 'b:-+']],
  ])('%s', (_what, changes, read) => {
    expect(planned(changes)).toEqual(read)
  })

  test('only the files that the rows of a position delete file name', () => {
    const nameless = file('p', { ...later, content: 'position-deletes' })
    expect(planned({ deletes: [nameless] }, { named: new Map([['p', new Set(['a'])]]) })).toEqual(['a:-+'])
  })
})

test.each([
  ['as many', 10, false, null],
  ['more', 11, false, '10 records, as in the files it replaced'],
  ['fewer', 9, false, '10 records, as in the files it replaced'],
  ['fewer, with deletes about', 9, true, null],
  ['more, with deletes about', 11, true, 'at most 10 records, as in the files it replaced'],
])('a compaction that writes %s', (...[, recordCount, hasDeletes, expected]) => {
  const changes = { added: [{ ...added, recordCount }], removed: [a], deletes: [], removedDeletes: [], duplicatePaths: [] }
  expect(replacedCount(changes, hasDeletes)?.expected ?? null).toBe(expected)
})

test.each([
  [1, 0, 9, 0],
  [0, 0, 9, 0],
  [0, 0, 10, 1],
  [0, 20, 29, 1],
  [0, 21, 29, 0],
])('offsets of partition %i from %i to %i overlap with %i files', (...[partition, offsetFirst, offsetLast, count]) => {
  const known = new Map([['a', { file: a, ranges: [{ partition: 0, offsetFirst: 10, offsetLast: 20 }] }]])
  expect(overlapping(known, [{ partition, offsetFirst, offsetLast }])).toHaveLength(count)
})
