import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunFact } from '../../../schemas/results.ts'
import { junitReport } from './junit.ts'
import { cleanFacts, faultStep, missing, SAMPLE_START_MS, sourceOf, violation } from './sample-run.ts'
import { childrenOf, parseXml, textOf, type XmlElement } from './xml.fixture.ts'

const TRADES = 'topic:market.trades'
const TABLE = 'table:market.trades'
const suitesOf = (facts: readonly RunFact[]) => parseXml(junitReport(sourceOf(facts)))
const lost = violation({ violation: 'lost', hop: TRADES, stream: 1, ranges: [41, 41], partition: 3, offset: 812, actual: 'nowhere' })
const cases = (root: XmlElement) => childrenOf(root, 'testsuite').flatMap((suite) => childrenOf(suite, 'testcase'))
const caseOf = (root: XmlElement, classname: string, name: string) =>
  cases(root).find(({ attributes }) => attributes['classname'] === classname && attributes['name'] === name)

describe('JUnit report', () => {
  it('has a suite for each hop with a case for each check, and one for each stage', () => {
    const root = suitesOf(cleanFacts())
    const names = childrenOf(root, 'testsuite').map(({ attributes }) => attributes['name'])
    expect(names).toEqual(['run smoke', 'source', 'topic:market.trades.raw', TRADES, TABLE, 'api:trade', 'api:stats', 'stages'])
    expect(cases(root).filter(({ attributes }) => attributes['classname'] === TRADES)).toHaveLength(10)
    expect(caseOf(root, 'stages', 'reconcile')?.attributes['time']).toBe('8.9')
    expect(root.attributes).toMatchObject({ failures: '0', errors: '0', time: '10' })
    // Jenkins' schema knows no other attributes of the root.
    expect(Object.keys(root.attributes)).toEqual(['name', 'tests', 'failures', 'errors', 'time'])
  })

  it('fails the check that found something, with cause, place and trace', () => {
    const root = suitesOf([...cleanFacts(), lost])
    const failure = childrenOf(caseOf(root, TRADES, 'lost') as XmlElement, 'failure')[0] as XmlElement
    expect(failure.attributes).toMatchObject({
      type: 'violation',
      message: expect.stringContaining('1 canary lost at topic:market.trades') as string,
    })
    expect(textOf(failure)).toContain(`topic market.trades.raw partition 3 offset 812  expected once, found nowhere  trace ${lost.traceId}`)
    expect(childrenOf(caseOf(root, TRADES, 'late') as XmlElement, 'failure')).toEqual([])
  })

  const during = { atMs: SAMPLE_START_MS + 5_000 }
  const late = { ...violation({ violation: 'late', hop: TABLE, stream: 0, ranges: [1, 1] }), ...during }
  const fault = [faultStep('injected', 1_100), faultStep('bit', 1_200), faultStep('healed', 4_000), faultStep('recovered', 6_000, 2_000)]
  it.each([
    ['pass', cleanFacts(), []],
    ['pass with lateness that a fault explains', [...cleanFacts('smoke-chaos'), ...fault, late], []],
    ['fail', [...cleanFacts(), lost], ['failure']],
    ['inconclusive', [...cleanFacts(), missing(TABLE, 'catalog did not answer')], ['error']],
    ['inconclusive without a stage', cleanFacts().filter((fact) => fact.kind !== 'stage-ended' || fact.stage !== 'probe'), ['error']],
  ])('%s: a case fails exactly when the run does, and is in error when evidence is missing', (_what, facts, found) => {
    const root = suitesOf(facts)
    const count = (name: string) => cases(root).filter((one) => childrenOf(one, name).length > 0).length
    expect(['failure', 'error'].filter((name) => count(name) > 0)).toEqual(found)
    expect(root.attributes).toMatchObject({
      failures: String(count('failure')),
      errors: String(count('error')),
      tests: String(cases(root).length),
    })
    for (const suite of childrenOf(root, 'testsuite')) expect(suite.attributes['tests']).toBe(String(childrenOf(suite, 'testcase').length))
  })

  it('can be parsed whatever a record holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const evil = violation({ violation: 'corrupted', hop: TRADES, stream: 0, ranges: [1, 1], expected: text, actual: `]]>${text}<&"'` })
        const root = suitesOf([...cleanFacts(), evil, missing(TABLE, text)])
        expect(textOf(childrenOf(caseOf(root, TRADES, 'corrupted') as XmlElement, 'failure')[0] as XmlElement)).toContain(`<&"'`)
      }),
      { numRuns: 50 },
    )
  })
})
