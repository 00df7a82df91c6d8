import type { CanaryRecord, FieldType, FieldValue, RecordField } from '../core/record-schema.ts'
import { quoteIdentifier } from './duckdb.ts'
import type { Column } from './duckdb.ts'
import type { ExpectedField } from './content-values.ts'

/** Records as columns for the engine. Dates and timestamps stay the integers they are on the wire. */
export function canaryColumns(fields: readonly RecordField[], records: readonly CanaryRecord[]): Column[] {
  return fields.map(({ name, type }) => {
    const values = records.map((record) => record[name] ?? null)
    return columnOf({ name, type, values })
  })
}

function columnOf({ name, type, values }: { name: string; type: FieldType; values: FieldValue[] }): Column {
  switch (type.kind) {
    case 'string':
    case 'enum':
      return { name, type: 'varchar', values: values as (string | null)[] }
    case 'int':
    case 'long':
    case 'date':
    case 'timestamp-millis':
    case 'timestamp-micros':
      return { name, type: 'bigint', values: values.map((value) => (value === null ? null : BigInt(value as number))) }
    case 'float':
    case 'double':
      return { name, type: 'double', values: values.map((value) => (value === null ? null : Number(value))) }
    case 'boolean':
      return { name, type: 'boolean', values: values.map((value) => (value === null ? null : Boolean(value))) }
    case 'bytes':
      return { name, type: 'blob', values: values as (Uint8Array | null)[] }
    case 'decimal':
      return { name, type: 'decimal', precision: type.precision, scale: type.scale, values: values as (bigint | null)[] }
    case 'string-map':
      return { name, type: 'map', values: values as (Readonly<Record<string, string>> | null)[] }
  }
}

/** What a hop must hold: the fields the topology projects, and every other one of the source as it was produced. */
export function expectedFields(fields: readonly RecordField[], projected: readonly ExpectedField[]): ExpectedField[] {
  const named = new Set(projected.map(({ field }) => field))
  const unchanged = fields.filter(({ name }) => !named.has(name))
  return [
    ...unchanged.map(({ name, type }) => ({ field: name, type: engineTypeOf(type), sql: quoteIdentifier(name), ...unitOf(type) })),
    ...projected,
  ]
}

function unitOf({ kind }: FieldType): Pick<ExpectedField, 'unit'> {
  switch (kind) {
    case 'date':
      return { unit: 'days' }
    case 'timestamp-millis':
      return { unit: 'millis' }
    case 'timestamp-micros':
      return { unit: 'micros' }
    default:
      return {}
  }
}

function engineTypeOf(type: FieldType): string {
  switch (type.kind) {
    case 'string':
    case 'enum':
      return 'VARCHAR'
    case 'int':
    case 'long':
    case 'date':
    case 'timestamp-millis':
    case 'timestamp-micros':
      return 'BIGINT'
    case 'float':
    case 'double':
      return 'DOUBLE'
    case 'boolean':
      return 'BOOLEAN'
    case 'bytes':
      return 'BLOB'
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`
    case 'string-map':
      return 'MAP(VARCHAR, VARCHAR)'
  }
}
