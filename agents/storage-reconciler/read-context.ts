import { columnsOfTerms, termsOf } from '../../shared/core/rules.ts'
import { expectedFields } from '../../shared/engines/canary-columns.ts'
import { readableColumns } from '../../shared/engines/column-projection.ts'
import type { RunCanaries } from '../../shared/engines/expected-rows.ts'
import { readingSchema, type SchemaField, type Snapshot, type TableMetadata } from '../../shared/iceberg/metadata.ts'
import { kafkaColumns } from './run-rows.ts'
import type { ReadContext, TableAccess } from './table-files.ts'

interface CanariesAt extends TableAccess {
  readonly canaries: RunCanaries
}

/** The columns that tell rows apart are read whatever they are: without them nothing can be said of the table. */
export function readContext(
  access: CanariesAt,
  { metadata, snapshot, folder }: { metadata: TableMetadata; snapshot: Snapshot; folder: string },
): ReadContext {
  const { hop, topology, canaries } = access
  const { identity, marker } = topology.record
  const kafka = kafkaColumns(hop)
  const needed = [identity, marker.field, ...(kafka === null ? [] : [kafka.partitionField, kafka.offsetField])]
  const names = [
    ...needed,
    ...expectedFields(canaries.fields, hop.expect).map(({ field }) => field),
    ...columnsOfTerms(
      termsOf(hop),
      metadata.schemas.flatMap(({ fields }) => fields.map(({ name }) => name)),
    ),
  ]
  const schema = readingSchema(metadata, snapshot, [...new Set(names)])
  const isNeeded = ({ name }: SchemaField) => needed.includes(name)
  const { fields, unread } = readableColumns(schema.fields.filter((field) => !isNeeded(field)))
  const oldestFirst = [...metadata.schemas].sort((a, b) => a.schemaId - b.schemaId)
  return {
    ...access,
    runId: canaries.runId,
    schema: { ...schema, fields: [...schema.fields.filter(isNeeded), ...fields] },
    unread,
    fields: [...new Map(oldestFirst.flatMap((one) => one.fields.map((field) => [field.id, field] as const))).values()],
    folder,
    fetched: new Map(),
  }
}

/** What canaries hold, and nobody can compare. */
export const uncompared = ({ unread, hop }: ReadContext, canaries: RunCanaries): string[] =>
  expectedFields(canaries.fields, hop.expect).flatMap(({ field }) => {
    const why = unread.get(field)
    return why === undefined ? [] : [`${why}: what canaries hold of it is not compared`]
  })
