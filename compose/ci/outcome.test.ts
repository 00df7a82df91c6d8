import { expect, test } from 'vitest'
import { annotationOf, outcomeOf, outputText, summaryText } from './outcome.ts'
import { assayArguments, reachEnvironment, wishOf } from './wish.ts'

const judged = (verdict: string, reasons: readonly string[] = []) =>
  JSON.stringify({ runId: 'r1', planName: 'smoke', verdict, reasons, reports: ['/there/report.md'], hops: [] })

test('inputs become the arguments and the environment of `assay`', () => {
  const wish = wishOf({
    ASSAY_CI_PLAN: 'plans/own.yaml',
    ASSAY_CI_PARAMETERS: '\n  canaries=5000\n\nnote=a = b\n',
    ASSAY_CI_START_STACK: 'false',
    ASSAY_CI_BOOTSTRAP_SERVERS: 'k1:9092,k2:9092',
    ASSAY_CI_REGISTRY_URL: 'http://registry:8080/apis',
    ASSAY_CI_REPORTER_URL: '',
    ASSAY_CI_WAIT_SECONDS: '90',
  })
  expect(assayArguments(wish)).toEqual('run|plans/own.yaml|--wait|--json|--param|canaries=5000|--param|note=a = b|--timeout|90'.split('|'))
  expect(reachEnvironment(wish)).toEqual({ ASSAY_KAFKA_BOOTSTRAP: 'k1:9092,k2:9092', PIPELINE_REGISTRY_URL: 'http://registry:8080/apis' })
  expect(assayArguments(wishOf({ ASSAY_CI_START_STACK: 'true', ASSAY_CI_WAIT_SECONDS: ' ' }))).toEqual(['run', 'smoke', '--wait', '--json'])
})

test.each([
  [{ ASSAY_CI_START_STACK: 'yes' }, /start-stack: .*"true"/],
  [{ ASSAY_CI_START_STACK: 'true', ASSAY_CI_PARAMETERS: 'canaries' }, /parameters: expected name=value/],
  [{ ASSAY_CI_START_STACK: 'true', ASSAY_CI_WAIT_SECONDS: 'long' }, /wait-seconds: /],
  [{ ASSAY_CI_START_STACK: 'true', ASSAY_CI_BOOTSTRAP_SERVERS: 'k:9092' }, /either start-stack: true or bootstrap-servers, got both/],
  [{}, /either start-stack: true or bootstrap-servers, got neither/],
])('inputs that make no sense are refused by name: %j', (inputs, problem) => {
  expect(() => wishOf(inputs)).toThrow(problem)
})

test.each([
  [0, judged('pass'), 'pass', 0],
  [1, judged('fail', ['2 lost at topic:x']), 'fail', 1],
  [2, judged('inconclusive', ['no evidence']), 'inconclusive', 2],
  [64, JSON.stringify({ runId: 'r1', refused: ['no plan is named smok'] }), 'none', 64],
  [69, '', 'none', 69],
  // Silence is no pass.
  [0, '', 'none', 70],
  [0, '{"verdict":"pass"}', 'none', 70],
])('exit code %i of `assay` with %j is the verdict %s', (...[code, out, verdict, exitCode]) => {
  const outcome = outcomeOf(code, out)
  expect({ verdict: outcome.verdict, exitCode: outcome.exitCode }).toEqual({ verdict, exitCode })
  expect(annotationOf(outcome) === null).toBe(verdict === 'pass')
  expect(outcome.reasons.length > 0).toBe(verdict !== 'pass')
})

test('outputs are one line each, whatever stands in them', () => {
  const text = outputText(outcomeOf(0, judged('pass')), { junit: 'a\nverdict=fail', reportDir: 'out' })
  expect(text.split('\n')).toEqual(['verdict=pass', 'run-id=r1', 'exit-code=0', 'junit=a verdict=fail', 'report-dir=out', ''])
})

test('a summary is the report, or what is known, and never more than GitHub takes', () => {
  const outcome = outcomeOf(1, judged('fail', ['100 % lost\nat x', 'late']))
  expect(summaryText(outcome, '# report')).toBe('# report')
  expect(summaryText(outcome, null)).toMatch(/## Assay: fail\n\nRun `r1` of plan `smoke`.\n\n- 100 % lost/)
  expect(annotationOf(outcome)).toBe('::error title=Assay: fail::100 %25 lost%0Aat x (and 1 more)')
  const long = summaryText(outcome, 'ä line\n'.repeat(300_000))
  expect(Buffer.byteLength(long)).toBeLessThan(1_048_576)
  expect(long).toMatch(/\nä line\n\n\(cut: /)
})
