import { open, type FileHandle } from 'node:fs/promises'
import { AssayError } from '../core/errors.ts'
import type { IdentityColumn } from './identity-column.ts'
import type { Turns } from './identity-turns.ts'
import type { ColumnChunk, RowGroup } from './parquet-groups.ts'
import { pagesOf, type Page } from './parquet-pages.ts'
import { NumberColumn, SmallNumberColumn } from './parquet-values.ts'
import type { PlacedRows } from './seq-order.ts'
import type { StreamNames } from './stream-names.ts'

export interface Reading {
  readonly names: StreamNames
  readonly withPlaces: boolean
}

/** Where the rows of a group are written, with room for the largest. */
export type RowSlot = Omit<PlacedRows, 'count'>

export interface GroupRows extends PlacedRows {
  readonly group: RowGroup
  /** Rows that need not be looked at one by one, in their order. */
  readonly turns: readonly Turns[]
}

/** Shared where one thread writes it and another reads. */
export function newSlot(groups: readonly RowGroup[], { withPlaces, isShared }: { withPlaces: boolean; isShared: boolean }): RowSlot {
  const rows = Math.max(0, ...groups.map(({ rowCount }) => rowCount))
  const bytes = (count: number) => (isShared ? new SharedArrayBuffer(count) : new ArrayBuffer(count))
  const integers = (count: number) => new Int32Array(bytes(count * Int32Array.BYTES_PER_ELEMENT))
  const numbers = (count: number) => new Float64Array(bytes(count * Float64Array.BYTES_PER_ELEMENT))
  const places = withPlaces ? rows : 0
  return { streams: integers(rows), seqs: numbers(rows), partitions: integers(places), offsets: numbers(places) }
}

/**
 * Reads the columns of a row group, places where the slot has room for them; gives the rows in which streams take turns.
 * Throws RangeError, or what the file system or zlib throws, for what only the engine can read.
 */
export async function readGroup(group: RowGroup, column: IdentityColumn, slot: RowSlot): Promise<Turns[]> {
  const file = await open(group.path)
  try {
    const turns: Turns[] = []
    await eachPage(file, { group, chunk: group.identity }, (page, row) => {
      const out = { streams: slot.streams.subarray(row), seqs: slot.seqs.subarray(row) }
      return column.read(page, out, (taken) => turns.push({ ...taken, row: row + taken.row }))
    })
    const { partition, offset } = group
    if (partition === null || offset === null || slot.offsets.length === 0) return turns
    const partitions = new SmallNumberColumn(partition.type === 'INT64')
    await eachPage(file, { group, chunk: partition }, (page, row) => partitions.read(page, slot.partitions.subarray(row)))
    const offsets = new NumberColumn(offset.type === 'INT64')
    await eachPage(file, { group, chunk: offset }, (page, row) => offsets.read(page, slot.offsets.subarray(row)))
    return turns
  } finally {
    await file.close()
  }
}

/** `read` gives how many rows a page has; what it takes of one it copies, since the page is let go at once. */
async function eachPage(
  file: FileHandle,
  { group, chunk }: { group: RowGroup; chunk: ColumnChunk },
  read: (page: Page, row: number) => number,
): Promise<void> {
  const bytes = Buffer.allocUnsafeSlow(chunk.sizeBytes)
  const { bytesRead } = await file.read(bytes, 0, chunk.sizeBytes, chunk.first)
  let rows = 0
  for (const page of pagesOf(bytes.subarray(0, bytesRead), chunk)) {
    rows += read(page, rows)
    page.release()
  }
  bytes.buffer.transfer(0)
  if (rows !== group.rowCount) throw new RangeError(`expected ${group.rowCount} rows, got ${rows}`)
}

/** What is not as it should be, of zlib or of the file system: the engine reads the files anew, and says so in its own words. */
export const isForEngine = (error: unknown) =>
  error instanceof RangeError || (error instanceof Error && 'code' in error && !(error instanceof AssayError))
