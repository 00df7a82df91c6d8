import { z } from 'zod'
import { quoteText } from './duckdb.ts'
import type { DuckDb } from './duckdb.ts'

/** A column of a Parquet file, or a part of a nested one. */
export interface ParquetNode {
  readonly name: string
  readonly fieldId: number | null
  /** What the engine reads it as; null where it has children. */
  readonly engineType: string | null
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
  duckdb_type: z.string().nullable(),
})
type Row = z.output<typeof row>

/** Reads the footers of `paths`; a path given twice stands twice in its shape. Throws ENGINE_FAILED. */
export async function parquetShapes(db: DuckDb, paths: readonly string[]): Promise<ParquetShape[]> {
  if (paths.length === 0) return []
  const distinct = [...new Set(paths)]
  const rows = await db.query(`SELECT file_name, name, num_children, field_id, duckdb_type
    FROM parquet_schema([${distinct.map(quoteText).join(', ')}])`)
  const byFile = Map.groupBy(z.array(row).parse(rows), ({ file_name }) => file_name)
  const byShape = Map.groupBy(paths, (path) => {
    const nodes = byFile.get(path) ?? []
    return JSON.stringify(nodes.map((node) => [node.name, Number(node.num_children), String(node.field_id), node.duckdb_type]))
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
    const { name, field_id, duckdb_type, num_children } = rows[at++] as Row
    const children = Array.from({ length: Number(num_children ?? 0) }, next)
    return { name, fieldId: field_id === null ? null : Number(field_id), engineType: duckdb_type, children }
  }
  return rows.length === 0 ? [] : [next()]
}
