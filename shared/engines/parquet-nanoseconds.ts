import { open, type FileHandle } from 'node:fs/promises'
import type { SchemaField } from '../iceberg/metadata.ts'
import { CompactReader } from './page-checksums.ts'

/**
 * Takes the zone off the columns of local Parquet files that hold nanoseconds with one, where the table has such a column: the
 * engine would cut them to microseconds. They are moments in UTC, with the zone and without. It is one bit of the footer for
 * each column; the file's size and pages stay, and what is no Parquet file is left as it is.
 */
export async function keepNanoseconds(paths: readonly string[], fields: readonly SchemaField[]): Promise<void> {
  if (!JSON.stringify(fields, withoutBigInts).includes('"timestamptz_ns"')) return
  for (const path of new Set(paths)) {
    const file = await open(path, 'r+')
    try {
      await takeZonesOff(file)
    } finally {
      await file.close()
    }
  }
}

/** Defaults of fields may be such. */
const withoutBigInts = (_: string, value: unknown) => (typeof value === 'bigint' ? null : value)

const MAGIC = 'PAR1'
const TAIL_BYTES = 8

async function takeZonesOff(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  if (size < TAIL_BYTES) return
  const tail = await bytesAt(file, size - TAIL_BYTES, TAIL_BYTES)
  const footerAt = size - TAIL_BYTES - tail.readUInt32LE()
  if (tail.toString('latin1', 4) !== MAGIC || footerAt < 0) return
  const footer = await bytesAt(file, footerAt, tail.readUInt32LE())
  for (const at of zonesOfNanoseconds(footer)) {
    footer[at] = ((footer[at] as number) & 0xf0) | FALSE
    await file.write(footer, at, 1, footerAt + at)
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** Types of Thrift's compact protocol; a boolean field is its type. */
const TRUE = 1
const FALSE = 2
const LIST = 9
const STRUCT = 12

/** Where a FileMetaData says `isAdjustedToUTC = true` of a column in nanoseconds: field 2 (schema), each 10 (logicalType), 8 (TIMESTAMP). */
function zonesOfNanoseconds(footer: Buffer): number[] {
  const reader = new CompactReader(footer, 0)
  const found: number[] = []
  const timestamp = () => {
    const at = zoneOfNanoseconds(reader)
    if (at !== null) found.push(at)
  }
  const logicalType = () => {
    eachField(reader, ({ id, type }) => id === 8 && type === STRUCT && did(timestamp))
  }
  const column = () => {
    eachField(reader, ({ id, type }) => id === 10 && type === STRUCT && did(logicalType))
  }
  const schema = () => {
    for (let left = reader.list().count; left > 0; left--) column()
  }
  try {
    eachField(reader, ({ id, type }) => id === 2 && type === LIST && did(schema))
  } catch (error) {
    // The engine says better what is wrong with such a file.
    if (!(error instanceof RangeError)) throw error
  }
  return found
}

/** A TimestampType: 1 (isAdjustedToUTC), 2 (unit), of which 3 is NANOS. */
function zoneOfNanoseconds(reader: CompactReader): number | null {
  const found: { zoneAt: number | null; isNanos: boolean } = { zoneAt: null, isNanos: false }
  const unit = () => {
    eachField(reader, ({ id }) => {
      found.isNanos ||= id === 3
      return false
    })
  }
  eachField(reader, ({ id, type, at }) => {
    if (id === 1 && type === TRUE) found.zoneAt = at
    return id === 2 && type === STRUCT && did(unit)
  })
  return found.isNanos ? found.zoneAt : null
}

const did = (read: () => void): true => {
  read()
  return true
}

interface ReadField {
  readonly id: number
  readonly type: number
  /** Of its first byte. */
  readonly at: number
}

/** The fields of a struct; what `read` does not read is passed over. */
function eachField(reader: CompactReader, read: (field: ReadField) => boolean): void {
  let before = 0
  for (;;) {
    const { at } = reader
    const field = reader.field(before)
    if (field === null) return
    if (!read({ ...field, at })) reader.skip(field.type, 0)
    before = field.id
  }
}
