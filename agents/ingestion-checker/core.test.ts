import { describe, expect, test } from 'vitest'
import type { Located } from '../../schemas/parts.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { CLEAN, RAW, RUN, accepted, foldAll, resolvedOf, smokePlan, told } from '../../shared/core/told-run.fixture.ts'
import { checkerCore, type CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent, LookOutcome } from './events.ts'
import type { RecordFault } from './sighting.ts'

type Played = PlayedCore<CheckerState, CheckerEvent, CheckerEffect>
const positions = [RAW, CLEAN].map((hop) => ({ hop, partition: 0, offset: 100 }))

const topicIds = [RAW, CLEAN].map((hop) => ({ hop, topicId: `id of ${hop}` }))
const limits = { topicIds, removed: [], compacted: false, unreadable: [] }

/** The run is accepted, the topics are read from offset 100 on; canary n of stream 0 is the n-th record. */
function begun(run = accepted()): Played {
  const played = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore).hear(run).caughtUp().until(200)
  played
    .step({ type: 'baselined', runId: RUN, stage: 'sight', positions, topicIds })
    .hear(told('stage-started', { stage: 'produce', epochMs: 0 }))
  return played
}

function produced(played: Played, last: number, said: { first?: number; failed?: number } = {}): Played {
  const { first = 0, failed = -1 } = said
  const canaries = [{ stream: 0, ranges: [first, last] }]
  const refused = failed < 0 ? [] : [{ stream: 0, ranges: [failed, failed] }]
  const acknowledged = failed < 0 ? canaries : [{ stream: 0, ranges: [first, failed - 1, failed + 1, last] }]
  return played.hear(
    told('canaries-intended', { canaries }),
    told('canaries-produced', {
      acknowledged,
      failed: refused,
      offsets: [{ partition: 0, offsetFirst: 100 + first, offsetLast: 100 + last }],
      atMs: played.nowMs,
    }),
  )
}

interface Seen {
  readonly without?: readonly number[]
  readonly twice?: number
  readonly faulty?: number
  /** Comes later than it may. */
  readonly late?: number
  readonly opaque?: readonly (readonly [field: string, avroType: string])[]
  /** What is wrong with it. */
  readonly fault?: Partial<RecordFault>
}

/** Reads the hop up to canary `last`; what is left out takes no offset away from the others. */
function reads(
  played: Played,
  hop: string,
  ...[last, { without = [], twice, faulty, late, opaque, fault = {} } = {}]: [last: number, seen?: Seen]
): Played {
  const wrong: RecordFault = { violation: 'corrupted', field: 'price', expected: '1', actual: '2', ...fault }
  const seqs = Array.from({ length: last + 1 }, (_, seq) => seq).filter((seq) => !without.includes(seq))
  const records = [...seqs, ...(twice === undefined ? [] : [twice])].map((seq, index) => ({
    stream: 0,
    seq,
    offset: index < seqs.length ? 100 + seq : 101 + last,
    appendedAtMs: seq * 200 + (seq === late ? 6_000 : 5),
    faults: seq === faulty ? [wrong] : [],
    ...(opaque === undefined ? {} : { opaque }),
  }))
  const offsetLast = 100 + last + (twice === undefined ? 0 : 1)
  return played.step({
    type: 'batch-read',
    runId: RUN,
    hop,
    reading: 1,
    batch: { partition: 0, offsetFirst: 100, offsetLast, records, otherOffsets: [] },
  })
}

const progress = (played: Played, ...[committed, end, askedAtMs = played.nowMs]: [committed: number, end: number, askedAtMs?: number]) =>
  played.step({
    type: 'progress-seen',
    runId: RUN,
    hop: CLEAN,
    committed: new Map([[0, committed]]),
    ends: new Map([[0, end]]),
    askedAtMs,
  })
const askedAt = (played: Played) => played.lastAsked('look-again')?.askedAtMs ?? -1
const look = (played: Played, hop: string, result: LookOutcome) =>
  played.step({ type: 'looked-again', runId: RUN, hop, askedAtMs: askedAt(played), result })
