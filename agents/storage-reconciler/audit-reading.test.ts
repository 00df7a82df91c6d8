import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditField } from '../../schemas/results/audit-window.ts'
import { canonicalValues, hashedText } from '../../shared/core/audit-fields.ts'
import { IntervalPrints, withParts } from '../../shared/core/audit-print.ts'
import { RUN, TABLE, resolvedOf, topology } from '../../shared/core/told-run.fixture.ts'
import { runCanaries } from '../../shared/engines/expected-rows.ts'
import { addRecord } from '../../shared/engines/record-hash.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import { baselineOf, emptyBaseline, ManifestReader } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableHop } from '../../topology/topology.ts'
import {
  readTableAdditions,
  readTablePrints,
  readTableProgress,
  readTableRecords,
  type KnownOffsets,
  type TableAuditAccess,
} from './audit-reading.ts'
import { FollowedTable, offsetOf, others, seqs, type Row } from './followed-table.fixture.ts'

const hop = topology.hops.find((one): one is TableHop => one.kind === 'table') as TableHop
const canaries = runCanaries(RUN, resolvedOf())
const fields: AuditField[] = [
  { field: 'trade_id', as: 'text' },
  { field: 'symbol', as: 'text' },
  { field: 'price', as: 'exact' },
]
const types = new Map(canaries.fields.map(({ name, type }) => [name, type]))

let followed: FollowedTable
let folder: string
let access: TableAuditAccess

beforeEach(async () => {
  followed = await FollowedTable.open()
  folder = await mkdtemp(join(tmpdir(), 'assay-audit-'))
  const { table, db } = followed
  access = {
    store: table.store,
    manifests: new ManifestReader(table.store),
    db,
    tableRows: tableRowsSql,
    topology,
    hop,
    runId: RUN,
    folder,
    catalog: { loadTable: () => Promise.resolve({ metadataLocation: null, metadata: table.metadata() }) },
  }
})

afterEach(async () => {
  await followed.close()
  await rm(folder, { recursive: true })
})

const at = { runId: RUN, hop: TABLE, began: emptyBaseline }
const wanted = (offsetFirst: number, offsetLast: number) => ({
  ...withParts({ partition: 0, offsetFirst, offsetLast }),
  fields,
  lastRecord: offsetLast,
  round: 0,
  toldAtMs: 0,
  mayCome: false,
})

/** What the topic's side says of the records that these rows were written from. */
function printsOf(rows: readonly Row[], offsetFirst: number, offsetLast: number) {
  const prints = new IntervalPrints(withParts({ partition: 0, offsetFirst, offsetLast }))
  for (const row of rows) {
    const record = { ...canaries.at(row.stream, row.seq), ...(row.other === undefined ? {} : { trade_id: row.other }) }
    addRecord(prints, offsetOf(row), hashedText(0, offsetOf(row), canonicalValues({ key: null, record }, types, fields)))
  }
  return prints.toWire()
}

test('rows print as the records they were written from, over files, whoever wrote them', async () => {
  const first = await followed.data([...seqs(0, 4), ...others(100, 3)])
  const second = await followed.data([...seqs(5, 9), ...others(103, 2)])
  followed.table.commit({ operation: 'append', added: [first] })
  followed.table.commit({ operation: 'append', added: [second] })
  const told = await readTablePrints(access, { type: 'audit-prints', ...at, wanted: [wanted(0, 9), wanted(100, 110)] })
  expect(told.map(({ prints }) => prints)).toEqual([printsOf(seqs(0, 9), 0, 9), printsOf(others(100, 5), 100, 110)])
  expect(told.map(({ lastRecord }) => lastRecord)).toEqual([9, 104])
  expect(await readdir(folder)).toEqual([])
})

