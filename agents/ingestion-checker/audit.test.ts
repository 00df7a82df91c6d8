import { describe, expect, test } from 'vitest'
import { emptyPrint, withParts } from '../../shared/core/audit-print.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, TABLE, accepted, auditPlan, resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { checkerCore, type CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'

const at = { runId: RUN, hop: TABLE }
const ends = (end: number, isLast = false): CheckerEvent => ({ type: 'audit-ends-seen', ...at, ends: new Map([[0, end]]), isLast })

/** The audit has begun at offset 100 of the only partition. */
function begun(run = accepted(auditPlan)) {
  const played = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore)
    .hear(run, told('stage-started', { stage: 'audit-tables' }))
    .caughtUp()
    .until(200)
  expect(played.take('audit-baseline')).toEqual([{ type: 'audit-baseline', runId: RUN, of: [{ hop: TABLE, topic: 'clean' }] }])
  return played.step({ type: 'audit-baselined', runId: RUN, positions: [{ hop: TABLE, partition: 0, offset: 100 }] }).until(400)
}

const finish = (played: ReturnType<typeof begun>) =>
  played.hear(
    told('stage-started', { stage: 'produce' }),
    told('stage-ended', { stage: 'produce' }),
    told('stage-ended', { stage: 'sight' }),
  )

test('windows are told as the topic grows, and the last when all of the run is written', () => {
  const played = begun()
  expect(played.take('audit-ends')).toEqual([{ type: 'audit-ends', ...at, topic: 'clean', isLast: false }])
  played.step(ends(150)).step(ends(320))
  expect(played.saidOf('audit-due').map(({ windows, isLast }) => [windows, isLast])).toEqual([
    [
      [
        { partition: 0, offsetFirst: 100, offsetLast: 199 },
        { partition: 0, offsetFirst: 200, offsetLast: 299 },
      ],
      false,
    ],
  ])
  finish(played).until(6_000)
  expect(played.take('audit-ends').at(-1)).toMatchObject({ isLast: true })
  played.step(ends(350, true)).step(ends(360, true))
  expect(played.saidOf('audit-due').slice(1)).toEqual([
    expect.objectContaining({ windows: [{ partition: 0, offsetFirst: 300, offsetLast: 349 }], isLast: true }),
  ])
})

test('nothing is read before the table has told its columns; one look is under way at a time', () => {
  const played = begun().step(ends(320)).until(1_000)
  expect(played.take('audit-prints')).toEqual([])
  played.hear(told('audit-scoped', { columns: [{ name: 'symbol', type: 'string' }] })).until(3_000)
  const asked = played.take('audit-prints')
  expect(asked).toHaveLength(1)
  expect(asked[0]?.wanted.map(({ offsetFirst }) => offsetFirst)).toEqual([100, 200])
  played.step({ type: 'audit-trouble', ...at, reason: 'broker away' }).until(4_000)
  expect(played.take('audit-prints')).toEqual([])
  played.until(6_000)
  expect(played.take('audit-prints')).toHaveLength(1)
})

test('an agent that was killed reads on what was not told', () => {
  const played = begun().step(ends(320)).hear(told('audit-scoped')).until(1_000)
  const interval = withParts({ partition: 0, offsetFirst: 100, offsetLast: 199 })
  const print = {
    ...interval,
    round: 0,
    prints: Array.from({ length: 100 }, emptyPrint),
    fields: [],
    lastRecord: null,
    leftOut: 0,
    doubtful: [],
    snapshotId: null,
    gone: null,
  }
  played.step({ type: 'audit-prints-read', ...at, prints: [print] })
  played.restart().until(2_000)
  expect(played.take('audit-prints').map(({ wanted }) => wanted.map(({ offsetFirst }) => offsetFirst))).toEqual([[200]])
  played.step(ends(420))
  expect(played.saidOf('audit-due').map(({ windows }) => windows.map(({ offsetFirst }) => offsetFirst))).toEqual([[300]])
})

