import { describe, expect, test } from 'vitest'
import type { RunFact } from '../../schemas/results.ts'
import { TIME_STREAM } from './audit-findings.ts'
import { auditDoubts, auditsOf } from './audit-judge.ts'
import { fewerRows, timesState } from './audit-times.ts'
import { emptyAudit, foldAudit, type Audit, type AuditFact, type TimesTold } from './audit.ts'
import { judge } from './judge.ts'
import { accepted, auditPlan, cleanFacts, foldAll, resolvedOf, TABLE, told } from './told-run.fixture.ts'

const MINUTE = 60_000
const MINUTE_S = 60
/** Of the minute that begins so many after 1970. */
const window = (minute: number, count: number, before = 0) => ({ startMs: minute * MINUTE, count, before })
type Window = ReturnType<typeof window>

const inTopic = (windows: Window[], said: Partial<TimesTold> = {}) => told('audit-times', { side: 'topic', windows, ...said })
const inTable = (windows: Window[], said: Partial<TimesTold> = {}) =>
  told('audit-times', { side: 'table', windows, snapshotId: '7', ...said })

function stateOf(...facts: AuditFact[]) {
  const audits = new Map<string, Audit>()
  for (const fact of facts) foldAudit(audits, fact)
  return timesState(audits.get(TABLE) ?? emptyAudit())
}

const lostMinutes = ({ findings }: ReturnType<typeof stateOf>) =>
  findings.map(({ violation, stream, ranges }) => [violation, stream, ranges.map((second) => second / MINUTE_S)])

describe('how far it has come', () => {
  test('is nowhere while nothing is told', () => {
    expect(stateOf()).toEqual({
      windows: 0,
      agreed: 0,
      compared: 0,
      leftOut: 0,
      findings: [],
      gone: [],
      wanted: null,
      isDone: false,
    })
  })

  test('is that the table is wanted, once the topic has told', () => {
    const fact = inTopic([window(1, 5), window(2, 3)])
    expect(stateOf(fact)).toMatchObject({ windows: 2, compared: 0, wanted: fact, isDone: false })
  })

  test('is nowhere while the table alone has told', () => {
    expect(stateOf(inTable([window(1, 5)]))).toMatchObject({ windows: 0, wanted: null, isDone: false })
  })

  test.each<[side: string, facts: AuditFact[], windows: number]>([
    ['topic', [inTopic([], { gone: 'removed by retention' }), inTable([window(1, 5)])], 0],
    ['table', [inTopic([window(1, 5)]), inTable([], { gone: 'removed by retention' })], 1],
  ])('is the end, with nothing compared, when the %s is gone', (_, facts, windows) => {
    expect(stateOf(...facts)).toMatchObject({
      windows,
      compared: 0,
      agreed: 0,
      findings: [],
      gone: ['removed by retention'],
      wanted: null,
      isDone: true,
    })
  })

  test('is the same whatever the order and however often it is told, and what was told first counts', () => {
    const facts = [inTopic([window(1, 5), window(2, 3)], { leftOut: 4 }), inTable([window(1, 5), window(2, 2)])]
    const state = stateOf(...facts)
    expect(state).toMatchObject({ windows: 2, agreed: 1, compared: 8, leftOut: 4, isDone: true })
    expect(stateOf(...facts.toReversed())).toEqual(state)
    expect(stateOf(...facts, ...facts)).toEqual(state)
    expect(stateOf(...facts, inTopic([window(9, 9)]), inTable([window(9, 9)]))).toEqual(state)
  })
})

