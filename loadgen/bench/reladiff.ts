import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../../compose/local/cache.ts'

const run = promisify(execFile)
const VERSION = '0.6.0'
const DUCKDB_VERSION = '1.5.5'
const LIMIT_MS = 30 * 60_000

/** Loads rows of Parquet files as two equal tables of one database: integers for keys, which are what it likes best. */
const LOAD = `
import duckdb, sys
path, rows, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
db = duckdb.connect(path)
for name in ("produced", "stored"):
    db.execute(f"CREATE TABLE {name} AS SELECT DISTINCT ON (id) split_part(trade_id, ':', 2)::BIGINT * 1000000000 + split_part(trade_id, ':', 3)::BIGINT AS id, "
               f"_kafka_metadata_offset AS kafka_offset FROM read_parquet(?) LIMIT {rows}", [files])
`

/** Seconds that reladiff takes to find two tables of these rows equal; null, and a note, where it cannot be had. */
export async function reladiffSeconds({
  folder,
  paths,
  rows,
  note,
}: {
  folder: string
  paths: readonly string[]
  rows: number
  note: (line: string) => void
}): Promise<number | null> {
  const bin = await installed(note)
  if (bin === null) return null
  const database = join(folder, 'reladiff.duckdb')
  const files = paths.slice(0, Math.ceil(rows / 1_000_000) + 1)
  await run(join(bin, 'python'), ['-c', LOAD, database, String(rows), ...files], { timeout: LIMIT_MS })
  const startedMs = performance.now()
  // What stands behind the last slash is a path from where it runs.
  const url = 'duckdb://:@:/reladiff.duckdb'
  const tables = [url, 'produced', url, 'stored', '-k', 'id', '-c', 'kafka_offset', '--algorithm', 'hashdiff', '--stats']
  await run(join(bin, 'reladiff'), tables, { cwd: folder, timeout: LIMIT_MS })
  return (performance.now() - startedMs) / 1000
}

/** A virtual environment of its own in the cache, made once. */
async function installed(note: (line: string) => void): Promise<string | null> {
  const folder = join(cacheFolder(process.env), 'bench', `reladiff-${VERSION}`)
  const bin = join(folder, 'bin')
  if (await isThere(join(bin, 'reladiff'))) return bin
  try {
    note(`installing reladiff ${VERSION} from PyPI into ${folder}`)
    await run('python3', ['-m', 'venv', folder])
    await run(join(bin, 'python'), ['-m', 'pip', 'install', '-q', `reladiff==${VERSION}`, `duckdb==${DUCKDB_VERSION}`], {
      timeout: LIMIT_MS,
    })
    return bin
  } catch (error) {
    note(`no reladiff: it takes python3 with venv and pip, and PyPI: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )
