import { describe, expect, test } from 'vitest'
import { TIME_STREAM } from '../../shared/core/audit-findings.ts'
import { judge } from '../../shared/core/judge.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { RUN, TABLE, accepted, auditPlan, foldAll, resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'

const at = { runId: RUN, hop: TABLE }
const began = { snapshotId: '7', sequenceNumber: 3, tableUuid: 'u' }
const MINUTE = 60_000
const window = (minute: number, count: number) => ({ startMs: minute * MINUTE, count, before: 0 })

const resolved = resolvedOf(auditPlan)
const eventTime = { topic: 'clean', field: 'traded_at', column: 'traded_at' }
const hops = resolved.hops.map((hop) =>
  hop.kind === 'table' ? { ...hop, sourceOffsets: null, sinkGroup: 'sink', audit: { showValues: true, eventTime } } : hop,
)
const run = accepted(auditPlan, { resolved: JSON.stringify({ ...resolved, hops }) })

/** Two partitions, of which the first was counted as far as offset 40, the second as far as 7. */
const inTopic = told('audit-times', {
  side: 'topic',
  windows: [window(1, 5), window(2, 5)],
  ends: [
    { partition: 0, offset: 40, high: 41 },
    { partition: 1, offset: 7, high: 8 },
  ],
})
const all = [window(1, 5), window(2, 5)]
const short = [window(1, 5), window(2, 4)]
const passed = new Map([
  [0, 40],
  [1, 7],
])

type Counted = Extract<ReconcilerEvent, { type: 'audit-counted' }>
const counted = (windows: Counted['windows'], said: Partial<Counted> = {}): Counted => ({
  type: 'audit-counted',
  ...at,
  snapshotId: '9',
  committedAtMs: 0,
  sink: new Map(),
  grew: false,
  windows,
  gone: null,
  ...said,
})

function begun() {
  const played = new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore).hear(run).caughtUp().until(200)
  expect(played.take('audit-baseline')).toEqual([{ type: 'audit-baseline', ...at }])
  return played.step({ type: 'audit-baselined', runId: RUN, baseline: began }).until(400)
}

/** The topic has told, and the table was asked for the first time. */
function asked() {
  const played = begun().hear(inTopic).until(600)
  expect(played.take('audit-counts')).toHaveLength(1)
  return played
}

/** Whenever the table is asked, it answers this. */
function answering(played: ReturnType<typeof begun>, answer: Counted, untilMs: number): typeof played {
  played.step(answer)
  while (played.nowMs < untilMs) {
    played.until(Math.min(untilMs, played.nowMs + 200))
    if (played.take('audit-counts').length > 0) played.step(answer)
  }
  return played
}

const ended = (played: ReturnType<typeof begun>) => played.saidOf('stage-ended').find(({ stage }) => stage === 'audit-tables')
/** Of the audit: that the agent's own topology is another than the run's is said, too. */
const reasonsOf = (played: ReturnType<typeof begun>) =>
  played.saidOf('evidence-missing').flatMap(({ reason }) => (reason.startsWith('audit') ? reason : []))
function judged(played: ReturnType<typeof begun>) {
  const { book, run: state, evidence } = foldAll(played.topic.filter(isRunFact))
  return judge(book, state, evidence)
}

describe('the table is asked', () => {
  test('once the topic has told, from where the audit began', () => {
    const played = begun().until(5_000)
    expect([played.take('audit-counts'), played.take('audit-look'), played.saidOf('audit-scoped')]).toEqual([[], [], []])
    played.hear(inTopic).until(5_400)
    expect(played.take('audit-counts')).toEqual([{ type: 'audit-counts', ...at, began, told: inTopic, column: 'traded_at' }])
  })

  test('every two seconds while windows are short, one look at a time', () => {
    const played = asked().until(5_000)
    expect(played.take('audit-counts')).toEqual([])
    played.step(counted(short)).until(5_400)
    expect(played.take('audit-counts')).toHaveLength(1)
    played.step(counted(short)).until(7_000)
    expect(played.take('audit-counts')).toEqual([])
    played.until(7_400)
    expect(played.take('audit-counts')).toHaveLength(1)
  })

  test('again after trouble, and by who comes after one that was killed', () => {
    const played = asked()
      .until(3_000)
      .step({ type: 'audit-trouble', ...at, reason: 'catalog away' })
      .until(4_800)
    expect(played.take('audit-counts')).toEqual([])
    played.until(5_200)
    expect(played.take('audit-counts')).toHaveLength(1)
    played.restart().until(5_600)
    expect(played.take('audit-counts')).toEqual([expect.objectContaining({ began })])
  })
})

