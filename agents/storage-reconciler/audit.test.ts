import { describe, expect, test } from 'vitest'
import { emptyPrint, withParts } from '../../shared/core/audit-print.ts'
import { record } from '../../shared/core/audited-sides.fixture.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, TABLE, accepted, auditPlan, resolvedOf, told } from '../../shared/core/told-run.fixture.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'

const at = { runId: RUN, hop: TABLE }
const fields = [{ field: 'symbol', as: 'text' as const }]
const interval = withParts({ partition: 0, offsetFirst: 0, offsetLast: 39 })
const one = { count: 1, sum: 'a', xor: 'a' }
const prints = (at7 = one) => Array.from({ length: 40 }, (_, i) => (i === 7 ? at7 : one))
const read = (told7 = one) => ({
  ...interval,
  round: 0,
  prints: prints(told7),
  fields,
  lastRecord: 39,
  leftOut: 0,
  doubtful: [],
  snapshotId: '9',
  gone: null,
})

type Seen = Extract<ReconcilerEvent, { type: 'audit-table-seen' }>
const seen = (said: Partial<Seen> = {}): Seen => ({
  type: 'audit-table-seen',
  ...at,
  columns: [{ name: 'symbol', type: 'string' }],
  snapshotId: '9',
  committedAtMs: 0,
  stored: new Map(),
  sink: new Map(),
  ...said,
})

/** The topic has told its only window, of forty offsets; its last record stands at the last of them, unless said otherwise. */
function begun(plan: object = auditPlan, lastRecord: number | null = 39, run = accepted(plan)) {
  const played = new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore).hear(run).caughtUp().until(200)
  expect(played.take('audit-baseline')).toEqual([{ type: 'audit-baseline', ...at }])
  const began = { snapshotId: '7', sequenceNumber: 3, tableUuid: 'u' }
  played.step({ type: 'audit-baselined', runId: RUN, baseline: began }).until(400)
  expect(played.take('audit-look')).toEqual([{ type: 'audit-look', ...at, began }])
  return played
    .step(seen())
    .hear(told('audit-due'), told('audit-window', { side: 'topic', ...interval, prints: prints(), fields, lastRecord }))
}

/** Some time later the table has got no more rows there. */
function watched(played: ReturnType<typeof begun>): typeof played {
  played.until(played.nowMs + 4_000)
  expect(played.take('audit-additions')).toHaveLength(1)
  return played.step({ type: 'audit-additions-seen', ...at, snapshotId: '9', grown: [] }).until(played.nowMs + 400)
}

test('the columns of the table are told once', () => {
  const played = begun().step(seen()).step(seen())
  expect(played.saidOf('audit-scoped')).toEqual([expect.objectContaining({ columns: [{ name: 'symbol', type: 'string' }] })])
})

test('a window is compared when rows as far as its last record are there, and not before', () => {
  const played = begun()
    .step(seen({ stored: new Map([[0, 38]]) }))
    .until(5_000)
  expect(played.take('audit-prints')).toEqual([])
  expect(played.take('audit-look').length).toBeGreaterThan(0)
  played.step(seen({ stored: new Map([[0, 39]]) })).until(6_000)
  expect(played.take('audit-prints')).toHaveLength(1)
  played.step({ type: 'audit-prints-read', ...at, prints: [read()] })
  expect(watched(played).saidOf('stage-ended')).toEqual([expect.objectContaining({ stage: 'audit-tables', outcome: 'ok' })])
  expect(played.saidOf('violation-found')).toEqual([])
})

