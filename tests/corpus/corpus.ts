import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { parseLossless } from '../../shared/iceberg/lossless.ts'
import { parseTableMetadata, type TableMetadata } from '../../shared/iceberg/metadata.ts'

const BASE = 's3://corpus/'
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
  snapshots: z.array(z.object({ id: z.string(), changes, rows: z.array(z.record(z.string(), z.unknown())) })),
})

export type ExpectedTable = z.output<typeof expectedTable>

export function expectedOf(table: string): ExpectedTable {
  return expectedTable.parse(JSON.parse(readFileSync(join(tablesFolder, table, 'expected.json'), 'utf8')))
}

/** Where an object of the corpus lies in the folder. */
export function localPath(uri: string): string {
  return join(tablesFolder, uri.slice(BASE.length))
}

export const folderStore = { get: (uri: string): Promise<Uint8Array> => readFile(localPath(uri)) }

export function metadataOf({ metadata }: ExpectedTable): TableMetadata {
  const bytes = readFileSync(localPath(metadata))
  const text = metadata.endsWith('.gz.metadata.json') ? gunzipSync(bytes) : bytes
  return parseTableMetadata(parseLossless(text.toString()), metadata)
}
