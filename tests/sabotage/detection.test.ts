import { expect, test } from 'vitest'
import { silent, type SabotageCase } from './case.ts'
import { detectionPage, matrix } from './detection.ts'
import type { CaseResult } from './run-case.ts'

const one = (name: string, kind: SabotageCase['kind']): SabotageCase => ({ name, kind, of: 'topic', act: () => Promise.resolve(silent) })
const cases = [one('a loss', 'defect'), one('a pause', 'innocent'), one('a trim', 'innocent')]
const result = (name: string, more: Partial<CaseResult> = {}): CaseResult => ({
  name,
  seconds: 1,
  found: 0,
  missed: [],
  accused: [],
  inconclusive: null,
  ...more,
})
const results = [result('a loss', { found: 3 }), result('a pause'), result('a trim', { inconclusive: 'topic: offsets are gone' })]
const tables = (page: string) =>
  page.split(/^\|---.*$/m).map((part) => part.split('\n').filter((line) => /^\| (a|Disturbance|Defect)/.test(line)))

test('what ends inconclusive stands apart from what passes, with its reason', () => {
  expect(tables(detectionPage(cases, results))).toEqual([
    ['| Defect | seen at | findings | right |'],
    ['| a loss | topic | 3 | yes |', '| Disturbance | seen at | findings | right |'],
    ['| a pause | topic | 0 | yes |', '| Disturbance | seen at | inconclusive, and why | right |'],
    ['| a trim | topic | topic: offsets are gone | yes |'],
  ])
})

test('the matrix tells it on its line', () => {
  const lines = matrix(cases, results).split('\n')
  expect(lines.filter((line) => line.includes('inconclusive'))).toEqual([
    'ok   innocent  topic    a trim   0  inconclusive: topic: offsets are gone',
  ])
})

test('a case that went wrong once is not right', () => {
  const page = detectionPage(cases, [...results, result('a pause', { accused: ['lost'] })])
  expect(page).toContain('| a pause | topic | 0, 0 | **no** |')
})
