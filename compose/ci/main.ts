/** What the GitHub action runs: starts or reaches a pipeline, asks for a run, leaves verdict, reports and summary. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { AssayError } from '../../shared/core/errors.ts'
import { AGENT_NAMES, startAgents } from '../local/agents.ts'
import { messageOf } from '../local/errors.ts'
import { NODE_ARGS } from '../local/services.ts'
import { startStack, type Stack } from '../local/stack.ts'
import { annotationOf, outcomeOf, outputText, summaryText, type CiOutcome } from './outcome.ts'
import { collectReports } from './reports.ts'
import { assayArguments, reachEnvironment, wishOf, type CiWish } from './wish.ts'

const REPO_DIR = resolve(import.meta.dirname, '../..')
/** As `assay` itself ends. */
const EXIT_BAD_INPUT = 64
const EXIT_NO_PIPELINE = 69

const environment = process.env
const note = (line: string) => {
  console.error(line)
}

async function run(wish: CiWish): Promise<number> {
  if (!wish.startStack) return told(wish, await assay(wish, reachEnvironment(wish)))
  const dir = await mkdtemp(join(environment['RUNNER_TEMP'] ?? tmpdir(), 'assay-stack-'))
  const stack = await startStack({ dir, progress: note })
  try {
    return await told(wish, await assayOn(stack, wish))
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function assayOn(stack: Stack, wish: CiWish): Promise<CiOutcome> {
  await startAgents(stack, AGENT_NAMES, { progress: note })
  return assay(wish, stack.env)
}

/** Its messages go to the log of the job. */
async function assay(wish: CiWish, added: Readonly<Record<string, string>>): Promise<CiOutcome> {
  const args = [...NODE_ARGS, join(REPO_DIR, 'agents/cli/main.ts'), ...assayArguments(wish)]
  const child = spawn(process.execPath, args, { env: { ...environment, ...added }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close') as Promise<[number | null]>
  const out = await text(child.stdout)
  const [code] = await ended
  return outcomeOf(code ?? 1, out)
}

async function told(wish: CiWish, outcome: CiOutcome): Promise<number> {
  return tell(outcome, { reportDir: wish.reportDir, reports: await collectReports(outcome, wish, note) })
}

async function tell(outcome: CiOutcome, { reportDir, reports }: { reportDir: string; reports: readonly string[] }): Promise<number> {
  const ending = (extension: string) => reports.find((path) => path.endsWith(extension)) ?? null
  const markdown = ending('.md')
  await append('GITHUB_STEP_SUMMARY', summaryText(outcome, markdown === null ? null : await readFile(markdown, 'utf8')))
  await append('GITHUB_OUTPUT', outputText(outcome, { junit: ending('.xml'), reportDir }))
  const annotation = annotationOf(outcome)
  if (annotation !== null) console.log(annotation)
  console.log(`verdict: ${outcome.verdict}, reports: ${reports.join(', ') || 'none'}`)
  return outcome.exitCode
}

async function append(variable: 'GITHUB_OUTPUT' | 'GITHUB_STEP_SUMMARY', content: string): Promise<void> {
  const file = environment[variable]
  if (file === undefined) note(content)
  else await appendFile(file, content)
}

/** Trouble before there was an outcome is told like one. */
async function failed(error: unknown, reportDir: string): Promise<number> {
  const exitCode = error instanceof AssayError && error.code === 'INPUT_INVALID' ? EXIT_BAD_INPUT : EXIT_NO_PIPELINE
  const outcome: CiOutcome = { runId: null, planName: null, verdict: 'none', reasons: [messageOf(error)], reports: [], exitCode }
  return tell(outcome, { reportDir, reports: [] })
}

try {
  process.exitCode = await run(wishOf(environment))
} catch (error) {
  process.exitCode = await failed(error, environment['ASSAY_CI_REPORT_DIR'] ?? '')
}
