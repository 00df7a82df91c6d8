import { join } from 'node:path'
import type { Located, OffsetRange } from '../../schemas/parts.ts'
import { AssayError } from '../../shared/core/errors.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { canaryIdText, parseCanaryId } from '../../shared/core/identity.ts'
import { parquetFiles, quoteIdentifier, quoteText, type SqlValue } from '../../shared/engines/duckdb.ts'
import { scanIdentities } from '../../shared/engines/identity-scan.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import type { TableSchema } from '../../shared/iceberg/metadata.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { PlacedRow } from './events.ts'
import { RowCounts } from './row-counts.ts'
import { rowsOfFile, type ReadContext } from './table-files.ts'

/** The run's rows of some data files, each file's in a local Parquet file of its own; `files` names the data file by it. */
export interface RunRows {
  readonly paths: string[]
  readonly files: Map<string, string>
}

export const noRows = (): RunRows => ({ paths: [], files: new Map() })

export const kafkaColumns = ({ sourceOffsets }: TableHop) =>
  sourceOffsets === null ? null : { partitionField: sourceOffsets.partition, offsetField: sourceOffsets.offset }

/** Adds the run's rows of one data file, without those that `deletes` take away. */
export async function addRunRows(
  context: ReadContext,
  into: RunRows,
  { file, deletes, schema = context.schema }: { file: TableFile; deletes: readonly TableFile[]; schema?: TableSchema },
): Promise<void> {
  const { db, topology, runId, folder } = context
  const { identity, marker } = topology.record
  const from = await rowsOfFile(context, { file, deletes, schema })
  const path = join(folder, `rows-${++filesSoFar}.parquet`)
  const where = `${quoteIdentifier(marker.field)} = ${quoteText(marker.value)} AND starts_with(${quoteIdentifier(identity)}, ${quoteText(`${runId}:`)})`
  await db.query(`COPY (SELECT * FROM ${from} WHERE ${where}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`)
  into.paths.push(path)
  into.files.set(path, file.path)
}

let filesSoFar = 0

/** Canaries of which more than one row is listed. */
const REPEATED_MAX = 200_000

export async function countRunRows({ db, topology, runId }: ReadContext, rows: RunRows): Promise<RowCounts> {
  const { identity, marker } = topology.record
  const scan = await scanIdentities(db, { paths: rows.paths, identityField: identity, marker, kafka: null })
  const counts = RowCounts.of(
    scan.streams.filter((seen) => seen.runId === runId).map(({ stream, seqs }) => ({ stream, ranges: [...seqs] })),
  )
  if (scan.repeatCount === 0) return counts
  const repeated = await db.query(
    `SELECT ${quoteIdentifier(identity)} AS identity, count(*) AS n FROM ${parquetFiles(rows.paths)} GROUP BY 1 HAVING n > 1 LIMIT ${REPEATED_MAX + 1}`,
  )
  if (repeated.length > REPEATED_MAX) throw new AssayError('LIMIT_REACHED', `more than ${REPEATED_MAX} canaries have several rows`)
  for (const row of repeated) {
    const id = parseCanaryId(String(row['identity']))
    if (id === null) continue
    for (let more = Number(row['n']) - 1; more > 0; more--) counts.add([{ stream: id.stream, ranges: [id.seq, id.seq] }])
  }
  return counts
}

const PLACES_MAX = 10_000

/** Where canaries stand: up to so many rows, by identity, the first row of each file first. */
export async function placesOf({ db, topology, hop, runId }: ReadContext, rows: RunRows, canaries: CanarySet): Promise<PlacedRow[]> {
  if (canaries.size === 0 || rows.paths.length === 0) return []
  const { identity } = topology.record
  const kafka = kafkaColumns(hop)
  const wanted = canaries
    .members()
    .slice(0, PLACES_MAX)
    .map(({ stream, seq }) => canaryIdText({ runId, stream, seq }))
  const table = `wanted_${++filesSoFar}`
  await db.appendColumns(table, [{ name: 'wanted', type: 'varchar', values: wanted }])
  try {
    const found = await db.query(`
      SELECT ${quoteIdentifier(identity)} AS identity, filename AS path, ${kafka === null ? 'NULL' : quoteIdentifier(kafka.partitionField)} AS kafka_partition,
        ${kafka === null ? 'NULL' : quoteIdentifier(kafka.offsetField)} AS kafka_offset
      FROM ${parquetFiles(rows.paths)} SEMI JOIN ${table} ON ${quoteIdentifier(identity)} = wanted
      ORDER BY 1, 3, 4, 2 LIMIT ${PLACES_MAX}`)
    return found.flatMap((row): PlacedRow[] => {
      const id = parseCanaryId(String(row['identity']))
      if (id === null) return []
      const place: Located = {
        stream: id.stream,
        seq: id.seq,
        partition: numberOf(row['kafka_partition']),
        offset: numberOf(row['kafka_offset']),
      }
      return [{ ...place, file: rows.files.get(String(row['path'])) ?? '' }]
    })
  } finally {
    await db.query(`DROP TABLE ${table}`)
  }
}

/** Least and greatest source offset by partition, over all rows of a data file. */
export async function offsetsIn(context: ReadContext, file: TableFile): Promise<OffsetRange[]> {
  const kafka = kafkaColumns(context.hop)
  if (kafka === null) return []
  const from = await rowsOfFile(context, { file, deletes: [] })
  const [partition, offset] = [quoteIdentifier(kafka.partitionField), quoteIdentifier(kafka.offsetField)]
  const rows = await context.db.query(
    `SELECT ${partition} AS p, min(${offset}) AS a, max(${offset}) AS z FROM ${from} WHERE ${partition} IS NOT NULL AND ${offset} IS NOT NULL GROUP BY 1 ORDER BY 1`,
  )
  return rows.map((row) => ({ partition: Number(row['p']), offsetFirst: Number(row['a']), offsetLast: Number(row['z']) }))
}

const numberOf = (value: SqlValue | undefined) => (value === null || value === undefined ? -1 : Number(value))
