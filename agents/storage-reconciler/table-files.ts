import { join } from 'node:path'
import { AssayError } from '../../shared/core/errors.ts'
import type { Unread } from '../../shared/engines/column-projection.ts'
import type { DuckDb } from '../../shared/engines/duckdb.ts'
import { canDeleteFrom, type TableFile } from '../../shared/iceberg/changes.ts'
import type { DataFile } from '../../shared/iceberg/manifests.ts'
import type { SchemaField, TableSchema } from '../../shared/iceberg/metadata.ts'
import type { ObjectStore } from '../../shared/iceberg/object-store.ts'
import type { ManifestReader } from '../../shared/iceberg/snapshot-reader.ts'
import type { TableHop, Topology } from '../../topology/topology.ts'

export interface LocalFile {
  readonly file: DataFile
  readonly path: string
  readonly dataSequenceNumber: number
}

/** A `FROM` item: rows of local data files under a schema, by field id, without those that delete files take away. */
export type TableRows = (
  db: DuckDb,
  input: { schema: TableSchema; data: readonly LocalFile[]; deletes: readonly LocalFile[] },
) => Promise<string>

export interface TableAccess {
  readonly store: ObjectStore
  readonly manifests: ManifestReader
  readonly db: DuckDb
  readonly tableRows: TableRows
  readonly topology: Topology
  readonly hop: TableHop
}

/** One snapshot's files, as they are read. */
export interface ReadContext extends TableAccess {
  readonly runId: string
  /** The columns that are looked at, under the names the topology has for them. */
  readonly schema: TableSchema
  /** Columns that would be looked at, too, if their type were read. */
  readonly unread: Unread
  /** All columns there are, for what manifests say of them. */
  readonly fields: readonly SchemaField[]
  readonly folder: string
  readonly fetched: Map<string, Promise<LocalFile>>
}

export const isMissing = (error: unknown) => error instanceof AssayError && error.code === 'OBJECT_MISSING'
export const isEngineTrouble = (error: unknown) =>
  error instanceof AssayError && error.code === 'ENGINE_FAILED' && !/out of memory/i.test(error.message)

/**
 * Files that a table refers to and nobody can read, and what is wrong with each: of data files those that are gone, of delete
 * files those that are damaged, too. Deletion vectors share an object, which may be gone with all of them.
 */
export type Unusable = ReadonlyMap<string, string>

export const GONE = 'no such object'

/** Of several deletion vectors in one object, the one. */
export const placeOf = ({ path, contentOffset }: DataFile) => `${path} ${contentOffset ?? ''}`

export const faultOf = (unusable: Unusable, file: DataFile): string | null => unusable.get(file.path) ?? unusable.get(placeOf(file)) ?? null
export const isUsable = (unusable: Unusable, file: DataFile): boolean => faultOf(unusable, file) === null

/** Downloads a file once for each reading. Throws OBJECT_MISSING, OBJECT_STORE_UNAVAILABLE. */
export function fetchFile(context: ReadContext, file: TableFile): Promise<LocalFile> {
  const known = context.fetched.get(file.path)
  const fetching = known ?? download(context, file)
  if (known === undefined) context.fetched.set(file.path, fetching)
  // Deletion vectors share an object.
  return fetching.then((local) => ({ ...local, file, dataSequenceNumber: file.dataSequenceNumber }))
}

let downloadsSoFar = 0

export async function download({ store, folder }: ReadContext, file: TableFile): Promise<LocalFile> {
  const path = join(folder, `${++downloadsSoFar}.${file.format}`)
  await store.downloadTo(file.path, path)
  return { file, path, dataSequenceNumber: file.dataSequenceNumber }
}

/** A `FROM` item over one data file, without what these delete files take from it. */
export async function rowsOfFile(
  context: ReadContext,
  { file, deletes, schema = context.schema }: { file: TableFile; deletes: readonly TableFile[]; schema?: TableSchema },
): Promise<string> {
  const data = [await fetchFile(context, file)]
  const reaching = deletes.filter((one) => canDeleteFrom(one, file))
  const local = await Promise.all(reaching.map((one) => fetchFile(context, one)))
  return context.tableRows(context.db, { schema, data, deletes: local })
}