describe('of a window', () => {
  const stands = (of: Window, rows: number, said: Partial<TimesTold> = {}) => stateOf(inTopic([of], said), inTable([window(1, rows)]))

  test.each<[what: string, of: Window, rows: number, agreed: number, compared: number]>([
    ['as many rows as records are the same', window(1, 5), 5, 1, 5],
    ['with records of before, as many rows prove no equality', window(1, 5, 2), 5, 0, 0],
    ['with records of before, their rows are none too many', window(1, 5, 2), 7, 0, 0],
  ])('%s', (...[, of, rows, agreed, compared]) => {
    expect(stands(of, rows)).toMatchObject({ windows: 1, agreed, compared, findings: [], gone: [], isDone: true })
  })

  test.each<[what: string, of: Window]>([
    ['are a loss', window(1, 5)],
    ['are a loss, whatever came before', window(1, 5, 2)],
  ])('fewer rows than records %s', (_, of) => {
    const state = stands(of, 4)
    expect(lostMinutes(state)).toEqual([['lost', TIME_STREAM, [1, 1]]])
    expect(state).toMatchObject({ agreed: 0, gone: [] })
  })

  test('more rows than records are a doubt, and accuse nobody', () => {
    expect(stands(window(1, 5, 2), 8)).toMatchObject({
      agreed: 0,
      findings: [],
      gone: [
        '8 rows have an event time from 1970-01-01 00:01:00 UTC to 1970-01-01 00:02:00 UTC, and 7 records: more by counts alone accuse nobody',
      ],
    })
  })

  test('as many rows more as there are unreadable records are no doubt of their own; one more is', () => {
    const unread = '3 records in the topic have no event time that their schemas tell'
    expect(stands(window(1, 5), 8, { unreadable: 3 })).toMatchObject({ agreed: 0, findings: [], gone: [unread] })
    expect(stands(window(1, 5), 9, { unreadable: 3 }).gone).toEqual([unread, expect.stringMatching(/^9 rows /)])
  })

  test('no rows at all are a loss of each record, named by window and snapshot', () => {
    expect(stateOf(inTopic([window(1, 5)]), inTable([])).findings).toEqual([
      {
        violation: 'lost',
        stream: TIME_STREAM,
        ranges: [MINUTE_S, MINUTE_S],
        expected: '5 rows or more with an event time from 1970-01-01 00:01:00 UTC to 1970-01-01 00:02:00 UTC',
        actual: '0 rows since the audit began, in snapshot 7',
        snapshotId: '7',
      },
    ])
  })
})

test('each window that is short is a finding of its own, and hides none that is the same', () => {
  const state = stateOf(
    inTopic([window(1, 5), window(2, 5), window(3, 5), window(4, 5)]),
    inTable([window(1, 4), window(2, 5), window(3, 6), window(9, 50)]),
  )
  expect(lostMinutes(state)).toEqual([
    ['lost', TIME_STREAM, [1, 1]],
    ['lost', TIME_STREAM, [4, 4]],
  ])
  expect(state).toMatchObject({ windows: 4, agreed: 1, compared: 20 })
  expect(state.gone).toHaveLength(1)
})

test('records without an event time are told to be left out', () => {
  expect(stateOf(inTopic([window(1, 5)], { timeless: 2 }), inTable([window(1, 5)])).gone).toEqual([
    '2 records in the topic have an event time of null',
  ])
})

test('a loss before 1970 can be told as any other', () => {
  const { findings, gone } = stateOf(inTopic([window(-2, 5)]), inTable([]))
  expect(findings.length + gone.length).toBeGreaterThan(0)
  const facts = findings.map(({ violation, stream, ranges, expected, actual }) =>
    told('violation-found', { violation, stream, ranges: [...ranges], expected, actual }),
  )
  expect(() => foldAll([...cleanFacts(auditPlan), ...facts])).not.toThrow()
})

test('windows are short while they have fewer rows than records', () => {
  const topic = inTopic([window(1, 5), window(2, 5), window(3, 5)])
  const short = (rows: Window[]) => fewerRows(topic, rows).map(({ startMs }) => startMs / MINUTE)
  expect(short([])).toEqual([1, 2, 3])
  expect(short([window(1, 5), window(2, 4), window(3, 6)])).toEqual([2])
  expect(short([window(1, 5), window(2, 5), window(3, 5)])).toEqual([])
})

