import { readFile } from 'node:fs/promises'
import { AssayError } from '../core/errors.ts'
import { canDeleteFrom } from '../iceberg/changes.ts'
import { deletedPositions } from '../iceberg/deletion-vectors.ts'
import type { DataFile } from '../iceberg/manifests.ts'
import type { TableSchema } from '../iceberg/metadata.ts'
import { engineTypeOf, fieldSql, keySql } from './column-projection.ts'
import { quoteIdentifier, quoteText } from './duckdb.ts'
import type { DuckDb } from './duckdb.ts'
import { keepNanoseconds } from './parquet-nanoseconds.ts'
import { mappedShape, parquetShapes, type ParquetShape } from './parquet-tree.ts'

export interface LocalFile {
  readonly file: DataFile & { readonly partitionSpecId?: number }
  /** The object as it was downloaded. */
  readonly path: string
  readonly dataSequenceNumber: number
}

interface TableInput {
  readonly schema: TableSchema
  readonly data: readonly LocalFile[]
  readonly deletes: readonly LocalFile[]
}

/** Files of one shape that the same delete files reach: read by one SELECT. */
interface Batch {
  readonly files: readonly LocalFile[]
  readonly shape: ParquetShape
  readonly deletes: readonly LocalFile[]
}

/**
 * A `FROM` item: the rows of `data` under the columns of `schema` (mapped by field id, in files without ids by the table's
 * name mapping or else by name; columns a file lacks are null or their initial default), without the rows that `deletes` take away (position deletes, equality deletes by sequence
 * number and partition, deletion vectors). Decoded deletion vectors are laid beside the downloaded ones, and the item
 * is good for as long as all these files stand. Throws ENGINE_FAILED, METADATA_BROKEN, FORMAT_UNSUPPORTED, LIMIT_REACHED.
 */
export async function tableRowsSql(db: DuckDb, { schema, data, deletes }: TableInput): Promise<string> {
  for (const { file } of [...data, ...deletes]) checkFormat(file)
  const paths = pathsOf([...data, ...deletes.filter((one) => !isVector(one))])
  await keepNanoseconds(paths, schema.fields)
  const shapes = shapeByPath(await parquetShapes(db, paths), schema)
  const columns = schema.fields.map(({ name }) => quoteIdentifier(name)).join(', ')
  const selects: string[] = []
  for (const batch of batchesOf({ schema, data, deletes }, shapes)) {
    const joins: string[] = []
    for (const [i, taken] of (await takenRows(db, { batch, schema, shapes })).entries())
      joins.push(`ANTI JOIN (${taken.rows}) assay_taken_${i} ON ${taken.on(`assay_taken_${i}`)}`)
    selects.push(`SELECT ${columns} FROM (${rowsOf(schema, batch)}) assay_rows ${joins.join(' ')}`)
  }
  if (selects.length === 0) {
    const nulls = schema.fields.map((field) => `CAST(NULL AS ${engineTypeOf(field)}) AS ${quoteIdentifier(field.name)}`)
    return `(SELECT ${nulls.join(', ')} WHERE false)`
  }
  return `(${selects.join(' UNION ALL ')})`
}

const isVector = ({ file }: LocalFile) => file.format === 'puffin'
const pathsOf = (files: readonly LocalFile[]) => files.map(({ path }) => path)
const listSql = (paths: readonly string[]) => `[${paths.map(quoteText).join(', ')}]`

/** Throws FORMAT_UNSUPPORTED for a file whose rows cannot be read here. */
export function checkFormat({ content, format, path }: DataFile): void {
  if (format === 'parquet' || (format === 'puffin' && content === 'position-deletes')) return
  throw new AssayError('FORMAT_UNSUPPORTED', `${path}: expected a Parquet file, got format ${format}`)
}

function shapeByPath(shapes: readonly ParquetShape[], { nameMapping }: TableSchema): ReadonlyMap<string, ParquetShape> {
  return new Map(
    shapes.flatMap((told) => {
      const shape = mappedShape(told, nameMapping)
      return shape.paths.map((path) => [path, shape] as const)
    }),
  )
}

function batchesOf({ data, deletes }: TableInput, shapes: ReadonlyMap<string, ParquetShape>): Batch[] {
  const shapeIds = new Map([...new Set(shapes.values())].map((shape, i) => [shape, i]))
  const deleteIds = new Map(deletes.map((one, i) => [one, i]))
  const batches = new Map<string, { files: LocalFile[]; shape: ParquetShape; deletes: LocalFile[] }>()
  for (const one of data) {
    const shape = shapes.get(one.path) as ParquetShape
    const reaching = reachingDeletes(one, deletes)
    const key = [shapeIds.get(shape), ...reaching.map((each) => deleteIds.get(each))].join()
    const batch = batches.get(key)
    if (batch === undefined) batches.set(key, { files: [one], shape, deletes: reaching })
    else batch.files.push(one)
  }
  return [...batches.values()]
}

