import { describe, expect, test } from 'vitest'
import type { ControlMessage, RunRequested } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { runTimeMs } from './identity.ts'
import { emptyRunBook, foldRunBook, type RunBook } from './run-book.ts'
import { ACCEPT_WITHIN_MS, MISSED_AFTER_MS, REQUEST_PAST_AFTER_MS, dropPastRequests, windowsToRequest } from './schedule.ts'
import { RUN, accepted, requested, smokePlan, told } from './told-run.fixture.ts'

const EVERY = 60_000
const ORIGIN = 1_000_000
const plan = { ...smokePlan, repeatEveryMs: EVERY }
const rolling = accepted(plan, { requestedAtMs: ORIGIN, atMs: ORIGIN })
const at = (index: number, offsetMs = 0) => ORIGIN + index * EVERY + offsetMs
const cancel: ControlMessage = { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' }

type Message = ResultMessage | { control: ControlMessage; offset?: number; atMs?: number }
function fold(book: RunBook, ...events: Message[]): RunBook {
  for (const event of events) {
    if ('control' in event) foldRunBook(book, { type: 'control', offset: event.offset ?? 0, atMs: event.atMs ?? 0, message: event.control })
    else foldRunBook(book, { type: 'fact', fact: event })
  }
  return book
}
const bookOf = (...events: Message[]) => fold(emptyRunBook(), ...events)

const only = (requests: readonly RunRequested[]) => {
  expect(requests).toHaveLength(1)
  return requests[0] as RunRequested
}
const windowOf = (index: number, nowMs = at(index)) => {
  const found = windowsToRequest(bookOf(rolling), nowMs).find(({ window }) => window?.index === index && window.indexLast === null)
  if (found === undefined) throw new Error(`no window ${index}`)
  return found
}
const runOfWindow = (index: number) => {
  const { runId, window } = windowOf(index)
  return accepted(plan, { runId: runId ?? '', window, requestedAtMs: at(index), atMs: at(index) })
}

describe('a series', () => {
  test('asks for the window whose time it is, under an id that everybody computes alike', () => {
    const first = only(windowsToRequest(bookOf(rolling), at(1)))
    expect(only(windowsToRequest(bookOf(rolling), at(2, -1)))).toEqual(first)
    expect(first).toMatchObject({ window: { series: RUN, index: 1, indexLast: null } })
    expect(runTimeMs(first.runId ?? '')).toBe(at(1))
    expect(windowOf(2).runId).not.toBe(first.runId)
  })

  test('asks for none before its time, none twice, and none after its end', () => {
    const window = windowOf(1)
    expect(windowsToRequest(bookOf(rolling), at(1, -1))).toEqual([])
    expect(windowsToRequest(bookOf(rolling, { control: window }), at(1))).toEqual([])
    expect(windowsToRequest(bookOf(rolling, runOfWindow(1)), at(1))).toEqual([])
    expect(windowsToRequest(bookOf(rolling, { control: cancel }), at(1))).toEqual([])
    expect(windowsToRequest(bookOf({ control: cancel }, rolling), at(1))).toEqual([])
  })

  test('rolls on from its newest window alone, with the plan it began with', () => {
    const book = bookOf(runOfWindow(500))
    const next = only(windowsToRequest(book, at(501)))
    expect(next).toMatchObject({ window: { series: RUN, index: 501 } })
    expect(runTimeMs(next.runId ?? '')).toBe(at(501))
    expect(JSON.parse(next.plan)).toMatchObject({ repeatEveryMs: EVERY, name: 'told' })
  })

  test('rolls on from a request that nobody has answered yet', () => {
    const book = bookOf({ control: windowOf(7), offset: 3, atMs: at(7) })
    expect(windowsToRequest(book, at(7, 10_000))).toEqual([])
    expect(windowsToRequest(book, at(8)).map(({ window }) => window?.index)).toContain(8)
  })

  test('asks for no window again that was asked for before the facts read begin', () => {
    // A plan of long windows: this one began, and was answered, longer ago than facts are read back.
    const everyMs = 24 * 3600_000
    const day = accepted({ ...plan, repeatEveryMs: everyMs }, { requestedAtMs: ORIGIN, atMs: ORIGIN })
    const asked = only(windowsToRequest(bookOf(day), ORIGIN + everyMs))
    const book = bookOf({ control: asked, offset: 3, atMs: ORIGIN + everyMs })
    const laterMs = ORIGIN + everyMs + REQUEST_PAST_AFTER_MS + 1
    dropPastRequests(book, laterMs)
    expect(book.requests.size).toBe(0)
    expect(windowsToRequest(book, laterMs)).toEqual([])
    expect(windowsToRequest(book, ORIGIN + 2 * everyMs).map(({ window }) => window?.index)).toEqual([2])
  })

  test('that a window names with an id of another place is not begun', () => {
    const forged = accepted(plan, { runId: RUN, window: { series: '01999999-0000-7000-8000-00000000000a', index: 3, indexLast: null } })
    expect(bookOf(forged).series.size).toBe(0)
    expect(windowsToRequest(bookOf(forged), at(9))).toEqual([])
  })

  test('of exclusive runs asks for no window while one waits for its turn', () => {
    const alone = { ...plan, exclusive: true, timeoutMs: 600_000 }
    const first = accepted(alone, { requestedAtMs: ORIGIN, atMs: ORIGIN })
    const book = bookOf(first)
    const second = only(windowsToRequest(book, at(1)))
    fold(book, accepted(alone, { runId: second.runId ?? '', window: second.window, requestedAtMs: at(1), atMs: at(1) }))
    expect(windowsToRequest(book, at(2)).filter(({ window }) => window?.indexLast === null)).toEqual([])
    fold(book, told('run-judged', { runId: RUN, atMs: at(2) }))
    expect(windowsToRequest(book, at(2)).filter(({ window }) => window?.indexLast === null)).toHaveLength(1)
  })
})

describe('windows that nobody ran', () => {
  test('are told as one run for each stretch, once their time is well past', () => {
    const book = bookOf(rolling, runOfWindow(3))
    const pastMs = at(8) + MISSED_AFTER_MS
    expect(windowsToRequest(book, pastMs).map(({ window }) => [window?.index, window?.indexLast])).toEqual([
      [8, null],
      [1, 2],
      [4, 7],
    ])
    expect(windowsToRequest(book, pastMs - 1).map(({ window }) => [window?.index, window?.indexLast])).toContainEqual([4, 6])
  })

  test('are told once: neither again, nor as a run of their own', () => {
    const book = bookOf(rolling)
    const nowMs = at(3) + MISSED_AFTER_MS
    const missed = windowsToRequest(book, nowMs).find(({ window }) => window?.indexLast === 2)
    if (missed === undefined) throw new Error('nothing missed')
    fold(book, accepted(plan, { runId: missed.runId ?? '', window: missed.window, requestedAtMs: nowMs, atMs: nowMs }))
    expect(windowsToRequest(book, nowMs).map(({ window }) => window?.index)).toEqual([3])
    expect(book.series.get(RUN)?.told.ranges).toEqual([0, 2])
  })

  test('were not missed where the facts read begin behind them', () => {
    expect(windowsToRequest(bookOf(runOfWindow(500)), at(500, 1_000))).toEqual([])
  })
})

test('a request is past with its window, any other after hours', () => {
  const book = bookOf(rolling, { control: windowOf(1), offset: 1, atMs: at(1) })
  const other = '01999999-0000-7000-8000-00000000000a'
  fold(book, { control: requested({ runId: other }), offset: 2, atMs: at(1) })
  dropPastRequests(book, at(2, ACCEPT_WITHIN_MS - 1))
  expect(book.requests.size).toBe(2)
  dropPastRequests(book, at(2, ACCEPT_WITHIN_MS))
  expect([...book.requests.keys()]).toEqual([other])
  dropPastRequests(book, at(1, REQUEST_PAST_AFTER_MS + 1))
  expect(book.requests.size).toBe(0)
})
