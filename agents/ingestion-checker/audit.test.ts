import { expect, test } from 'vitest'
import { emptyPrint, withParts } from '../../shared/core/audit-print.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, TABLE, accepted, auditPlan, told } from '../../shared/core/told-run.fixture.ts'
import { checkerCore, type CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'

const at = { runId: RUN, hop: TABLE }
const ends = (end: number, isLast = false): CheckerEvent => ({ type: 'audit-ends-seen', ...at, ends: new Map([[0, end]]), isLast })

/** The audit has begun at offset 100 of the only partition. */
function begun() {
  const played = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore)
    .hear(accepted(auditPlan), told('stage-started', { stage: 'audit-tables' }))
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
