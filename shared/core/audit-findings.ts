import type { OffsetRange } from '../../schemas/parts.ts'
import type { AuditedRecord } from '../../schemas/results/audit-records.ts'
import type { AuditField, AuditPrint, DoubtfulPart } from '../../schemas/results/audit-window.ts'
import { shownText, shownType } from './audit-fields.ts'
import type { RecordsTold } from './audit.ts'
import { differenceOf, KEY_FIELD, type FieldDifference } from './content.ts'
import { momentText } from './moment-text.ts'
import type { Finding } from './violations.ts'

/** A finding before it is known at which table. */
export type AuditFinding = Omit<Finding, 'hop'>

/**
 * Records that are no canaries have no stream and seq. They go by partition and offset, as a stream below zero, so that
 * sets of them and of canaries never meet.
 */
export const streamOfPartition = (partition: number) => -1 - partition
/** Windows of event time are no place in a partition either: they go by the second they begin with. Beyond all partitions. */
export const TIME_STREAM = -(2 ** 31)
export const isTimed = ({ stream }: { readonly stream: number }) => stream === TIME_STREAM
export const isAudited = ({ stream }: { readonly stream: number }) => stream < 0
export const partitionOfStream = (stream: number) => -1 - stream

/** Where an audited violation lies, for people. */
export const auditedPlace = (stream: number, first: number | string): string =>
  isTimed({ stream }) ? `event time from ${momentText(Number(first) * 1_000)}` : `partition ${partitionOfStream(stream)} offset ${first}`

interface Place {
  readonly partition: number
  readonly offset: number
}

interface Looked {
  readonly findings: readonly AuditFinding[]
  /** Why it cannot be told whether this record is right. */
  readonly unreadable: string | null
}

export const RECORD_UNREADABLE = 'the record in the topic cannot be read by its schema'

/** What is wrong with one record, by a fresh look at both sides; nothing where they have become the same. */
export function recordFindings(place: Place, { topic, table }: { topic: RecordsTold; table: RecordsTold }): Looked {
  const [record] = topic.records
  const rows = table.records
  if (record === undefined) return { findings: rows.length === 0 ? [] : [invented(place, table)], unreadable: null }
  if (record.values.length === 0 && topic.fields.length > 0) return { findings: [], unreadable: RECORD_UNREADABLE }
  if (record.isForeign && rows.length === 0)
    return { findings: [], unreadable: 'a canary of another run, whose rows may have been cleaned up' }
  const common = { ...identityOf(place, record), ...place, snapshotId: table.snapshotId, traceId: record.traceId }
  const [first] = rows
  if (first === undefined) {
    const expected = `a row: it is in the topic at partition ${place.partition} offset ${place.offset}`
    return {
      findings: [{ ...common, violation: 'lost', expected, actual: `no row in snapshot ${String(table.snapshotId)}` }],
      unreadable: null,
    }
  }
  const findings: AuditFinding[] = []
  if (rows.length > 1) {
    const actual = `${rows.length} rows in snapshot ${String(table.snapshotId)}`
    findings.push({ ...common, violation: 'duplicated', expected: 'one row', actual, file: rows[1]?.file ?? null })
  }
  for (const row of rows.slice(0, 1)) findings.push(...fieldFindings(common, { record, row, fields: topic.fields }))
  return { findings, unreadable: null }
}

function invented({ partition, offset }: Place, { records, snapshotId }: RecordsTold): AuditFinding {
  return {
    violation: 'unexpected',
    stream: streamOfPartition(partition),
    ranges: [offset, offset],
    expected: `no row: the topic has no record at partition ${partition} offset ${offset}`,
    actual: `${records.length === 1 ? 'a row' : `${records.length} rows`} in snapshot ${String(snapshotId)}`,
    partition,
    offset,
    snapshotId,
    file: records[0]?.file ?? null,
  }
}

/** A canary of the run is named as the canary it is: what its own check tells of it is then told once. */
function identityOf({ partition, offset }: Place, { stream, seq }: AuditedRecord): Pick<AuditFinding, 'stream' | 'ranges'> {
  return stream === null || seq === null
    ? { stream: streamOfPartition(partition), ranges: [offset, offset] }
    : { stream, ranges: [seq, seq] }
}

interface BothRecords {
  readonly record: AuditedRecord
  readonly row: AuditedRecord
  readonly fields: RecordsTold['fields']
}

function fieldFindings(
  common: Omit<AuditFinding, 'violation' | 'expected' | 'actual'>,
  { record, row, fields }: BothRecords,
): AuditFinding[] {
  return fields.flatMap(({ field, as }, i): AuditFinding[] => {
    const [expected, actual] = [record.values[i] ?? null, row.values[i] ?? null]
    if (expected === actual) return []
    const shown = { expected: shownText(as, expected), actual: shownText(as, actual) }
    return [
      {
        ...common,
        ...wordOf(as, expected === null ? null : shown.expected, actual === null ? null : shown.actual),
        field: as === 'key' ? KEY_FIELD : field,
        ...shown,
        file: row.file,
      },
    ]
  })
}

/** Both are in one form already: texts that differ are a difference. */
function wordOf(as: AuditField['as'], expected: string | null, actual: string | null): FieldDifference {
  const type = shownType(as)
  return differenceOf({ type, text: expected }, { type, text: actual }) ?? { violation: 'corrupted', difference: 'value' }
}

/** Why counts that differ accuse nobody; null where they do. More rows than records are too many, whoever cleans up. */
export function bulkDoubt({ topic, table }: { topic: AuditPrint; table: AuditPrint }, doubtful: DoubtfulPart | null): string | null {
  const { unreadable, foreign } = doubtful ?? { unreadable: 0, foreign: 0 }
  if (unreadable > 0) return `${unreadable} of ${topic.count} records in the topic cannot be read by their schemas`
  if (foreign === 0 || table.count >= topic.count) return null
  return `${foreign} of ${topic.count} records in the topic are canaries of other runs, whose rows may have been cleaned up`
}

/** Of an interval that is too long to name each record of. */
export function bulkFinding(
  { partition, offsetFirst, offsetLast }: OffsetRange,
  { topic, table, snapshotId }: { topic: AuditPrint; table: AuditPrint; snapshotId: string | null },
): AuditFinding {
  const violation =
    topic.count > table.count ? 'lost' : topic.count === table.count ? 'corrupted' : topic.count === 0 ? 'unexpected' : 'duplicated'
  const where = `offsets ${offsetFirst} to ${offsetLast} of partition ${partition}`
  const isSame = topic.count === table.count
  return {
    violation,
    stream: streamOfPartition(partition),
    ranges: [offsetFirst, offsetLast],
    expected: isSame ? `the ${topic.count} records of ${where}` : `${topic.count} rows of ${where}`,
    actual: isSame
      ? `as many rows, not all of them the same; not named one by one`
      : `${table.count} rows in snapshot ${String(snapshotId)}`,
    partition,
    offset: offsetFirst,
    snapshotId,
  }
}