describe('a run with a table that is counted by event time', () => {
  const resolved = resolvedOf(auditPlan)
  const eventTime = { topic: 'clean', field: 'traded_at', column: 'traded_at' }
  const hops = resolved.hops.map((hop) =>
    hop.kind === 'table' ? { ...hop, sourceOffsets: null, sinkGroup: 'sink', audit: { showValues: true, eventTime } } : hop,
  )
  const run = accepted(auditPlan, { resolved: JSON.stringify({ ...resolved, hops }) })
  const clean = cleanFacts(auditPlan).map((fact) => (fact.kind === 'run-accepted' ? run : fact))
  const compared = [inTopic([window(1, 5), window(2, 5)]), inTable([window(1, 5), window(2, 5)])]
  const judged = (facts: readonly RunFact[]) => {
    const { book, run: state, evidence } = foldAll([...clean, ...facts])
    return judge(book, state, evidence)
  }

  test('passes when all windows are the same', () => {
    const { run: state, evidence } = foldAll([...clean, ...compared])
    expect(auditsOf(state, evidence)).toEqual([
      { hop: TABLE, way: 'event-time', state: expect.objectContaining({ agreed: 2, compared: 10 }) as object },
    ])
    expect(auditDoubts(state, evidence)).toEqual([])
    expect(judged(compared)).toMatchObject({ verdict: 'pass', reasons: [] })
  })

  test.each<[what: string, facts: AuditFact[], reason: string]>([
    ['the topic was not counted', [], `audit of ${TABLE}: 0 of 0 windows were not compared`],
    ['the table was not counted', [inTopic([window(1, 5)])], `audit of ${TABLE}: 1 of 1 windows were not compared`],
    ['nothing was written', [inTopic([]), inTable([])], `audit of ${TABLE}: no record was compared`],
    [
      'every window has records of before',
      [inTopic([window(1, 5, 1)]), inTable([window(1, 5)])],
      `audit of ${TABLE}: no record was compared`,
    ],
  ])('is inconclusive where %s', (_, facts, reason) => {
    expect(judged(facts)).toMatchObject({ verdict: 'inconclusive', reasons: [reason] })
  })

  test('fails by windows, apart from records and from canaries', () => {
    const lost = (stream: number, at: number) => told('violation-found', { violation: 'lost', stream, ranges: [at, at] })
    const {
      verdict,
      reasons,
      hops: figures,
    } = judged([...compared, lost(TIME_STREAM, MINUTE_S), lost(TIME_STREAM, 2 * MINUTE_S), lost(-1, 7)])
    expect({ verdict, reasons }).toEqual({
      verdict: 'fail',
      reasons: [`audit of all records: 2 windows of event time with records lost at ${TABLE}`, `audit of all records: 1 lost at ${TABLE}`],
    })
    expect(figures).toEqual(judged(compared).hops)
  })

  test('has a window that came late when all of its rows came after all', () => {
    const at = { stream: TIME_STREAM, ranges: [MINUTE_S, MINUTE_S] }
    expect(judged([...compared, told('violation-found', at), told('correction', at)]).reasons).toEqual([
      `audit of all records: 1 windows of event time with records late at ${TABLE}`,
    ])
  })
})

describe('where the topic had grown by the time the rows were counted', () => {
  const grown = { grew: true }
  const late = { atMs: 10 * MINUTE }

  test('the newest window may hold rows of what came behind: more accuses nobody, and as many prove nothing', () => {
    const topic = inTopic([window(1, 5), window(2, 3)], late)
    expect(stateOf(topic, inTable([window(1, 5), window(2, 9)], grown))).toMatchObject({ compared: 5, agreed: 1, gone: [], findings: [] })
    expect(stateOf(topic, inTable([window(1, 5), window(2, 3)], grown))).toMatchObject({ compared: 5, agreed: 1, gone: [] })
  })

  test('fewer are a loss there as well', () => {
    expect(lostMinutes(stateOf(inTopic([window(1, 5)], late), inTable([window(1, 4)], grown)))).toEqual([['lost', TIME_STREAM, [1, 1]]])
  })

  test('windows before it are compared, and more rows in them are a doubt', () => {
    const state = stateOf(inTopic([window(1, 5), window(2, 3)], late), inTable([window(1, 6), window(2, 3)], grown))
    expect(state.gone).toEqual([expect.stringContaining('more by counts alone accuse nobody')])
  })

  test('so may one that had not ended when the topic was counted, however far ahead the newest lies', () => {
    const topic = inTopic([window(1, 5), window(99, 1)], { atMs: 1.5 * MINUTE })
    expect(stateOf(topic, inTable([window(1, 9), window(99, 1)], grown))).toMatchObject({ compared: 0, gone: [] })
  })
})
