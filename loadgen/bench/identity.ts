import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { members, sizeOf } from '../../shared/core/range-set.ts'
import { openDuckDb, parquetFiles, type DuckDb } from '../../shared/engines/duckdb.ts'
import { scanIdentities, type IdentityScan, type IdentityScanInput } from '../../shared/engines/identity-scan.ts'
import type { Figure } from './figures.ts'
import { NEARLY_CLEAN, PLANTED, RUN_ID, STREAMS, writeRows, type Planting } from './identity-rows.ts'
import { reladiffSeconds } from './reladiff.ts'

/** A smaller number shows the same shape sooner. */
const ROWS = Number(process.env['BENCH_IDENTITY_ROWS'] ?? 50_000_000)
const RELADIFF_ROWS = Math.min(ROWS, 10_000_000)
const ROUNDS = 3
const MEMORY_SAMPLE_MS = 50
/** The peers may take what they want; ours has to do with 256 MB of the engine's, and what Node needs. */
const PEER_MEMORY_MB = 8_000

interface Measured {
  readonly seconds: number
  readonly peakMb: number
}

/** Identity of rows in local Parquet files, beside a bare scan of the same column, count(DISTINCT …) and reladiff. */
export async function benchIdentity(note: (line: string) => void): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  try {
    const db = await openDuckDb({ memoryLimitMb: 256, threads: 2, tempDir: folder })
    try {
      const clean = await measured(db, { folder, planting: NEARLY_CLEAN, note })
      const any = await measured(db, { folder, planting: PLANTED, note })
      db.close()
      const peers = await peersOf({ folder, clean: clean.paths, any: any.paths, note })
      return [
        ...figuresOf('nearly clean', { ...clean, ...peers, distinctSeconds: peers.cleanSeconds, least: 40e6, times: 8 }),
        ...figuresOf('any', { ...any, ...peers, distinctSeconds: peers.anySeconds, least: 12e6, times: 3 }),
      ]
    } finally {
      db.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Told {
  readonly paths: readonly string[]
  readonly ours: Measured
  readonly bareSeconds: number
  readonly rows: number
}

async function measured(
  db: DuckDb,
  { folder, planting, note }: { folder: string; planting: Planting; note: (line: string) => void },
): Promise<Told> {
  note(`writing ${ROWS.toLocaleString('en-US')} rows, ${planting.name}`)
  const into = join(folder, planting.name.replaceAll(' ', '-'))
  await mkdir(into)
  const { paths, rows } = await writeRows(db, { folder: into, rows: ROWS, planting })
  const input: IdentityScanInput = {
    paths,
    identityField: 'trade_id',
    marker: { field: 'venue', value: 'XTST' },
    ...(planting.disorderEvery === null
      ? { kafka: null }
      : { kafka: { partitionField: '_kafka_metadata_partition', offsetField: '_kafka_metadata_offset' }, order: true }),
  }
  const bare = await bestOf(() => db.query(`SELECT count(trade_id), max(trade_id) FROM ${parquetFiles(paths)}`))
  const ours = await bestOf(async () => {
    checkNamed(await scanIdentities(db, input), planting)
  })
  return { paths, ours, bareSeconds: bare.seconds, rows }
}

/** What was planted is named, each of it, and nothing else. */
function checkNamed(scan: IdentityScan, { lostEvery, doubledEvery, disorderEvery, isLost, isDoubled, isBehind }: Planting): void {
  const place = ({ stream, seq }: { stream: number; seq: number }) => seq * STREAMS + stream
  const due = { lost: ROWS / lostEvery, doubled: ROWS / doubledEvery, behind: disorderEvery === null ? 0 : (2 * ROWS) / disorderEvery }
  const seen = scan.streams.reduce((sum, { seqs }) => sum + sizeOf(seqs), 0)
  let gaps = 0
  for (const { runId, stream, seqs } of scan.streams) {
    if (runId !== RUN_ID) throw new Error(`no rows of run ${runId} were written`)
    for (let i = 2; i < seqs.length; i += 2)
      for (const seq of members([(seqs[i - 1] as number) + 1, (seqs[i] as number) - 1])) {
        if (!isLost(place({ stream, seq }))) throw new Error(`${stream}/${seq} was not left out`)
        gaps++
      }
  }
  const wrong = [...scan.repeats.filter((one) => !isDoubled(place(one))), ...scan.outOfOrder.filter((one) => !isBehind(place(one)))]
  const isAll = gaps === due.lost && seen === ROWS - due.lost && scan.repeatCount === due.doubled && scan.outOfOrderCount === due.behind
  if (wrong.length > 0 || !isAll) {
    const got = { gaps, seen, doubled: scan.repeatCount, behind: scan.outOfOrderCount, wrong: wrong.slice(0, 3) }
    throw new Error(`expected ${JSON.stringify(due)}, got ${JSON.stringify(got)}`)
  }
}

interface Peers {
  /** Of count(DISTINCT …), of either data. */
  readonly cleanSeconds: number
  readonly anySeconds: number
  /** Rows a second; null where it could not be had. */
  readonly reladiff: number | null
}

async function peersOf({
  folder,
  clean,
  any,
  note,
}: {
  folder: string
  clean: readonly string[]
  any: readonly string[]
  note: (line: string) => void
}): Promise<Peers> {
  const db = await openDuckDb({ memoryLimitMb: PEER_MEMORY_MB, threads: 2, tempDir: folder })
  try {
    note('count(DISTINCT …) of the same rows')
    const [cleanSeconds, anySeconds] = [await distinctSeconds(db, clean), await distinctSeconds(db, any)]
    note(`reladiff of ${RELADIFF_ROWS.toLocaleString('en-US')} of them`)
    const seconds = await reladiffSeconds({ folder, paths: clean, rows: RELADIFF_ROWS, note })
    return { cleanSeconds, anySeconds, reladiff: seconds === null ? null : RELADIFF_ROWS / seconds }
  } finally {
    db.close()
  }
}

async function distinctSeconds(db: DuckDb, paths: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  await db.query(`SELECT count(DISTINCT trade_id) FROM ${parquetFiles(paths)}`)
  return (performance.now() - startedMs) / 1000
}

function figuresOf(
  name: string,
  {
    ours,
    bareSeconds,
    rows,
    distinctSeconds,
    reladiff,
    least,
    times,
  }: Told & Pick<Peers, 'reladiff'> & { distinctSeconds: number; least: number; times: number },
): Figure[] {
  const rate = rows / ours.seconds
  const figure = { name: `identity of ${Math.round(ROWS / 1e6)} M rows, ${name} data`, ours: rate, unit: 'rows/s' }
  const distinct = ROWS / distinctSeconds
  return [
    { ...figure, peer: 'bare DuckDB scan', peers: rows / bareSeconds, target: { least } },
    { ...figure, peer: 'count(DISTINCT …)', peers: distinct, target: { least: times * distinct } },
    {
      ...figure,
      peer: reladiff === null ? 'reladiff: not to be had' : 'reladiff',
      peers: reladiff,
      target: reladiff === null ? {} : { least: 20 * reladiff },
    },
    { name: `  resident at most, ${name} data`, ours: ours.peakMb, unit: 'MB', peer: '', peers: null, target: { most: 500 } },
  ]
}

/** Seconds of the quickest of several rounds, since the others had company; the most memory of all of them. */
async function bestOf(work: () => Promise<unknown>): Promise<Measured> {
  let [bestMs, peakBytes] = [Infinity, 0]
  const sampling = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), MEMORY_SAMPLE_MS)
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now()
    await work()
    bestMs = Math.min(bestMs, performance.now() - startedMs)
  }
  clearInterval(sampling)
  return { seconds: bestMs / 1000, peakMb: peakBytes / 1e6 }
}
