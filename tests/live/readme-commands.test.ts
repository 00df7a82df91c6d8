import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defects } from '../../compose/reference/normaliser/defects.ts'
import { mentionedCommands, readmeCommands } from './readme-commands.ts'
import { isRunHere, runElsewhere } from './readme-promises.ts'

const ROOT = join(import.meta.dirname, '../..')
const README = join(ROOT, 'README.md')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const commands = () => [...readmeCommands(README).flatMap((block) => block.map(({ line }) => line)), ...mentionedCommands(README)]

test.each(runElsewhere)('$command of the README is run by $by', ({ command, by, shownBy }) => {
  expect(commands().filter((one) => command.test(one))).not.toEqual([])
  expect(read(by)).toMatch(shownBy)
})

test('what the README mentions and its test is to run, is whole commands', () => {
  const here = commands().filter(isRunHere)
  expect(here.length).toBeGreaterThan(9)
  for (const command of here) expect(command).toMatch(/^(npm run |echo |\. \.assay)/)
})

test('the defects that the README names are those there are, and all are planted on real servers', () => {
  const named = /--defect skip`?[^(]*\(or ([^)]*)\)/.exec(read('README.md'))?.[1] ?? ''
  expect(['skip', ...[...named.matchAll(/`([\w-]+)`/g)].map(([, name]) => name)].sort()).toEqual([...defects].sort())
  expect(read('tests/live/runs.stack.test.ts')).toContain("NORMALISER_DEFECT: defects.join(',')")
})

test('commands are found in blocks of a shell, in running text, as bare options, and where a block hides them', () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-readme-'))
  try {
    const file = join(dir, 'README.md')
    const lines = [
      '```sh',
      'npm run one  # first',
      '```',
      'or `docker compose up`, `--fast`, `assay.control`, `npm\nrun two`',
      '```',
      '$ node three.ts',
      'PASS',
      '```',
      '',
    ]
    writeFileSync(file, lines.join('\n'))
    expect(readmeCommands(file)).toEqual([[{ line: 'npm run one', comment: 'first' }]])
    expect(mentionedCommands(file)).toEqual(['docker compose up', '--fast', 'npm run two', 'node three.ts'])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