test('what it holds is told at once, and once, when no window is short', () => {
  const played = asked().step(counted(all)).step(counted(all))
  expect(played.saidOf('audit-times')).toEqual([
    expect.objectContaining({ hop: TABLE, side: 'table', topic: 'clean', windowMs: MINUTE, windows: all, snapshotId: '9', gone: null }),
  ])
  played.until(1_000)
  expect(ended(played)).toMatchObject({ outcome: 'ok' })
  expect([played.saidOf('violation-found'), reasonsOf(played)]).toEqual([[], []])
})

describe('when a window is short', () => {
  const sink = passed
  /** Asked at 600, when the sink is seen to have passed: its time is over at 10,600. */
  test('it is told when the sink has passed, had its time, and committed since, and not before', () => {
    const played = answering(asked(), counted(short, { sink, committedAtMs: 5_000 }), 10_400)
    expect(played.saidOf('audit-times')).toEqual([])
    answering(played, counted(short, { sink, committedAtMs: 5_000 }), 13_000)
    expect(played.saidOf('audit-times')).toEqual([expect.objectContaining({ side: 'table', windows: short })])
    expect(played.saidOf('violation-found')).toEqual([
      expect.objectContaining({
        violation: 'lost',
        hop: TABLE,
        stream: TIME_STREAM,
        ranges: [120, 120],
        expected: '5 rows or more with an event time from 1970-01-01 00:02:00 UTC to 1970-01-01 00:03:00 UTC',
        actual: '4 rows since the audit began, in snapshot 9',
        snapshotId: '9',
        partition: null,
        offset: null,
      }),
    ])
    expect(ended(played)).toMatchObject({ outcome: 'ok' })
  })

  test.each<[what: string, said: Partial<Counted>]>([
    ['has no offset in one of the partitions', { sink: new Map([[0, 40]]), committedAtMs: 20_000 }],
    [
      'has not come to the end of one',
      {
        sink: new Map([
          [0, 40],
          [1, 6],
        ]),
        committedAtMs: 20_000,
      },
    ],
    ['is not to be seen', { committedAtMs: 20_000 }],
    ['has committed nothing since', { sink, committedAtMs: 600 }],
  ])('it is not told while the sink %s, and the run is inconclusive when its time is over', (_, said) => {
    const played = answering(asked(), counted(short, said), 30_000)
    expect(played.saidOf('audit-times')).toEqual([])
    answering(played, counted(short, said), 52_000)
    expect(ended(played)).toMatchObject({ outcome: 'inconclusive' })
    expect(reasonsOf(played)).toContain(
      'audit by event time: the table was not compared: its sink has not been seen to have brought all of it, and fewer rows are there',
    )
    expect(played.saidOf('violation-found')).toEqual([])
  })

  test('a sink that passes later has its time from then on', () => {
    const played = answering(asked(), counted(short, { sink: new Map([[0, 40]]), committedAtMs: 50_000 }), 9_000)
    answering(played, counted(short, { sink, committedAtMs: 50_000 }), 18_800)
    expect(played.saidOf('audit-times')).toEqual([])
    answering(played, counted(short, { sink, committedAtMs: 50_000 }), 22_000)
    expect(played.saidOf('audit-times')).toHaveLength(1)
  })

  test('rows that come late are nobody’s loss', () => {
    const played = answering(asked(), counted(short, { sink, committedAtMs: 5_000 }), 10_000)
    answering(played, counted(all, { sink, committedAtMs: 9_000 }), 13_000)
    expect(played.saidOf('audit-times')).toEqual([expect.objectContaining({ windows: all })])
    expect(played.saidOf('violation-found')).toEqual([])
  })
})

