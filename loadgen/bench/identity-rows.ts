import { join } from 'node:path'
import { quoteText, type DuckDb } from '../../shared/engines/duckdb.ts'

export const STREAMS = 32
export const RUN_ID = '018bcfe5-6800-7000-8000-000000000001'
const ROWS_PER_FILE = 1_000_000

/** What is wrong with the rows, by place (`seq * STREAMS + stream`): every so many of each; null for none. */
export interface Planting {
  readonly name: string
  readonly lostEvery: number
  readonly doubledEvery: number
  readonly disorderEvery: number | null
  readonly isLost: (place: number) => boolean
  readonly isDoubled: (place: number) => boolean
  /** Rows that come behind one of a greater seq. */
  readonly isBehind: (place: number) => boolean
}

/** Of a period of `every` rows, the places of what is planted. A row trades its seq with the one two further in its stream: that one and the one between are then behind. */
const lostAt = (every: number) => every / 2
const doubledAt = (every: number) => every / 4
const tradedAt = (every: number) => (every / 4) * 3
const TRADED_BY = 2

function planting(name: string, every: number, withDisorder: boolean): Planting {
  return {
    name,
    lostEvery: every,
    doubledEvery: every,
    disorderEvery: withDisorder ? every : null,
    isLost: (place) => place % every === lostAt(every),
    isDoubled: (place) => place % every === doubledAt(every),
    isBehind: (place) => [tradedAt(every), tradedAt(every) + STREAMS].includes(place % every),
  }
}

/** One in a million of each, as in a pipeline that has lost a batch. */
export const NEARLY_CLEAN = planting('nearly clean', 1_000_000, false)
/** One in a thousand of each, everywhere. */
export const PLANTED = planting('planted', 1_000, true)

/** Rows as a sink writes them: by offset, streams taking turns. `rows` is a whole number of millions. Returns how many were written. */
export async function writeRows(
  db: DuckDb,
  { folder, rows, planting: { lostEvery, doubledEvery, disorderEvery } }: { folder: string; rows: number; planting: Planting },
): Promise<{ paths: string[]; rows: number }> {
  const paths: string[] = []
  let written = 0
  const at = tradedAt(disorderEvery ?? 1)
  const traded = TRADED_BY * STREAMS
  const place =
    disorderEvery === null
      ? 'i'
      : `CASE i % ${disorderEvery} WHEN ${at} THEN i + ${traded} WHEN ${at + traded} THEN i - ${traded} ELSE i END`
  for (let first = 0; first < rows; first += ROWS_PER_FILE) {
    const path = join(folder, `rows-${String(first / ROWS_PER_FILE).padStart(4, '0')}.parquet`)
    // A doubled row has the next offset: offsets are twice the place, and one more for the second.
    const answer = await db.query(`COPY (
      SELECT '${RUN_ID}:' || lpad((place % ${STREAMS})::VARCHAR, 4, '0') || ':' || lpad((place // ${STREAMS})::VARCHAR, 12, '0') AS trade_id,
        'ASSAY-' || (place % ${STREAMS}) AS symbol, 'XTST' AS venue, CASE WHEN i % 2 = 0 THEN 'BUY' ELSE 'SELL' END AS side,
        (i * 7919 % 5000000)::DECIMAL(18, 6) AS price, (i * 104729 % 100000)::DECIMAL(18, 4) AS quantity, i AS traded_at,
        (i % ${STREAMS} % 4)::INTEGER AS _kafka_metadata_partition, i * 2 + again AS _kafka_metadata_offset
      FROM (SELECT i, ${place} AS place, unnest(CASE WHEN i % ${doubledEvery} = ${doubledAt(doubledEvery)} THEN [0, 1] ELSE [0] END) AS again
        FROM range(${first}, ${Math.min(first + ROWS_PER_FILE, rows)}) t(i) WHERE i % ${lostEvery} <> ${lostAt(lostEvery)})
      ) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`)
    written += Number(Object.values(answer[0] ?? {})[0] ?? 0)
    paths.push(path)
  }
  return { paths, rows: written }
}
