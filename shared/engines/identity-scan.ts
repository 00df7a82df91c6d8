import { RangeSet } from '../core/range-set.ts'
import type { Ranges } from '../core/range-set.ts'
import { AssayError } from '../core/errors.ts'
import { parseCanaryId, SEQ_DIGITS, STREAM_DIGITS } from '../core/identity.ts'
import { parquetFiles, quoteIdentifier } from './duckdb.ts'
import type { DuckDb, SqlValue } from './duckdb.ts'
import { scanPages } from './identity-pages.ts'
import {
  IDENTITY_CHARS,
  MAX_REPEATS_LISTED,
  STREAM_KEY_CHARS,
  kafkaSql,
  markerSql,
  readOutOfOrder,
  seqSql,
  seqTextSql,
} from './identity-sql.ts'
import { scanOfPages, tangledStreams } from './identity-results.ts'
import { addBits } from './seq-marks.ts'
import { MAX_STREAMS } from './stream-names.ts'

export interface IdentityScanInput {
  /** Local Parquet files; none is a scan of nothing. */
  paths: readonly string[]
  identityField: string
  /** Rows where `field` equals `value` are canaries. */
  marker: { field: string; value: string }
  /** Columns that tell the source offset of each row; null where the table stores none. */
  kafka: KafkaColumns | null
  /** Whether rows out of order are looked for, which takes `kafka`. */
  order?: boolean
}

export interface KafkaColumns {
  partitionField: string
  offsetField: string
}

export interface IdentityScan {
  /** All rows of the files, canaries or not. */
  rowCount: number
  canaryCount: number
  /** Rows that carry the marker and no identity of the layout. */
  malformedCount: number
  streams: StreamSeen[]
  /** Canary rows beyond the first of the same identity: all counted, the first MAX_REPEATS_LISTED listed. */
  repeatCount: number
  repeats: RepeatSeen[]
  /** Over all rows of the files, by partition. Rows without a partition are left out. */
  offsets: OffsetsSeen[]
  /**
   * Canary rows behind one of a greater seq: of their stream and partition, by a lesser offset. A repeat of an older seq is one too.
   * All counted, the first MAX_REPEATS_LISTED listed; none where `order` was not asked for.
   */
  outOfOrderCount: number
  outOfOrder: PlaceSeen[]
}

export interface StreamSeen {
  runId: string
  stream: number
  seqs: Ranges
}

export interface RepeatSeen {
  runId: string
  stream: number
  seq: number
  partition: number | null
  offset: number | null
  path: string
}

export interface PlaceSeen {
  runId: string
  stream: number
  seq: number
  partition: number
  offset: number
}

export interface OffsetsSeen {
  partition: number
  offsetFirst: number
  offsetLast: number
  rowCount: number
}

/**
 * Which identities the files hold, exactly. Memory grows with the seqs seen at a bit each, or with the number of gaps and
 * the engine's limit; not with the rows. Files of canaries alone are read from their pages, all others by the engine.
 */
export async function scanIdentities(db: DuckDb, input: IdentityScanInput): Promise<IdentityScan> {
  if (input.paths.length === 0) return emptyScan()
  const pages = await scanPages(db, input)
  if (pages === null) return scanByEngine(db, input)
  const scan = scanOfPages(pages)
  // Of streams whose files overlap in offsets only the engine can tell.
  await readOutOfOrder(db, { input, scan, keys: tangledStreams(pages).map(streamKeyOf) })
  return scan
}

const emptyScan = (): IdentityScan => ({
  rowCount: 0,
  canaryCount: 0,
  malformedCount: 0,
  streams: [],
  repeatCount: 0,
  repeats: [],
  offsets: [],
  outOfOrderCount: 0,
  outOfOrder: [],
})

