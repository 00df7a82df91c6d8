import { describe, expect, test } from 'vitest'
import type { ControlMessage } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { ABANDON_AFTER_MS } from './admission.ts'
import { runTimeMs } from './identity.ts'
import { admittedAtMs, emptyRunBook, foldRunBook, isOver, isOverdue, type RunBook } from './run-book.ts'
import { START_WITHIN_MS, allStagesDone, isBlocked, stagesToStart, stagesUnderWay } from './stage-rules.ts'
import { RUN, accepted, chaosPlan, requested, smokePlan, told } from './told-run.fixture.ts'

const A = '01999999-0000-7000-8000-00000000000a'
const B = '01999999-0000-7000-8000-00000000000b'
const cancel = (runId = RUN): ControlMessage => ({ kind: 'run-cancelled', runId, reason: 'enough', requestedBy: 'me' })

function bookOf(...events: (ResultMessage | { control: ControlMessage; offset?: number; atMs?: number })[]): RunBook {
  const book = emptyRunBook()
  for (const event of events) {
    if ('control' in event) foldRunBook(book, { type: 'control', offset: event.offset ?? 0, atMs: event.atMs ?? 0, message: event.control })
    else foldRunBook(book, { type: 'fact', fact: event })
  }
  return book
}

const runOf = (book: RunBook, runId = RUN) => {
  const run = book.runs.get(runId)
  if (run === undefined) throw new Error(`no run ${runId}`)
  return run
}
const started = (stage: string, atMs = 0) => told('stage-started', { stage, atMs })
const ended = (stage: string, outcome: 'ok' | 'failed' | 'inconclusive' | 'cancelled' = 'ok', atMs = 0) =>
  told('stage-ended', { stage, outcome, atMs })
const due = (book: RunBook, agent: Parameters<typeof stagesToStart>[1], nowMs = 1) =>
  stagesToStart(book, agent, nowMs).map(({ stage }) => stage.stage)

describe('a request', () => {
  test('waits until it is answered, whichever of the two comes first, and however often', () => {
    expect([...bookOf({ control: requested() }, { control: requested() }).requests.keys()]).toEqual([RUN])
    expect(bookOf({ control: requested() }, accepted()).requests.size).toBe(0)
    expect(bookOf(accepted(), { control: requested() }).requests.size).toBe(0)
    expect(bookOf({ control: requested(), offset: 4 }, told('request-refused', { controlOffset: 4 })).requests.size).toBe(0)
    expect(bookOf(told('request-refused', { controlOffset: 4 }), { control: requested(), offset: 4 }).requests.size).toBe(0)
  })

  test('without an id gets one from where it stands: alike for every reader, another at another place', () => {
    const idAt = (offset: number, atMs: number) => [...bookOf({ control: requested({ runId: null }), offset, atMs }).requests.keys()][0]
    expect(idAt(3, 5_000)).toBe(idAt(3, 5_000))
    expect(idAt(3, 5_000)).not.toBe(idAt(4, 5_000))
    expect(runTimeMs(idAt(3, 5_000) ?? '')).toBe(5_000)
  })
})

describe('a run', () => {
  test('is what was accepted first, and its stages go by what was said first', () => {
    const book = bookOf(
      accepted(smokePlan, { atMs: 1 }),
      accepted({ ...smokePlan, name: 'other' }, { atMs: 2 }),
      ended('produce', 'ok', 10),
      ended('produce', 'failed', 11),
      started('sight', 3),
      started('sight', 4),
    )
    expect(runOf(book).resolved.plan.name).toBe('told')
    expect(runOf(book).stages.get('produce')?.ended?.outcome).toBe('ok')
    expect(runOf(book).stages.get('sight')?.started?.atMs).toBe(3)
  })

  test('hears nothing of stages it does not have, and of runs that nobody accepted', () => {
    const book = bookOf(accepted(), started('no-such'), told('stage-started', { runId: A }), told('run-judged', { runId: A }))
    expect([...runOf(book).stages.keys()]).toEqual(['sight', 'reconcile', 'produce', 'probe'])
    expect(book.runs.size).toBe(1)
  })

  test('starts its stages as what they need is there', () => {
    expect(due(bookOf(accepted()), 'ingestion-checker')).toEqual(['sight'])
    expect(due(bookOf(accepted()), 'generator')).toEqual([])
    expect(due(bookOf(accepted(), started('sight')), 'generator')).toEqual([])
    const ready = [accepted(), started('sight'), started('reconcile')]
    expect(due(bookOf(...ready), 'generator')).toEqual(['produce'])
    expect(due(bookOf(...ready), 'ingestion-checker')).toEqual([])
    expect(due(bookOf(...ready, started('produce')), 'generator')).toEqual([])
    // An end heard before its start: the stage is over all the same.
    expect(due(bookOf(...ready, ended('produce')), 'generator')).toEqual([])
    expect(stagesUnderWay(bookOf(...ready, started('produce')), 'generator', 1).map(({ stage }) => stage.stage)).toEqual(['produce'])
    expect(stagesUnderWay(bookOf(...ready, started('produce'), ended('produce')), 'generator', 1)).toEqual([])
  })
})

