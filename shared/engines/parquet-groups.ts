import { codecs } from './parquet-pages.ts'
import { quoteText, type DuckDb, type SqlRow } from './duckdb.ts'
import type { IdentityScanInput } from './identity-scan.ts'

/** Of one column of a row group, compressed or not: larger ones are left to the engine, which reads them in parts. */
const CHUNK_BYTES_MAX = 64 * 1024 * 1024
const GROUP_ROWS_MAX = 4_000_000
/** Beyond, statistics may be cut short. */
const MARKER_LENGTH_MAX = 32
const encodings = new Set(['PLAIN', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY', 'RLE', 'BIT_PACKED'])

export interface ColumnChunk {
  readonly type: string
  readonly codec: string
  readonly isOptional: boolean
  readonly first: number
  readonly sizeBytes: number
}

export interface RowGroup {
  readonly path: string
  readonly rowCount: number
  /** Of the file's rows, the number of the group's first. */
  readonly rowFirst: number
  readonly identity: ColumnChunk
  readonly partition: ColumnChunk | null
  readonly offset: ColumnChunk | null
}

/**
 * The row groups of the files, in the order of their offsets where they are known to have one, if all their rows carry
 * the marker and their columns are of the kinds that are read here; else null.
 */
export async function rowGroupsOf(db: DuckDb, { paths, identityField, marker, kafka }: IdentityScanInput): Promise<RowGroup[] | null> {
  if (marker.value.length > MARKER_LENGTH_MAX) return null
  const files = [...new Set(paths)]
  const list = `[${files.map(quoteText).join(', ')}]`
  const optional = optionalColumns(await db.query(`SELECT file_name, name, num_children, repetition_type FROM parquet_schema(${list})`))
  const wanted = [identityField, marker.field, ...(kafka === null ? [] : [kafka.partitionField, kafka.offsetField])]
  const rows = await db.query(`
    SELECT file_name, row_group_id, row_group_num_rows, path_in_schema, type, num_values, compression, encodings,
      dictionary_page_offset, data_page_offset, total_compressed_size, total_uncompressed_size,
      stats_min_value, stats_max_value, stats_null_count, min_is_exact, max_is_exact
    FROM parquet_metadata(${list}) WHERE path_in_schema IN (${wanted.map(quoteText).join(', ')})`)
  const byFile = Map.groupBy(rows, (row) => String(row['file_name']))
  const groups: (RowGroup & { readonly offsetFirst: number })[] = []
  for (const path of paths) {
    const nullable = optional.get(path)
    let rowFirst = 0
    const byGroup = Map.groupBy(byFile.get(path) ?? [], (row) => Number(row['row_group_id']))
    for (const [, columns] of [...byGroup].sort(([a], [b]) => a - b)) {
      const named = new Map(columns.map((row) => [String(row['path_in_schema']), row]))
      const chunk = (name: string, types: readonly string[]) => chunkOf(named.get(name), { types, isOptional: nullable?.get(name) })
      const identity = chunk(identityField, ['BYTE_ARRAY'])
      const partition = kafka === null ? null : chunk(kafka.partitionField, ['INT32', 'INT64'])
      const offset = kafka === null ? null : chunk(kafka.offsetField, ['INT32', 'INT64'])
      const isRead = identity !== null && (kafka === null || (partition !== null && offset !== null))
      if (!isRead || !isAll(named.get(marker.field), marker.value)) return null
      const rowCount = Number(columns[0]?.['row_group_num_rows'])
      if (rowCount > GROUP_ROWS_MAX) return null
      const offsetFirst = Number(named.get(kafka?.offsetField ?? '')?.['stats_min_value'] ?? 0)
      groups.push({ path, rowCount, rowFirst, identity, partition, offset, offsetFirst })
      rowFirst += rowCount
    }
  }
  return groups.sort((a, b) => a.offsetFirst - b.offsetFirst)
}

/** By file and column: whether values may be null. Only columns of the first level that are not repeated; the footer lists the tree depth first. */
function optionalColumns(rows: readonly SqlRow[]): Map<string, Map<string, boolean>> {
  const files = new Map<string, Map<string, boolean>>()
  for (const [file, nodes] of Map.groupBy(rows, (row) => String(row['file_name']))) {
    const columns = new Map<string, boolean>()
    files.set(file, columns)
    let at = 1
    const pass = () => {
      for (let children = Number(nodes[at++]?.['num_children'] ?? 0); children > 0; children--) pass()
    }
    while (at < nodes.length) {
      const node = nodes[at] as SqlRow
      const isLeaf = Number(node['num_children'] ?? 0) === 0
      if (isLeaf && node['repetition_type'] !== 'REPEATED') columns.set(String(node['name']), node['repetition_type'] === 'OPTIONAL')
      pass()
    }
  }
  return files
}

function chunkOf(
  row: SqlRow | undefined,
  { types, isOptional }: { types: readonly string[]; isOptional: boolean | undefined },
): ColumnChunk | null {
  if (row === undefined || isOptional === undefined || !types.includes(String(row['type']))) return null
  const codec = String(row['compression'])
  const isKnown =
    codecs.has(codec) &&
    String(row['encodings'])
      .split(/,\s*/)
      .every((one) => encodings.has(one))
  const sizeBytes = Number(row['total_compressed_size'])
  const isSmall = Math.max(sizeBytes, Number(row['total_uncompressed_size'])) <= CHUNK_BYTES_MAX
  if (!isKnown || !isSmall || row['num_values'] !== row['row_group_num_rows']) return null
  const dictionary = row['dictionary_page_offset']
  const data = Number(row['data_page_offset'])
  const first = dictionary === null || Number(dictionary) === 0 ? data : Math.min(Number(dictionary), data)
  return { type: String(row['type']), codec, isOptional, first, sizeBytes }
}

/** Whether the statistics of a column say that it is of this value throughout. */
function isAll(row: SqlRow | undefined, value: string): boolean {
  if (row === undefined || row['type'] !== 'BYTE_ARRAY') return false
  const isExact = row['min_is_exact'] !== false && row['max_is_exact'] !== false
  return isExact && row['stats_min_value'] === value && row['stats_max_value'] === value && Number(row['stats_null_count'] ?? 1) === 0
}
