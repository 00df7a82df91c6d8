import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkFile, kindOf } from './validate.ts'

const topology = readFileSync(new URL('../../topology/reference.yaml', import.meta.url), 'utf8')
const smoke = readFileSync(new URL('../../topology/plans/smoke.yaml', import.meta.url), 'utf8')
const check = (text: string, parameters = {}, environment = {}) => checkFile({ file: 'it.yaml', text, parameters, environment })

describe('validate', () => {
  it('tells plan and topology apart by their keys, in YAML and in JSON', async () => {
    expect(kindOf(smoke)).toBe('plan')
    expect(kindOf(topology)).toBe('topology')
    expect(kindOf('{\n  "version": 1,\n  "stages": []\n}')).toBe('plan')
    expect(kindOf('services:\n  kafka: {}\n')).toBeNull()
    await expect(check('a: 1')).rejects.toThrow('neither a plan')
  })

  it('accepts the shipped plan and topology, and names variables that are not set', async () => {
    expect(await check(smoke, { canaries: '5' })).toEqual({ kind: 'plan', problems: [], unset: [] })
    const checked = await check(topology, {}, { PIPELINE_API_KEY: 'k' })
    expect(checked.problems).toEqual([])
    expect(checked.unset).toContain('PIPELINE_KAFKA_BOOTSTRAP')
    expect(checked.unset).not.toContain('PIPELINE_API_KEY')
  })

  it('names line and path of each problem', async () => {
    const broken = topology.replace('giveUpAfterMs: 30000', 'giveUpAfterMs: never').replace('kind: table', 'kind: tabel')
    const { problems } = await check(broken)
    const line = broken.split('\n').findIndex((text) => text.includes('kind: tabel')) + 1
    expect(problems.map(({ line: at, path }) => [at, path])).toContainEqual([line, 'hops.2.kind'])
    expect((await check(smoke, { colour: 'red' })).problems[0]?.message).toContain('no such parameter')
  })

  it.each([
    ['each: notional = price * * quantity', 'each', 'syntax error'],
    ['each: "notional > 0) OR (price > 0"', 'each', 'syntax error'],
    ['each: "notional > 0, price > 0"', 'each', 'expected one expression, got 2'],
    ['sql: DELETE FROM rows', 'sql', 'expected a SELECT'],
    ['sql: "SELECT 1; SELECT 2"', 'sql', 'expected one statement, got 2'],
    ['sql: SELECT * FROM elsewhere', 'sql', 'reads elsewhere'],
    ["sql: SELECT * FROM read_csv('secrets.csv')", 'sql', 'reads read_csv'],
    ['sql: SELECT symbol FROM rows WHERE', 'sql', 'syntax error'],
  ])('refuses a rule whose SQL is wrong, with line and path: %s', async (rule, key, message) => {
    const broken = topology.replace('    cleanUp: duckdb', `    cleanUp: duckdb\n    rules:\n      - name: wrong\n        ${rule}`)

    const { problems } = await check(broken)
    const line = broken.split('\n').findIndex((text) => text.includes(rule)) + 1
    expect(problems.map(({ line: at, path }) => [at, path])).toEqual([[line, `hops.2.rules.0.${key}`]])
    expect(problems[0]?.message).toContain(message)
  })

  it('accepts rules that are well formed, and refuses one that asks nothing, or twice', async () => {
    const withRule = (rule: string) =>
      check(topology.replace('    cleanUp: duckdb', `    cleanUp: duckdb\n    rules:\n      - { name: r, ${rule} }`))
    expect((await withRule('each: price >= 0')).problems).toEqual([])
    expect((await withRule('sql: WITH a AS (SELECT * FROM rows) SELECT * FROM a')).problems).toEqual([])
    expect((await withRule('description: nothing')).problems[0]?.message).toContain('either `each` or `sql`')
    expect((await withRule('each: price > 0, sql: SELECT * FROM rows')).problems[0]?.message).toContain('either `each` or `sql`')
  })
})
