import { expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { judge } from './judge.ts'
import { TABLE, auditPlan, cleanFacts, foldAll, told } from './told-run.fixture.ts'

const interval = { partition: 0, offsetFirst: 0, offsetLast: 39, step: 40 }
const print = { count: 40, sum: 'a', xor: 'b' }
const sideTold = (side: 'topic' | 'table', prints = [print]) => told('audit-window', { side, ...interval, prints, lastRecord: 39 })
const compared = [told('audit-due'), sideTold('topic'), sideTold('table')]
const clean = cleanFacts(auditPlan)

const judged = (facts: readonly RunFact[]) => {
  const { book, run, evidence } = foldAll(facts)
  return judge(book, run, evidence)
}
const other = told('violation-found', { violation: 'corrupted', stream: -1, ranges: [7, 7], field: 'price', partition: 0, offset: 7 })

test('an audit in which both sides agree is a pass', () => {
  expect(judged([...clean, ...compared])).toMatchObject({ verdict: 'pass', reasons: [] })
})

test('a record of somebody else that differs fails the run, and leaves the canaries’ figures alone', () => {
  const { verdict, reasons, hops } = judged([...clean, ...compared, other, other])
  expect({ verdict, reasons }).toEqual({ verdict: 'fail', reasons: [`audit of all records: 1 corrupted at ${TABLE}`] })
  expect(hops).toEqual(judged([...clean, ...compared]).hops)
})

test('a lost record of somebody else hides no canary that nobody accounts for', () => {
  const facts = [...clean, ...compared].map((fact) =>
    fact.kind === 'snapshot-reconciled' ? { ...fact, canaries: [{ stream: 0, ranges: [0, 19] }] } : fact,
  )
  const lost = told('violation-found', { stream: -1, ranges: [0, 19] })
  expect(judged([...facts, lost]).reasons).toContain(`20 canaries at ${TABLE} were neither sighted nor judged`)
})

test.each<[what: string, facts: RunFact[], reason: string]>([
  ['that compared nothing', [told('audit-due', { windows: [] })], `audit of ${TABLE}: no record was compared`],
  ['whose windows are open', [told('audit-due'), sideTold('topic')], `audit of ${TABLE}: 1 of 1 windows were not compared`],
  ['of which nothing was told', [], `audit of ${TABLE}: 0 of 0 windows were not compared`],
])('an audit %s is no pass', (_, facts, reason) => {
  expect(judged([...clean, ...facts])).toMatchObject({ verdict: 'inconclusive', reasons: [reason] })
})

test('a lost record that comes after all is late', () => {
  const lost = told('violation-found', { stream: -1, ranges: [7, 7] })
  const correction = told('correction', { stream: -1, ranges: [7, 7] })
  expect(judged([...clean, ...compared, lost, correction]).reasons).toEqual([`audit of all records: 1 late at ${TABLE}`])
})
