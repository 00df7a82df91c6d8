import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { AssayError, InvariantError } from '../../shared/core/errors.ts'
import { commands } from './commands.ts'
import { runAssay } from './dispatch.ts'
import { exitCodeOfError, exitCodeOfVerdict, exitCodes } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-cli-'))
afterAll(() => {
  rmSync(dir, { recursive: true })
})

async function assay(...args: string[]) {
  const out: string[] = []
  const note: string[] = []
  const terminal: Terminal = { redraws: false, out: (text) => out.push(text), note: (text) => note.push(text), draw: () => undefined }
  const code = await runAssay(args, terminal)
  return { code, out: out.join('\n'), note: note.join('\n') }
}

describe('assay', () => {
  it.each([[['--help']], [['help']], [[]]])('lists every command and exit code for %j', async (args) => {
    const { code, out } = await assay(...args)
    expect(code).toBe(0)
    for (const name of Object.keys(commands)) expect(out).toMatch(new RegExp(`^ +${name} `, 'm'))
    for (const { code: exit, meaning } of Object.values(exitCodes)) expect(out).toMatch(new RegExp(`^ +${exit} +${meaning}`, 'm'))
  })

  it.each(Object.entries(commands))('explains %s and each of its options, and is listed under its own name', async (name, load) => {
    const { code, out } = await assay(name, '--help')
    const command = await load()
    expect(code).toBe(0)
    expect(command.command).toBe(name)
    for (const option of ['help', ...Object.keys(command.options)]) expect(out).toContain(`--${option}`)
  })

  it.each([
    { args: ['verdit'], note: 'did you mean verdict?' },
    { args: ['constructor'], note: 'no such command: constructor' },
    { args: ['run'], note: '<plan|file.yaml> is missing' },
    { args: ['run', 'smoke', '--timeout', 'soon'], note: '--timeout: expected a number above 0' },
    { args: ['run', 'smoke', '--param', 'rate'], note: '--param: expected name=value' },
    { args: ['run', join(dir, 'none.yaml')], note: 'cannot be read' },
    { args: ['agent', 'reporer'], note: 'did you mean reporter?' },
    { args: ['verdict', '17'], note: 'a lower-case UUID' },
    { args: ['topics', '--replicas', '1.5'], note: 'expected a whole number' },
  ])('ends with 64 and says why for $args', async ({ args, note }) => {
    const told = await assay(...args)
    expect(told.code).toBe(64)
    expect(told.note).toContain(note)
    expect(told.out).toBe('')
  })

  it('ends with 64 for a plan file that is wrong, with file, line and path', async () => {
    const file = join(dir, 'plan.yaml')
    writeFileSync(
      file,
      'version: 1\nname: x\nload: { canaries: 0, ratePerSecond: 1 }\nstages:\n  - { stage: a, task: produce, needs: [b] }\n',
    )
    const run = await assay('run', file)
    expect(run.code).toBe(64)
    expect(run.note).toContain(`${file}:3 load.canaries: `)
    const validated = await assay('validate', file)
    expect(validated.code).toBe(64)
    expect(validated.out).toContain(`${file}:3 load.canaries: `)
  })
})

it.each([
  { error: new AssayError('INPUT_INVALID', ''), code: 64 },
  { error: new AssayError('CONFIG_INVALID', ''), code: 64 },
  { error: new AssayError('BUS_UNAVAILABLE', ''), code: 69 },
  { error: new InvariantError(''), code: 70 },
  { error: new TypeError(''), code: 70 },
  { error: 'text', code: 70 },
])('ends with $code for $error', ({ error, code }) => {
  expect(exitCodeOfError(error)).toBe(code)
})

it('ends with the number of the verdict', () => {
  expect((['pass', 'fail', 'inconclusive'] as const).map(exitCodeOfVerdict)).toEqual([0, 1, 2])
})
