import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canaryIdText } from '../core/identity.ts'
import { quoteText } from './duckdb.ts'
import { IdentityColumn, NO_STREAM } from './identity-column.ts'
import { newSlot, readGroup, type GroupRows } from './identity-group.ts'
import { rowsByThreads } from './identity-threads.ts'
import { rowGroupsOf } from './parquet-groups.ts'
import { MAX_STREAMS, StreamNames } from './stream-names.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

const runIds = ['0192f3a4-5b6c-7d8e-9f00-112233445566', '0192f3a4-5b6c-7d8e-9f00-aabbccddeeff'] as const
const kafka = { partitionField: 'p', offsetField: 'o' }
const scratch = useScratchEngine()

/** Row groups of 2,048 rows, in each of which streams are met in another order. */
async function fileOf(ids: readonly string[]): Promise<string> {
  const rows = ids.map((_, i) => i)
  await scratch.db.appendColumns('threaded', [
    { name: 'trade_id', type: 'varchar', values: [...ids] },
    { name: 'venue', type: 'varchar', values: rows.map(() => 'XTST') },
    { name: 'p', type: 'integer', values: rows.map((i) => i % 3) },
    { name: 'o', type: 'bigint', values: rows.map(BigInt) },
  ])
  const path = join(scratch.folder, `${ids.length}.parquet`)
  await scratch.db.query(
    `COPY threaded TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048, DICTIONARY_SIZE_LIMIT 1)`,
  )
  return path
}

const groupsOf = async (path: string) =>
  (await rowGroupsOf(scratch.db, { paths: [path], identityField: 'trade_id', marker: { field: 'venue', value: 'XTST' }, kafka })) ?? []

/** What stands in the slot now: it is written again for later groups. */
const saidBy = ({ group, count, streams, seqs, partitions, offsets, turns }: GroupRows, names: StreamNames) => ({
  rowFirst: group.rowFirst,
  turns,
  rows: Array.from({ length: count }, (_, i) =>
    streams[i] === NO_STREAM ? NO_STREAM : [names.list[streams[i] ?? -1], seqs[i], partitions[i], offsets[i]],
  ),
})

async function collected(path: string) {
  const names = new StreamNames()
  const said = []
  for await (const rows of rowsByThreads(await groupsOf(path), { names, withPlaces: true })) said.push(saidBy(rows, names))
  return said
}

const ids = Array.from({ length: 11_000 }, (_, i) => {
  const stream = i % 7
  return i % 501 === 0 ? 'none of the layout' : canaryIdText({ runId: runIds[i % 5_003 > 2_500 ? 1 : 0], stream, seq: i })
})

test('threads give the rows of each group as one alone reads them, in the order of the groups, scan for scan', async () => {
  const path = await fileOf(ids)
  const groups = await groupsOf(path)
  const names = new StreamNames()
  const column = new IdentityColumn(names)
  const slot = newSlot(groups, { withPlaces: true, isShared: false })
  const alone = []
  for (const group of groups) {
    const turns = await readGroup(group, column, slot)
    alone.push(saidBy({ group, count: group.rowCount, ...slot, turns }, names))
  }
  expect(alone.length).toBeGreaterThan(4)
  const withoutTurns = (said: Awaited<ReturnType<typeof collected>>) => said.map(({ rowFirst, rows }) => ({ rowFirst, rows }))
  expect(withoutTurns(await collected(path))).toEqual(withoutTurns(alone))
  // A scan that is given up in the middle, and two at once.
  for await (const rows of rowsByThreads(groups, { names: new StreamNames(), withPlaces: true })) if (rows.group.rowFirst > 0) break
  for (const said of await Promise.all([collected(path), collected(path)])) expect(withoutTurns(said)).toEqual(withoutTurns(alone))
})

test('what only the engine can read is a RangeError, and does no harm to the next', async () => {
  const path = await fileOf(ids.slice(0, 6_000))
  const broken = join(scratch.folder, 'broken.parquet')
  const bytes = await readFile(path)
  bytes.fill(0xff, 40, 400)
  await writeFile(broken, bytes)
  await expect(collected(broken)).rejects.toBeInstanceOf(RangeError)
  await expect(collected(path)).resolves.toHaveLength(3)
})

test('streams beyond the limit are told as such', async () => {
  const runOf = (i: number) => runIds[0].replace(/.$/, String(Math.floor(i / 10_000)))
  const path = await fileOf(
    Array.from({ length: MAX_STREAMS + 1_000 }, (_, i) => canaryIdText({ runId: runOf(i), stream: i % 10_000, seq: 0 })),
  )
  await expect(collected(path)).rejects.toMatchObject({ code: 'LIMIT_REACHED' })
})
