import { expect, test } from 'vitest'
import { parseLossless } from './lossless.ts'
import { currentSnapshot, followLineage, parseTableMetadata, readingSchema, visibleAtMs } from './metadata.ts'
import type { Snapshot } from './metadata.ts'

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
const fork = snapshotOf(5n, A)
interface Case {
  title: string
  snapshots: string[]
  current: bigint | null
  followed: (bigint | null)[]
  kept: (bigint | null)[]
  undone?: bigint[]
  next?: bigint[]
  gap?: boolean
}

test.each<Case>([
  { title: 'all of it', snapshots: chain, current: 4n, followed: [null], kept: [null], next: [1n, A, B, 4n] },
  { title: 'what came after one', snapshots: chain, current: 4n, followed: [1n, A], kept: [1n, A], next: [B, 4n] },
  { title: 'nothing new', snapshots: chain, current: 4n, followed: [1n, A, B, 4n], kept: [1n, A, B, 4n] },
  { title: 'a rollback', snapshots: chain, current: A, followed: [1n, A, B, 4n], kept: [1n, A], undone: [4n, B] },
  { title: 'a rollback to where it began', snapshots: chain, current: A, followed: [A, B], kept: [A], undone: [B] },
  {
    title: 'a rollback, and another way on',
    snapshots: [...chain, fork],
    current: 5n,
    followed: [1n, A, B],
    kept: [1n, A],
    undone: [B],
    next: [5n],
  },
  { title: 'a rollback behind where it began', snapshots: chain, current: 1n, followed: [B, 4n], kept: [1n], undone: [4n] },
  {
    title: 'the same, and another way on',
    snapshots: [...chain, fork],
    current: 5n,
    followed: [B, 4n],
    kept: [A],
    undone: [4n],
    next: [5n],
  },
  { title: 'expiry of what was followed', snapshots: chain.slice(3), current: 4n, followed: [1n, A, B], kept: [1n, A, B], next: [4n] },
  { title: 'expiry of one not followed', snapshots: chain.slice(3), current: 4n, followed: [1n, A], kept: [1n, A], next: [4n], gap: true },
  {
    title: 'a beginning that expired',
    snapshots: chain.slice(1),
    current: 4n,
    followed: [null],
    kept: [null],
    next: [A, B, 4n],
    gap: true,
  },
  { title: 'a current snapshot that is not there', snapshots: chain, current: 99n, followed: [A], kept: [A], gap: true },
  { title: 'an empty table', snapshots: [], current: null, followed: [null], kept: [null] },
  {
    title: 'a chain that bites its tail',
    snapshots: [snapshotOf(1n, 2n), snapshotOf(2n, 1n)],
    current: 2n,
    followed: [9n],
    kept: [9n],
    next: [1n, 2n],
    gap: true,
  },
])('lineage: $title', ({ snapshots, current, followed, kept, undone = [], next = [], gap = false }) => {
  const step = followLineage(tableOf(snapshots, current), { branch: 'main', followed })
  expect({ ...step, next: step.next.map(({ snapshotId }) => snapshotId) }).toEqual({ kept, undone, next, gap, tip: current })
})

const at = (snapshotId: bigint, timestampMs: number) => ({ snapshotId, timestampMs })
test.each([
  ['committed one after the other', [at(1n, 1), at(A, 20), at(B, 50), at(4n, 60)], [1, 20, 50, 60]],
  ['published by a fast-forward', [at(1n, 1), at(B, 50), at(4n, 60)], [1, 50, 50, 60]],
  ['and gone on after the table was set back to one of them', [at(1n, 1), at(A, 20), at(9n, 30), at(A, 40), at(4n, 60)], [1, 20, 60, 60]],
  ['set back and forward again', [at(1n, 1), at(B, 20), at(4n, 30), at(1n, 40), at(A, 50), at(4n, 60)], [1, 20, 20, 30]],
  ['of a branch that has no log', [], [1, 1, 1, 1]],
] as const)('a snapshot can be seen when its branch first came to it: %s', (...[, snapshotLog, seenAtMs]) => {
  const table = tableOf(chain, 4n)
  expect(visibleAtMs({ ...table, snapshotLog: [...snapshotLog] }, table.snapshots)).toEqual(seenAtMs)
})

test('a branch stands where its ref says, a tag or none nowhere', () => {
  const table = {
    ...tableOf(chain, 4n),
    refs: { audit: { snapshotId: B, type: 'branch' as const }, v1: { snapshotId: 1n, type: 'tag' as const } },
  }
  expect(['main', 'audit', 'v1', 'other'].map((branch) => currentSnapshot(table, branch)?.snapshotId ?? null)).toEqual([4n, B, null, null])
})

test('rows are read under the names the reader knows, by field id, in the type of now', () => {
  const field = (id: number, name: string, type: string) => ({ id, name, required: false, type })
  const schemas = [
    { schemaId: 0, fields: [field(1, 'id', 'string'), field(2, 'price', 'int'), field(3, 'gone', 'date')] },
    { schemaId: 1, fields: [field(1, 'id', 'string'), field(2, 'px', 'long'), field(4, 'note', 'string')] },
  ]
  const table = { ...tableOf([snapshotOf(1n, null)], 1n), schemas, currentSchemaId: 1 }
  const read = readingSchema(table, { ...table.snapshots[0], schemaId: null } as Snapshot, ['id', 'price', 'gone', 'note', 'never'])
  expect(read.fields.map(({ id, name, type }) => [id, name, type])).toEqual([
    [1, 'id', 'string'],
    [2, 'price', 'long'],
    [3, 'gone', 'date'],
    [4, 'note', 'string'],
  ])
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
