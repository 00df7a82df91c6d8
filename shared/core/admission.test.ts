import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ResultMessage } from '../../schemas/results.ts'
import { ABANDON_AFTER_MS } from './admission.ts'
import { admittedAtMs, emptyRunBook, foldRunBook, isOver, stagesToStart, type RunBook, type RunState } from './run-book.ts'
import { isMissed } from './series.ts'
import { RUN, accepted, smokePlan, told } from './told-run.fixture.ts'

interface ToldRun {
  readonly requestedAtMs: number
  readonly exclusive: boolean
  readonly isMissed: boolean
  readonly judgedAfterMs: number | null
}

const idOf = (n: number) => `01999999-0000-7000-8000-${String(n).padStart(12, '0')}`
const exclusiveAt = (n: number, requestedAtMs: number) =>
  accepted({ ...smokePlan, exclusive: true }, { runId: idOf(n), requestedAtMs, atMs: requestedAtMs })
const ordinaryAt = (n: number, requestedAtMs: number) => accepted(smokePlan, { runId: idOf(n), requestedAtMs, atMs: requestedAtMs })

function fold(book: RunBook, ...facts: ResultMessage[]): RunBook {
  for (const fact of facts) foldRunBook(book, { type: 'fact', fact })
  return book
}

const runOf = (book: RunBook, n: number) => {
  const run = book.runs.get(idOf(n))
  if (run === undefined) throw new Error(`no run ${n}`)
  return run
}

function factsOf(n: number, { requestedAtMs, exclusive, isMissed: missed, judgedAfterMs }: ToldRun): ResultMessage[] {
  const window = missed ? { series: RUN, index: 1, indexLast: 2 } : null
  const runId = idOf(n)
  const run = accepted({ ...smokePlan, exclusive }, { runId, requestedAtMs, atMs: requestedAtMs + 10, window })
  return judgedAfterMs === null ? [run] : [run, told('run-judged', { runId, atMs: requestedAtMs + judgedAfterMs })]
}

/** The rule as it is told, run by run: right, and slow beyond measure where many wait. */
function admittedByTheRule(book: RunBook, run: RunState, nowMs: number): number | null {
  const { atMs, requestedAtMs } = run.accepted
  if (isMissed(run)) return atMs
  const before = [...book.runs.values()].filter(
    (other) =>
      !isMissed(other) &&
      (other.resolved.plan.exclusive || run.resolved.plan.exclusive) &&
      (other.accepted.requestedAtMs < requestedAtMs || (other.accepted.requestedAtMs === requestedAtMs && other.runId < run.runId)),
  )
  if (before.some((other) => !isOverByTheRule(book, other, nowMs))) return null
  return Math.max(atMs, ...before.map(({ judgedAtMs }) => judgedAtMs ?? 0))
}

function isOverByTheRule(book: RunBook, run: RunState, nowMs: number): boolean {
  const admittedMs = admittedByTheRule(book, run, nowMs)
  return run.judged !== null || (admittedMs !== null && nowMs > admittedMs + run.resolved.plan.timeoutMs + ABANDON_AFTER_MS)
}

test('each run waits for its turn as the rule says, whatever ran before', () => {
  const runs = fc.array(
    fc.record({
      requestedAtMs: fc.nat({ max: 3 }).map((slot) => slot * 100_000),
      exclusive: fc.boolean(),
      isMissed: fc.boolean(),
      judgedAfterMs: fc.option(fc.nat({ max: 200_000 })),
    }),
    { maxLength: 7 },
  )
  fc.assert(
    fc.property(runs, fc.nat({ max: 800_000 }), (ran, nowMs) => {
      const book = fold(emptyRunBook(), ...ran.flatMap((run, n) => factsOf(n, run)))
      for (const run of book.runs.values())
        expect([admittedAtMs(book, run, nowMs), isOver(book, run, nowMs)]).toEqual([
          admittedByTheRule(book, run, nowMs),
          isOverByTheRule(book, run, nowMs),
        ])
    }),
  )
})

test('behind hundreds that nobody judged, exclusive ones and others, a run has its turn: each of them is looked at once', () => {
  const many = Array.from({ length: 300 }, (_, n) => (n % 3 === 2 ? ordinaryAt(n, n * 1_000) : exclusiveAt(n, n * 1_000)))
  const book = fold(emptyRunBook(), ...many, exclusiveAt(300, 385_000))
  const last = runOf(book, 300)
  const overMs = 299_000 + smokePlan.timeoutMs + ABANDON_AFTER_MS
  expect(admittedAtMs(book, last, overMs)).toBeNull()
  expect(admittedAtMs(book, last, overMs + 1)).toBe(385_000)
  expect([...book.runs.values()].filter((run) => !isOver(book, run, overMs + 1))).toEqual([last])
  expect(stagesToStart(book, 'ingestion-checker', overMs + 1).map(({ run }) => run)).toEqual([last])
})

test('what is heard changes the answer at once, though the time is the same', () => {
  const book = fold(emptyRunBook(), exclusiveAt(1, 10), ordinaryAt(2, 20))
  const admitted = () => admittedAtMs(book, runOf(book, 2), 100)
  expect(admitted()).toBeNull()
  fold(book, told('run-judged', { runId: idOf(1), atMs: 50 }))
  expect(admitted()).toBe(50)
  fold(book, exclusiveAt(0, 5))
  expect(admitted()).toBeNull()
})
