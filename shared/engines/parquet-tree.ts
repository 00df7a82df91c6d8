import { z } from 'zod'
import { parseNameMapping, type MappedField, type NameMapping } from '../iceberg/name-mapping.ts'
import { quoteText } from './duckdb.ts'
import type { DuckDb } from './duckdb.ts'

/** A column of a Parquet file, or a part of a nested one. */
export interface ParquetNode {
  readonly name: string
  readonly fieldId: number | null
  /** What the engine reads it as; null where it has children. */
  readonly engineType: string | null
  /** The group between a list or map and what it holds. */
  readonly isRepeated: boolean
  readonly children: readonly ParquetNode[]
}

/** Files whose columns are alike: read together, under one projection. */
export interface ParquetShape {
  readonly paths: readonly string[]
  readonly columns: readonly ParquetNode[]
  /** Without field ids, columns are found by name. */
  readonly hasIds: boolean
}

const row = z.object({
  file_name: z.string(),
  name: z.string(),
  num_children: z.bigint().nullable(),
  field_id: z.bigint().nullable(),
  repetition_type: z.string().nullable(),
  duckdb_type: z.string().nullable(),
})
type Row = z.output<typeof row>

/** Reads the footers of `paths`; a path given twice stands twice in its shape. Throws ENGINE_FAILED. */
export async function parquetShapes(db: DuckDb, paths: readonly string[]): Promise<ParquetShape[]> {
  if (paths.length === 0) return []
  const distinct = [...new Set(paths)]
  const rows = await db.query(`SELECT file_name, name, num_children, field_id, repetition_type, duckdb_type
    FROM parquet_schema([${distinct.map(quoteText).join(', ')}])`)
  const byFile = Map.groupBy(z.array(row).parse(rows), ({ file_name }) => file_name)
  const byShape = Map.groupBy(paths, (path) => {
    const nodes = byFile.get(path) ?? []
    return JSON.stringify(
      nodes.map((node) => [node.name, Number(node.num_children), String(node.field_id), node.repetition_type, node.duckdb_type]),
    )
  })
  return [...byShape.values()].map((alike) => {
    const nodes = byFile.get(alike[0] as string) ?? []
    const [root] = treeOf(nodes)
    return { paths: alike, columns: root?.children ?? [], hasIds: nodes.some(({ field_id }) => field_id !== null) }
  })
}

/** The footer lists the tree depth first, each node with its number of children. */
function treeOf(rows: readonly Row[]): ParquetNode[] {
  let at = 0
  const next = (): ParquetNode => {
    const { name, field_id, repetition_type, duckdb_type, num_children } = rows[at++] as Row
    const children = Array.from({ length: Number(num_children ?? 0) }, next)
    const fieldId = field_id === null ? null : Number(field_id)
    return { name, fieldId, engineType: duckdb_type, isRepeated: repetition_type === 'REPEATED', children }
  }
  return rows.length === 0 ? [] : [next()]
}

/**
 * A file without ids under those that the table's name mapping gives, where it has one; a column that it does not name belongs
 * to no field. Throws METADATA_BROKEN.
 */
export function mappedShape(shape: ParquetShape, nameMapping: string | undefined): ParquetShape {
  if (shape.hasIds || nameMapping === undefined) return shape
  const mapping = parseNameMapping(nameMapping)
  return { ...shape, hasIds: true, columns: shape.columns.map((node) => mappedNode(node, mapped(mapping, node.name))) }
}

const mapped = (mapping: NameMapping, name: string) => mapping.find(({ names }) => names.includes(name))

function mappedNode(node: ParquetNode, field: MappedField | undefined): ParquetNode {
  const within = field?.fields ?? []
  const [inner] = node.children
  const children =
    inner?.isRepeated === true
      ? [repeatedNode(inner, { within, of: node.name })]
      : node.children.map((child) => mappedNode(child, mapped(within, child.name)))
  return { ...node, fieldId: field?.fieldId ?? null, children }
}

/** What a list or map holds has names of its own in the mapping, however the file calls it. */
function repeatedNode(node: ParquetNode, { within, of }: { within: NameMapping; of: string }): ParquetNode {
  const key = mapped(within, 'key')
  const [first, second] = node.children
  if (key !== undefined && first !== undefined && second !== undefined)
    return { ...node, children: [mappedNode(first, key), mappedNode(second, mapped(within, 'value'))] }
  const element = mapped(within, 'element')
  const [only] = node.children
  return only !== undefined && isListGroup(node, of) ? { ...node, children: [mappedNode(only, element)] } : mappedNode(node, element)
}

/** Writers of old repeat the element itself instead of a group around it. */
export const isListGroup = (repeated: ParquetNode, list: string) =>
  repeated.children.length === 1 && repeated.name !== 'array' && repeated.name !== `${list}_tuple`
