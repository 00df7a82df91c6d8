import { z } from 'zod'
import { AssayError } from '../core/errors.ts'
import type { SchemaField, TableSchema } from '../iceberg/metadata.ts'
import { quoteIdentifier, quoteText } from './duckdb.ts'
import { isListGroup, type ParquetNode, type ParquetShape } from './parquet-tree.ts'

type IcebergType =
  | string
  | { type: 'struct'; fields: SchemaField[] }
  | { type: 'list'; 'element-id': number; element: unknown }
  | { type: 'map'; 'key-id': number; key: unknown; 'value-id': number; value: unknown }

const icebergType: z.ZodType<IcebergType> = z.union([
  z.string(),
  z.object({
    type: z.literal('struct'),
    fields: z.array(
      z.object({ id: z.int(), name: z.string(), required: z.boolean(), type: z.unknown(), 'initial-default': z.unknown().optional() }),
    ),
  }),
  z.object({ type: z.literal('list'), 'element-id': z.int(), element: z.unknown() }),
  z.object({ type: z.literal('map'), 'key-id': z.int(), key: z.unknown(), 'value-id': z.int(), value: z.unknown() }),
])

const engineTypes: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ns: 'TIMESTAMP_NS',
  // The engine's type with a zone has microseconds. Zones are no part of the value: it is a moment in UTC.
  timestamptz_ns: 'TIMESTAMP_NS',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
  unknown: 'INTEGER',
}

export interface ProjectionFrom {
  readonly nodes: readonly ParquetNode[]
  readonly hasIds: boolean
  /** What `nodes` are parts of, as SQL; null for the columns of the file. */
  readonly of: string | null
}

/** The value of `field` in rows of a file, as SQL of the field's own type. Throws METADATA_BROKEN, FORMAT_UNSUPPORTED. */
export function fieldSql(field: SchemaField, { nodes, hasIds, of }: ProjectionFrom): string {
  const node = nodes.find(({ fieldId, name }) => (hasIds ? fieldId === field.id : name === field.name))
  if (node === undefined) return defaultSql(field)
  const value = of === null ? quoteIdentifier(node.name) : `struct_extract(${of}, ${quoteText(node.name)})`
  return valueSql(parseType(field), { node, hasIds, value, name: field.name })
}

/**
 * The value of one column for comparing with equality deletes, wherever in structs it stands. A column dropped since is
 * not in `schema`: it is taken as the file has it. Throws METADATA_BROKEN, FORMAT_UNSUPPORTED.
 */
export function keySql(id: number, { schema, shape }: { schema: TableSchema; shape: ParquetShape }): string {
  const path = fieldPath(schema.fields, id)
  const field = path?.at(-1)
  const nodes = shape.hasIds ? nodePath(shape.columns, ({ fieldId }) => fieldId === id) : namedPath(shape.columns, path ?? [])
  const node = nodes?.at(-1)
  if (nodes === null || node === undefined) return field === undefined ? 'NULL' : defaultSql(field)
  const value = nodes.slice(1).reduce((of, { name }) => `struct_extract(${of}, ${quoteText(name)})`, quoteIdentifier(nodes[0]?.name ?? ''))
  return field === undefined ? value : valueSql(parseType(field), { node, hasIds: shape.hasIds, value, name: field.name })
}

function fieldPath(fields: readonly SchemaField[], id: number): SchemaField[] | null {
  for (const field of fields) {
    if (field.id === id) return [field]
    const type = parseType(field)
    const within = typeof type === 'object' && type.type === 'struct' ? fieldPath(type.fields, id) : null
    if (within !== null) return [field, ...within]
  }
  return null
}

function nodePath(nodes: readonly ParquetNode[], isSought: (node: ParquetNode) => boolean): ParquetNode[] | null {
  for (const node of nodes) {
    if (isSought(node)) return [node]
    const within = nodePath(node.children, isSought)
    if (within !== null) return [node, ...within]
  }
  return null
}

function namedPath(nodes: readonly ParquetNode[], path: readonly SchemaField[]): ParquetNode[] | null {
  const [field, ...rest] = path
  const node = nodes.find(({ name }) => name === field?.name)
  if (node === undefined) return null
  const within = rest.length === 0 ? [] : namedPath(node.children, rest)
  return within === null ? null : [node, ...within]
}

/** The engine's type for an Iceberg type as metadata has it. Throws METADATA_BROKEN, FORMAT_UNSUPPORTED. */
export function engineTypeOf(field: Pick<SchemaField, 'name' | 'type'>): string {
  const type = parseType(field)
  if (typeof type === 'string') return primitiveType(type, field.name)
  switch (type.type) {
    case 'struct':
      return `STRUCT(${type.fields.map((one) => `${quoteIdentifier(one.name)} ${engineTypeOf(one)}`).join(', ')})`
    case 'list':
      return `${engineTypeOf({ name: field.name, type: type.element })}[]`
    case 'map':
      return `MAP(${engineTypeOf({ name: field.name, type: type.key })}, ${engineTypeOf({ name: field.name, type: type.value })})`
  }
}

function parseType({ name, type }: Pick<SchemaField, 'name' | 'type'>): IcebergType {
  const parsed = icebergType.safeParse(type)
  if (parsed.success) return parsed.data
  throw new AssayError('METADATA_BROKEN', `column ${name}: expected an Iceberg type, got ${JSON.stringify(type)}`)
}

function primitiveType(type: string, name: string): string {
  const engineType = modelledType(type)
  if (engineType !== null) return engineType
  throw new AssayError('FORMAT_UNSUPPORTED', unreadText(name, type))
}

const unreadText = (name: string, type: unknown) =>
  `column ${name}: type ${typeof type === 'string' ? type : JSON.stringify(type, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))} is not read`

