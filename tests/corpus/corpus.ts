import { readFileSync } from 'node:fs'
import { copyFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { AssayError } from '../../shared/core/errors.ts'
import { parseLossless } from '../../shared/iceberg/lossless.ts'
import { parseTableMetadata, type Snapshot, type TableMetadata, type TableSchema } from '../../shared/iceberg/metadata.ts'
import { NAME_MAPPING_PROPERTY } from '../../shared/iceberg/name-mapping.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'

/** Tables that were written through a catalog lie in its warehouse. */
const BASE = /^s3:\/\/(warehouse\/)?corpus\//
export const tablesFolder = join(import.meta.dirname, 'tables')

const changes = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  deletes: z.array(z.string()),
  removedDeletes: z.array(z.string()),
})

/** What the writer's own reader says of a table: see README.md for the form of values. */
const expectedTable = z.object({
  writer: z.string(),
  features: z.array(z.string()),
  metadata: z.string(),
  /** Metadata of the table that had this name before. */
  earlier: z.string().optional(),
  /** By location, what is wrong with a file: its rows are noted as they were. */
  damaged: z.record(z.string(), z.string()).default({}),
  snapshots: z.array(z.object({ id: z.string(), changes, rows: z.array(z.record(z.string(), z.unknown())) })),
})

export type ExpectedTable = z.output<typeof expectedTable>

export function expectedOf(table: string): ExpectedTable {
  return expectedTable.parse(JSON.parse(readFileSync(join(tablesFolder, table, 'expected.json'), 'utf8')))
}

/** Where an object of the corpus lies in the folder. */
export function localPath(uri: string): string {
  return join(tablesFolder, uri.replace(BASE, ''))
}

/** The folder as an object store. */
export const folderStore: ObjectStore = {
  get: (uri) => there(uri, readFile(localPath(uri))),
  head: (uri) =>
    stat(localPath(uri)).then(
      ({ size }) => ({ sizeBytes: size }),
      () => null,
    ),
  downloadTo: async (uri, path) => {
    await there(uri, copyFile(localPath(uri), path))
    return (await stat(path)).size
  },
  close: () => undefined,
}

async function there<T>(uri: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    throw new AssayError('OBJECT_MISSING', `GET ${uri}`, { cause })
  }
}

/** As the snapshot's writer had it, with what the table says of files without ids. */
export function schemaAt({ schemas, currentSchemaId, properties }: TableMetadata, { schemaId }: Snapshot): TableSchema {
  const schema = schemas.find((one) => one.schemaId === (schemaId ?? currentSchemaId)) as TableSchema
  return { ...schema, nameMapping: properties[NAME_MAPPING_PROPERTY] }
}

export function metadataOf({ metadata }: Pick<ExpectedTable, 'metadata'>): TableMetadata {
  const bytes = readFileSync(localPath(metadata))
  const text = metadata.endsWith('.gz.metadata.json') ? gunzipSync(bytes) : bytes
  return parseTableMetadata(parseLossless(text.toString()), metadata)
}
