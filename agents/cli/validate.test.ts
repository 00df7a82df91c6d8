import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkFile, kindOf } from './validate.ts'

const topology = readFileSync(new URL('../../topology/reference.yaml', import.meta.url), 'utf8')
const smoke = readFileSync(new URL('../../topology/plans/smoke.yaml', import.meta.url), 'utf8')
const check = (text: string, parameters = {}, environment = {}) => checkFile({ file: 'it.yaml', text, parameters, environment })

describe('validate', () => {
  it('tells plan and topology apart by their keys, in YAML and in JSON', () => {
    expect(kindOf(smoke)).toBe('plan')
    expect(kindOf(topology)).toBe('topology')
    expect(kindOf('{\n  "version": 1,\n  "stages": []\n}')).toBe('plan')
    expect(kindOf('services:\n  kafka: {}\n')).toBeNull()
    expect(() => check('a: 1')).toThrow('neither a plan')
  })

  it('accepts the shipped plan and topology, and names variables that are not set', () => {
    expect(check(smoke, { canaries: '5' })).toEqual({ kind: 'plan', problems: [], unset: [] })
    const checked = check(topology, {}, { PIPELINE_API_KEY: 'k' })
    expect(checked.problems).toEqual([])
    expect(checked.unset).toContain('PIPELINE_KAFKA_BOOTSTRAP')
    expect(checked.unset).not.toContain('PIPELINE_API_KEY')
  })

  it('names line and path of each problem', () => {
    const broken = topology.replace('giveUpAfterMs: 30000', 'giveUpAfterMs: never').replace('kind: table', 'kind: tabel')
    const { problems } = check(broken)
    const line = broken.split('\n').findIndex((text) => text.includes('kind: tabel')) + 1
    expect(problems.map(({ line: at, path }) => [at, path])).toContainEqual([line, 'hops.2.kind'])
    expect(check(smoke, { colour: 'red' }).problems[0]?.message).toContain('no such parameter')
  })
})