/** The engine's type for a primitive one; null for those that Assay does not read, such as variant and geometry. */
export function modelledType(type: string): string | null {
  const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type)
  if (decimal !== null) return `DECIMAL(${decimal[1]}, ${decimal[2]})`
  if (/^fixed\[\d+\]$/.test(type)) return 'BLOB'
  return engineTypes[type] ?? null
}

/** By column, or by path for a part of one: why it is not read. */
export type Unread = ReadonlyMap<string, string>

/** Columns without those of a type that is not read, and structs without such parts. */
export function readableColumns(fields: readonly SchemaField[]): { fields: SchemaField[]; unread: Unread } {
  const unread = new Map<string, string>()
  const kept = fields.flatMap((field): SchemaField[] => {
    const parts = new Map<string, string>()
    const type = readableType(field.type, { path: field.name, unread: parts })
    for (const [path, why] of parts) unread.set(path, why)
    if (type !== null) return [{ ...field, type }]
    unread.set(field.name, [...parts.values()][0] ?? unreadText(field.name, field.type))
    return []
  })
  return { fields: kept, unread }
}

/** The type without parts that are not read; null where nothing is left of it. */
function readableType(type: unknown, { path, unread }: { path: string; unread: Map<string, string> }): unknown {
  const parsed = icebergType.safeParse(type)
  if (!parsed.success || (typeof parsed.data === 'string' && modelledType(parsed.data) === null)) {
    unread.set(path, unreadText(path, type))
    return null
  }
  const known = parsed.data
  if (typeof known === 'string') return known
  const part = (name: string, of: unknown) => readableType(of, { path: `${path}.${name}`, unread })
  switch (known.type) {
    case 'struct': {
      const fields = known.fields.map((one) => ({ ...one, type: part(one.name, one.type) })).filter((one) => one.type !== null)
      return fields.length === 0 ? null : { ...known, fields }
    }
    case 'list': {
      const element = part('element', known.element)
      return element === null ? null : { ...known, element }
    }
    case 'map': {
      const [key, value] = [part('key', known.key), part('value', known.value)]
      // Keys without a part of theirs may be equal to each other.
      const isWhole = key !== null && ![...unread.keys()].some((one) => one.startsWith(`${path}.key.`))
      return !isWhole || value === null ? null : { ...known, key, value }
    }
  }
}

interface Value {
  readonly node: ParquetNode
  readonly hasIds: boolean
  readonly value: string
  readonly name: string
}

function valueSql(type: IcebergType, { node, hasIds, value, name }: Value): string {
  if (typeof type === 'string') return primitiveSql(type, { node, hasIds, value, name })
  const [inner] = node.children
  if (inner === undefined)
    throw new AssayError('METADATA_BROKEN', `column ${name}: expected ${type.type} in the file, got ${node.engineType}`)
  const unlessNull = (sql: string) => `CASE WHEN ${value} IS NULL THEN NULL ELSE ${sql} END`
  switch (type.type) {
    case 'struct': {
      const parts = type.fields.map(
        (one) => `${quoteIdentifier(one.name)} := ${fieldSql(one, { nodes: node.children, hasIds, of: value })}`,
      )
      return unlessNull(`struct_pack(${parts.join(', ')})`)
    }
    case 'list': {
      const element = isListGroup(inner, node.name) ? (inner.children[0] as ParquetNode) : inner
      const each = lambdaName(value)
      const item = valueSql(parseType({ name, type: type.element }), { node: element, hasIds, value: each, name })
      return unlessNull(`list_transform(${value}, lambda ${each}: ${item})`)
    }
    case 'map': {
      const [key, item] = inner.children as [ParquetNode, ParquetNode]
      const each = lambdaName(value)
      const keySql = valueSql(parseType({ name, type: type.key }), { node: key, hasIds, value: `${each}.key`, name })
      const itemSql = valueSql(parseType({ name, type: type.value }), { node: item, hasIds, value: `${each}.value`, name })
      return unlessNull(
        `map_from_entries(list_transform(map_entries(${value}), lambda ${each}: struct_pack("key" := ${keySql}, "value" := ${itemSql})))`,
      )
    }
  }
}

/** One that no lambda around it has. */
function lambdaName(value: string): string {
  let depth = 0
  while (value.includes(`assay_each_${depth}`)) depth += 1
  return `assay_each_${depth}`
}

function primitiveSql(type: string, { node, value, name }: Value): string {
  const target = primitiveType(type, name)
  if (target === node.engineType) return value
  if (type === 'unknown') return 'CAST(NULL AS INTEGER)'
  // Bytes without an annotation are what the table's schema says they are.
  if (type === 'uuid' && node.engineType === 'BLOB') return `CAST(lower(hex(${value})) AS UUID)`
  if (type === 'string' && node.engineType === 'BLOB') return `decode(${value})`
  if (target === 'TIMESTAMP_NS' && node.engineType === 'TIMESTAMP WITH TIME ZONE')
    return `CAST(make_timestamp(epoch_us(${value})) AS ${target})`
  if (target === 'BLOB' && node.engineType === 'VARCHAR') return `encode(${value})`
  return `CAST(${value} AS ${target})`
}

/** For files written before the column was added. */
function defaultSql(field: SchemaField): string {
  const type = engineTypeOf(field)
  const value = field['initial-default']
  if (value === undefined || value === null || typeof value === 'object') return `CAST(NULL AS ${type})`
  const text = quoteText(typeof value === 'string' ? value : `${value as number | bigint | boolean}`)
  return type === 'BLOB' ? `from_hex(${text})` : `CAST(${text} AS ${type})`
}