test('a table that nobody could count makes the run inconclusive, and says why', () => {
  const played = asked()
  while (played.nowMs < 52_000) played.step({ type: 'audit-trouble', ...at, reason: 'catalog away' }).until(played.nowMs + 3_000)
  expect(ended(played)).toMatchObject({ outcome: 'inconclusive' })
  expect(reasonsOf(played)).toContain('audit by event time: the table was not compared: catalog away')
})

test('a topic that was not counted makes the run inconclusive, and says so', () => {
  const played = begun().until(52_000)
  expect(ended(played)).toMatchObject({ outcome: 'inconclusive' })
  expect(reasonsOf(played)).toContain('audit by event time: the table was not compared: the topic was not counted')
})

describe('what nobody can tell any more', () => {
  const gone = 'snapshot 7, which it began at, has expired'

  test('of the table is told at once, and makes the run inconclusive', () => {
    const played = asked().step(counted([], { gone })).until(1_000)
    expect(played.saidOf('audit-times')).toEqual([expect.objectContaining({ windows: [], gone })])
    expect(reasonsOf(played)).toEqual([`audit by event time: ${gone}`])
    expect(ended(played)).toMatchObject({ outcome: 'ok' })
    expect(played.saidOf('violation-found')).toEqual([])
    expect(judged(played)).toMatchObject({
      verdict: 'inconclusive',
      reasons: expect.arrayContaining([expect.stringContaining(gone) as string]) as string[],
    })
  })

  test('of the topic is told without asking the table', () => {
    const played = begun()
      .hear({ ...inTopic, windows: [], gone: 'removed by retention' })
      .until(1_000)
    expect(played.take('audit-counts')).toEqual([])
    expect(reasonsOf(played)).toEqual(['audit by event time: removed by retention'])
    expect(ended(played)).toMatchObject({ outcome: 'ok' })
  })

  test('of rows that are more than the records is told', () => {
    const played = asked()
      .step(counted([window(1, 5), window(2, 6)]))
      .until(1_000)
    expect(reasonsOf(played)).toEqual([expect.stringMatching(/^audit by event time: 6 rows have .* more by counts alone accuse nobody$/)])
    expect(ended(played)).toMatchObject({ outcome: 'ok' })
  })
})

test('a table of which the topology does not say how to count it is told not to be compared', () => {
  const neither = hops.map((hop) => (hop.kind === 'table' ? { ...hop, audit: undefined } : hop))
  const uncounted = accepted(auditPlan, { resolved: JSON.stringify({ ...resolved, hops: neither }) })
  const played = new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore).hear(uncounted).caughtUp().until(1_000)
  expect(played.take('audit-baseline')).toEqual([])
  expect(reasonsOf(played)).toEqual([expect.stringMatching(/^audit: the table does not store .* audit\.eventTime does not say /)])
})

describe('a window that was short when the run was judged', () => {
  const lost = () => {
    const sink = passed
    const played = answering(asked(), counted(short, { sink, committedAtMs: 5_000 }), 13_000)
    expect(played.saidOf('violation-found')).toHaveLength(1)
    return played.hear(told('run-judged', { verdict: 'fail', atMs: 14_000 })).until(45_000)
  }

  test('is counted again, and taken back once all of its rows are there', () => {
    const played = lost()
    expect([played.take('audit-records'), played.take('look-again')]).toEqual([[], []])
    expect(played.take('audit-counts')).toEqual([{ type: 'audit-counts', ...at, began, told: inTopic, column: 'traded_at' }])
    played.step(counted(short)).step(counted([], { gone: 'expired' }))
    expect(played.saidOf('correction')).toEqual([])
    played.step(counted(all)).step(counted(all))
    expect(played.saidOf('correction')).toEqual([
      expect.objectContaining({ violation: 'lost', becomes: 'late', hop: TABLE, stream: TIME_STREAM, ranges: [120, 120] }),
    ])
    expect(judged(played).reasons).toContain(`audit of all records: 1 windows of event time with records late at ${TABLE}`)
  })

  test('is told by nobody who comes after', () => {
    const played = lost()
    played.restart().until(46_000)
    expect(played.saidOf('violation-found')).toEqual([])
  })
})