describe('a window to which rows are added after it was compared', () => {
  const compared = (round: number, snapshotId: string) => ({ partition: 0, offsetFirst: 0, offsetLast: 39, round, snapshotId })
  const agreed = () =>
    begun()
      .step(seen({ stored: new Map([[0, 39]]) }))
      .until(1_000)
      .step({ type: 'audit-prints-read', ...at, prints: [read()] })

  test('is compared once more, and what is in it twice is named', () => {
    const played = agreed().until(3_800)
    expect(played.take('audit-additions')).toEqual([])
    played.until(4_200)
    expect(played.take('audit-additions').map((effect) => effect.compared)).toEqual([[compared(0, '9')]])
    played.step({ type: 'audit-additions-seen', ...at, snapshotId: '12', grown: [compared(0, '9')] })
    expect(played.saidOf('audit-reopened')).toEqual([
      expect.objectContaining({ hop: TABLE, snapshotId: '12', windows: [{ partition: 0, offsetFirst: 0, offsetLast: 39, round: 1 }] }),
    ])
    // Nothing of the first round counts: the topic is read again as well.
    played.take('audit-prints')
    played.until(5_000)
    expect(played.take('audit-prints')).toEqual([])
    played.hear(told('audit-window', { side: 'topic', ...interval, round: 1, prints: prints(), fields, lastRecord: 39 })).until(5_400)
    expect(played.take('audit-prints').map(({ wanted }) => wanted.map(({ round }) => round))).toEqual([[1]])
    played.step({ type: 'audit-prints-read', ...at, prints: [{ ...read({ count: 2, sum: '14', xor: '0' }), round: 1 }] }).until(6_000)
    expect(played.take('audit-records').map(({ wanted }) => wanted.map(({ offset, round }) => [offset, round]))).toEqual([[[7, 1]]])
    const rows = [record(7, ['abc']), record(7, ['abc'])]
    played
      .step({ type: 'audit-records-read', ...at, records: [{ ...look(rows), round: 1 }] })
      .hear(told('audit-records', { side: 'topic', ...look([record(7, ['abc'])]), round: 1, snapshotId: null }))
    expect(watched(played).saidOf('violation-found')).toEqual([
      expect.objectContaining({ violation: 'duplicated', stream: -1, ranges: [7, 7], actual: '2 rows in snapshot 9' }),
    ])
    expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ outcome: 'ok' })])
  })

  test('is compared three times more at most: a table that is written anew all the time has an end, too', () => {
    const played = agreed()
    for (const round of [0, 1, 2]) {
      played.until(played.nowMs + 4_000)
      expect(played.take('audit-additions').map((effect) => effect.compared)).toEqual([[compared(round, '9')]])
      played
        .step({ type: 'audit-additions-seen', ...at, snapshotId: '12', grown: [compared(round, '9')] })
        .hear(told('audit-window', { side: 'topic', ...interval, round: round + 1, prints: prints(), fields, lastRecord: 39 }))
        .until(played.nowMs + 400)
        .step({ type: 'audit-prints-read', ...at, prints: [{ ...read(), round: round + 1 }] })
    }
    played.until(played.nowMs + 4_000)
    expect(played.take('audit-additions')).toEqual([])
    expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ outcome: 'ok' })])
  })

  test('is inconclusive when nobody could look, and says why', () => {
    const played = agreed().until(4_200)
    while (played.nowMs < 52_000) played.step({ type: 'audit-trouble', ...at, reason: 'catalog away' }).until(played.nowMs + 3_000)
    expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ outcome: 'inconclusive' })])
    expect(played.saidOf('evidence-missing').map(({ reason }) => reason)).toContain(
      'audit: of 1 windows 1 are the same in topic and table; whether rows were added to them since was not seen; catalog away',
    )
  })
})

describe('where a window holds no record at its end, a row too many may be on its way:', () => {
  const upTo = (offset: number) => seen({ stored: new Map([[0, offset]]) })
  /** Whether it is compared while the table, whenever it is asked about, stands so. */
  const isCompared = (played: ReturnType<typeof begun>, stands: Seen, untilMs: number) => {
    while (played.nowMs < untilMs) played.step(stands).until(played.nowMs + 1_000)
    return played.take('audit-prints').length > 0
  }

  test('a window is compared as soon as there are rows from beyond it', () => {
    const played = begun(auditPlan, 37)
    expect(isCompared(played, upTo(37), 4_400)).toBe(false)
    expect(isCompared(played, upTo(44), 5_400)).toBe(true)
  })

  test('one behind which none come, when its time is over since the table came as far as its last record', () => {
    const played = begun(auditPlan, 37)
    expect(isCompared(played, upTo(36), 6_400)).toBe(false)
    expect(isCompared(played, upTo(37), 15_400)).toBe(false)
    expect(isCompared(played, upTo(37), 18_400)).toBe(true)
  })

  test('one without a record, when its time is over since the topic told it', () => {
    const played = begun(auditPlan, null)
    expect(isCompared(played, seen(), 9_400)).toBe(false)
    expect(isCompared(played, seen(), 12_400)).toBe(true)
  })
})

test('where no row proves it, the sink must have read beyond, had its time, and committed since', () => {
  const sink = new Map([[0, 40]])
  const played = begun().step(seen({ sink })).until(9_000)
  played.step(seen({ sink, committedAtMs: 8_000 })).until(9_800)
  expect(played.take('audit-prints')).toEqual([])
  played.step(seen({ sink, committedAtMs: 8_000 })).until(13_000)
  expect(played.take('audit-prints')).toHaveLength(1)
  const idle = begun().step(seen({ sink })).until(30_000)
  for (let more = 0; more < 5; more++) idle.step(seen({ sink, committedAtMs: 100 })).until(idle.nowMs + 2_000)
  expect(idle.take('audit-prints')).toEqual([])
})

/** One row less than the topic has records at offset 7. */
function differing(plan?: object) {
  const played = begun(plan)
    .step(seen({ stored: new Map([[0, 39]]) }))
    .until(1_000)
  played.take('audit-prints')
  return played.step({ type: 'audit-prints-read', ...at, prints: [read(emptyPrint())] })
}

