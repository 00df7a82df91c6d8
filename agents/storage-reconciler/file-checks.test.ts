import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useScratchEngine } from '../../shared/engines/scratch-engine.fixture.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import { checkFile, deleteDamage, isChanged } from './file-checks.ts'
import type { ReadContext } from './table-files.ts'

/** Written by pyarrow with checksums of its pages: forty rows. */
const written = readFileSync(join(import.meta.dirname, '../../shared/engines/fixtures/checksums.parquet'))
const ROWS = 40

const scratch = useScratchEngine()

/** A data file of which the store sends these bytes, one after the other; the last ones again and again. */
function stored(transfers: readonly Buffer[], said: Partial<TableFile> = {}) {
  const left = [...transfers]
  const downloadTo: ObjectStore['downloadTo'] = (_, path) => {
    const bytes = (left.length > 1 ? left.shift() : left[0]) as Buffer
    writeFileSync(path, bytes)
    return Promise.resolve(bytes.length)
  }
  const stated = { lowerBounds: new Map(), upperBounds: new Map(), valueCounts: new Map(), nullCounts: new Map() }
  const file = {
    ...{ content: 'data', path: 's3://lake/1.parquet', format: 'parquet', recordCount: ROWS, fileSizeBytes: written.length, ...stated },
    ...said,
  } as TableFile
  const { db, folder } = scratch
  const store: ObjectStore = { downloadTo, get: () => Promise.resolve(written), head: () => Promise.resolve(null), close: () => undefined }
  const schema = { schemaId: 0, fields: [] }
  const known: Partial<ReadContext> = { db, folder, fields: [], fetched: new Map(), schema, store }
  return { context: known as ReadContext, file }
}

/** A bit of the last value of a column: it decodes all the same. */
async function flipped(): Promise<Buffer> {
  const path = join(scratch.folder, 'written.parquet')
  writeFileSync(path, written)
  const [row] = await scratch.db.query(
    `SELECT data_page_offset + total_compressed_size AS past FROM parquet_metadata('${path}') WHERE path_in_schema = 'plain' AND row_group_id = 1`,
  )
  const bytes = Buffer.from(written)
  const at = Number(row?.['past']) - 8
  bytes[at] = (bytes[at] as number) ^ 4
  return bytes
}

const cut = written.subarray(0, written.length >> 1)
const check = ({ context, file }: ReturnType<typeof stored>) => checkFile(context, file)

describe('a data file', () => {
  test('that is as it was written, and as its manifest says, has no fault', async () => {
    expect(await check(stored([written]))).toEqual({ faults: [], isDamaged: false })
  })

  test.each<[what: string, said: Partial<TableFile>, expected: string, actual: string]>([
    ['longer', { fileSizeBytes: written.length - 1 }, `${written.length - 1} bytes, as the manifest says`, `${written.length} bytes`],
    ['shorter', { fileSizeBytes: written.length + 1 }, `${written.length + 1} bytes, as the manifest says`, `${written.length} bytes`],
    ['of more records', { recordCount: ROWS - 1 }, '39 records, as the manifest says', '40 records'],
    ['of fewer records', { recordCount: ROWS + 1 }, '41 records, as the manifest says', '40 records'],
  ])('that is %s than its manifest says is told', async (...[, said, expected, actual]) => {
    const of = stored([written], said)
    expect(await check(of)).toEqual({ faults: [{ file: of.file.path, expected, actual }], isDamaged: false })
  })

  test('in which a value is not what its writer wrote is damaged, though it decodes', async () => {
    const { faults, isDamaged } = await check(stored([await flipped()]))
    expect(isDamaged).toBe(true)
    expect(faults).toMatchObject([
      {
        expected: 'a Parquet file that can be read',
        actual: expect.stringMatching(/^row group 1, column plain: page \d+ is not/) as string,
      },
    ])
  })

  test('is not damaged by a transfer that went wrong: what the store holds comes with the next', async () => {
    expect(await check(stored([await flipped(), written]))).toEqual({ faults: [], isDamaged: false })
  })

  test('that was changed or cut after it was read is seen to be, and no other', async () => {
    const changed = async (bytes: Buffer) => {
      const { context, file } = stored([bytes])
      return isChanged(context, file)
    }
    expect([await changed(written), await changed(await flipped()), await changed(cut)]).toEqual([false, true, true])
  })
})

describe('a delete file', () => {
  const damage = ({ context, file }: ReturnType<typeof stored>) => deleteDamage(context, file)

  test('that is cut short is damaged, and one that can be read is not', async () => {
    expect(await damage(stored([cut]))).toContain('no readable footer')
    expect(await damage(stored([written]))).toBeNull()
  })

  test('is not damaged by a transfer that went wrong', async () => {
    expect(await damage(stored([cut, written]))).toBeNull()
  })
})
