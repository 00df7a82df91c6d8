import { parseCanaryId, RUN_ID_LENGTH, SEQ_DIGITS, STREAM_DIGITS } from '../core/identity.ts'
import { parquetFiles, quoteIdentifier, quoteText, type DuckDb } from './duckdb.ts'
import type { IdentityScan, IdentityScanInput, KafkaColumns } from './identity-scan.ts'

export const MAX_REPEATS_LISTED = 10_000
export const IDENTITY_CHARS = RUN_ID_LENGTH + 1 + STREAM_DIGITS + 1 + SEQ_DIGITS
/** `<runId>:<stream>:`, what the identities of one stream begin with. */
export const STREAM_KEY_CHARS = IDENTITY_CHARS - SEQ_DIGITS

export function seqTextSql(identity: string): string {
  return `substr(${identity}, ${STREAM_KEY_CHARS + 1}, ${SEQ_DIGITS})`
}

export function seqSql(identity: string): string {
  return `TRY_CAST(${seqTextSql(identity)} AS UBIGINT)`
}

export function markerSql({ marker }: IdentityScanInput): string {
  return `${quoteIdentifier(marker.field)} = ${quoteText(marker.value)}`
}

export function kafkaSql(kafka: KafkaColumns | null): { partition: string; offset: string } {
  if (kafka === null) return { partition: 'NULL::INTEGER', offset: 'NULL::BIGINT' }
  return { partition: quoteIdentifier(kafka.partitionField), offset: quoteIdentifier(kafka.offsetField) }
}

/** Rows of which one of a lesser offset and a greater seq stands in the same stream and partition; of the streams of `keys`, or of all. */
export async function readOutOfOrder(
  db: DuckDb,
  { input, scan, keys }: { input: IdentityScanInput; scan: IdentityScan; keys: readonly string[] | null },
): Promise<void> {
  if (input.kafka === null || keys?.length === 0) return
  const identity = quoteIdentifier(input.identityField)
  const { partition, offset } = kafkaSql(input.kafka)
  const ofKeys = keys === null ? '' : `AND left(${identity}, ${STREAM_KEY_CHARS}) IN (${keys.map(quoteText).join(', ')})`
  const rows = await db.query(`
    SELECT identity, kafka_partition, kafka_offset, count(*) OVER () AS row_count
    FROM (SELECT identity, seq, kafka_partition, kafka_offset, max(seq) OVER (PARTITION BY left(identity, ${STREAM_KEY_CHARS}), kafka_partition
        ORDER BY kafka_offset RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS seq_before
      FROM (SELECT ${identity} AS identity, ${seqSql(identity)} AS seq, ${partition}::BIGINT AS kafka_partition, ${offset}::BIGINT AS kafka_offset
        FROM ${parquetFiles(input.paths)} WHERE ${markerSql(input)} AND strlen(${identity}) = ${IDENTITY_CHARS} ${ofKeys}
          AND octet_length(TRY(unhex(${seqTextSql(identity)}))) = ${SEQ_DIGITS / 2})
      WHERE kafka_partition IS NOT NULL AND kafka_offset IS NOT NULL)
    WHERE seq_before > seq ORDER BY identity, kafka_partition, kafka_offset LIMIT ${MAX_REPEATS_LISTED}`)
  scan.outOfOrderCount += Number(rows[0]?.['row_count'] ?? 0)
  for (const row of rows) {
    const id = parseCanaryId(String(row['identity']))
    if (id !== null) scan.outOfOrder.push({ ...id, partition: Number(row['kafka_partition']), offset: Number(row['kafka_offset']) })
  }
}
