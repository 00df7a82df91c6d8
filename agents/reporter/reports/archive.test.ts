import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resultMessage, type RunFact } from '../../../schemas/results.ts'
import { judgeFromTopics } from '../../../shared/core/judge-again.ts'
import { isRunFact } from '../../../shared/core/run-book.ts'
import { told } from '../../../shared/core/told-run.fixture.ts'
import { createLogKeeper } from '../../../shared/runtime/log-keeper.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { artefactFiles, FILE_LENGTH_MAX } from './artefacts.ts'
import { archiveOf } from './archive.ts'
import { FactKeeper, RUN_CHARS_MAX, RUNS_MAX } from './fact-keeper.ts'
import { cleanFacts, SAMPLE_RUN_ID, sourceOf, violation } from './sample-run.ts'
import { writeReports } from './write-reports.ts'

const TABLE = 'table:market.trades'
const lost = violation({
  violation: 'lost',
  hop: TABLE,
  stream: 1,
  ranges: [41, 41],
  partition: 3,
  offset: 812,
  snapshotId: '77',
  file: 's3://w/a.parquet',
})

async function unpacked(archive: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const tar = extract()
  tar.on('entry', ({ name }, stream, next) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk) => chunks.push(chunk as Buffer))
    stream.on('end', () => {
      files.set(name, Buffer.concat(chunks).toString('utf8'))
      next()
    })
  })
  const finished = once(tar, 'finish')
  tar.end(gunzipSync(archive))
  await finished
  return files
}

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silent,
}

describe('the archive of a run that did not pass', () => {
  let dir: string
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'assay-archive-'))))
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true })
  })

  const fetchRaw = () => Promise.resolve({ files: [{ name: 'raw-records.jsonl', content: '{}\n' }], leftOut: [] })
  const write = async (facts: readonly RunFact[], { saidLater = [] as readonly RunFact[], isEarly = false } = {}) => {
    const keeper = new FactKeeper()
    for (const fact of facts) keeper.hear(fact)
    const othersTold = () => {
      for (const fact of saidLater) keeper.hear(fact)
      return Promise.resolve()
    }
    const logged = createLogKeeper(silent, { nowMs: () => 5, hide: (text) => text.replaceAll('hunter2', '***') })
    logged.log.child({ runId: SAMPLE_RUN_ID }).warn({ err: new Error('with hunter2') }, 'told')
    logged.log.info({ runId: 'another' }, 'not told')
    const ports = {
      reportsDir: dir,
      log: logged.log,
      factsOf: (runId: string) => keeper.of(runId),
      logLinesOf: logged.linesOf,
      othersTold,
      fetchRaw,
    }
    const { paths, completed } = await writeReports({ ...sourceOf(facts), isEarly }, ports)
    await completed
    return paths
  }

  it('is made once the run has its verdict', async () => {
    expect(await write([...cleanFacts(), lost], { isEarly: true })).not.toContain(join(dir, SAMPLE_RUN_ID, 'artefacts.tar.gz'))
  })

  it('holds the facts, from which the same verdict comes, the records, the reports and the log', async () => {
    const paths = await write([...cleanFacts(), lost])
    expect(paths.map((path) => path.slice(join(dir, SAMPLE_RUN_ID).length + 1))).toEqual([
      'report.html',
      'report.json',
      'report.md',
      'junit.xml',
      'artefacts.tar.gz',
    ])
    const files = await unpacked(readFileSync(paths.at(-1) ?? ''))
    const text = (name: string) => files.get(`assay-${SAMPLE_RUN_ID}/${name}`) ?? ''
    const facts = text('facts.jsonl')
      .split('\n')
      .filter(Boolean)
      .map((line) => resultMessage.parse(JSON.parse(line)))
      .filter(isRunFact)
    expect(judgeFromTopics(facts)?.judgement).toEqual(sourceOf([...cleanFacts(), lost]).judgement)
    expect(JSON.parse(text('records.jsonl'))).toMatchObject({ kind: 'lost', topic: 'market.trades', offset: 812, file: 's3://w/a.parquet' })
    expect(text('snapshots.jsonl')).toContain('"snapshotId":"77","filesAccused":["s3://w/a.parquet"]')
    expect(text('reporter.log.jsonl')).toContain('"msg":"told"')
    expect(text('reporter.log.jsonl')).not.toMatch(/hunter2|not told/)
    expect(text('report.html')).toContain('<!doctype html>')
    expect(text('raw-records.jsonl')).toBe('{}\n')
    expect(text('CONTENTS.txt')).toContain('Left out\n  nothing')
  })

  it('holds what other agents had logged, as they say when they hear of the verdict', async () => {
    const said = { runId: SAMPLE_RUN_ID, agent: 'ingestion-checker', instance: 'a/1' }
    const [path] = (
      await write([...cleanFacts(), lost], { saidLater: [told('log-told', { ...said, lines: ['{"msg":"slow"}'], linesLeftOut: 3 })] })
    ).slice(-1)
    const files = await unpacked(readFileSync(path ?? ''))
    const folder = `assay-${SAMPLE_RUN_ID}`
    expect(files.get(`${folder}/ingestion-checker.a_1.log.jsonl`)).toBe('{"msg":"slow"}\n')
    expect(files.get(`${folder}/CONTENTS.txt`)).toContain('ingestion-checker.a/1.log.jsonl: 3 older lines')
    expect(files.get(`${folder}/facts.jsonl`)).not.toContain('log-told')
  })

  it('is not made for a run that passed', async () => {
    await write(cleanFacts())
    expect(readdirSync(join(dir, SAMPLE_RUN_ID))).not.toContain('artefacts.tar.gz')
  })

  it('costs no verdict when it cannot be written', async () => {
    writeFileSync(join(dir, SAMPLE_RUN_ID), 'a file where the folder should be')
    expect(await write([...cleanFacts(), lost])).toEqual([])
  })
})

