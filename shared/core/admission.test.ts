import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ResultMessage } from '../../schemas/results.ts'
import { ABANDON_AFTER_MS } from './admission.ts'
import { admittedAtMs, emptyRunBook, foldRunBook, isOver, type RunBook, type RunState } from './run-book.ts'
import { stagesToStart } from './stage-rules.ts'
import { isMissed } from './series.ts'
import { RUN, accepted, smokePlan, told } from './told-run.fixture.ts'

interface ToldRun {
  readonly requestedAtMs: number
  readonly exclusive: boolean
  readonly isMissed: boolean
  readonly judgedAfterMs: number | null
  readonly isBegun: boolean
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

function factsOf(n: number, { requestedAtMs, exclusive, isMissed: missed, judgedAfterMs, isBegun }: ToldRun): ResultMessage[] {
  const window = missed ? { series: RUN, index: 1, indexLast: 2 } : null
  const runId = idOf(n)
  const run = accepted({ ...smokePlan, exclusive }, { runId, requestedAtMs, atMs: requestedAtMs + 10, window })
  const begun = isBegun ? [told('stage-started', { runId, stage: 'sight', atMs: requestedAtMs + 20 })] : []
  return [run, ...begun, ...(judgedAfterMs === null ? [] : [told('run-judged', { runId, atMs: requestedAtMs + judgedAfterMs })])]
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
  return Math.max(
    atMs,
    ...before.map((other) => other.judgedAtMs ?? (other.stages.get('sight')?.started == null ? 0 : abandonedByTheRule(book, other, nowMs))),
  )
}

function isOverByTheRule(book: RunBook, run: RunState, nowMs: number): boolean {
  return run.judged !== null || nowMs > abandonedByTheRule(book, run, nowMs)
}

const abandonedByTheRule = (book: RunBook, run: RunState, nowMs: number): number =>
  (admittedByTheRule(book, run, nowMs) ?? Infinity) + run.resolved.plan.timeoutMs + ABANDON_AFTER_MS

test('each run waits for its turn as the rule says, whatever ran before', () => {
  const runs = fc.array(
    fc.record({
      requestedAtMs: fc.nat({ max: 3 }).map((slot) => slot * 100_000),
      exclusive: fc.boolean(),
      isMissed: fc.boolean(),
      judgedAfterMs: fc.option(fc.nat({ max: 200_000 })),
      isBegun: fc.boolean(),
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

test('one that waited for a run that was never judged has its whole time', () => {
  const begun = told('stage-started', { runId: idOf(1), stage: 'sight', atMs: 20 })
  const book = fold(emptyRunBook(), exclusiveAt(1, 0), begun, exclusiveAt(2, 10))
  const abandonedMs = smokePlan.timeoutMs + ABANDON_AFTER_MS
  const second = runOf(book, 2)
  expect(admittedAtMs(book, second, abandonedMs + 1)).toBe(abandonedMs)
  expect(isOver(book, second, 2 * abandonedMs)).toBe(false)
  expect(stagesToStart(book, 'ingestion-checker', abandonedMs + 1).map(({ run }) => run)).toEqual([second])
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

test('a run that had to wait for its turn has all of its time from then on, before it is given up', () => {
  const book = fold(emptyRunBook(), exclusiveAt(1, 10), ordinaryAt(2, 20), told('run-judged', { runId: idOf(1), atMs: 50_000 }))
  const endMs = 50_000 + smokePlan.timeoutMs + ABANDON_AFTER_MS
  expect([endMs, endMs + 1].map((nowMs) => isOver(book, runOf(book, 2), nowMs))).toEqual([false, true])
})
