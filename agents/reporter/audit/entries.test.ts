import { expect, it } from 'vitest'
import type { ControlMessage } from '../../../schemas/control.ts'
import type { RunFact } from '../../../schemas/results.ts'
import { emptyRunBook, foldRunBook } from '../../../shared/core/run-book.ts'
import { cleanFacts, faultStep, SAMPLE_RUN_ID, sourceOf } from '../reports/sample-run.ts'
import { auditFactsOf } from './entries.ts'

const noRuns = new Map()
function heard(facts: readonly RunFact[]) {
  const book = emptyRunBook()
  return facts.flatMap((fact) => {
    foldRunBook(book, { type: 'fact', fact })
    return auditFactsOf({ type: 'fact', fact } as { type: 'fact' }, book.runs)
  })
}
const control = (message: ControlMessage) => auditFactsOf({ type: 'control', offset: 4, atMs: 9, message } as { type: 'control' }, noRuns)

it('tells who asked for what, and the plan as it was resolved, once for a series', () => {
  const [first, second] = [cleanFacts()[0] as RunFact, { ...cleanFacts()[0], runId: '01932b3c-0000-7abc-8000-0123456789ac' } as RunFact]
  const [plan, accepted, samePlan, other] = heard([first, second])
  expect(accepted).toMatchObject({
    kind: 'accepted',
    runId: SAMPLE_RUN_ID,
    requestedBy: 'ann@host',
    controlOffset: 4,
    seed: 7,
    planSha256: plan?.['planSha256'],
  })
  expect(plan).toMatchObject({ kind: 'plan', resolved: { plan: { name: 'smoke' }, topology: 'reference' } })
  expect(samePlan?.key).toBe(plan?.key)
  expect(other?.key).not.toBe(accepted?.key)
})

it('tells requests and cancellations, and of an inline plan its hash', () => {
  const request = {
    kind: 'run-requested' as const,
    runId: SAMPLE_RUN_ID,
    plan: 'smoke',
    parameters: { canaries: '5' },
    window: null,
    requestedBy: 'ann',
  }
  expect(control(request)).toMatchObject([
    { kind: 'requested', plan: 'smoke', parameters: { canaries: '5' }, requestedBy: 'ann', controlOffset: 4 },
  ])
  expect(control({ ...request, plan: '{"a":1}' })[0]?.['plan']).toMatch(/^inline, SHA-256 [0-9a-f]{64}$/)
  expect(control({ kind: 'run-cancelled', runId: SAMPLE_RUN_ID, requestedBy: 'bob', reason: 'enough' })).toMatchObject([
    { kind: 'cancelled', requestedBy: 'bob', reason: 'enough' },
  ])
})

it('tells refusals, faults, ends of stages, clean-up and the verdict, and nothing of the traffic', () => {
  const facts = cleanFacts('smoke-chaos')
  const { judgement } = sourceOf(facts)
  const judged = {
    kind: 'run-judged' as const,
    runId: SAMPLE_RUN_ID,
    agent: 'reporter',
    instance: '0',
    atMs: 9,
    ...judgement,
    factsHeard: 3,
    revision: 0,
    reports: ['report.html'],
  }
  const failing = { ...judged, kind: 'run-failing' as const, verdict: 'fail' as const }
  const told = heard([...facts, faultStep('healed', 4_000), failing, judged])
  const count = (kind: string) => told.filter((fact) => fact.kind === kind).length
  expect(
    Object.fromEntries(['plan', 'accepted', 'stage', 'clean-up', 'fault', 'failing', 'judged'].map((kind) => [kind, count(kind)])),
  ).toEqual({
    plan: 1,
    accepted: 1,
    stage: 5,
    'clean-up': 1,
    fault: 1,
    failing: 1,
    judged: 1,
  })
  expect(told).toHaveLength(11)
  expect(told.at(-1)).toMatchObject({ verdict: judgement.verdict, reasons: judgement.reasons, reports: ['report.html'] })
  const refused = {
    kind: 'request-refused' as const,
    agent: 'generator',
    instance: '0',
    atMs: 1,
    controlOffset: 8,
    problems: ['plan: no'],
    excerpt: 'x',
  }
  expect(auditFactsOf({ type: 'fact', fact: refused } as { type: 'fact' }, noRuns)).toMatchObject([
    { kind: 'refused', problems: ['plan: no'] },
  ])
  expect(auditFactsOf({ type: 'tick' }, noRuns)).toEqual([])
})
