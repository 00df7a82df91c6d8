import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { programs } from './programs.ts'
import { mentionedCommands, readmeCommands } from './readme-commands.ts'
import { isRunHere, promiseOf } from './readme-promises.ts'

/** The commands of the README, run as they stand there, in a copy of the repository: what a newcomer would type. */
const ROOT = join(import.meta.dirname, '../..')
const README = join(ROOT, 'README.md')
const copy = mkdtempSync(join(tmpdir(), 'assay-readme-'))
const run = promisify(execFile)

beforeAll(async () => {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  for (const file of files.split('\0').filter(Boolean)) {
    mkdirSync(join(copy, dirname(file)), { recursive: true })
    execFileSync('cp', ['--preserve=mode', join(ROOT, file), join(copy, file)])
  }
  await givenKcat()
})

afterAll(async () => {
  await shell('npm run down')
  rmSync(copy, { recursive: true, force: true })
})

/** On the PATH, as on the machine of somebody who has it. */
async function givenKcat(): Promise<void> {
  const root = await programs.kcat((line) => void process.stderr.write(`${line}\n`))
  const libraries = execFileSync('sh', ['-c', `echo ${root}/usr/lib/*-linux-gnu`], { encoding: 'utf8' }).trim()
  mkdirSync(join(copy, 'bin'))
  writeFileSync(join(copy, 'bin', 'kcat'), `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${root}/usr/bin/kcat "$@"\n`, { mode: 0o755 })
}

interface Said {
  readonly exitCode: number
  readonly output: string
}

async function shell(script: string): Promise<Said> {
  const env = { ...process.env, PATH: `${join(copy, 'bin')}:${process.env['PATH'] ?? ''}`, NODE_V8_COVERAGE: '' }
  const options = { cwd: copy, env, maxBuffer: 64 * 1024 * 1024, timeout: 240_000 }
  try {
    const { stdout, stderr } = await run('bash', ['-c', script], options)
    return { exitCode: 0, output: stdout + stderr }
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string }
    return { exitCode: failed.code ?? -1, output: `${failed.stdout ?? ''}${failed.stderr ?? ''}${String(error)}` }
  }
}

test('every command of the README that is not run elsewhere does what it says', { timeout: 1_200_000 }, async () => {
  const blocks = readmeCommands(README)
  expect(blocks.flat().length).toBeGreaterThan(8)
  const inText = mentionedCommands(README).filter((command) => !blocks.flat().some(({ line }) => line === command))
  let runId = ''
  let sourced = ''
  for (const command of [...blocks.flat().map(({ line }) => line), ...inText]) {
    if (!isRunHere(command)) continue
    const promise = promiseOf(command)
    if (command.startsWith('. ')) {
      sourced = `${command}\n`
      continue
    }
    const meanwhile = promise?.meanwhile === undefined ? '' : `(sleep 3; ${promise.meanwhile}) >/dev/null &\n`
    const { exitCode, output } = await shell(`set -eo pipefail\n${sourced}${meanwhile}${command.replace('<run id>', runId)}`)
    // A difference would be cut short: all that the command said belongs to the failure.
    if (command === 'npm run down') sourced = ''
    expect(exitCode, `${command}\n${output}`).toBe(promise?.exitCode ?? 0)
    if (promise?.prints !== undefined) expect(output, command).toMatch(promise.prints)
    runId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(output)?.[0] ?? runId
  }
})