/** The same by SQL alone, whatever the files are like. */
export async function scanByEngine(db: DuckDb, input: IdentityScanInput): Promise<IdentityScan> {
  const scan = emptyScan()
  await countRows(db, { input, scan })
  if (scan.canaryCount === 0) return scan

  // Named apart, since two scans on one connection may take turns between their queries.
  const words = `identity_words_${++scansSoFar}`
  await db.query(wordsSql(words, input))
  try {
    await readSummary(db, { words, scan })
    await readRanges(db, { words, scan })
    if (scan.repeatCount > 0) await readRepeats(db, { words, input, scan })
    if (input.order === true) await readOutOfOrder(db, { input, scan, keys: null })
  } finally {
    await db.query(`DROP TABLE ${words}`)
  }
  return scan
}

let scansSoFar = 0

async function countRows(db: DuckDb, { input, scan }: { input: IdentityScanInput; scan: IdentityScan }): Promise<void> {
  const { partition, offset } = kafkaSql(input.kafka)
  const rows = await db.query(`
    SELECT ${partition} AS kafka_partition, count(*) AS row_count, count(*) FILTER (${markerSql(input)}) AS canary_count,
      min(${offset}) AS offset_first, max(${offset}) AS offset_last
    FROM ${parquetFiles(input.paths)} GROUP BY 1 ORDER BY 1`)
  for (const row of rows) {
    const rowCount = Number(row['row_count'])
    scan.rowCount += rowCount
    scan.canaryCount += Number(row['canary_count'])
    if (row['kafka_partition'] === null || row['offset_first'] === null) continue
    scan.offsets.push({
      partition: Number(row['kafka_partition']),
      offsetFirst: Number(row['offset_first']),
      offsetLast: Number(row['offset_last']),
      rowCount,
    })
  }
}

const SEQ_ZERO = '0'.repeat(SEQ_DIGITS)
const WORD_BITS = 64
const FULL_WORD = `${2n ** 64n - 1n}::UBIGINT`

/**
 * One row per 64 consecutive seqs of a stream: which were seen, as bits, and how many rows that took. Measured against
 * streaming the column into JavaScript bitmaps this is twice as fast, and the strings never leave the engine.
 *
 * The cast alone would take "+5", " 5" and "5.0" for numbers: `unhex` refuses all characters but hexadecimal digits at a
 * fifth of the price of a regular expression, and the cast refuses the letters among these. What slips through is an "e"
 * among the digits ("0000000001e3"); should it collide, `readRepeats` shows it, and it is no identity any content is
 * expected under. A seq that is null is left to make a group of its own, whose bits are null: to filter it here would
 * work out the cast twice, a third of the time.
 */
function wordsSql(words: string, input: IdentityScanInput): string {
  const identity = quoteIdentifier(input.identityField)
  return `
    CREATE TEMP TABLE ${words} AS
    SELECT left(identity, ${STREAM_KEY_CHARS}) AS stream_key, seq >> 6 AS word, bit_or(1::UBIGINT << (seq & 63)) AS bits, count(*) AS row_count
    FROM (SELECT ${identity} AS identity, ${seqTextSql(identity)} AS seq_text, ${seqSql(identity)} AS seq
      FROM ${parquetFiles(input.paths)} WHERE ${markerSql(input)} AND strlen(${identity}) = ${IDENTITY_CHARS})
    WHERE octet_length(TRY(unhex(seq_text))) = ${SEQ_DIGITS / 2}
    GROUP BY 1, 2`
}

async function readSummary(db: DuckDb, { words, scan }: { words: string; scan: IdentityScan }): Promise<void> {
  const rows = await db.query(`
    SELECT stream_key, sum(row_count)::BIGINT AS row_count, sum(row_count - bit_count(bits))::BIGINT AS repeat_count
    FROM ${words} WHERE bits IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT ${MAX_STREAMS + 1}`)
  if (rows.length > MAX_STREAMS) {
    throw new AssayError('LIMIT_REACHED', `identity scan: expected at most ${MAX_STREAMS} streams in one set of files, got more`)
  }
  let wellFormed = 0
  for (const row of rows) {
    const id = parseCanaryId(`${String(row['stream_key'])}${SEQ_ZERO}`)
    if (id === null) continue
    wellFormed += Number(row['row_count'])
    scan.repeatCount += Number(row['repeat_count'])
    scan.streams.push({ runId: id.runId, stream: id.stream, seqs: [] })
  }
  scan.malformedCount = scan.canaryCount - wellFormed
}