describe('a cancellation', () => {
  test.each([
    ['before the run is accepted', bookOf({ control: cancel() }, accepted())],
    ['after it', bookOf(accepted(), { control: cancel() })],
  ])('%s keeps stages from starting', (_when, book) => {
    expect(due(book, 'ingestion-checker')).toEqual([])
    expect(allStagesDone(book, runOf(book), 1)).toBe(true)
  })

  test('says why: the first reason, or who asked', () => {
    const book = bookOf(
      { control: cancel() },
      { control: { ...(cancel() as Extract<ControlMessage, { kind: 'run-cancelled' }>), reason: 'later' } },
    )
    expect(book.cancelled.get(RUN)?.reason).toBe('enough')
    const unreasoned: ControlMessage = { kind: 'run-cancelled', runId: A, reason: '', requestedBy: 'me' }
    expect(bookOf({ control: unreasoned }).cancelled.get(A)?.reason).toBe('cancelled by me')
  })

  test('leaves clean-up to be done, once the fault it cleans up is over', () => {
    const under = [accepted(chaosPlan), started('sight'), started('reconcile'), started('produce'), started('pause-sink')]
    expect(due(bookOf(...under, { control: cancel() }), 'chaos-injector')).toEqual([])
    expect(due(bookOf(...under, { control: cancel() }, ended('pause-sink', 'cancelled')), 'chaos-injector')).toEqual(['heal'])
    expect(due(bookOf(accepted(chaosPlan), { control: cancel() }), 'chaos-injector')).toEqual(['heal'])
  })
})

describe('a stage', () => {
  const begun = [accepted(chaosPlan), started('sight'), started('reconcile')]

  test('is blocked by a needed one that ended badly, and so is what needs it; clean-up never is', () => {
    const plan = {
      ...smokePlan,
      stages: [
        { stage: 'produce', task: 'produce' },
        { stage: 'probe', task: 'probe-api', needs: ['produce'] },
        { stage: 'sight', task: 'sight-topics', needsStarted: ['probe'] },
        { stage: 'heal', task: 'heal', needs: ['probe'], always: true },
      ],
    }
    const bad = bookOf(accepted(plan), started('produce'), ended('produce', 'failed'))
    expect(['produce', 'probe', 'sight', 'heal'].map((stage) => isBlocked(runOf(bad), stage))).toEqual([false, true, true, false])
    expect(due(bad, 'chaos-injector')).toEqual(['heal'])
    expect(allStagesDone(bad, runOf(bad), 1)).toBe(false)
    const well = bookOf(accepted(plan), started('produce'), ended('produce'))
    expect(isBlocked(runOf(well), 'probe')).toBe(false)
  })

  test('whose agent is not there counts as done after a while, with all that waits for it', () => {
    const book = bookOf(accepted(smokePlan, { atMs: 1_000 }), started('sight', 1_000), ended('sight'))
    expect(allStagesDone(book, runOf(book), 1_000 + START_WITHIN_MS)).toBe(false)
    expect(allStagesDone(book, runOf(book), 1_001 + START_WITHIN_MS)).toBe(true)
  })

  test('does not keep clean-up from being done by not being there; then it starts no more', () => {
    const plan = {
      ...smokePlan,
      timeoutMs: 600_000,
      exclusive: true,
      stages: [
        { stage: 'sight', task: 'sight-topics' },
        { stage: 'probe', task: 'probe-api', needsStarted: ['sight'] },
        { stage: 'clean', task: 'clean-up', needs: ['sight', 'probe'], always: true },
      ],
    }
    const atMs = 1_000
    const facts = [accepted(plan, { atMs }), started('sight', atMs), ended('sight', 'ok', 5_000)]
    const book = bookOf(...facts)
    const absentMs = atMs + START_WITHIN_MS + 1
    expect(due(book, 'storage-reconciler', absentMs - 1)).toEqual([])
    expect(due(book, 'storage-reconciler', absentMs)).toEqual(['clean'])
    expect(allStagesDone(book, runOf(book), absentMs)).toBe(false)
    expect(allStagesDone(book, runOf(book), absentMs + START_WITHIN_MS)).toBe(true)
    const cleaning = bookOf(...facts, started('clean', absentMs))
    expect(due(cleaning, 'query-prober', absentMs)).toEqual([])
    expect(allStagesDone(cleaning, runOf(cleaning), absentMs + 90_000)).toBe(false)
    const cleaned = bookOf(...facts, started('clean', absentMs), ended('clean', 'ok', absentMs + 9))
    expect(allStagesDone(cleaned, runOf(cleaned), absentMs + 10)).toBe(true)
  })

  test('that is under way is not done, however long its agent is silent, until it ends', () => {
    const book = bookOf(...begun, started('produce'))
    expect(allStagesDone(book, runOf(book), 59_000)).toBe(false)
  })

  test('may start late in the run: it counts from when it was free', () => {
    const book = bookOf(
      ...begun,
      ended('sight', 'ok', 20_000),
      ended('reconcile', 'ok', 20_000),
      started('produce', 20_000),
      ended('produce', 'ok', 20_000),
    )
    expect(allStagesDone(book, runOf(book), 20_000 + START_WITHIN_MS)).toBe(false)
    expect(allStagesDone(book, runOf(book), 20_001 + START_WITHIN_MS)).toBe(true)
  })
})