test('rows that are deleted are not there, and single ones are told with their file', async () => {
  const file = await followed.data([...seqs(0, 4), ...others(100, 1), ...others(100, 1)])
  const deletes = await followed.positionDeletes(file, [2])
  followed.table.commit({ operation: 'append', added: [file] })
  followed.table.commit({ operation: 'delete', added: [deletes] })
  const places = [1, 2, 100].map((offset) => ({ partition: 0, offset, fields, round: 0, toldAtMs: 0, mayCome: false }))
  const told = await readTableRecords(access, { type: 'audit-records', ...at, wanted: places })
  expect(told.map(({ records }) => records.length)).toEqual([1, 0, 2])
  expect(told[2]?.records[0]).toMatchObject({
    file: file.path,
    values: ['T-100', expect.any(String) as string, expect.any(String) as string],
  })
  const [print] = await readTablePrints(access, { type: 'audit-prints', ...at, wanted: [wanted(0, 4)] })
  expect(print?.prints).toEqual(printsOf([...seqs(0, 1), ...seqs(3, 4)], 0, 4))
})

test('windows have grown where a file behind their snapshot holds rows, or has them anew, and nowhere else', async () => {
  const first = await followed.data([...seqs(0, 9), ...others(100, 5)])
  const comparedAt = String(followed.table.commit({ operation: 'append', added: [first] }))
  const window = (offsetFirst: number, offsetLast: number, snapshotId = comparedAt) => ({
    partition: 0,
    offsetFirst,
    offsetLast,
    round: 0,
    snapshotId,
  })
  const compared = [window(0, 49), window(50, 99), window(100, 149)]
  const grown = async (of = compared) => {
    const told = await readTableAdditions(access, { type: 'audit-additions', ...at, compared: of }, new Map<string, never>())
    expect(told.snapshotId).toBe(String(followed.table.refs.get('main')))
    return told.grown
  }
  expect(await grown()).toEqual([])
  followed.table.commit({ operation: 'append', added: [await followed.data(others(150, 3))] })
  expect(await grown()).toEqual([])
  const again = followed.table.commit({ operation: 'append', added: [await followed.data(others(102, 1))] })
  expect(await grown()).toEqual([window(100, 149)])
  // What was compared with the second row in it has not grown since.
  expect(await grown([window(100, 149, String(again))])).toEqual([])
  const compacted = await followed.data([...seqs(0, 9), ...others(100, 5)])
  followed.table.commit({ operation: 'replace', added: [compacted], removed: [first] })
  expect(await grown()).toEqual([window(0, 49), window(50, 99), window(100, 149)])
})

test('progress is the greatest source offset in a row; files from before the audit are not read', async () => {
  const before = await followed.data(others(50, 2))
  followed.table.commit({ operation: 'append', added: [before] })
  const began = baselineOf(followed.table.metadata(), 'main')
  const file = await followed.data(others(100, 3))
  followed.table.commit({ operation: 'append', added: [file] })
  const known: KnownOffsets = new Map<string, never>()
  followed.table.reads.length = 0
  const look = { type: 'audit-look', ...at, began } as const
  const progress = await readTableProgress(access, look, known)
  expect([...progress.stored]).toEqual([[0, 102]])
  expect(progress.columns).toContainEqual({ name: 'price', type: 'decimal(18,6)' })
  expect(followed.table.reads).not.toContain(before.path)
  followed.table.reads.length = 0
  await readTableProgress(access, look, known)
  expect(followed.table.reads).not.toContain(file.path)
})

test('the table was written when rows last came: who compacts or deletes brings none', async () => {
  const written = async () => (await readTableProgress(access, { type: 'audit-look', ...at }, new Map<string, never>())).committedAtMs
  const file = await followed.data(others(100, 3))
  followed.table.commit({ operation: 'append', added: [file], atMs: 5_000 })
  followed.table.commit({ operation: 'replace', removed: [file], added: [await followed.data(others(100, 3))], atMs: 6_000 })
  followed.table.commit({ operation: 'delete', added: [await followed.equalityDeletes('trade_id', others(100, 1))], atMs: 7_000 })
  expect(await written()).toBe(5_000)
  followed.table.commit({ operation: 'append', added: [await followed.data(others(103, 1))], atMs: 8_000 })
  expect(await written()).toBe(8_000)
})