/** Runs of full words are joined in the engine, so that what crosses over is O(gaps). */
async function readRanges(db: DuckDb, { words, scan }: { words: string; scan: IdentityScan }): Promise<void> {
  const sets = scan.streams.map(() => RangeSet.empty())
  const indexByKey = new Map(scan.streams.map((seen, i): [SqlValue, number] => [streamKeyOf(seen), i]))
  for await (const { columns } of db.stream(rangesSql(words))) {
    const [keys, firsts, lasts, lows, highs] = columns as [SqlValue[], number[], number[], (number | null)[], (number | null)[]]
    for (let i = 0; i < keys.length; i++) {
      const set = sets[indexByKey.get(keys[i] as SqlValue) ?? -1]
      // A key that is none of a stream's: counted as malformed.
      if (set === undefined) continue
      const first = (firsts[i] as number) * WORD_BITS
      const low = lows[i] as number | null
      if (low === null) {
        set.addRange(first, (lasts[i] as number) * WORD_BITS + WORD_BITS - 1)
        continue
      }
      addBits(set, { bits: low, first })
      addBits(set, { bits: highs[i] as number, first: first + WORD_BITS / 2 })
    }
  }
  scan.streams.forEach((seen, i) => (seen.seqs = (sets[i] as RangeSet).ranges))
}

function rangesSql(words: string): string {
  return `
    WITH full_words AS (
      SELECT stream_key, word::BIGINT AS word, word::BIGINT - row_number() OVER (PARTITION BY stream_key ORDER BY word) AS island
      FROM ${words} WHERE bits = ${FULL_WORD})
    SELECT stream_key, min(word)::DOUBLE AS first, max(word)::DOUBLE AS last, NULL::UINTEGER AS low, NULL::UINTEGER AS high
    FROM full_words GROUP BY stream_key, island
    UNION ALL
    SELECT stream_key, word::DOUBLE, word::DOUBLE, (bits & 4294967295)::UINTEGER, (bits >> 32)::UINTEGER
    FROM ${words} WHERE bits <> ${FULL_WORD}
    ORDER BY 1, 2`
}

async function readRepeats(
  db: DuckDb,
  { words, input, scan }: { words: string; input: IdentityScanInput; scan: IdentityScan },
): Promise<void> {
  const identity = quoteIdentifier(input.identityField)
  const { partition, offset } = kafkaSql(input.kafka)
  const rows = await db.query(`
    SELECT identity, kafka_partition, kafka_offset, path
    FROM (SELECT ${identity} AS identity, ${partition} AS kafka_partition, ${offset} AS kafka_offset, filename AS path, file_row_number
      FROM ${parquetFiles(input.paths)}
      WHERE ${markerSql(input)} AND (left(${identity}, ${STREAM_KEY_CHARS}), ${seqSql(identity)} >> 6) IN
        (SELECT (stream_key, word) FROM ${words} WHERE row_count > bit_count(bits)))
    QUALIFY row_number() OVER (PARTITION BY identity ORDER BY kafka_partition, kafka_offset, path, file_row_number) > 1
    ORDER BY identity, kafka_partition, kafka_offset
    LIMIT ${MAX_REPEATS_LISTED}`)
  for (const row of rows) {
    const id = parseCanaryId(String(row['identity']))
    if (id === null) continue
    scan.repeats.push({
      ...id,
      partition: numberOrNull(row['kafka_partition']),
      offset: numberOrNull(row['kafka_offset']),
      path: String(row['path']),
    })
  }
}

export function streamKeyOf({ runId, stream }: Pick<StreamSeen, 'runId' | 'stream'>): string {
  return `${runId}:${String(stream).padStart(STREAM_DIGITS, '0')}:`
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}