const look = (records: ReturnType<typeof record>[]) => ({
  partition: 0,
  round: 0,
  offsets: [7],
  fields,
  records,
  snapshotId: '9',
  gone: null,
})
const inTopic = told('audit-records', { side: 'topic', ...look([record(7, ['abc'])]), snapshotId: null })

test('a missing row is looked for again when its time is over, and only then told as lost, once', () => {
  const played = differing().until(9_000)
  expect(played.take('audit-records')).toEqual([])
  played.until(12_000)
  expect(played.take('audit-records').map(({ wanted }) => wanted.map(({ offset }) => offset))).toEqual([[7]])
  played.step({ type: 'audit-records-read', ...at, records: [look([])] }).hear(inTopic)
  expect(watched(played).saidOf('violation-found')).toEqual([
    expect.objectContaining({ violation: 'lost', hop: TABLE, stream: -1, ranges: [7, 7], partition: 0, offset: 7, snapshotId: '9' }),
  ])
  expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ outcome: 'ok' })])
})

test('a row that came late is nobody’s loss', () => {
  const played = differing().until(12_000)
  played.step({ type: 'audit-records-read', ...at, records: [look([record(7, ['abc'])])] }).hear(inTopic)
  expect(watched(played).saidOf('violation-found')).toEqual([])
  expect(played.saidOf('stage-ended')).toEqual([expect.objectContaining({ outcome: 'ok' })])
})

test('what is told is not told again by a process that comes after', () => {
  const played = differing()
    .until(12_000)
    .step({ type: 'audit-records-read', ...at, records: [look([])] })
  played.hear(inTopic).step({ type: 'tick', atMs: played.nowMs + 1 })
  expect(played.saidOf('violation-found')).toHaveLength(1)
  played.restart().until(15_000)
  expect(played.saidOf('violation-found')).toEqual([])
})

test('a canary that is defective on purpose is told as that, once, and accuses nobody', () => {
  const plan = { ...auditPlan, load: { ...auditPlan.load, mirror: { each: 1 } } }
  const played = differing(plan)
    .until(12_000)
    .step({ type: 'audit-records-read', ...at, records: [look([])] })
  const planted = record(7, ['abc'], { stream: auditPlan.load.streams, seq: 0 })
  played.hear(told('audit-records', { side: 'topic', ...look([planted]), snapshotId: null })).until(13_000)
  expect(played.saidOf('mirror-defect-seen')).toEqual([
    expect.objectContaining({ violation: 'lost', hop: TABLE, stream: auditPlan.load.streams, seq: 0 }),
  ])
  expect(played.saidOf('violation-found')).toEqual([])
})

test('a table that does not come so far makes the run inconclusive, and says how far it came', () => {
  const played = begun()
    .step(seen({ stored: new Map([[0, 12]]) }))
    .until(52_000)
  expect(played.saidOf('stage-ended').find(({ stage }) => stage === 'audit-tables')).toMatchObject({ outcome: 'inconclusive' })
  expect(played.saidOf('evidence-missing').map(({ reason }) => reason)).toContain(
    'audit: of 1 windows 0 are the same in topic and table; the table has not been seen to hold partition 0 as far as offset 39, but to 12',
  )
})

test('a field that the topology names, and that was not compared, is said to be', () => {
  const resolved = resolvedOf(auditPlan)
  const audit = { fields: ['symbol', 'price'] }
  const hops = resolved.hops.map((hop) => (hop.kind === 'table' ? { ...hop, audit } : hop))
  const played = begun(auditPlan, 39, accepted(auditPlan, { resolved: JSON.stringify({ ...resolved, hops }) })).until(52_000)
  const reasons = played.saidOf('evidence-missing').map(({ reason }) => reason)
  expect(reasons.filter((reason) => reason.includes('audit: field'))).toEqual([
    'audit: field price was not compared: topic and table have no form of it in common',
  ])
})

test('a lost row that comes after the verdict takes the accusation back', () => {
  const played = differing()
    .until(12_000)
    .step({ type: 'audit-records-read', ...at, records: [look([])] })
    .hear(inTopic)
  played
    .until(14_000)
    .hear(told('run-judged', { verdict: 'fail', atMs: 14_000 }))
    .until(45_000)
  expect(played.take('look-again')).toEqual([])
  const again = played.take('audit-records').at(-1)
  expect(again?.wanted.map(({ partition, offset }) => [partition, offset])).toEqual([[0, 7]])
  played.step({ type: 'audit-records-read', ...at, records: [look([])] })
  expect(played.saidOf('correction')).toEqual([])
  const came = { type: 'audit-records-read', ...at, records: [look([record(7, ['abc'])])] } as const
  played.step(came).step(came)
  expect(played.saidOf('correction')).toEqual([expect.objectContaining({ violation: 'lost', becomes: 'late', stream: -1, ranges: [7, 7] })])
})
