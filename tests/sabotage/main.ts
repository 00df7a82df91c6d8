import { mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheFolder, ensureComponents } from '../../compose/local/cache.ts'
import { startStack } from '../../compose/local/stack.ts'
import type { SabotageCase } from './case.ts'
import { catalogue } from './catalogue.ts'
import { detectionPage, matrix } from './detection.ts'
import { openPipeline, registerSchemas, type Ground, type Pipeline } from './pipeline.ts'
import { howPrompt } from './promptness.ts'
import { runCase, type CaseResult } from './run-case.ts'
import { RECORD_WRITER } from './record-writer.ts'
import { compileWriter } from './table-writer.ts'

/**
 * `npm run sabotage [-- --only 'a part of a name|of another'] [--lanes 5] [--times 1]`: plants each defect of the catalogue for real, and
 * disturbs for real where nothing may be said; prints who was found, and writes DETECTION.md when all were run.
 * Ends with 1 when one was missed, or anybody wrongly accused. With `--promptness` it measures instead how soon losses are told.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    lanes: { type: 'string', default: '5' },
    times: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    promptness: { type: 'boolean', default: false },
  },
})
const TOLD_WITHIN_MS = 2_000
const DETECTION = join(import.meta.dirname, 'DETECTION.md')
const note = (line: string) => process.stderr.write(`${line}\n`)
const wanted = catalogue.filter(({ name, kind }) => kind === values.only || values.only.split('|').some((part) => name.includes(part)))
if (wanted.length === 0) throw new Error(`--only: expected defect, innocent or a part of a name, got "${values.only}"`)

const dir = mkdtempSync(join(tmpdir(), 'assay-sabotage-'))
const { 'connect-iceberg-sink': jars, kafka: kafkaJars } = await ensureComponents(cacheFolder(process.env), note)
const stack = await startStack({ dir, progress: note, only: ['kafka', 'registry', 'catalog', 's3'], keepReports: values.keep })
const results: CaseResult[] = []
try {
  const ground = {
    stack,
    classPath: await compileWriter(jars, join(dir, 'classes')),
    recordClassPath: await compileWriter(kafkaJars, join(dir, 'record-classes'), RECORD_WRITER),
    encode: await registerSchemas(stack),
    note: () => undefined,
  }
  if (values.promptness) process.exitCode = await measure(ground)
  else await runCatalogue(ground)
} finally {
  await stack.stop()
  if (!values.keep) await rm(dir, { recursive: true, force: true })
}
if (values.promptness) process.exit()
process.stdout.write(`${matrix(wanted, results)}\n`)
if (wanted.length === catalogue.length) writeFileSync(DETECTION, detectionPage(wanted, results))
const isGood =
  results.length === wanted.length * Number(values.times) && results.every(({ missed, accused }) => missed.length + accused.length === 0)
process.exit(isGood ? 0 : 1)

async function runCatalogue(ground: Ground): Promise<void> {
  for (let turn = 1; turn <= Number(values.times); turn++) {
    results.push(...(await runAll(ground, { cases: wanted.filter(({ alone }) => alone !== true), lanes: Number(values.lanes) })))
    results.push(...(await runAll(ground, { cases: wanted.filter(({ alone }) => alone === true), lanes: 1 })))
  }
}

/** Side by side in lanes, each a pipeline of its own, made anew after a case that spoils it. */
async function runAll(
  ground: Ground,
  { cases, lanes }: { readonly cases: readonly SabotageCase[]; readonly lanes: number },
): Promise<CaseResult[]> {
  const queue = [...cases]
  const all: CaseResult[] = []
  // One after the other: the catalog keeps namespaces in a file that two writers fall out over.
  let opening: Promise<unknown> = Promise.resolve()
  const open = (one: SabotageCase) => {
    const opened = opening.then(() => openPipeline(ground, one))
    opening = opened
    return opened
  }
  const lane = async () => {
    let pipeline: Pipeline | null = null
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const own =
        one.spoils === true ||
        [one.table, one.topology, one.clockOff, one.byEventTime, one.deliverWithinMs].some((wish) => wish !== undefined)
      if (own || pipeline === null) {
        await pipeline?.close()
        pipeline = await open(one)
      }
      const result = await runCase(pipeline, one)
      tell(one, result)
      all.push(result)
      // What a case that went wrong left behind would be held against the next.
      if (own || result.missed.length + result.accused.length > 0) {
        await pipeline.close()
        pipeline = null
      }
    }
    await pipeline?.close()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return all
}

function tell(one: SabotageCase, { missed, accused, found, seconds, inconclusive }: CaseResult): void {
  const isGood = missed.length + accused.length === 0
  note(`${isGood ? 'ok  ' : 'NOT '} ${one.kind} ${one.name}: ${found} found, ${seconds.toFixed(1)} s`)
  if (inconclusive !== null) note(`       inconclusive: ${inconclusive}`)
  for (const line of missed.slice(0, 5)) note(`       missed ${line}`)
  for (const line of accused.slice(0, 5)) note(`       wrongly ${line}`)
}

/** Of 200 losses at each place: how long after the evidence was there 95 % of them were told. 0 when that is within the limit. */
async function measure(ground: Ground): Promise<number> {
  const pipeline = await openPipeline(ground, {})
  let isGood = true
  for (const where of ['topic', 'table'] as const) {
    const { tookMs, missed } = await howPrompt(pipeline, where)
    const at = (share: number) => tookMs[Math.ceil(tookMs.length * share) - 1] ?? Infinity
    isGood &&= missed.length === 0 && at(0.95) < TOLD_WITHIN_MS
    const figures = [0.5, 0.95, 1].map((share) => `${(at(share) / 1000).toFixed(2)} s`)
    process.stdout.write(
      `${tookMs.length} losses at the ${where}: told after p50 ${figures[0]}, p95 ${figures[1]}, at most ${figures[2]}; limit of p95 2 s\n`,
    )
    for (const line of missed.slice(0, 5)) process.stdout.write(`       missed ${line}\n`)
  }
  await pipeline.close()
  return isGood ? 0 : 1
}
