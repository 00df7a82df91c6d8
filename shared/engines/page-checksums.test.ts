import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quoteText } from './duckdb.ts'
import { changedPage, findChangedPage } from './page-checksums.ts'
import { findDamage } from './parquet-columns.ts'
import { useScratchEngine } from './scratch-engine.fixture.ts'

/** Written by pyarrow with `write_page_checksum`, uncompressed: two row groups of 20, several pages a column. */
const FIXTURE = join(import.meta.dirname, 'fixtures', 'checksums.parquet')

const scratch = useScratchEngine()

test('a file as it was written has no changed page', async () => {
  expect(await findChangedPage(scratch.db, FIXTURE)).toBeNull()
})

test.each([
  ['a value', `path_in_schema = 'plain'`, 'data_page_offset + total_compressed_size - 8'],
  ['a dictionary', 'dictionary_page_offset IS NOT NULL', 'data_page_offset - 2'],
])('a bit that flips in %s, which decodes all the same, is found in its row group and column', async (_, which, where) => {
  const bytes = await readFile(FIXTURE)
  const [row] = await scratch.db.query(`
    SELECT ${where} AS place, path_in_schema FROM parquet_metadata(${quoteText(FIXTURE)}) WHERE ${which} AND row_group_id = 1 LIMIT 1`)
  const at = Number(row?.['place'])
  bytes[at] = (bytes[at] as number) ^ 4
  const path = join(scratch.folder, 'flipped.parquet')
  await writeFile(path, bytes)
  expect(await findDamage(scratch.db, path)).toBeNull()
  const column = String(row?.['path_in_schema'])
  expect(await findChangedPage(scratch.db, path)).toMatch(
    new RegExp(`^row group 1, column ${column}: page \\d+ is not what its checksum says$`),
  )
  const changedAmong = async (...columns: string[]) => (await findChangedPage(scratch.db, path, new Set(columns))) !== null
  expect(await changedAmong(column)).toBe(true)
  const other = column === 'id' ? 'plain' : 'id'
  expect(await changedAmong(other)).toBe(false)
  expect(await changedAmong(other, 'renamed since')).toBe(true)
})

test('a file without checksums has nothing to compare', async () => {
  const path = join(scratch.folder, 'plain.parquet')
  await scratch.db.query(`COPY (SELECT range AS a FROM range(5000)) TO ${quoteText(path)} (FORMAT parquet)`)
  expect(await findChangedPage(scratch.db, path)).toBeNull()
})

test.each([
  ['', null],
  ['15', null],
  ['ffffffffffffffffffffffffffffff', null],
  // compressed_page_size 1, then crc 0, then the end; the page is one byte whose checksum is not 0.
  ['3502150000ff', 0],
  // The same, without a crc.
  ['350200ff', null],
])('bytes %s are read as far as they go', (hex, page) => {
  expect(changedPage(Buffer.from(hex, 'hex'))).toBe(page)
})
