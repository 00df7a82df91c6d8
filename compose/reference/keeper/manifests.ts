import { readAvroFile, type AvroMeta } from '../avro-file.ts'
import { z } from '../config.ts'
import { PipelineError } from '../errors.ts'
import type { ObjectStore } from '../store.ts'

/** Fields that are not named here are carried along as they are. */
const manifestShape = z.looseObject({
  manifest_path: z.string(),
  content: z.int().default(0),
  sequence_number: z.bigint(),
  added_snapshot_id: z.bigint(),
})
export type Manifest = z.output<typeof manifestShape>

export const EXISTING = 0
export const DELETED = 2

const entryShape = z.looseObject({
  status: z.int().min(EXISTING).max(DELETED),
  snapshot_id: z.bigint().nullable(),
  sequence_number: z.bigint().nullable(),
  file_sequence_number: z.bigint().nullable(),
  data_file: z.looseObject({
    file_path: z.string(),
    record_count: z.bigint(),
    file_size_in_bytes: z.bigint(),
    upper_bounds: z.array(z.object({ key: z.int(), value: z.instanceof(Buffer) })).nullish(),
  }),
})
export type Entry = z.output<typeof entryShape>

/** Rows are read as they are asked for, and anew each time. */
export type Read<Row> = { meta: AvroMeta; rows: Iterable<Row> }

/** A snapshot's list of manifests. */
export const readList = (store: Pick<ObjectStore, 'get'>, uri: string): Promise<Read<Manifest>> =>
  readRows(store, { uri, shape: manifestShape })

/** What a manifest says of data files. */
export const readEntries = (store: Pick<ObjectStore, 'get'>, uri: string): Promise<Read<Entry>> =>
  readRows(store, { uri, shape: entryShape })

async function readRows<Row>(store: Pick<ObjectStore, 'get'>, { uri, shape }: { uri: string; shape: z.ZodType<Row> }): Promise<Read<Row>> {
  const { meta, records } = readAvroFile(await store.get(uri), uri)
  return { meta, rows: { [Symbol.iterator]: () => parsed(records, { uri, shape }) } }
}

function* parsed<Row>(records: Iterable<unknown>, { uri, shape }: { uri: string; shape: z.ZodType<Row> }): Generator<Row> {
  for (const record of records) {
    const row = shape.safeParse(record)
    if (!row.success) throw new PipelineError('TABLE_UNREADABLE', `${uri}: ${row.error.message}`)
    yield row.data
  }
}
