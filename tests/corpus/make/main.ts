import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { access, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { cacheFolder, ensureComponents } from '../../../compose/local/cache.ts'
import { writeThroughCatalog } from './through-catalog.ts'

/**
 * `npm run corpus [-- --only features,histories,pyiceberg,catalog]`: writes tables of the corpus anew, and what a reader of somebody
 * else finds in them. `checksums` and `batches` are fixtures of unit tests. Takes a JDK 17; python3 with venv and pip, and PyPI, for
 * `pyiceberg` and `checksums`.
 */
const run = promisify(execFile)
const note = (line: string) => process.stderr.write(`${line}\n`)
const TABLES = ['features', 'histories', 'pyiceberg', 'catalog']
const FIXTURES = ['checksums', 'batches']
const WITH_PYTHON = ['pyiceberg', 'checksums']
const GROUPS = [...TABLES, ...FIXTURES]
const { values } = parseArgs({ options: { only: { type: 'string', default: TABLES.join() } } })
const only = values.only.split(',')
const unknown = only.filter((one) => !GROUPS.includes(one))
if (unknown.length > 0) throw new Error(`--only: expected some of ${GROUPS.join()}, got ${unknown.join()}`)

const tables = join(import.meta.dirname, '..', 'tables')
const temporary = mkdtempSync(join(tmpdir(), 'assay-corpus-'))
try {
  if (only.includes('pyiceberg')) await run(await pyIceberg(), [join(import.meta.dirname, 'pyiceberg_tables.py'), tables])
  if (only.includes('checksums'))
    await run(await pyIceberg(), [join(import.meta.dirname, 'page_checksums.py'), shared('engines/fixtures/checksums.parquet')])
  if (only.some((one) => !WITH_PYTHON.includes(one))) await withJava()
} finally {
  await rm(temporary, { recursive: true, force: true })
}

function shared(path: string): string {
  return join(import.meta.dirname, '..', '..', '..', 'shared', path)
}

async function withJava(): Promise<void> {
  const { kafka, 'connect-iceberg-sink': jars, 'duckdb-extensions': extensionDir } = await ensureComponents(cacheFolder(process.env), note)
  const sources = ['Make.java', 'Features.java', 'Histories.java'].map((file) => join(import.meta.dirname, file))
  await run('javac', ['-nowarn', '-d', temporary, '-cp', `${jars}/*`, ...sources])
  const java = (...args: readonly string[]) => run('java', ['-cp', `${temporary}:${jars}/*`, 'Make', tables, ...args])
  for (const group of ['features', 'histories']) if (only.includes(group)) await java(group)
  if (only.includes('batches')) await kafkaBatches(kafka)
  if (!only.includes('catalog')) return
  for (const { table, metadata, writer, features } of await writeThroughCatalog(tables, { extensionDir, note }))
    await java('note', table, metadata, writer, ...features)
}

/** Of this seed are the records that the test expects. */
const BATCH_SEED = 7

async function kafkaBatches(jars: string): Promise<void> {
  await run('javac', ['-nowarn', '-d', temporary, '-cp', `${jars}/*`, join(import.meta.dirname, 'KafkaBatches.java')])
  await run('java', ['-cp', `${temporary}:${jars}/*`, 'KafkaBatches', shared('runtime/fixtures/kafka-batches'), String(BATCH_SEED)])
}

/** A virtual environment of its own in the cache, made once; gives its Python. */
async function pyIceberg(): Promise<string> {
  const [iceberg, arrow] = ['0.12.0', '26.0.1']
  const folder = join(cacheFolder(process.env), 'corpus', `pyiceberg-${iceberg}`)
  const python = join(folder, 'bin', 'python')
  const isReady = join(folder, 'ready')
  if (await isThere(isReady)) return python
  note(`installing PyIceberg ${iceberg} and PyArrow ${arrow} from PyPI into ${folder}`)
  await run('python3', ['-m', 'venv', '--clear', folder])
  await run(python, ['-m', 'pip', 'install', '-q', `pyiceberg[sql-sqlite,pyiceberg-core]==${iceberg}`, `pyarrow==${arrow}`])
  await run(python, ['-c', `open(${JSON.stringify(isReady)}, 'w').close()`])
  return python
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
