import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canaryIdText } from '../core/identity.ts'
import { quoteText } from './duckdb.ts'
import { scanIdentities } from './identity-scan.ts'
import type { IdentityScanInput } from './identity-scan.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

const runId = '0192f3a4-5b6c-7d8e-9f00-112233445566'
const otherRunId = '0192f3a4-5b6c-7d8e-9f00-aabbccddeeff'

interface Row {
  id: string
  venue?: string
  partition?: number
  offset?: number
}

const scratch = useScratchEngine({ threads: 2 })

async function writeFile(name: string, rows: readonly Row[]): Promise<string> {
  await scratch.db.appendColumns('written', [
    { name: 'trade_id', type: 'varchar', values: rows.map(({ id }) => id) },
    { name: 'venue', type: 'varchar', values: rows.map(({ venue }) => venue ?? 'XTST') },
    { name: 'p', type: 'integer', values: rows.map(({ partition }) => partition ?? 0) },
    { name: 'o', type: 'bigint', values: rows.map(({ offset }, i) => BigInt(offset ?? i)) },
  ])
  const path = join(scratch.folder, name)
  await scratch.db.query(`COPY written TO ${quoteText(path)} (FORMAT parquet)`)
  return path
}

const inputOf = (paths: readonly string[]): IdentityScanInput => ({
  paths,
  identityField: 'trade_id',
  marker: { field: 'venue', value: 'XTST' },
  kafka: { partitionField: 'p', offsetField: 'o' },
})
const seqRows = (stream: number, seqs: readonly number[]): Row[] => seqs.map((seq) => ({ id: canaryIdText({ runId, stream, seq }) }))
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

test.each([
  { title: 'one row', seqs: [7], ranges: [7, 7] },
  { title: 'one word exactly', seqs: from(64, 127), ranges: [64, 127] },
  { title: 'across words, in any order', seqs: from(10, 300).reverse(), ranges: [10, 300] },
  { title: 'both ends of a half word', seqs: [31, 32, 63, 64], ranges: [31, 32, 63, 64] },
  { title: 'every second one', seqs: [0, 2, 4, 66], ranges: [0, 0, 2, 2, 4, 4, 66, 66] },
  { title: 'a hole of one in many', seqs: [...from(0, 499), ...from(501, 1000)], ranges: [0, 499, 501, 1000] },
  { title: 'the largest seqs there are', seqs: [999_999_999_998, 999_999_999_999], ranges: [999_999_999_998, 999_999_999_999] },
])('seqs come back as exact ranges: $title', async ({ title, seqs, ranges }) => {
  const scan = await scanIdentities(scratch.db, inputOf([await writeFile(`${title.length}.parquet`, seqRows(3, seqs))]))
  expect(scan.streams).toEqual([{ runId, stream: 3, seqs: ranges }])
  expect(scan).toMatchObject({ rowCount: seqs.length, canaryCount: seqs.length, malformedCount: 0, repeatCount: 0 })
})

test('rows are canaries by a boolean column, too', async () => {
  await scratch.db.appendColumns('flagged', [
    { name: 'trade_id', type: 'varchar', values: seqRows(0, from(0, 9)).map(({ id }) => id) },
    { name: 'p', type: 'integer', values: Array.from({ length: 10 }, () => 0) },
    { name: 'o', type: 'bigint', values: Array.from({ length: 10 }, (_, i) => BigInt(i)) },
  ])
  const path = join(scratch.folder, 'flagged.parquet')
  await scratch.db.query(`COPY (SELECT *, o % 2 = 0 AS canary FROM flagged) TO ${quoteText(path)} (FORMAT parquet)`)
  const scan = await scanIdentities(scratch.db, { ...inputOf([path]), marker: { field: 'canary', value: 'true' } })
  expect(scan.streams).toEqual([{ runId, stream: 0, seqs: [0, 0, 2, 2, 4, 4, 6, 6, 8, 8] }])
  expect(scan).toMatchObject({ rowCount: 10, canaryCount: 5 })
})

test('any set of seqs over several files equals what a plain Set says', async () => {
  const seqs = from(0, 5000).filter((seq) => (seq * 7919) % 13 > 2 || (seq > 1000 && seq < 2000))
  const half = seqs.length >> 1
  const paths = [await writeFile('a.parquet', seqRows(0, seqs.slice(half))), await writeFile('b.parquet', seqRows(0, seqs.slice(0, half)))]
  const scan = await scanIdentities(scratch.db, inputOf(paths))
  const ranges = scan.streams[0]?.seqs ?? []
  const seen = new Set<number>()
  for (let i = 0; i < ranges.length; i += 2) for (const seq of from(ranges[i] as number, ranges[i + 1] as number)) seen.add(seq)
  expect(seen).toEqual(new Set(seqs))
})

