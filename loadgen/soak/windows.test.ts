import { expect, test } from 'vitest'
import { RUN, accepted, told } from '../../shared/core/told-run.fixture.ts'
import { WindowBook } from './windows.ts'

const idOf = (index: number) => `01999999-0000-7000-8000-0000000001${String(index).padStart(2, '0')}`
const windowFacts = (index: number, indexLast: number | null = null) => [
  accepted(undefined, { runId: idOf(index), window: { series: RUN, index, indexLast } }),
  told('run-judged', { runId: idOf(index), verdict: indexLast === null ? 'pass' : 'inconclusive', atMs: index }),
]
const bookOf = (...facts: ReturnType<typeof windowFacts>) => {
  const book = new WindowBook(RUN)
  for (const fact of [accepted(), told('run-judged'), ...facts]) book.hear(fact)
  return book.count()
}

test('windows that follow each other, some told as missed, have no gap', () => {
  const count = bookOf(...windowFacts(1), ...windowFacts(2, 4), ...windowFacts(5))
  expect(count).toMatchObject({ windows: 4, missed: 3, lost: [], judgedTwice: [], unjudged: [], verdicts: { pass: 3, inconclusive: 1 } })
})

test('a window that is not there, not judged, judged twice or amended is named', () => {
  const [, judged] = windowFacts(5)
  const again = told('run-judged', { runId: idOf(1), atMs: 99 })
  const amended = told('run-judged', { runId: idOf(5), verdict: 'fail', revision: 1, reasons: ['1 late'] })
  const [open] = windowFacts(3)
  if (judged === undefined || open === undefined) throw new Error('no facts')
  const count = bookOf(...windowFacts(1), again, open, ...windowFacts(5), judged, amended)
  expect(count).toMatchObject({ lost: [2, 4], judgedTwice: [1], unjudged: [3], amended: [5], reasons: ['window 5: 1 late'] })
})

test('runs of others do not count', () => {
  expect(bookOf(accepted(undefined, { runId: idOf(9) })).windows).toBe(1)
})