test('the stage ends with that of the table, and inconclusive when its time is over', () => {
  const played = begun()
    .hear(told('stage-ended', { stage: 'audit-tables' }))
    .until(1_000)
  expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ stage: 'audit-topics', outcome: 'ok' })])
  const late = begun().step(ends(320)).hear(told('audit-scoped')).until(1_000)
  late.step({ type: 'audit-trouble', ...at, reason: 'registry away' }).until(52_000)
  expect(late.saidOf('stage-ended').find(({ stage }) => stage === 'audit-topics')).toMatchObject({ outcome: 'inconclusive' })
  expect(late.saidOf('evidence-missing').map(({ reason }) => reason)).toContain('audit: registry away')
})

describe('a topic whose table stores no offsets', () => {
  const resolved = resolvedOf(auditPlan)
  const eventTime = { topic: 'clean', field: 'traded_at', column: 'traded_at' }
  const hops = resolved.hops.map((hop) =>
    hop.kind === 'table' ? { ...hop, sourceOffsets: null, sinkGroup: 'sink', audit: { showValues: true, eventTime } } : hop,
  )
  const timed = { ...resolved, hops }
  const counts = {
    topic: 'clean',
    windowMs: 60_000,
    windows: [{ startMs: 60_000, count: 3, before: 1 }],
    ends: [{ partition: 0, offset: 104, high: 104 }],
    unit: null,
    grew: false,
    unreadable: 0,
    timeless: 0,
    leftOut: 0,
    snapshotId: null,
    gone: null,
  }
  const begunTimed = () => begun(accepted(auditPlan, { resolved: JSON.stringify(timed) }))

  test('is counted once all that the run writes is there, from where the audit began, and not before', () => {
    const played = begunTimed()
      .hear(told('stage-started', { stage: 'produce' }), told('stage-ended', { stage: 'produce' }))
      .until(6_000)
    expect(played.take('audit-times')).toEqual([])
    expect(played.take('audit-ends')).toEqual([])
    played.hear(told('stage-ended', { stage: 'sight' })).until(20_000)
    expect(played.take('audit-times')).toEqual([
      { type: 'audit-times', ...at, topic: 'clean', begun: new Map([[0, 100]]), windowMs: 10_000, field: 'traded_at', resolved: timed },
    ])
  })

  test('is told once', () => {
    const played = finish(begunTimed()).until(1_000)
    expect(played.take('audit-times')).toHaveLength(1)
    played.step({ type: 'audit-times-read', ...at, times: counts }).until(20_000)
    expect(played.saidOf('audit-times')).toEqual([expect.objectContaining({ hop: TABLE, side: 'topic', ...counts })])
    expect(played.take('audit-times')).toEqual([])
    played.restart().until(30_000)
    expect(played.take('audit-times')).toEqual([])
  })

  test('is counted again after trouble, and by who comes after one that was killed', () => {
    const played = finish(begunTimed()).until(1_000)
    expect(played.take('audit-times')).toHaveLength(1)
    played.step({ type: 'audit-trouble', ...at, reason: 'broker away' }).until(2_800)
    expect(played.take('audit-times')).toEqual([])
    played.until(3_200)
    expect(played.take('audit-times')).toHaveLength(1)
    played.restart().until(3_600)
    expect(played.take('audit-times')).toEqual([expect.objectContaining({ begun: new Map([[0, 100]]) })])
  })

  test('makes the stage inconclusive when it could not be counted in time, and says why', () => {
    const played = finish(begunTimed()).until(1_000)
    while (played.nowMs < 52_000) played.step({ type: 'audit-trouble', ...at, reason: 'broker away' }).until(played.nowMs + 3_000)
    expect(played.saidOf('stage-ended').find(({ stage }) => stage === 'audit-topics')).toMatchObject({ outcome: 'inconclusive' })
    expect(played.saidOf('evidence-missing').map(({ reason }) => reason)).toContain('audit: broker away')
  })
})
