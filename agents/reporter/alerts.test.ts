import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { ResultMessage } from '../../schemas/results.ts'
import { RUN, accepted, told } from '../../shared/core/told-run.fixture.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { AlertBook, createAlerter, type FiringAlert } from './alerts.ts'

const OTHER = '01999999-0000-7000-8000-000000000002'
const links = { reporter: 'http://reporter:1/', jaeger: 'http://jaeger' }
const judged = (verdict: 'pass' | 'fail' | 'inconclusive', atMs: number, runId = RUN) => {
  const why = verdict === 'fail' ? { reasons: ['1 lost at topic:raw'], gravest: { violation: 'lost' as const, hop: 'topic:raw' } } : {}
  return told('run-judged', { agent: 'reporter', runId, verdict, atMs, ...why })
}
const late = told('violation-found', { violation: 'late', hop: 'topic:raw', traceId: 'b'.repeat(32) })
const lost = told('violation-found', { violation: 'lost', hop: 'topic:raw', traceId: 'a'.repeat(32), expected: 'here', actual: 'gone' })

function bookOf(...facts: ResultMessage[]): AlertBook {
  const book = new AlertBook(links)
  for (const fact of facts) book.hear(fact)
  return book
}

test('a failed run fires with run, hop, report and the trace of a bad canary', () => {
  expect(bookOf(accepted(), lost, judged('fail', 1_000)).due()).toMatchObject([
    {
      labels: { alertname: 'AssayRunFailed', verdict: 'fail', plan: 'told', hop: 'topic:raw', violation: 'lost' },
      annotations: {
        run: RUN,
        report: `http://reporter:1/runs/${RUN}`,
        trace: 'a'.repeat(32),
        trace_url: `http://jaeger/trace/${'a'.repeat(32)}`,
        violation: expect.stringContaining('lost') as string,
      },
      startsAt: '1970-01-01T00:00:01.000Z',
    },
  ])
})

test('goes on as the same alert through further failures, ends with the next pass of its plan, and is then forgotten once taken', () => {
  const book = bookOf(accepted(), lost, judged('fail', 1_000))
  const [first] = book.due()
  book.hear(accepted(undefined, { runId: OTHER }))
  book.hear(judged('inconclusive', 1_500, OTHER))
  book.hear({ ...lost, runId: OTHER })
  book.hear(judged('fail', 2_000, OTHER))
  expect(book.due()).toMatchObject([{ labels: first?.labels, startsAt: first?.startsAt, annotations: { run: OTHER } }])
  book.hear(judged('pass', 3_000, OTHER))
  const ended = book.due()
  expect(ended).toMatchObject([{ labels: first?.labels, endsAt: '1970-01-01T00:00:33.000Z' }])
  book.taken(ended)
  expect(book.due()).toEqual([])
})

describe('a run that something stands against while it is under way', () => {
  const failing = (runId = RUN) =>
    told('run-failing', { runId, reasons: ['1 lost at topic:raw'], gravest: { violation: 'lost', hop: 'topic:raw' }, atMs: 500 })
  const early = () => {
    const book = bookOf(accepted(), lost)
    book.hear(failing())
    return book
  }

  test('fires at once, and goes on with its verdict', () => {
    const book = early()
    expect(book.due()).toMatchObject([
      {
        labels: { verdict: 'fail', hop: 'topic:raw' },
        annotations: { run: RUN, summary: 'A run of told is failing: 1 lost at topic:raw' },
      },
    ])
    book.hear(judged('fail', 1_000))
    expect(book.due()).toMatchObject([
      { startsAt: '1970-01-01T00:00:00.500Z', annotations: { summary: expect.stringContaining('failed') as string } },
    ])
  })

  test.each(['pass', 'inconclusive'] as const)('is taken back by a verdict that is %s after all', (verdict) => {
    const book = early()
    book.hear(judged(verdict, 1_000))
    expect(book.due()).toMatchObject([{ endsAt: '1970-01-01T00:00:31.000Z' }])
  })

  test('goes on though a run before it passes', () => {
    const book = bookOf(accepted(), accepted(undefined, { runId: OTHER }), { ...lost, runId: OTHER })
    book.hear(failing(OTHER))
    book.hear(judged('pass', 1_000))
    expect(book.due()).toMatchObject([{ annotations: { run: OTHER } }])
    expect(book.due()[0]?.endsAt).toBeUndefined()
  })

  test('read again after a later run had passed, it ends with its verdict', () => {
    const book = bookOf(accepted(), accepted(undefined, { runId: OTHER }), judged('pass', 3_000, OTHER), lost, failing())
    book.hear(judged('fail', 1_000))
    expect(book.due()).toMatchObject([{ annotations: { run: RUN }, endsAt: '1970-01-01T00:00:31.000Z' }])
  })

  test('an alert of a newer run stands, whatever becomes of the one before', () => {
    const book = early()
    book.hear(accepted(undefined, { runId: OTHER }))
    book.hear({ ...lost, runId: OTHER })
    book.hear(judged('fail', 3_000, OTHER))
    book.hear(judged('fail', 1_000))
    expect(book.due()).toMatchObject([{ annotations: { run: OTHER } }])
    expect(book.due()[0]?.endsAt).toBeUndefined()
  })

  test('is told anew when what looked like delays is a loss: of the other kind the alert is another', () => {
    const book = bookOf(accepted(), late, told('run-failing', { gravest: { violation: 'late', hop: 'topic:raw' }, atMs: 400 }))
    expect(book.due()).toMatchObject([{ labels: { violation: 'late' }, annotations: { trace: 'b'.repeat(32) } }])
    book.hear(lost)
    book.hear(failing())
    expect(book.due().map(({ labels, annotations, endsAt }) => [labels['violation'], annotations['trace'], endsAt])).toEqual([
      ['late', 'b'.repeat(32), '1970-01-01T00:00:30.500Z'],
      ['lost', 'a'.repeat(32), undefined],
    ])
    book.hear(judged('fail', 1_000))
    expect(book.due().at(-1)).toMatchObject({ labels: { violation: 'lost' }, startsAt: '1970-01-01T00:00:00.500Z' })
  })

  test('stands, though a run before it turns out to have been late', () => {
    const book = bookOf(accepted(), accepted(undefined, { runId: OTHER }), { ...lost, runId: OTHER })
    book.hear(failing(OTHER))
    book.hear({ ...judged('fail', 1_000), gravest: { violation: 'late', hop: 'topic:raw' } })
    expect(book.due()).toMatchObject([{ labels: { violation: 'lost' }, annotations: { run: OTHER } }])
  })

  test('changes nothing where the alert of a run before it fires', () => {
    const book = bookOf(accepted(), lost, judged('fail', 100), accepted(undefined, { runId: OTHER }))
    book.hear(failing(OTHER))
    book.hear(judged('inconclusive', 1_000, OTHER))
    expect(book.due()).toMatchObject([{ annotations: { run: RUN } }])
    expect(book.due()[0]?.endsAt).toBeUndefined()
  })
})

