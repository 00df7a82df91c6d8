import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckDb, parquetFiles, quoteText, type DuckDb } from '../../shared/engines/duckdb.ts'
import { scanIdentities } from '../../shared/engines/identity-scan.ts'
import type { Figure } from './figures.ts'

const ROWS = 10_000_000
const FILES = 10
const STREAMS = 32
const ROUNDS = 3
const RUN_ID = '018bcfe5-6800-7000-8000-000000000001'

/** Identity of rows in local Parquet files, beside a bare scan of the same column by the same engine. */
export async function benchIdentity(note: (line: string) => void): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  const db = await openDuckDb({ memoryLimitMb: 256, threads: 2, tempDir: folder })
  try {
    note(`writing ${ROWS.toLocaleString('en-US')} rows to ${FILES} files`)
    const paths = await writeRows(db, folder)
    const bare = await bestOf(() => db.query(`SELECT count(trade_id), max(trade_id) FROM ${parquetFiles(paths)}`))
    const ours = await bestOf(async () => {
      const scan = await scanIdentities(db, {
        paths,
        identityField: 'trade_id',
        marker: { field: 'venue', value: 'XTST' },
        kafka: { partitionField: '_kafka_metadata_partition', offsetField: '_kafka_metadata_offset' },
      })
      if (scan.canaryCount !== ROWS || scan.repeatCount !== 0)
        throw new Error(`the scan saw ${scan.canaryCount} canaries and ${scan.repeatCount} repeats of ${ROWS}`)
    })
    return [
      {
        name: 'identity of local rows',
        ours: ROWS / ours,
        unit: 'rows/s',
        peer: 'bare DuckDB scan',
        peers: ROWS / bare,
        target: { least: 5_000_000 },
      },
    ]
  } finally {
    db.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeRows(db: DuckDb, folder: string): Promise<string[]> {
  const paths: string[] = []
  const perFile = ROWS / FILES
  for (let file = 0; file < FILES; file++) {
    const path = join(folder, `rows-${file}.parquet`)
    await db.query(`COPY (
      SELECT '${RUN_ID}:' || lpad((i % ${STREAMS})::VARCHAR, 4, '0') || ':' || lpad((i // ${STREAMS})::VARCHAR, 12, '0') AS trade_id,
        'ASSAY-' || (i % ${STREAMS}) AS symbol, 'XTST' AS venue, CASE WHEN i % 2 = 0 THEN 'BUY' ELSE 'SELL' END AS side,
        (i * 7919 % 5000000)::DECIMAL(18, 6) AS price, (i * 104729 % 100000)::DECIMAL(18, 4) AS quantity, i AS traded_at,
        (i % ${STREAMS} % 4)::INTEGER AS _kafka_metadata_partition, i AS _kafka_metadata_offset
      FROM range(${file * perFile}, ${(file + 1) * perFile}) t(i)) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`)
    paths.push(path)
  }
  return paths
}

/** Seconds of the quickest of several rounds: the others had company. */
async function bestOf(work: () => Promise<unknown>): Promise<number> {
  let bestMs = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now()
    await work()
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  return bestMs / 1000
}
