import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { agentNames } from '../../shared/core/agent.ts'
import { FILE_LINES_MAX, impureProblems, namesWatcher, problemsOf, pureFiles, shapeProblems, topLevelProblems } from './tidy-rules.ts'
import { allowances, doorways, upward } from './tidy-tables.ts'

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
// A file that was removed and not committed yet is listed still.
const paths = listed.split('\n').filter((path) => path !== '' && existsSync(path))
const sources = new Map(paths.filter((path) => path.endsWith('.ts')).map((path) => [path, readFileSync(path, 'utf8')]))

describe('the repository', () => {
  test('keeps the house rules in every file', () => {
    expect([...sources].flatMap(([path, text]) => problemsOf(path, text))).toEqual([])
  })

  test('keeps time, chance and the world out of everything cores are made of', () => {
    expect(impureProblems(sources)).toEqual([])
    // Guards against a search that finds no core: such a rule would hold and mean nothing.
    const pure = pureFiles(sources)
    expect(pure).toContain('agents/ingestion-checker/sighting.ts')
    expect(pure).not.toContain('agents/ingestion-checker/shell.ts')
  })

  test('has the same files in every agent', () => {
    expect(shapeProblems(paths, agentNames)).toEqual([])
  })

  test('has nothing at the top but what is listed', () => {
    expect(topLevelProblems(paths)).toEqual([])
  })

  test('keeps the reference pipeline from knowing its watcher', () => {
    const watched = paths.filter((path) => path.startsWith('compose/reference/'))
    expect(watched.length).toBeGreaterThan(10)
    expect(watched.flatMap((path) => namesWatcher(path, readFileSync(path, 'utf8')))).toEqual([])
  })

  test('has each file that the rules name', () => {
    const named = doorways.flatMap(({ assay, reference }) => [...assay, ...reference])
    expect(named.filter((path) => !paths.includes(path))).toEqual([])
    const unused = [...allowances.map(({ where }) => where), ...upward.map(({ from }) => from)].filter(
      (where) => !paths.some((path) => where.test(path)),
    )
    expect(unused).toEqual([])
  })
})