it('leaves out what does not fit, and says so', () => {
  const source = sourceOf([...cleanFacts(), lost])
  const big = { name: 'report.html', content: 'x'.repeat(FILE_LENGTH_MAX + 1) }
  const files = artefactFiles({
    source,
    facts: { lines: ['{}'], logs: new Map(), leftOut: [{ kind: 'violation-found', count: 7 }] },
    logLines: [],
    reports: [big],
    raw: null,
  })
  expect(files.map(({ name }) => name)).not.toContain('report.html')
  expect(files[0]?.content).toContain('facts.jsonl: 7 facts of kind violation-found')
  expect(files[0]?.content).toContain(`report.html: ${FILE_LENGTH_MAX + 1} characters are too many`)
})

it('makes the same bytes of the same files', async () => {
  const make = () => archiveOf('run', [{ name: 'a.txt', content: 'ä' }], 1_000)
  expect((await make()).equals(await make())).toBe(true)
})

describe('facts kept of runs', () => {
  it('are those of the run, once, and gone when many others came after it', () => {
    const keeper = new FactKeeper()
    const facts = [...cleanFacts(), { ...lost, agent: 'reporter' }, { ...lost, agent: 'reporter' }]
    for (const fact of facts) keeper.hear(fact)
    expect(keeper.of(SAMPLE_RUN_ID).lines).toEqual([...new Set(facts.map((fact) => JSON.stringify(fact)))])
    for (let i = 0; i < RUNS_MAX; i++) keeper.hear({ ...lost, runId: `01932b3c-0000-7abc-8000-${String(i).padStart(12, '0')}` })
    expect(keeper.of(SAMPLE_RUN_ID).lines).toEqual([])
  })

  it('are bounded, and a flood of findings leaves room for the others', () => {
    const keeper = new FactKeeper()
    const wordy = { ...lost, actual: 'x'.repeat(100_000) }
    for (let i = 0; i < 150; i++) keeper.hear({ ...wordy, stream: i })
    for (const fact of cleanFacts()) keeper.hear(fact)
    const { lines, leftOut } = keeper.of(SAMPLE_RUN_ID)
    expect(lines.reduce((sum, line) => sum + line.length, 0)).toBeLessThan(RUN_CHARS_MAX)
    expect(lines.filter((line) => !line.includes('violation-found'))).toHaveLength(cleanFacts().length)
    expect(leftOut).toEqual([{ kind: 'violation-found', count: 150 - lines.length + cleanFacts().length }])
  })
})
