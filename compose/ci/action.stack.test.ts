import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ACTION_DIR, readAction } from './action.fixture.ts'

/** The action's own step, run as a runner would: the inputs put in, the runner's files as its ways to speak. */
let workspace: string
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'assay-action-'))
})
afterEach(() => rm(workspace, { recursive: true, force: true }))

async function runStep(inputs: Readonly<Record<string, string>>) {
  const action = readAction()
  const step = action.runs.steps.find(({ id }) => id === 'run')
  if (step === undefined || !('run' in step)) throw new Error('the action has no step `run`')
  const valueOf = (expression: string) =>
    expression.replaceAll(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, name: string) => inputs[name] ?? action.inputs[name]?.default ?? '')
  const files = { GITHUB_OUTPUT: join(workspace, 'output'), GITHUB_STEP_SUMMARY: join(workspace, 'summary.md') }
  const child = spawn(step.shell, ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
    cwd: workspace,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(step.env ?? {}).map(([name, value]) => [name, valueOf(String(value))])),
      ...files,
      GITHUB_ACTION_PATH: ACTION_DIR,
      GITHUB_WORKSPACE: workspace,
      RUNNER_TEMP: workspace,
    },
  })
  let out = ''
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  const [code] = (await once(child, 'close')) as [number]
  const lines = readFileSync(files.GITHUB_OUTPUT, 'utf8').trimEnd().split('\n')
  const outputs = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  return { code, out, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') }
}

test('starts a pipeline, runs the plan, and leaves verdict, reports and summary, and nothing else', async () => {
  const { code, out, outputs, summary } = await runStep({ 'start-stack': 'true', parameters: 'canaries=1000\n' })
  expect({ code, verdict: outputs['verdict'], exitCode: outputs['exit-code'] }, out).toEqual({ code: 0, verdict: 'pass', exitCode: '0' })
  expect(outputs['run-id']).toMatch(/^[0-9a-f-]{36}$/)
  expect(outputs['report-dir']).toBe('assay-report')
  const junit = readdirSync(join(workspace, 'assay-report')).find((file) => file.endsWith('.xml'))
  expect(outputs['junit']).toBe(junit === undefined ? '' : join('assay-report', junit))
  expect(summary).toMatch(/pass/i)
  expect(summary).toContain(outputs['run-id'] ?? 'a run')
  expect(out).not.toContain('::error')
  expect(readdirSync(workspace).sort()).toEqual(['assay-report', 'output', 'summary.md'])
})

test('a pipeline that cannot be reached is no pass, and says so', async () => {
  const { code, out, outputs, summary } = await runStep({ 'bootstrap-servers': '127.0.0.1:1', 'wait-seconds': '5' })
  expect({ code, exitCode: outputs['exit-code'], verdict: outputs['verdict'] }).toEqual({ code: 69, exitCode: '69', verdict: 'none' })
  expect(out).toContain('::error title=Assay: none::')
  expect(summary).toContain('## Assay: none')
  expect(existsSync(join(workspace, 'assay-report'))).toBe(true)
})

test('inputs that contradict each other are refused', async () => {
  const { code, out } = await runStep({ 'start-stack': 'true', 'bootstrap-servers': '127.0.0.1:1' })
  expect({ code, told: out.includes('got both') }).toEqual({ code: 64, told: true })
})
