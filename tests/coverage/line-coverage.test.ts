import { expect, test } from 'vitest'
import { addStatements, countLines, union, type LineCoverage } from './line-coverage.ts'

const linesOf = (file: string, hits: readonly [line: number, hits: number][]): LineCoverage => {
  const coverage: LineCoverage = new Map()
  addStatements(coverage, file, {
    statementMap: Object.fromEntries(hits.map(([line], index) => [index, { start: { line } }])),
    s: Object.fromEntries(hits.map(([, count], index) => [index, count])),
  })
  return coverage
}
const every = () => true

test('a line was run when a statement that begins on it was, in whichever test run', () => {
  const unit = linesOf('a.ts', [
    [1, 3],
    [2, 0],
    [2, 1],
    [3, 0],
  ])
  const live = linesOf('a.ts', [
    [3, 0],
    [4, 2],
  ])
  expect(countLines(unit, every)).toEqual({ run: 2, lines: 3 })
  expect(countLines(union([unit, live]), every)).toEqual({ run: 3, lines: 4 })
})

test('files that do not belong count nowhere', () => {
  const both = union([linesOf('a.ts', [[1, 1]]), linesOf('b.ts', [[1, 0]])])
  expect(countLines(both, (file) => file === 'a.ts')).toEqual({ run: 1, lines: 1 })
})