describe('an exclusive run', () => {
  const alone = { ...smokePlan, exclusive: true }
  const at = (runId: string, requestedAtMs: number, plan: object = smokePlan) =>
    accepted(plan, { runId, requestedAtMs, atMs: requestedAtMs })

  test.each([
    ['waits for an earlier one', at(A, 10), at(B, 20, alone), [10, null]],
    ['holds later ones back', at(A, 10, alone), at(B, 20), [10, null]],
    ['waits for an earlier exclusive one', at(A, 10, alone), at(B, 20, alone), [10, null]],
    ['asked for at the same time: the lesser id goes first', at(A, 10, alone), at(B, 10, alone), [10, null]],
    ['is of no concern where neither is exclusive', at(A, 10), at(B, 20), [10, 20]],
  ] as const)('%s, whatever order they are heard in', (...[, a, b, admitted]) => {
    for (const book of [bookOf(a, b), bookOf(b, a)]) expect([A, B].map((id) => admittedAtMs(book, runOf(book, id), 100))).toEqual(admitted)
  })

  test('begins when the one before is judged; its time counts from there', () => {
    const book = bookOf(at(A, 10), at(B, 20, alone), told('run-judged', { runId: A, atMs: 70_000 }))
    expect(admittedAtMs(book, runOf(book, B), 70_001)).toBe(70_000)
    expect(isOverdue(book, runOf(book, B), 130_000)).toBe(false)
    expect(isOverdue(book, runOf(book, B), 130_001)).toBe(true)
    expect(stagesToStart(book, 'ingestion-checker', 70_001).map(({ run }) => run.runId)).toEqual([B])
  })

  test('waits no longer for one that nobody judged long after its time', () => {
    const book = bookOf(at(A, 10), at(B, 20, alone))
    const overMs = 10 + 60_000 + ABANDON_AFTER_MS
    expect(isOver(book, runOf(book, A), overMs)).toBe(false)
    expect(admittedAtMs(book, runOf(book, B), overMs)).toBeNull()
    expect(admittedAtMs(book, runOf(book, B), overMs + 1)).not.toBeNull()
  })
})

test('the book forgets old judged runs, never one that is still to be judged, and no series', () => {
  const idOf = (n: number) => `01999999-0000-7000-8000-${String(n).padStart(12, '0')}`
  const book = bookOf(
    accepted({ ...smokePlan, repeatEveryMs: 60_000 }, { runId: A }),
    told('run-judged', { runId: A }),
    accepted(smokePlan, { runId: B }),
  )
  for (let n = 0; n < 400; n++) {
    foldRunBook(book, { type: 'fact', fact: accepted(smokePlan, { runId: idOf(n) }) })
    foldRunBook(book, { type: 'fact', fact: told('run-judged', { runId: idOf(n) }) })
  }
  expect(book.runs.size).toBeLessThanOrEqual(257)
  expect([B, idOf(399)].every((id) => book.runs.has(id))).toBe(true)
  expect([A, idOf(0)].some((id) => book.runs.has(id))).toBe(false)
  expect(book.series.get(A)).toMatchObject({ isEnded: false, everyMs: 60_000 })
  // The control topic may be read after the results: what was a run long ago must not become one again.
  foldRunBook(book, { type: 'control', offset: 0, atMs: 0, message: requested({ runId: idOf(0) }) })
  expect([...book.requests.keys()]).toEqual([])
})

test.each(['', 'not JSON', '{}', '{"plan":{"version":99}}'])(
  'a run of a version that cannot be read (%s) is passed over, and its request makes no second one',
  (resolved) => {
    const book = bookOf(accepted(smokePlan, { resolved }))
    expect(book.runs.size).toBe(0)
    foldRunBook(book, { type: 'control', offset: 0, atMs: 0, message: requested({ runId: RUN }) })
    expect(book.requests.size).toBe(0)
  },
)