const at = (seq: number): Located => ({ stream: 0, seq, partition: 0, offset: 100 + seq })
const nothing: LookOutcome = { ok: true, found: [], origin: [at(4)], limits }
/** And both topics are seen to be the ones they were. */
const endProduction = (played: Played) =>
  [RAW, CLEAN].reduce(
    (ended, hop) =>
      ended.step({ type: 'log-seen', runId: RUN, hop, asked: new Map(), askedAtMs: ended.nowMs, state: { topicId: null, partitions: [] } }),
    played.hear(told('stage-ended', { stage: 'produce', atMs: played.nowMs })),
  )

const accusations = (played: Played) =>
  standingViolations(foldAll(played.topic.filter(isRunFact)).evidence).map(
    ({ violation, hop, stream, standing }) => `${violation} ${hop} ${stream}/${standing.ranges.join('-')}`,
  )
const outcome = (played: Played) =>
  played.saidOf('stage-ended').map(({ outcome: how, reason }) => (reason === '' ? how : `${how}: ${reason}`))

describe('the ingestion-checker', () => {
  test('begins with where each topic ends, asks again when nobody answers, and then reads from there', () => {
    const played = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore).hear(accepted()).caughtUp().until(5_000)
    expect(played.take('take-baseline')).toMatchObject([{ runId: RUN, hops: [RAW, CLEAN] }])
    expect(played.until(5_400).take('take-baseline')).toHaveLength(1)
    expect(played.said).toEqual([])
    played
      .step({ type: 'baselined', runId: RUN, stage: 'sight', positions, topicIds })
      .step({ type: 'baselined', runId: RUN, stage: 'sight', positions, topicIds })
    expect(played.saidOf('stage-started')).toMatchObject([{ stage: 'sight', positions }])
    expect(played.take('start-reading').map(({ hop, positions: from }) => [hop, from.get(0)])).toEqual([
      [RAW, 100],
      [CLEAN, 100],
    ])
  })

  test('accuses no pipeline that delivered everything, and ends well', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9).until(3_000)
    progress(endProduction(played), 110, 110).until(6_000)
    expect(played.take('look-again')).toEqual([])
    expect(accusations(played)).toEqual([])
    expect(played.saidOf('hop-sighted').map(({ hop, canaries, covered }) => [hop, canaries[0]?.ranges, covered[0]?.offsetLast])).toEqual([
      [RAW, [0, 9], 109],
      [CLEAN, [0, 9], 109],
    ])
    expect(outcome(played)).toEqual(['ok'])
    expect(played.take('stop-reading')).toHaveLength(1)
  })

  test('looks again with a fresh reader before it calls anything lost, and says where it was', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    progress(endProduction(played), 110, 110).until(3_400)
    expect(accusations(played)).toEqual([])
    expect(played.take('look-again')).toMatchObject([{ hop: CLEAN, suspects: [{ stream: 0, seq: 4 }], origin: { hop: RAW } }])
    look(played, CLEAN, nothing)
    expect(played.saidOf('violation-found')).toMatchObject([
      {
        violation: 'lost',
        hop: CLEAN,
        ranges: [4, 4],
        partition: 0,
        offset: 104,
        expected: expect.stringContaining('offset 104') as string,
      },
    ])
  })

  test('does not end by a log that was asked for before production ended, however late it is told', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9).until(3_000)
    played.hear(told('stage-ended', { stage: 'produce', atMs: played.nowMs }))
    const seen = (askedAtMs: number) => {
      for (const hop of [RAW, CLEAN])
        played.step({ type: 'log-seen', runId: RUN, hop, asked: new Map(), askedAtMs, state: { topicId: null, partitions: [] } })
      return outcome(progress(played, 110, 110).until(played.nowMs + 2_000))
    }
    expect(seen(2_800)).toEqual([])
    expect(seen(3_000)).toEqual(['ok'])
  })

  test('accuses nobody by an answer to what an earlier reading asked', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    progress(endProduction(played), 110, 110).until(3_400)
    played.step({ type: 'looked-again', runId: RUN, hop: CLEAN, askedAtMs: askedAt(played) - 200, result: nothing })
    expect(accusations(played)).toEqual([])
    expect(accusations(look(played, CLEAN, nothing))).toEqual([`lost ${CLEAN} 0/4-4`])
  })

  test('accuses nobody when the second look finds it', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    progress(endProduction(played), 110, 110).until(3_400)
    look(played, CLEAN, { ok: true, found: [at(4)], origin: [at(4)], limits }).until(3_600)
    expect(accusations(played)).toEqual([])
  })

  test('accuses nobody while the pipeline has not said that it is past, and does not end', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] })
    progress(endProduction(played), 104, 110).until(20_000)
    expect([played.take('look-again'), accusations(played), outcome(played)]).toEqual([[], [], []])
  })

  test('accuses nobody while its own reading is behind the end that was named', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 3).until(3_000)
    progress(endProduction(played), 110, 110).until(10_000)
    expect(played.take('look-again')).toEqual([])
  })

  test('takes a loss back when it arrives after all, and says late', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    look(progress(endProduction(played), 110, 110).until(3_400), CLEAN, nothing)
    expect(accusations(played)).toEqual([`lost ${CLEAN} 0/4-4`])
    // Not closed yet: a lost one may still turn up for giveUpAfterMs.
    expect(outcome(played.until(9_000))).toEqual([])
    const late = { ...at(4), offset: 110, appendedAtMs: 9_000, faults: [] }
    played
      .step({
        type: 'batch-read',
        runId: RUN,
        hop: CLEAN,
        reading: 1,
        batch: { partition: 0, offsetFirst: 110, offsetLast: 110, records: [late], otherOffsets: [] },
      })
      .until(12_000)
    expect(accusations(played)).toEqual([`late ${CLEAN} 0/4-4`])
    expect(outcome(played)).toEqual(['ok'])
  })

  test('looks once more when a look after the verdict failed', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    look(progress(endProduction(played), 110, 110).until(3_400), CLEAN, nothing).until(14_000)
    played.hear(told('run-judged', { verdict: 'fail', atMs: 14_000 })).until(44_200)
    played.take('look-again')
    look(played, CLEAN, { ok: false, reason: 'no broker answers' }).until(73_800)
    expect([played.take('look-again'), played.saidOf('correction')]).toEqual([[], []])
    expect(played.until(74_800).take('look-again')).toMatchObject([{ hop: CLEAN, suspects: [{ stream: 0, seq: 4 }] }])
    look(played, CLEAN, { ok: true, found: [{ ...at(4), offset: 777 }], origin: [], limits })
    expect(accusations(played)).toEqual([`late ${CLEAN} 0/4-4`])
  })

  test('looks again for what was lost after the verdict, from where the run began, and corrects what turns up', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    look(progress(endProduction(played), 110, 110).until(3_400), CLEAN, nothing).until(14_000)
    played.take('look-again')
    played.hear(told('run-judged', { verdict: 'fail', atMs: 14_000 })).until(43_800)
    expect(played.take('look-again')).toEqual([])
    const [again] = played.until(44_200).take('look-again')
    expect(again).toMatchObject({ hop: CLEAN, suspects: [{ stream: 0, seq: 4 }], searchFrom: new Map([[0, 100]]), origin: null })
    expect(look(played, CLEAN, nothing).saidOf('correction')).toEqual([])
    expect(played.until(200_000).take('look-again')).toHaveLength(1)
    look(played, CLEAN, { ok: true, found: [{ ...at(4), offset: 777 }], origin: [], limits })
    expect(played.saidOf('correction')).toMatchObject([{ violation: 'lost', becomes: 'late', hop: CLEAN, ranges: [4, 4] }])
    expect(accusations(played)).toEqual([`late ${CLEAN} 0/4-4`])
    expect(played.until(900_000).take('look-again')).toEqual([])
  })

  test('ends with its loss once nobody can expect it any more', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    look(progress(endProduction(played), 110, 110).until(3_400), CLEAN, nothing).until(13_000)
    expect(outcome(played)).toEqual([])
    expect(outcome(progress(played.until(13_400), 110, 110).until(13_600))).toEqual(['ok'])
  })

  test('does not end with its loss by progress that was asked for before its time was up, however late it is told', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    look(progress(endProduction(played), 110, 110).until(3_400), CLEAN, nothing).until(14_000)
    expect(outcome(progress(played, 110, 110, 12_800).until(15_000))).toEqual([])
    expect(outcome(progress(played, 110, 110, 13_200).until(16_000))).toEqual(['ok'])
  })

  test('says what it could not look at: a second look that fails again and again proves nothing', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { without: [4] }).until(3_000)
    progress(endProduction(played), 110, 110)
    for (let n = 0; n < 6; n++) look(played.until(played.nowMs + 200), CLEAN, { ok: false, reason: 'broker away' })
    expect(played.saidOf('evidence-missing')).toMatchObject([{ hop: CLEAN, reason: 'no second look at 1 canaries: broker away' }])
    expect(accusations(played)).toEqual([])
  })

  test('tells a defect at the first hop at which it shows, and only there', () => {
    const played = produced(begun(), 9)
    // The next hop may well be read first.
    reads(played, CLEAN, 9, { twice: 6, faulty: 3 })
    reads(played, RAW, 9, { twice: 6, faulty: 3 })
    played.until(4_000)
    expect(accusations(played).sort()).toEqual([`corrupted ${RAW} 0/3-3`, `duplicated ${RAW} 0/6-6`])
  })

  test.each<[what: string, fault: Partial<RecordFault>, also: string[]]>([
    ['in a field derived from it', { field: 'notional' }, []],
    ['as digits that are cut off', { field: 'notional', violation: 'precision-lost' }, []],
    ['while something else is wrong as well', { field: 'traceparent', violation: 'header-lost' }, [`header-lost ${CLEAN} 0/3-3`]],
  ])('accuses the hop that changed a field, not those behind it that show it %s', (_what, fault, also) => {
    const cause = `corrupted ${RAW} 0/3-3`
    const both = reads(reads(produced(begun(), 9), CLEAN, 9, { faulty: 3, fault }), RAW, 9, { faulty: 3 })
    expect(accusations(both.until(4_000)).sort()).toEqual([cause, ...also].sort())
    const after = reads(reads(produced(begun(), 9), RAW, 9, { faulty: 3 }).until(2_000), CLEAN, 9, { faulty: 3, fault })
    expect(accusations(after.until(4_000)).sort()).toEqual([cause, ...also].sort())
  })

  test.each<[what: string, fault: Partial<RecordFault>, also: string[]]>([
    ['not the one behind that has no value for it', {}, []],
    ['and the one behind as well where it was a contract that was broken', { rule: 'contract: price' }, [`corrupted ${CLEAN} 0/3-3`]],
  ])('accuses the hop that left a field out, %s', (_what, more, also) => {
    const fault: Partial<RecordFault> = { violation: 'schema-violated', ...more }
    const cause = `schema-violated ${RAW} 0/3-3`
    const both = reads(reads(produced(begun(), 9), CLEAN, 9, { faulty: 3 }), RAW, 9, { faulty: 3, fault })
    expect(accusations(both.until(4_000)).sort()).toEqual([...also, cause])
    const after = reads(reads(produced(begun(), 9), RAW, 9, { faulty: 3, fault }).until(2_000), CLEAN, 9, { faulty: 3 })
    expect(accusations(after.until(4_000)).sort()).toEqual([...also, cause])
  })

  test('tells what a hop adds of its own', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 9), CLEAN, 9, { twice: 6, faulty: 3 }).until(4_000)
    expect(accusations(played).sort()).toEqual([`corrupted ${CLEAN} 0/3-3`, `duplicated ${CLEAN} 0/6-6`])
  })

  test('looks up what the hop before shows: where all comes doubled, its work grows with that, and not with the square of it', () => {
    const last = 39_999
    const played = produced(begun(), last)
    const seqs = Array.from({ length: 2 * (last + 1) }, (_, at) => Math.floor(at / 2))
    const records = seqs.map((seq, at) => ({ stream: 0, seq, offset: 100 + at, appendedAtMs: seq * 200, faults: [] }))
    const batch = { partition: 0, offsetFirst: 100, offsetLast: 99 + records.length, records, otherOffsets: [] }
    for (const hop of [RAW, CLEAN]) played.step({ type: 'batch-read', runId: RUN, hop, reading: 1, batch })
    played.until(2_000)
    expect([...new Set(played.saidOf('violation-found').map(({ violation, hop }) => `${violation} ${hop}`))]).toEqual([`duplicated ${RAW}`])
  })

  test('names what must not be there: a canary whose write was refused for certain', () => {
    const played = produced(begun(), 9, { failed: 5 })
    reads(reads(played, RAW, 9), CLEAN, 9).until(3_000)
    progress(endProduction(played), 110, 110).until(6_000)
    expect(accusations(played)).toEqual([`unexpected ${RAW} 0/5-5`])
  })

  test('waits for the intent of a record that overtook it', () => {
    const played = reads(begun(), RAW, 9).until(4_000)
    expect(played.saidOf('hop-sighted')).toEqual([])
    produced(played, 9).until(4_400)
    expect(played.saidOf('hop-sighted')).toMatchObject([{ hop: RAW, late: [] }])
  })

  test('tells nothing of what was read while the intent is not heard, however long, and no lateness of what was in time', () => {
    const played = reads(begun(), RAW, 9).until(40_000)
    expect(played.saidOf('hop-sighted')).toEqual([])
    produced(played, 9).until(41_400)
    expect(played.saidOf('hop-sighted')).toMatchObject([{ hop: RAW, late: [], latency: { count: 10 } }])
    reads(played, CLEAN, 9).until(43_000)
    expect(accusations(played)).toEqual([])
  })

  test('accuses no hop of what was read of the hop before and is held back there', () => {
    const played = produced(begun(), 9)
    reads(reads(played, RAW, 10, { twice: 6 }), CLEAN, 9, { twice: 6 }).until(30_000)
    expect(accusations(played)).toEqual([])
    expect(accusations(produced(played, 10, { first: 10 }).until(32_000))).toEqual([`duplicated ${RAW} 0/6-6`])
  })

  test.each<[what: string, last: number, then: ResultMessage]>([
    ['of what the load does not have', 20, told('evidence-missing')],
    ['once all is produced', 9, told('stage-ended', { stage: 'produce' })],
    ['once something is heard that was said after it', 9, told('evidence-missing', { atMs: 10_200 })],
  ])('waits for no intent %s', (_what, last, then) => {
    const played = reads(produced(begun(), last - 1), RAW, last).until(600)
    expect(played.hear(then).until(3_000).saidOf('hop-sighted')).toMatchObject([{ canaries: [{ ranges: [0, last] }] }])
  })

  test('waits for the intent while what is heard may have been said before the canary was read', () => {
    const played = reads(begun(), RAW, 9).hear(told('evidence-missing', { atMs: 10_100 }))
    expect(played.until(20_000).saidOf('hop-sighted')).toEqual([])
  })

  test('goes on without its time when nothing is heard for very long, says so, and tells that it was late once it knows', () => {
    const stages = smokePlan.stages.map((stage) => ({ ...stage, timeoutMs: 500_000 }))
    const played = reads(begun(accepted({ ...smokePlan, timeoutMs: 600_000, stages })), RAW, 9, { late: 4 }).until(300_000)
    expect([played.saidOf('hop-sighted'), played.saidOf('evidence-missing')]).toEqual([[], []])
    played.until(302_000)
    expect(played.saidOf('hop-sighted')).toMatchObject([{ hop: RAW, late: [], latency: { count: 0 } }])
    expect(played.saidOf('evidence-missing')).toMatchObject([{ hop: RAW, reason: expect.stringContaining('not heard in time') as string }])
    expect(accusations(produced(played, 9).until(304_000))).toEqual([`late ${RAW} 0/4-4`])
  })

  test('takes nothing that was read for removed, though it is held back', () => {
    const played = reads(begun(), RAW, 9)
    const seen = (low: number) => {
      for (let n = 0; n < 2; n++) {
        const state = { topicId: null, partitions: [{ partition: 0, low, end: 120, stableEnd: 120 }] }
        played
          .step({ type: 'log-seen', runId: RUN, hop: RAW, asked: new Map(), askedAtMs: played.nowMs, state })
          .until(played.nowMs + 1_200)
      }
      return played.saidOf('evidence-missing').map(({ reason }) => reason.slice(0, 22))
    }
    expect(seen(105)).toEqual([])
    expect(seen(112)).toEqual(['offsets 110 to 111 of '])
    const asked = played.until(6_000).take('look-at-log')
    expect(asked.findLast(({ hop }) => hop === RAW)?.asked).toEqual(new Map([[0, 110]]))
    expect(produced(played, 9).until(8_000).saidOf('hop-sighted')).toMatchObject([{ canaries: [{ ranges: [0, 9] }] }])
  })

  test('holds back so many and no more, and says so', () => {
    const load = { ...smokePlan.load, canaries: 1_000_000, streams: 1 }
    const held = (last: number) => {
      const played = reads(begun(accepted({ ...smokePlan, load })), RAW, last).until(3_000)
      return [played.saidOf('hop-sighted').length, played.saidOf('evidence-missing').length]
    }
    expect([held(199_999), held(200_000)]).toEqual([
      [0, 0],
      [1, 1],
    ])
  })

  test('stops when the run is cancelled, and tells what it has seen', () => {
    const played = reads(produced(begun(), 9), RAW, 9)
    played
      .step({ type: 'control', offset: 1, atMs: 0, message: { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } })
      .until(400)
    expect(played.saidOf('hop-sighted')).toHaveLength(1)
    expect(outcome(played)).toEqual(['cancelled: enough'])
    expect(played.take('stop-reading')).toHaveLength(1)
  })

  test('says of a field that nobody could compare that it was not, once, and of terms about it', () => {
    const resolved = resolvedOf()
    const contract = { columns: { note: { notNull: true }, price: {} }, unique: [['venue', 'note']] }
    const hops = resolved.hops.map((hop) => (hop.kind === 'topic' && hop.topic === 'clean' ? { ...hop, contract } : hop))
    const run = accepted(undefined, { resolved: JSON.stringify({ ...resolved, hops }) })
    const seen = { opaque: [['note', 'array']] } as const
    const played = reads(produced(begun(run), 19), RAW, 9).until(1_000)
    reads(reads(played, CLEAN, 4, seen).until(2_400), CLEAN, 9, seen).until(5_000)
    const reason = 'field note is of Avro type array, and was not compared'
    expect(played.saidOf('hop-sighted').filter(({ hop }) => hop === CLEAN)).toHaveLength(2)
    expect(played.saidOf('evidence-missing').filter(({ hop, reason: why }) => hop === CLEAN && why.includes('Avro'))).toMatchObject([
      { reason },
    ])
    expect(accusations(played)).toEqual([])
    expect(played.saidOf('rules-checked')[0]?.checks.map(({ name, unchecked }) => [name, unchecked])).toEqual([
      ['contract: note', reason],
      ['contract: note not null', reason],
      ['contract: price', null],
      ['contract: unique venue, note', reason],
    ])
  })

  test('at its timeout names the trouble it had', () => {
    const played = produced(begun(), 9).step({ type: 'trouble', runId: RUN, hop: RAW, reason: 'broker away' }).until(50_400)
    expect(played.saidOf('evidence-missing')).toMatchObject([{ hop: RAW, reason: 'broker away' }])
    expect(outcome(played)).toEqual(['inconclusive: not done within 50000 ms'])
  })
})