/** Where a data file has a deletion vector, that holds its position deletes as well: others are no longer looked at. */
function reachingDeletes(data: LocalFile, deletes: readonly LocalFile[]): LocalFile[] {
  const reaching = deletes.filter((one) => canDeleteFrom(scopeOf(one), scopeOf(data)))
  if (!reaching.some(isVector)) return reaching
  return reaching.filter((one) => isVector(one) || one.file.content !== 'position-deletes')
}

const scopeOf = ({ file, dataSequenceNumber }: LocalFile) => ({ ...file, partitionSpecId: file.partitionSpecId ?? 0, dataSequenceNumber })

function rowsOf(schema: TableSchema, { files, shape, deletes }: Batch): string {
  const source = { nodes: shape.columns, hasIds: shape.hasIds, of: null }
  const columns = schema.fields.map((field) => `${fieldSql(field, source)} AS ${quoteIdentifier(field.name)}`)
  const keys = equalityIds(deletes).map((id) => `${keySql(id, { schema, shape })} AS assay_key_${id}`)
  const place = deletes.some(({ file }) => file.content === 'position-deletes')
    ? ['filename AS assay_file', 'file_row_number AS assay_row']
    : []
  return `SELECT ${[...columns, ...keys, ...place].join(', ')} FROM read_parquet(${listSql(pathsOf(files))}, hive_partitioning = false)`
}

const equalityIds = (deletes: readonly LocalFile[]) => [...new Set(deletes.flatMap(({ file }) => file.equalityIds))]

interface Taken {
  readonly rows: string
  readonly on: (alias: string) => string
}

interface TakenInput {
  readonly batch: Batch
  readonly schema: TableSchema
  readonly shapes: ReadonlyMap<string, ParquetShape>
}

async function takenRows(db: DuckDb, input: TakenInput): Promise<Taken[]> {
  const { deletes } = input.batch
  const byPosition = deletes.filter((one) => one.file.content === 'position-deletes' && !isVector(one))
  const positions = byPosition.length === 0 ? [] : [positionsSql(input.batch, byPosition)]
  for (const vector of deletes.filter(isVector)) positions.push(await vectorSql(db, input.batch, vector))
  const atPlace = (alias: string) => `assay_rows.assay_file = ${alias}.assay_file AND assay_rows.assay_row = ${alias}.assay_row`
  const byEquality = Map.groupBy(
    deletes.filter(({ file }) => file.content === 'equality-deletes'),
    ({ file }) => [...file.equalityIds].sort((a, b) => a - b).join(),
  )
  return [
    ...(positions.length === 0 ? [] : [{ rows: positions.join(' UNION ALL '), on: atPlace }]),
    ...[...byEquality.values()].map((alike) => equalityRows(alike, input)),
  ]
}

function positionsSql({ files }: Batch, deletes: readonly LocalFile[]): string {
  const places = files.map(({ file, path }) => `(${quoteText(file.path)}, ${quoteText(path)})`)
  return `SELECT assay_places.path AS assay_file, pos AS assay_row
    FROM read_parquet(${listSql(pathsOf(deletes))}, hive_partitioning = false, union_by_name = true)
    JOIN (VALUES ${places.join(', ')}) assay_places(location, path) ON file_path = assay_places.location`
}

async function vectorSql(db: DuckDb, { files }: Batch, { file, path }: LocalFile): Promise<string> {
  const positions = deletedPositions(await readFile(path), file)
  const decoded = `${path}-${file.contentOffset}.positions.parquet`
  await db.appendColumns(decoded, [{ name: 'assay_row', type: 'double', values: positions }])
  const rows = `SELECT CAST(assay_row AS BIGINT) AS assay_row FROM temp.${quoteIdentifier(decoded)}`
  await db.query(`COPY (${rows}) TO ${quoteText(decoded)} (FORMAT parquet)`)
  await db.query(`DROP TABLE IF EXISTS temp.${quoteIdentifier(decoded)}`)
  const reached = files.filter((one) => one.file.path === file.referencedDataFile)
  return `SELECT assay_file, assay_row FROM read_parquet(${quoteText(decoded)}), unnest(${listSql(pathsOf(reached))}) assay_of(assay_file)`
}

/** Nulls are equal to each other here. */
function equalityRows(deletes: readonly LocalFile[], { schema, shapes }: TakenInput): Taken {
  const ids = equalityIds(deletes)
  const rows = deletes.map(({ path }) => {
    const keys = ids.map((id) => `${keySql(id, { schema, shape: shapes.get(path) as ParquetShape })} AS assay_key_${id}`)
    return `SELECT ${keys.join(', ')} FROM read_parquet(${quoteText(path)}, hive_partitioning = false)`
  })
  const on = (alias: string) => ids.map((id) => `assay_rows.assay_key_${id} IS NOT DISTINCT FROM ${alias}.assay_key_${id}`).join(' AND ')
  return { rows: rows.join(' UNION ALL '), on }
}