test('a verdict older than the newest of its plan, heard later, changes nothing; nor does one amended since', () => {
  const heard = [accepted(), lost, accepted(undefined, { runId: OTHER }), judged('pass', 3_000, OTHER)]
  expect(bookOf(...heard, judged('fail', 1_000)).due()).toEqual([])
  expect(bookOf(...heard, { ...judged('fail', 4_000), revision: 1 }).due()).toEqual([])
  expect(bookOf(...heard, judged('fail', 4_000)).due()).toHaveLength(1)
})

test('at another hop it is another alert, and the one before ends', () => {
  const book = bookOf(accepted(), lost, judged('fail', 1_000), accepted(undefined, { runId: OTHER }))
  const there = { violation: 'lost', hop: 'table:lake.trades' } as const
  book.hear({ ...lost, ...there, runId: OTHER })
  book.hear({ ...judged('fail', 2_000, OTHER), gravest: there })
  expect(book.due().map(({ labels, endsAt }) => [labels['hop'], endsAt])).toEqual([
    ['topic:raw', '1970-01-01T00:00:32.000Z'],
    ['table:lake.trades', undefined],
  ])
})

test('what passes, or is inconclusive, fires nothing', () => {
  expect(bookOf(accepted(), judged('pass', 1)).due()).toEqual([])
  expect(bookOf(accepted(), judged('inconclusive', 1)).due()).toEqual([])
})

describe('what is sent', () => {
  const asked: unknown[] = []
  let status = 200
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push([request.url, (JSON.parse(body) as FiringAlert[]).map(({ labels, endsAt }) => [labels['hop'], endsAt !== undefined])])
      response.writeHead(status).end()
    })
  })
  const turns: (() => void)[] = []
  const clock: Pick<Clock, 'nowMs' | 'every'> = {
    nowMs: () => 0,
    every: (_ms, turn) => {
      turns.push(() => turn(0))
      return () => turns.splice(0)
    },
  }
  const warned: unknown[] = []
  const log: Pick<Log, 'warn'> = { warn: (...line: unknown[]) => void warned.push(line) }
  const askedOf = (count: number) =>
    vi.waitFor(() => (asked.length >= count ? asked.splice(0) : Promise.reject(new Error(`${asked.length} asked`))), 5_000)
  const firing = ['/api/v2/alerts', [['topic:raw', false]]]

  afterAll(() => server.close())

  test('waits for the end of history, comes again each turn, and when Alertmanager is back', async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const alerter = createAlerter({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, links }, { clock, log })
    // History: a run that failed, and one that passed. Nobody is told.
    for (const fact of [accepted(), lost, judged('fail', 1), accepted(undefined, { runId: OTHER }), judged('pass', 2, OTHER)])
      alerter.hear(fact)
    const third = '01999999-0000-7000-8000-000000000003'
    for (const fact of [accepted(undefined, { runId: third }), { ...lost, runId: third }, judged('fail', 3, third)]) alerter.hear(fact)
    for (const turn of turns) turn()
    alerter.caughtUp()
    expect(await askedOf(1)).toEqual([firing])

    status = 503
    for (const turn of turns) turn()
    expect(await askedOf(1)).toEqual([firing])
    await vi.waitFor(() => {
      expect(warned).toHaveLength(1)
    })
    const fourth = '01999999-0000-7000-8000-000000000004'
    alerter.hear(accepted(undefined, { runId: fourth }))
    alerter.hear(judged('pass', 4, fourth))
    status = 200
    for (const turn of turns) turn()
    expect(await askedOf(1)).toEqual([['/api/v2/alerts', [['topic:raw', true]]]])
    alerter.close()
    expect(turns).toEqual([])
  })
})