describe('an ingestion-checker that was killed', () => {
  test('reads on behind what it told, and comes to the same', () => {
    const played = reads(produced(begun(), 9), RAW, 9).until(3_000).restart().until(3_400)
    expect(played.take('start-reading').map(({ hop, positions: from }) => [hop, from.get(0)])).toEqual([
      [RAW, 110],
      [CLEAN, 100],
    ])
    reads(played, CLEAN, 9)
    progress(endProduction(played.until(6_000)), 110, 110).until(9_000)
    expect(accusations(played)).toEqual([])
    expect(outcome(played)).toEqual(['ok'])
    expect(played.topic.filter(({ kind }) => kind === 'hop-sighted')).toHaveLength(2)
  })

  test('tells what came late, though it had not heard when that was due', () => {
    const played = reads(begun(), RAW, 9, { late: 4 }).until(8_000).restart().until(8_400)
    reads(produced(played, 9), RAW, 9, { late: 4 }).until(10_000)
    expect(accusations(played)).toEqual([`late ${RAW} 0/4-4`])
  })

  test('takes back that a hop doubled what it sees to have come doubled: the hop before may be read behind it', () => {
    const played = reads(reads(produced(begun(), 9), RAW, 9), CLEAN, 9)
      .until(3_000)
      .restart()
      .until(3_400)
    reads(played, CLEAN, 9, { twice: 6 }).until(4_400)
    expect(accusations(played)).toEqual([`duplicated ${CLEAN} 0/6-6`])
    reads(played, RAW, 9, { twice: 6 }).until(6_000)
    progress(endProduction(played), 111, 111).until(9_000)
    expect(accusations(played)).toEqual([`duplicated ${RAW} 0/6-6`])
    expect(outcome(played)).toEqual(['ok'])
  })
})
