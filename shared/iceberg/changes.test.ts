import { expect, test } from 'vitest'
import { canDeleteFrom, type TableFile } from './changes.ts'

const PATH_ID = 2147483546
const file = (said: Partial<TableFile>): TableFile => ({
  content: 'data',
  path: 's3://lake/data/b.parquet',
  format: 'parquet',
  recordCount: 1,
  fileSizeBytes: 1,
  lowerBounds: new Map(),
  upperBounds: new Map(),
  valueCounts: new Map(),
  nullCounts: new Map(),
  partition: '{"day":1}',
  equalityIds: [],
  referencedDataFile: null,
  contentOffset: null,
  contentSizeBytes: null,
  dataSequenceNumber: 5,
  fileSequenceNumber: 5,
  snapshotId: 1n,
  partitionSpecId: 0,
  ...said,
})
const data = file({})
const positions = (said: Partial<TableFile>) => file({ content: 'position-deletes', path: 'd', ...said })
const equality = (said: Partial<TableFile>) => file({ content: 'equality-deletes', path: 'd', equalityIds: [1], ...said })
const bounds = (lower: string, upper: string) => ({
  lowerBounds: new Map([[PATH_ID, Buffer.from(lower)]]),
  upperBounds: new Map([[PATH_ID, Buffer.from(upper)]]),
})

test.each<[what: string, deletes: TableFile, reaches: boolean]>([
  ['positions of the same commit', positions({}), true],
  ['positions of a later one', positions({ dataSequenceNumber: 6 }), true],
  ['positions of an earlier one', positions({ dataSequenceNumber: 4 }), false],
  ['positions of another partition', positions({ partition: '{"day":2}' }), false],
  ['positions of another spec', positions({ partitionSpecId: 1 }), false],
  ['positions that name the file', positions({ referencedDataFile: data.path }), true],
  ['positions that name another', positions({ referencedDataFile: 's3://lake/data/c.parquet' }), false],
  ['positions whose paths end before it', positions(bounds('s3://lake/data/a', 's3://lake/data/a.z')), false],
  ['positions whose paths begin behind it', positions(bounds('s3://lake/data/c', 's3://lake/data/d')), false],
  ['positions whose paths lie about it', positions(bounds('s3://lake/d', 's3://lake/e')), true],
  ['equality of a later commit', equality({ dataSequenceNumber: 6 }), true],
  ['equality of the same commit', equality({}), false],
  ['equality of another partition', equality({ dataSequenceNumber: 6, partition: '{"day":2}' }), false],
  ['equality of no partition, which reaches all', equality({ dataSequenceNumber: 6, partition: '{}', partitionSpecId: 3 }), true],
])('%s', (_what, deletes, reaches) => {
  expect(canDeleteFrom(deletes, data)).toBe(reaches)
})
