import { expect, test } from 'vitest'
import { judge, judgeEarly } from './judge.ts'
import { foldAll, TABLE, told, cleanFacts } from './told-run.fixture.ts'
import type { RunFact } from '../../schemas/results.ts'

const late = (ranges: number[], stream = 0) => told('violation-found', { violation: 'late', stream, ranges })
/** Of stream 0, canaries 0 to 9 were sent by the generator that much after their time. */
const heldBack = (ms: number) => told('canaries-produced', { acknowledged: [{ stream: 0, ranges: [0, 9] }], heldBackMs: ms })

function judged(...facts: RunFact[]) {
  const { book, run, evidence } = foldAll([...cleanFacts(), ...facts])
  const { verdict, reasons } = judge(book, run, evidence)
  return { verdict, reasons }
}

test('a canary that waited in the generator itself is no evidence of a late pipeline, and none of one in time', () => {
  expect(judged(heldBack(2_300), late([3, 4]))).toEqual({
    verdict: 'inconclusive',
    reasons: [`2 late at ${TABLE} say nothing of the pipeline: the generator itself sent them up to 2300 ms after their time`],
  })
})

test('others that are late count, as do those that waited too short to matter', () => {
  const { verdict, reasons } = judged(heldBack(2_300), late([8, 11]), late([1, 1], 1))
  expect(verdict).toBe('fail')
  expect(reasons).toContain(`3 late at ${TABLE}`)
  expect(judged(heldBack(400), late([3, 4]))).toEqual({ verdict: 'fail', reasons: [`2 late at ${TABLE}`] })
})

test('what is not of time counts, however long the generator held it back', () => {
  expect(judged(heldBack(2_300), told('violation-found', { violation: 'duplicated', ranges: [3, 3] })).verdict).toBe('fail')
})

test('held back alone, and on time everywhere, nothing is in doubt', () => {
  expect(judged(heldBack(2_300))).toEqual({ verdict: 'pass', reasons: [] })
})

test('nor is one of which the generator did not live to say when it sent it; one whose outcome the broker left open is', () => {
  const intended = told('canaries-intended', { canaries: [{ stream: 0, ranges: [0, 29] }] })
  const { verdict, reasons } = judged(intended, late([20, 21]))
  expect({ verdict, reasons: reasons.filter((reason) => reason.includes('late')) }).toEqual({
    verdict: 'inconclusive',
    reasons: [`2 late at ${TABLE} say nothing of the pipeline: the generator was gone before it told when it sent them`],
  })
  const left = told('canaries-produced', { acknowledged: [], unknown: [{ stream: 0, ranges: [20, 29] }] })
  expect(judged(intended, left, late([20, 21]))).toMatchObject({ verdict: 'fail' })
})

test('of a run under way only what counts is told early', () => {
  const early = (...facts: RunFact[]) => {
    const { book, run, evidence } = foldAll([...cleanFacts().slice(0, -1), ...facts])
    return judgeEarly(book, run, evidence)
  }
  expect(early(heldBack(2_300), late([3, 4]))).toBeNull()
  expect(early(heldBack(2_300), late([8, 11]))).toMatchObject({ verdict: 'fail', reasons: [`2 late at ${TABLE}`] })
})
