import type { OffsetRange } from '../../schemas/parts.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import { quoteIdentifier, quoteText } from '../../shared/engines/duckdb.ts'
import type { TableFile } from '../../shared/iceberg/changes.ts'
import type { LiveFiles } from '../../shared/iceberg/snapshot-reader.ts'
import type { MetadataFault } from './events.ts'
import { checkFile } from './file-checks.ts'
import { statedOffsets } from './planned-files.ts'
import { kafkaColumns } from './run-rows.ts'
import { isEngineTrouble, isUsable, rowsOfFile, type ReadContext, type Unusable } from './table-files.ts'

export interface FileOffsets {
  readonly file: TableFile
  readonly ranges: readonly OffsetRange[]
}

/** By path of the data file. */
export type OffsetsByFile = Map<string, FileOffsets>

const FILES_KEPT_MAX = 20_000
const COMPARED_MAX = 16

/** Files known whose source offsets overlap with these; ranges that lie apart need no closer look. */
export function overlapping(known: OffsetsByFile, ranges: readonly OffsetRange[]): FileOffsets[] {
  const meets = (one: OffsetRange) =>
    ranges.some(
      ({ partition, offsetFirst, offsetLast }) =>
        one.partition === partition && one.offsetFirst <= offsetLast && offsetFirst <= one.offsetLast,
    )
  return [...known.values()].filter((file) => file.ranges.some(meets))
}

/**
 * Records of others that stand in a new file and in one that was there: two sinks wrote the same source offsets, or one
 * wrote them twice. Canaries are told one by one instead. An overlap alone proves nothing: rows are compared by
 * partition, offset and identity.
 */
export async function repeatedOffsets(
  context: ReadContext,
  { known, read, live, unusable }: { known: OffsetsByFile; read: readonly FileOffsets[]; live: LiveFiles; unusable: Unusable },
): Promise<MetadataFault[]> {
  const standing = live.data.filter((file) => isUsable(unusable, file))
  const paths = new Set(standing.map(({ path }) => path))
  for (const path of known.keys()) if (!paths.has(path)) known.delete(path)
  noteUnread(context, { known, standing, read })
  const faults: MetadataFault[] = []
  const deletes = live.deletes.filter((file) => isUsable(unusable, file))
  for (const { file, ranges } of read) {
    for (const earlier of overlapping(known, ranges).slice(0, COMPARED_MAX)) {
      const repeated = await commonRows(context, { file, earlier: earlier.file, deletes })
      if (repeated !== null)
        faults.push({ file: file.path, expected: 'source offsets stored once', actual: `${repeated}, as in ${earlier.file.path}` })
    }
    known.set(file.path, { file, ranges })
  }
  keepNewest(known, FILES_KEPT_MAX)
  return faults
}

/** Files that an agent read before it was started anew are known by what their manifests say, where that is of one partition. */
function noteUnread(
  context: ReadContext,
  { known, standing, read }: { known: OffsetsByFile; standing: readonly TableFile[]; read: readonly FileOffsets[] },
): void {
  const isRead = new Set(read.map(({ file }) => file.path))
  for (const file of standing) {
    const stated = known.has(file.path) || isRead.has(file.path) ? null : statedOffsets(context, file)
    if (stated === null || stated.partitionFirst !== stated.partitionLast) continue
    const { partitionFirst: partition, offsetFirst, offsetLast } = stated
    known.set(file.path, { file, ranges: [{ partition, offsetFirst, offsetLast }] })
  }
}

interface Compared {
  readonly file: TableFile
  readonly earlier: TableFile
  readonly deletes: readonly TableFile[]
}

/** Rows that stand in both, deleted ones left out; none where the earlier file has been damaged since it was read. */
async function commonRows(context: ReadContext, { file, earlier, deletes }: Compared): Promise<string | null> {
  const kafka = kafkaColumns(context.hop)
  if (kafka === null || file.path === earlier.path) return null
  const { identity, marker } = context.topology.record
  const columns = [identity, kafka.partitionField, kafka.offsetField].map(quoteIdentifier).join(', ')
  const isOther = `${quoteIdentifier(marker.field)} IS DISTINCT FROM ${quoteText(marker.value)}`
  try {
    const [left, right] = [await rowsOfFile(context, { file, deletes }), await rowsOfFile(context, { file: earlier, deletes })]
    const [partition, offset] = [quoteIdentifier(kafka.partitionField), quoteIdentifier(kafka.offsetField)]
    const [row] = await context.db.query(`
      SELECT count(*) AS n, min(${partition}) AS p, min(${offset}) AS o
      FROM (SELECT ${columns} FROM ${left} WHERE ${isOther}) SEMI JOIN (SELECT ${columns} FROM ${right} WHERE ${isOther}) USING (${columns})`)
    const count = Number(row?.['n'] ?? 0)
    return count === 0 ? null : `${count} rows from partition ${Number(row?.['p'])} offset ${Number(row?.['o'])} on`
  } catch (error) {
    if (!isEngineTrouble(error) || !(await checkFile(context, earlier)).isDamaged) throw error
    return null
  }
}
