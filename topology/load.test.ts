import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadPlan, loadTopology, problemText, type Loaded } from './load.ts'
import { agentOfTask, circleOf } from './plan.ts'
import { hopName, sinkTopic, type TableHop } from './topology.ts'

const folder = import.meta.dirname
const read = (file: string) => readFileSync(join(folder, file), 'utf8')
const reference = read('reference.yaml')
const names = [...reference.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map((match) => match[1] as string)
const environment: Record<string, string> = Object.fromEntries(names.map((name) => [name, 'http://127.0.0.1:1']))
const plans = readdirSync(join(folder, 'plans')).filter((file) => file.endsWith('.yaml'))

const problemsOf = (loaded: Loaded<unknown>) => (loaded.ok ? [] : loaded.problems.map(problemText))
function valueOf<Value>(loaded: Loaded<Value>): Value {
  if (loaded.ok) return loaded.value
  throw new Error(problemsOf(loaded).join('\n'))
}

const plan = (...lines: string[]) =>
  [
    'version: 1',
    'name: p',
    'parameters: { canaries: 10 }',
    "load: { canaries: '{{canaries}}', ratePerSecond: 1 }",
    'stages:',
    '  - { stage: a, task: produce }',
    ...lines,
  ].join('\n')

describe('what is shipped loads', () => {
  test('the reference topology, with its environment', () => {
    const topology = valueOf(loadTopology('reference.yaml', reference, environment))
    expect(topology.hops.map(hopName)).toEqual([
      'topic:market.trades.raw',
      'topic:market.trades',
      'table:market.trades',
      'api:trade',
      'api:stats',
    ])
    expect(topology.connections.s3.secretKey).toBe('http://127.0.0.1:1')
    expect(topology.connections.kafka.security).toEqual({ ssl: false, sasl: null })
  })

  test.each(plans)('%s, and every stage of it has an agent and time within the run', (file) => {
    const loaded = valueOf(loadPlan(file, read(`plans/${file}`)))
    expect(`${loaded.name}.yaml`).toBe(file)
    for (const { task, timeoutMs } of loaded.stages) {
      expect(agentOfTask[task]).toMatch(/./)
      expect(timeoutMs).toBeLessThanOrEqual(loaded.timeoutMs)
    }
  })

  test('a plan with parameters of the request in place of its own', () => {
    const smoke = (parameters?: Record<string, string>) =>
      valueOf(loadPlan('smoke.yaml', read('plans/smoke.yaml'), parameters)).load.canaries
    expect([smoke(), smoke({ canaries: '77' })]).toEqual([20_000, 77])
  })
})

describe('what is wrong is told with file, line and path', () => {
  test.each<[what: string, text: string, problem: RegExp]>([
    [
      'a value of another type',
      plan().replace('ratePerSecond: 1', 'ratePerSecond: fast'),
      /^p\.yaml:4 load\.ratePerSecond: .*expected number/,
    ],
    ['a value beyond its bounds', plan().replace('ratePerSecond: 1', 'ratePerSecond: 0'), /^p\.yaml:4 load\.ratePerSecond: .*>0/],
    ['a field that is missing, at its parent', plan().replace(', ratePerSecond: 1', ''), /^p\.yaml:4 load\.ratePerSecond: /],
    ['a field nobody knows', plan('speed: 9'), /^p\.yaml:1 .*"speed"/],
    ['a task nobody has', plan('  - { stage: b, task: fly }'), /^p\.yaml:7 stages\.1\.task: /],
    ['a stage twice', plan('  - { stage: a, task: produce }'), /^p\.yaml:7 stages\.1: stage a is there twice$/],
    [
      'a need that is no stage',
      plan('  - { stage: b, task: produce, needs: [c] }'),
      /^p\.yaml:7 stages\.1: stage b needs c, which is not a stage of this plan \(a, b\)$/,
    ],
    [
      'stages in a circle',
      plan('  - { stage: b, task: produce, needs: [c] }', '  - { stage: c, task: produce, needsStarted: [b] }'),
      /^p\.yaml:6 stages: stages wait for each other in a circle: b → c → b$/,
    ],
    ['a stage name that is no name', plan('  - { stage: B 1, task: produce }'), /^p\.yaml:7 stages\.1\.stage: a lower-case name/],
    [
      'a reference to no parameter',
      plan('# {{none}} is a comment', 'description: "{{none}}"'),
      /^p\.yaml:8 .*\{\{none\}\}.*no such parameter$/,
    ],
    ['text that is no YAML', plan('  - { stage: b'), /^p\.yaml:\d+ /],
    ['another version', plan().replace('version: 1', 'version: 2'), /^p\.yaml:1 version: /],
    ['nothing at all', '', /^p\.yaml:1 /],
  ])('%s', (...[, text, problem]) => {
    const problems = problemsOf(loadPlan('p.yaml', text))
    expect(problems[0]).toMatch(problem)
  })

  test('every problem, not only the first', () => {
    expect(problemsOf(loadPlan('p.yaml', plan('  - { stage: B, task: produce }', 'timeoutMs: -1')))).toHaveLength(2)
  })

  test('a parameter the plan does not have, with those it has', () => {
    expect(problemsOf(loadPlan('p.yaml', plan(), { speed: '1' }))).toEqual([
      'p.yaml:1 parameters.speed: the plan has no such parameter (it has: canaries)',
    ])
  })

  test('a reference to the environment that is not set, at its line; every one of them', () => {
    const rest = { ...environment, PIPELINE_API_KEY: undefined, CONNECT_PID_FILE: undefined }
    const problems = problemsOf(loadTopology('reference.yaml', reference, rest))
    const lines = reference.split('\n')
    expect(problems).toHaveLength(3)
    for (const problem of problems) {
      const [, line = '0', name = '?'] = /^reference\.yaml:(\d+) .*\$\{(\w+)\}.*no such environment variable$/.exec(problem) ?? []
      expect(lines[Number(line) - 1]).toContain(`\${${name}}`)
    }
  })

  test.each<[what: string, from: string, to: string, problem: RegExp]>([
    ['a URL that is none', "url: '${PIPELINE_CATALOG_URL}'", 'url: catalog', /connections\.catalog\.url: /],
    ['a hop of no kind', 'kind: table', 'kind: view', /hops\.2\.kind: /],
    ['a fault nobody has', 'faults: [pause]', 'faults: [melt]', /chaos\.targets\.connect\.faults\.0: /],
    ['a range of one', "range: ['0.0001', '10000.0000']", "range: ['0.0001']", /record\.fields\.quantity\.range/],
    ['a header that no canary has', 'headers: [traceparent]', 'headers: [tenant]', /hops\.0\.headers\.0: .*"traceparent"/],
    ['a key that tells no streams apart', '{stream}', 'same', /record\.fields\.symbol\.perStream: /],
  ])('of a topology: %s', (...[, from, to, problem]) => {
    expect(reference).toContain(from)
    const text = reference.replace(from, to)
    const [found = ''] = problemsOf(loadTopology('t.yaml', text, environment))
    expect(found).toMatch(problem)
    const line = Number(/^t\.yaml:(\d+)/.exec(found)?.[1])
    expect(Math.abs(text.split('\n').findIndex((row) => row.includes(to)) + 1 - line)).toBeLessThanOrEqual(1)
  })
})

test.each([
  ['without the group between them', / {4}processedBy: .*\n/, '', 'none'],
  ['by a group that reads another', 'topic: market.trades.raw }', 'topic: market.orders }', 'market.orders'],
])('a topic behind another %s is refused: nothing could prove a loss there', (...[, from, to, got]) => {
  const loaded = loadTopology('t.yaml', reference.replace(from, to), environment)
  expect(problemsOf(loaded)).toEqual([
    expect.stringMatching(
      new RegExp(
        `^t\\.yaml:\\d+ hops\\.1: behind topic:market\\.trades\\.raw, expected topic:market\\.trades with processedBy of a group that reads market\\.trades\\.raw: .*; got ${got}$`,
      ),
    ),
  ])
})

test('refused: a group that is said to process into the first hop, where canaries are written', () => {
  const text = reference.replace(/(topic: market\.trades\.raw\n)/, '$1    processedBy: { group: feed, topic: market.feed }\n')
  expect(problemsOf(loadTopology('t.yaml', text, environment))).toEqual([
    expect.stringMatching(/hops\.0: canaries are written to the first hop, expected topic:market\.trades\.raw without processedBy/),
  ])
})

test.each([
  [
    'a second table: nobody says which of the two feeds the other',
    'orders',
    /hops\.3: expected one table hop, got table:market\.orders as well/,
  ],
  ['a hop that is named twice', 'trades', /hops\.3: expected each hop once, got table:market\.trades again/],
])('refused: %s', (...[, table, problem]) => {
  const hop = /^ {2}- kind: table\n(?: {4}.*\n)+/m.exec(reference)?.[0] as string
  const second = hop.replace('table: trades', `table: ${table}`)
  expect(problemsOf(loadTopology('t.yaml', reference.replace(hop, `${hop}\n${second}`), environment))).toEqual([
    expect.stringMatching(problem),
  ])
})

describe('a table that is counted by event time', () => {
  const offsets = / {4}sourceOffsets: .*\n/
  const sink = / {4}sinkGroup: .*\n/
  const counted = reference.replace(
    '    cleanUp: duckdb\n',
    '    audit: { eventTime: { topic: market.trades, field: traded_at, column: traded_at } }\n',
  )
  const tableOf = (text: string) =>
    valueOf(loadTopology('t.yaml', text, environment)).hops.find((hop): hop is TableHop => hop.kind === 'table') as TableHop

  test('stores no offsets, and its sink reads the topic that it is counted in', () => {
    expect(sinkTopic(tableOf(counted.replace(offsets, '')))).toBe('market.trades')
    expect(sinkTopic(tableOf(reference))).toBe('market.trades')
    expect(sinkTopic(tableOf(reference.replace(offsets, '')))).toBeNull()
  })

  test.each([
    ['offsets as well', counted, /hops\.2: expected table:market\.trades with sourceOffsets or with audit\.eventTime, got both/],
    ['no group of its sink', counted.replace(offsets, '').replace(sink, ''), /hops\.2: expected table:market\.trades with sinkGroup: /],
    ['no column', counted.replace(offsets, '').replace(', column: traded_at', ''), /hops\.2\.audit\.eventTime\.column: /],
  ])('is refused with %s', (...[, text, problem]) => {
    expect(problemsOf(loadTopology('t.yaml', text, environment))).toEqual([expect.stringMatching(problem)])
  })
})

test('a value of a parameter is a value: it cannot bring structure of its own', () => {
  const told = valueOf(
    loadPlan('p.yaml', plan("description: '{{canaries}}'").replace("'{{canaries}}', rate", '10, rate'), {
      canaries: "x'\nexclusive: true\n#",
    }),
  )
  expect(told.exclusive).toBe(false)
})

test('a value of the environment stays text, digits and quotes too: a secret may look like anything', () => {
  for (const secret of ['12345678', "it's", '"', 'a: b #c', '{x}', 'true', '-0.50']) {
    const loaded = valueOf(loadTopology('reference.yaml', reference, { ...environment, PIPELINE_S3_SECRET_KEY: secret }))
    expect(loaded.connections.s3.secretKey).toBe(secret)
  }
})

describe('circleOf', () => {
  const stage = (name: string, ...needs: string[]) => ({ stage: name, needs, needsStarted: [] })
  test.each([
    ['none', [stage('a'), stage('b', 'a'), stage('c', 'a', 'b')], null],
    ['one stage with itself', [stage('a', 'a')], ['a', 'a']],
    ['a circle behind a tail', [stage('a', 'b'), stage('b', 'c'), stage('c', 'b')], ['b', 'c', 'b']],
    ['a need that is not there', [stage('a', 'x')], null],
  ])('finds %s', (_what, stages, circle) => {
    expect(circleOf(stages)).toEqual(circle)
  })
})
