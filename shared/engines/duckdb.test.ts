import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { openDuckDb, type DuckDb } from './duckdb.ts'

let tempDir = ''
beforeAll(async () => {
  tempDir = await mkdtemp(join(tmpdir(), 'assay-engine-'))
})
afterAll(async () => {
  await rm(tempDir, { recursive: true })
})

/** A setting that only this instance has: one opened anew has lost it. */
const mark = (db: DuckDb) => db.query("SET search_path = 'temp'")
const isMarked = async (db: DuckDb) =>
  String((await db.query("SELECT current_setting('search_path') AS path"))[0]?.['path']).includes('temp')

test('an engine is opened anew after so many calls, and answers on', async () => {
  const db = await openDuckDb({ memoryLimitMb: 64, threads: 1, tempDir, renewAfterCalls: 3 })
  await mark(db)
  expect(await isMarked(db)).toBe(true)
  await db.query('SELECT 1')
  expect(await isMarked(db)).toBe(false)
  db.close()
})

test('never while it holds a table, and soon after', async () => {
  const db = await openDuckDb({ memoryLimitMb: 64, threads: 1, tempDir, renewAfterCalls: 2 })
  await db.appendColumns('held', [{ name: 'n', type: 'integer', values: [1, 2] }])
  for (let i = 0; i < 5; i++) expect(await db.query('SELECT count(*) AS n FROM held')).toEqual([{ n: 2n }])
  await mark(db)
  await db.query('DROP TABLE temp.held')
  expect(await isMarked(db)).toBe(false)
  db.close()
})

test('is opened anew although many at a time append, ask and drop, each of them together', async () => {
  const db = await openDuckDb({ memoryLimitMb: 64, threads: 1, tempDir, renewAfterCalls: 6 })
  await mark(db)
  const asking = Array.from({ length: 8 }, (_, i) =>
    db.together(async ({ appendColumns, query }) => {
      await appendColumns(`asked_${i}`, [{ name: 'n', type: 'integer', values: [i] }])
      const rows = await query(`SELECT n FROM asked_${i}`)
      await query(`DROP TABLE temp.asked_${i}`)
      return rows
    }),
  )
  const failing = db.together(({ query }) => query('SELECT no_such_column'))
  expect(await Promise.all(asking)).toEqual(Array.from({ length: 8 }, (_, n) => [{ n }]))
  await expect(failing).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  expect(await isMarked(db)).toBe(false)
  db.close()
})

test('is kept where nothing is said', async () => {
  const db = await openDuckDb({ memoryLimitMb: 64, threads: 1, tempDir })
  await mark(db)
  for (let i = 0; i < 20; i++) await db.query('SELECT 1')
  expect(await isMarked(db)).toBe(true)
  db.close()
})

afterEach(() => {
  vi.unstubAllEnvs()
})

test('days and moments do not depend on where the host stands', async () => {
  vi.stubEnv('TZ', 'Asia/Tokyo')
  const db = await openDuckDb({ memoryLimitMb: 64, threads: 1, tempDir })
  const [row] = await db.query(`SELECT CAST(CAST(to_timestamp(1700000000) AS DATE) AS VARCHAR) AS day,
    CAST(epoch_us(CAST(TIMESTAMP '2023-11-14 22:13:20' AS TIMESTAMPTZ)) AS VARCHAR) AS moment`)
  expect(row).toEqual({ day: '2023-11-14', moment: '1700000000000000' })
  db.close()
})
