import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { reportSchema } from '../../agents/reporter/reports/json.ts'
import { reportFormats } from '../../agents/reporter/reports/report-formats.ts'
import { childrenOf, parseXml } from '../../agents/reporter/reports/xml.fixture.ts'
import { exampleFile, examples, exampleSource, factsFile, readFacts } from './examples.ts'

// Differs? Run `node tests/reports/make.ts`, and look at the pages before they are kept.
describe.each(examples)('the example $name ($what)', ({ name, verdict, reasons }) => {
  const source = exampleSource(name)

  it('is of a real run that came out as it is meant', () => {
    expect(source.judgement.verdict).toBe(verdict)
    for (const reason of source.judgement.reasons) expect(reason).toMatch(reasons)
    const published = readFacts(name).find((fact) => fact.kind === 'run-judged')
    const { verdict: said, reasons: told, acknowledged, hops, recoveries } = source.judgement
    expect(published).toMatchObject({ verdict: said, reasons: told, acknowledged, hops, recoveries })
  })

  it.each(reportFormats)('is what the $name report makes of its facts', ({ fileName, render }) => {
    expect(render(source)).toBe(readFileSync(exampleFile(name, fileName), 'utf8'))
  })

  it('is JUnit that a strict parser reads, and fails, errs or passes as the run did', () => {
    const root = parseXml(readFileSync(exampleFile(name, 'junit.xml'), 'utf8'))
    const cases = childrenOf(root, 'testsuite').flatMap((suite) => childrenOf(suite, 'testcase'))
    const count = (result: string) => cases.filter((one) => childrenOf(one, result).length > 0).length
    expect(root.attributes).toMatchObject({
      tests: String(cases.length),
      failures: String(count('failure')),
      errors: String(count('error')),
    })
    expect({ failed: count('failure') > 0, erred: count('error') > 0 }).toMatchObject({
      failed: verdict === 'fail',
      erred: verdict === 'inconclusive',
    })
  })

  it('keeps to the published schema, and tells no secret and no place of the machine that recorded it', () => {
    reportSchema.parse(JSON.parse(readFileSync(exampleFile(name, 'report.json'), 'utf8')))
    expect(readFileSync(factsFile(name), 'utf8')).not.toMatch(/\/(home|root|tmp|work)\/|password|secretKey/i)
  })
})
