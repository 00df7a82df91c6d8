import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { applyGate, gates, isMeasured, type Source } from './coverage/gates.ts'
import { union, type LineCoverage } from './coverage/line-coverage.ts'
import { PROCESS_COVERAGE } from './coverage/process-coverage.ts'
import { readProcessCoverage, readVitestCoverage } from './coverage/read-coverage.ts'

/**
 * `npm run check` (types, lint, format, unit tests and simulation, tidy, docs drift) and `npm test` (the same with the
 * coverage of what is run, and then the tests on real servers). The last line is plain: `N passed, N failed`.
 */
const ROOT = join(import.meta.dirname, '..')
const output = mkdtempSync(join(tmpdir(), 'assay-test-'))

interface Count {
  readonly passed: number
  readonly failed: number
}

const vitestReport = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  success: z.boolean(),
})

async function run(title: string, args: readonly string[]): Promise<boolean> {
  const startedMs = Date.now()
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${title}  ${seconds} s\n`)
  if (code !== 0 || process.env['ASSAY_TEST_VERBOSE'] === '1') process.stdout.write(Buffer.concat(said))
  return code === 0
}

const LINT_CACHE = join(ROOT, 'node_modules/.cache/eslint/')
const bin = (name: string) => join(ROOT, 'node_modules', name)

async function tool(title: string, args: readonly string[]): Promise<Count> {
  return (await run(title, args)) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** Counts tests; a run that failed without a failed test (coverage, a file that could not be loaded) counts as one. */
async function vitest(title: string, args: readonly string[]): Promise<Count> {
  const file = join(output, `${title.replaceAll(' ', '-')}.json`)
  const ok = await run(title, [
    bin('vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  ])
  try {
    const report = vitestReport.parse(JSON.parse(readFileSync(file, 'utf8')))
    // A test that was skipped hides a gap.
    const hidden = report.numPendingTests + report.numTodoTests
    return { passed: report.numPassedTests, failed: report.numFailedTests + hidden + (!ok && report.numFailedTests === 0 ? 1 : 0) }
  } catch (error) {
    process.stdout.write(`${title}: no report: ${String(error)}\n`)
    return { passed: 0, failed: 1 }
  }
}

/** With coverage the unit tests take a third longer: it is measured where its gates are applied. */
async function check({ measured }: { measured: boolean }): Promise<Count[]> {
  if (measured) process.env['SIM_HOURS'] ??= '12'
  const tools = async () => [
    await tool('types', [bin('typescript-native/bin/tsc'), '-p', '.']),
    await tool('format', [bin('prettier/bin/prettier.cjs'), '--check', '--cache', '.']),
    // A clean clone has no cache: there everything is linted.
    await tool('lint', [bin('eslint/bin/eslint.js'), '--cache', '--cache-strategy', 'content', '--cache-location', LINT_CACHE, '.']),
  ]
  const tests = async () => [
    await vitest('unit tests', ['--project', 'unit', ...(measured ? coverageInto('unit') : [])]),
    await vitest('simulation', ['--project', 'simulation']),
  ]
  if (availableParallelism() < 2) return [...(await tools()), ...(await tests())]
  return (await Promise.all([tools(), tests()])).flat()
}

const coverageInto = (source: Source) => ['--coverage', `--coverage.reportsDirectory=${join(output, source)}`]

/** The gates, on what the tests have measured. */
async function coverage(): Promise<Count> {
  const measured = new Map<Source, LineCoverage>()
  for (const source of new Set(gates.flatMap(({ sources }) => sources))) {
    measured.set(
      source,
      source === 'processes'
        ? await readProcessCoverage(ROOT, join(output, source), isMeasured)
        : readVitestCoverage(ROOT, join(output, source, 'coverage-final.json')),
    )
  }
  const count = { passed: 0, failed: 0 }
  for (const gate of gates) {
    const { held, text } = applyGate(gate, union(gate.sources.map((source) => measured.get(source) as LineCoverage)))
    process.stdout.write(`${held ? 'ok    ' : 'FAILED'} coverage of ${gate.name}: ${text}\n`)
    count[held ? 'passed' : 'failed']++
  }
  return count
}

const onlyCheck = process.argv.includes('--check')
/** No test waits for a download or a build. */
const install = async () => (onlyCheck ? [] : [await tool('servers fetched and built', [join(ROOT, 'tests/live/install.ts')])])
const counts = (await Promise.all([check({ measured: !onlyCheck }), install()])).flat()
if (!onlyCheck) {
  process.env[PROCESS_COVERAGE] = join(output, 'processes')
  // One after the other: a pipeline that has to share the cores is late, and then that is what its verdict says.
  counts.push(await vitest('tests on a few servers', ['--project', 'servers', ...coverageInto('servers')]))
  counts.push(await vitest('tests on whole pipelines', ['--project', 'stack', ...coverageInto('stack')]))
  counts.push(await coverage())
}
rmSync(output, { recursive: true, force: true })
const total = counts.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }), {
  passed: 0,
  failed: 0,
})
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = total.failed === 0 ? 0 : 1