describe('a tidy test that catches what it claims', () => {
  test.each([
    ['a clock', 'shared/core/x.ts', 'const t = Date.now()', 'clock'],
    ['a clock handed on', 'topology/x.ts', 'const o = { nowMs: Date.now }', 'clock'],
    ['a date', 'shared/sim/x.ts', 'const t = new Date()', 'clock'],
    ['a timer reading', 'schemas/x.ts', 'const t = performance.now()', 'clock'],
    ['chance', 'agents/generator/pace.ts', 'const r = Math.random()', 'chance'],
    ['the environment', 'agents/generator/shell.ts', 'const e = process.env', 'environment'],
    ['any', 'shared/core/x.ts', 'const a = b as any', 'as any'],
    ['two assertions', 'shared/core/x.ts', 'const a = b as unknown as string', 'double assertion'],
    ['a default export', 'shared/core/x.ts', 'export default 1', 'default export'],
    ['a default function', 'shared/core/x.ts', 'export default function f() {}', 'default export'],
    ['a barrel', 'shared/core/x.ts', "export * from './y.ts'", 'export *'],
    ['silenced types', 'shared/core/x.ts', '// @ts-' + 'ignore\nconst a = 1', 'silenced types'],
    ['unfinished work', 'shared/core/x.ts', '// TO' + 'DO: later', 'unfinished'],
    ['unfinished work in a block', 'shared/core/x.ts', '/**\n * FIX' + 'ME\n */', 'unfinished'],
    ['a test alone', 'shared/core/x.test.ts', "test.only('x', () => {})", 'test left out'],
    ['a test left out', 'shared/core/x.test.ts', "describe.skip('x', () => {})", 'test left out'],
    ['a banned name', 'shared/utils.ts', '', 'banned name'],
    ['a banned folder', 'shared/helpers/x.ts', '', 'banned name'],
    ['a doer', 'shared/run-manager.ts', '', 'banned name'],
    ['a long file', 'shared/core/x.ts', '1\n'.repeat(FILE_LINES_MAX + 1), 'has 301 lines'],
    ['a second door', 'agents/generator/shell.ts', "import { Kafka } from 'kafkajs'", 'go through shared/runtime/kafka.ts'],
    ['a type beside the door', 'shared/runtime/bus.ts', "import type { Kafka } from 'kafkajs'", 'go through shared/runtime/kafka.ts'],
    ['a deep import', 'shared/runtime/log.ts', "import { x } from '@opentelemetry/api'", 'go through shared/runtime/tracing.ts'],
    ['a dynamic import', 'shared/runtime/log.ts', "const x = import('prom-client')", 'go through shared/runtime/metrics.ts'],
    [
      "the other side's door",
      'compose/reference/kafka.ts',
      "import { Kafka } from '@duckdb/node-api'",
      'go through compose/reference/lake.ts',
    ],
    ['another agent', 'agents/reporter/core.ts', "import '../generator/core.ts'", 'imports agent generator'],
    ['an agent from the command line', 'agents/cli/run.ts', "import '../reporter/core.ts'", 'imports agent reporter'],
    ['the sample run outside tests', 'agents/cli/run.ts', "import '../reporter/reports/sample-run.ts'", 'imports agent reporter'],
    ['an upward import', 'shared/sim/world.ts', "import '../../agents/reporter/core.ts'", 'shared/ may import only schemas, topology'],
    ['an upward type', 'topology/plan.ts', "import type { X } from '../shared/core/agent.ts'", 'topology/ may import only schemas'],
    ['a watcher in the pipeline', 'compose/reference/log.ts', "import '../../shared/runtime/log.ts'", 'knows nothing of its watcher'],
  ])('%s', (...[, path, text, problem]) => {
    const problems = problemsOf(path, text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  test.each([
    ['words in texts', 'shared/core/x.ts', "const a = 'process.env Date.now() as any'"],
    ["a member of one's own", 'shared/core/x.ts', 'const a = spec.process.env'],
    ['a long test', 'shared/core/x.test.ts', '1\n'.repeat(FILE_LINES_MAX * 2)],
    ['a door', 'shared/runtime/kafka.ts', "import { Kafka } from 'kafkajs'"],
    ['the allowed direction', 'agents/generator/core.ts', "import '../../shared/core/agent.ts'\nimport './pace.ts'"],
    ['a name that only holds a banned word', 'shared/runtime/service-level.ts', ''],
  ])('and lets pass %s', (_what, path, text) => {
    expect(problemsOf(path, text)).toEqual([])
  })

  test('a core that reaches the world through a file it calls', () => {
    const files = new Map([
      ['agents/x/core.ts', "import { judge } from './judging.ts'\nimport type { Shell } from './shell.ts'"],
      ['agents/x/judging.ts', "import { readFileSync } from 'node:fs'\nconst t = Date.now()"],
      ['agents/x/shell.ts', 'const t = Date.now()'],
    ])
    expect(impureProblems(files)).toEqual([
      'agents/x/judging.ts:2 clock in a core: take it from an event or a named Prng stream',
      'agents/x/judging.ts:1 a core imports node:fs: make it an event or an effect',
    ])
  })

  test('an agent without a file, a folder that is no agent, a stranger at the top, a word that tells', () => {
    expect(shapeProblems(['agents/a/core.ts', 'agents/cli/run.ts', 'agents/b/x.ts'], ['a'])).toEqual([
      ...['core.test.ts', 'shell.ts', 'metrics.ts', 'main.ts', 'README.md'].map(
        (file) => expect.stringContaining(`agents/a/${file} is missing`) as string,
      ),
      expect.stringContaining('agents/b is no agent'),
    ])
    expect(topLevelProblems(['notes.txt', 'src/x.ts', 'shared/x.ts'])).toHaveLength(2)
    expect(namesWatcher('compose/reference/feed/main.ts', 'skip the canaries of Assay')).toHaveLength(2)
    expect(namesWatcher('shared/core/canary.ts', 'canary')).toEqual([])
  })
})
