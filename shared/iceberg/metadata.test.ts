import { expect, test } from 'vitest'
import { parseLossless } from './lossless.ts'
import { currentSnapshot, lineage, parseTableMetadata } from './metadata.ts'

/** Neighbours beyond 2^53: as numbers they would be one and the same. */
const A = 8736928765648536223n
const B = 8736928765648536224n

const snapshotOf = (id: bigint, parent: bigint | null) =>
  `{"snapshot-id":${id},${parent === null ? '' : `"parent-snapshot-id":${parent},`}"sequence-number":1,"timestamp-ms":1,"manifest-list":"s3://w/${id}","summary":{"operation":"append"}}`

function tableOf(snapshots: readonly string[], current: bigint | null) {
  const text = `{"format-version":2,"table-uuid":"u","location":"s3://w/t","current-snapshot-id":${current ?? 'null'},
    "schemas":[{"schema-id":0,"fields":[]}],"current-schema-id":0,"snapshots":[${snapshots.join(',')}]}`
  return parseTableMetadata(parseLossless(text), 'test')
}

test('ids beyond 2^53 are kept to the last digit, and other numbers stay numbers', () => {
  expect(parseLossless(`{"id":${A},"small":7,"negative":-${A},"half":0.5,"big":1e300}`)).toEqual({
    id: A,
    small: 7,
    negative: -A,
    half: 0.5,
    big: 1e300,
  })
  const table = tableOf([snapshotOf(A, null), snapshotOf(B, A)], B)
  expect(table.currentSnapshotId).toBe(B)
  expect(currentSnapshot(table)?.parentId).toBe(A)
})

test('a small id is a bigint like every other', () => {
  expect(tableOf([snapshotOf(3n, null)], 3n).currentSnapshotId).toBe(3n)
})

const chain = [snapshotOf(1n, null), snapshotOf(A, 1n), snapshotOf(B, A), snapshotOf(4n, B)]
test.each([
  { title: 'all of it', snapshots: chain, current: 4n, from: null, ids: [1n, A, B, 4n], gap: false },
  { title: 'what came after one', snapshots: chain, current: 4n, from: A, ids: [B, 4n], gap: false },
  { title: 'nothing new', snapshots: chain, current: 4n, from: 4n, ids: [], gap: false },
  { title: 'a rollback behind what was read', snapshots: chain, current: A, from: B, ids: [1n, A], gap: true },
  { title: 'expiry of what was read', snapshots: chain.slice(2), current: 4n, from: 1n, ids: [B, 4n], gap: true },
  { title: 'history that begins after expiry', snapshots: chain.slice(1), current: 4n, from: null, ids: [A, B, 4n], gap: true },
  { title: 'a current snapshot that is not there', snapshots: chain, current: 99n, from: A, ids: [], gap: true },
  { title: 'an empty table', snapshots: [], current: null, from: null, ids: [], gap: false },
  { title: 'a table emptied by recreation', snapshots: [], current: null, from: A, ids: [], gap: true },
  {
    title: 'a chain that bites its tail',
    snapshots: [snapshotOf(1n, 2n), snapshotOf(2n, 1n)],
    current: 2n,
    from: 9n,
    ids: [1n, 2n],
    gap: true,
  },
])('lineage: $title', ({ snapshots, current, from, ids, gap }) => {
  const found = lineage(tableOf(snapshots, current), from)
  expect(found.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(ids)
  expect(found.gap).toBe(gap)
})

test('format version 1 is read: one schema, no uuid, -1 for no snapshot', () => {
  const raw = {
    'format-version': 1,
    location: 's3://w/t',
    'current-snapshot-id': -1,
    schema: { fields: [{ id: 1, name: 'a', required: true, type: 'long' }] },
  }
  expect(parseTableMetadata(raw, 'test')).toMatchObject({
    formatVersion: 1,
    tableUuid: null,
    currentSnapshotId: null,
    schemas: [{ schemaId: 0 }],
  })
})

test('metadata that does not hold is METADATA_BROKEN and says where', () => {
  expect(() => parseTableMetadata({ 'format-version': 4, location: 's3://w/t' }, 's3://w/t/metadata')).toThrow(
    expect.objectContaining({
      code: 'METADATA_BROKEN',
      message: expect.stringMatching(/s3:\/\/w\/t\/metadata[^]*format-version/) as string,
    }),
  )
  expect(() => tableOf([snapshotOf(A, null).replace(String(A), '1.5')], null)).toThrow(expect.objectContaining({ code: 'METADATA_BROKEN' }))
})