test('a repeat across files is named with its later place, and does not hide a loss of equal number', async () => {
  const first = await writeFile('r1.parquet', [
    { id: canaryIdText({ runId, stream: 1, seq: 5 }), partition: 2, offset: 100 },
    { id: canaryIdText({ runId, stream: 1, seq: 7 }), partition: 2, offset: 102 },
  ])
  const second = await writeFile('r2.parquet', [{ id: canaryIdText({ runId, stream: 1, seq: 5 }), partition: 2, offset: 250 }])
  const scan = await scanIdentities(scratch.db, inputOf([first, second]))
  expect(scan.streams).toEqual([{ runId, stream: 1, seqs: [5, 5, 7, 7] }])
  expect(scan.repeatCount).toBe(1)
  expect(scan.repeats).toEqual([{ runId, stream: 1, seq: 5, partition: 2, offset: 250, path: second }])
})

test('a file listed twice repeats every row of it', async () => {
  const path = await writeFile('twice.parquet', seqRows(0, from(0, 99)))
  const scan = await scanIdentities(scratch.db, inputOf([path, path]))
  expect(scan.repeatCount).toBe(100)
  expect(scan.repeats.map(({ seq }) => seq)).toEqual(from(0, 99))
})

test('runs and streams are kept apart, and offsets cover the rows of others too', async () => {
  const path = await writeFile('mixed.parquet', [
    { id: canaryIdText({ runId, stream: 0, seq: 0 }), partition: 0, offset: 11 },
    { id: canaryIdText({ runId: otherRunId, stream: 0, seq: 0 }), partition: 0, offset: 12 },
    { id: canaryIdText({ runId, stream: 9999, seq: 1 }), partition: 1, offset: 5 },
    { id: 'T-1', venue: 'XNAS', partition: 0, offset: 99 },
    { id: canaryIdText({ runId, stream: 0, seq: 3 }), venue: 'XNAS', partition: 1, offset: 4 },
  ])
  const scan = await scanIdentities(scratch.db, inputOf([path]))
  expect(scan.streams).toEqual([
    { runId, stream: 0, seqs: [0, 0] },
    { runId, stream: 9999, seqs: [1, 1] },
    { runId: otherRunId, stream: 0, seqs: [0, 0] },
  ])
  expect(scan).toMatchObject({ rowCount: 5, canaryCount: 3 })
  expect(scan.offsets).toEqual([
    { partition: 0, offsetFirst: 11, offsetLast: 99, rowCount: 3 },
    { partition: 1, offsetFirst: 4, offsetLast: 5, rowCount: 2 },
  ])
})

const whole = canaryIdText({ runId, stream: 0, seq: 12 })
test.each([
  ['too short', whole.slice(0, -1)],
  ['too long', `${whole}0`],
  ['empty', ''],
  ['a sign for a digit', `${whole.slice(0, -12)}+00000000012`],
  ['blanks for digits', `${whole.slice(0, -12)}          12`],
  ['a point among the digits', `${whole.slice(0, -12)}000000012.00`],
  ['letters for digits', `${whole.slice(0, -12)}00000000abcd`],
  ['no colon before the seq', `${whole.slice(0, 41)}-${whole.slice(42)}`],
  ['a stream that is no number', `${whole.slice(0, 37)}x000${whole.slice(41)}`],
  ['a run id that is none', `z${whole.slice(1)}`],
  ['not ASCII', `é${whole.slice(2)}`],
])('an identity that is none is counted as malformed and never as seen: %s', async (_, id) => {
  const scan = await scanIdentities(
    scratch.db,
    inputOf([await writeFile('malformed.parquet', [{ id }, { id: canaryIdText({ runId, stream: 0, seq: 0 }) }])]),
  )
  expect(scan.malformedCount).toBe(1)
  expect(scan.streams).toEqual([{ runId, stream: 0, seqs: [0, 0] }])
})

test('a file without canaries, and no file at all, are scans of nothing', async () => {
  const path = await writeFile('none.parquet', [{ id: 'T-1', venue: 'XNAS', offset: 8 }])
  expect(await scanIdentities(scratch.db, inputOf([path]))).toMatchObject({
    rowCount: 1,
    canaryCount: 0,
    streams: [],
    offsets: [{ offsetFirst: 8, offsetLast: 8 }],
  })
  expect(await scanIdentities(scratch.db, inputOf([]))).toMatchObject({ rowCount: 0, streams: [], offsets: [] })
})

test('a table without offset columns is scanned all the same', async () => {
  const path = await writeFile('plain.parquet', [...seqRows(0, [0, 1]), ...seqRows(0, [1])])
  const scan = await scanIdentities(scratch.db, { ...inputOf([path]), kafka: null })
  expect(scan).toMatchObject({ rowCount: 3, offsets: [], repeats: [{ seq: 1, partition: null, offset: null }] })
})

test('a file that is no Parquet is ENGINE_FAILED', async () => {
  await expect(scanIdentities(scratch.db, inputOf([join(scratch.folder, 'missing.parquet')]))).rejects.toMatchObject({
    code: 'ENGINE_FAILED',
  })
})
