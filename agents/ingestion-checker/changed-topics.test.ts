import { describe, expect, test } from 'vitest'
import type { Located } from '../../schemas/parts.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { CLEAN, RAW, RUN, accepted, foldAll, told } from '../../shared/core/told-run.fixture.ts'
import { checkerCore, type CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent, LookOutcome } from './events.ts'
import type { LogState, LookLimits } from './log-watch.ts'
import type { ReadBatch } from './sighting.ts'

type Played = PlayedCore<CheckerState, CheckerEvent, CheckerEffect>
const topicIds = [RAW, CLEAN].map((hop) => ({ hop, topicId: 'one' }))
const positions = [RAW, CLEAN].map((hop) => ({ hop, partition: 0, offset: 100 }))
const canaries = [{ stream: 0, ranges: [0, 9] }]

/** Ten canaries were acknowledged at offsets 100 to 109 of the first topic, and production has ended. */
function begun(): Played {
  const played = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore).hear(accepted()).caughtUp().until(200)
  return played
    .step({ type: 'baselined', runId: RUN, stage: 'sight', positions, topicIds })
    .hear(
      told('stage-started', { stage: 'produce', epochMs: 0 }),
      told('canaries-intended', { canaries }),
      told('canaries-produced', { acknowledged: canaries, offsets: [{ partition: 0, offsetFirst: 100, offsetLast: 109 }] }),
      told('stage-ended', { stage: 'produce', atMs: played.nowMs }),
    )
}

const seqs = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

function reads(played: Played, hop: string, ...[records, said = {}]: [records: readonly number[], said?: Partial<ReadBatch>]): Played {
  const batch: ReadBatch = {
    partition: 0,
    offsetFirst: 100,
    offsetLast: 109,
    records: records.map((seq) => ({
      stream: 0,
      seq,
      offset: (said.offsetFirst ?? 100) + (seq % 10),
      appendedAtMs: seq * 200,
      faults: [],
    })),
    otherOffsets: [],
    ...said,
  }
  return played.step({ type: 'batch-read', runId: RUN, hop, reading: 1, batch })
}

type Left = Partial<LogState['partitions'][number]>
const logSeen = (played: Played, hop: string, ...[topicId, said = {}]: [topicId: string, said?: Left]) =>
  played.step({
    type: 'log-seen',
    runId: RUN,
    hop,
    asked: played.lastAsked('look-at-log')?.asked ?? new Map(),
    askedAtMs: played.nowMs,
    state: { topicId, partitions: [{ partition: 0, low: 0, end: 110, stableEnd: 110, ...said }] },
  })
const answered = (played: Played, hop: string, result: LookOutcome) =>
  played.step({ type: 'looked-again', runId: RUN, hop, askedAtMs: played.lastAsked('look-again')?.askedAtMs ?? -1, result })
const look = (played: Played, hop: string, { origin = [], ...said }: Partial<LookLimits> & { origin?: Located[] } = {}) =>
  answered(played, hop, {
    ok: true,
    found: [],
    origin,
    limits: { topicIds, removed: [], compacted: false, unreadable: [], ...said },
  })
const progress = (played: Played, end = 110) => {
  const to = new Map([[0, end]])
  return played.step({ type: 'progress-seen', runId: RUN, hop: CLEAN, committed: to, ends: to, askedAtMs: played.nowMs })
}

const accusations = (played: Played) =>
  standingViolations(foldAll(played.topic.filter(isRunFact)).evidence).map(
    ({ violation, hop, stream, standing, partition, offset }) =>
      `${violation} ${hop} ${stream}/${standing.ranges.join('-')}${offset === null ? '' : ` at ${partition}/${offset}`}`,
  )
const doubts = (played: Played) => played.saidOf('evidence-missing').map(({ hop, reason }) => `${hop}: ${reason}`)
const ends = (played: Played) => played.saidOf('stage-ended').map(({ outcome }) => outcome)

describe('a topic that is another one than before', () => {
  test('is told once, and nothing of it is called lost, however much is missing', () => {
    const played = reads(begun(), RAW, seqs(0, 3), { offsetLast: 103 }).until(6_000)
    expect(played.take('look-at-log').map(({ hop }) => hop)).toContain(RAW)
    logSeen(logSeen(played, RAW, 'two', { end: 3 }), RAW, 'two', { end: 5 })
    reads(played, RAW, seqs(4, 9), { offsetFirst: 104 }).until(30_000)
    expect(ends(played)).toEqual([])
    logSeen(played, CLEAN, 'one').until(30_400)
    expect(accusations(played)).toEqual([`metadata-broken ${RAW} 0/0-0`])
    expect(doubts(played)[0]).toContain('what became of 6 canaries cannot be told: two: the topic was deleted and made again')
    expect(played.saidOf('hop-sighted').flatMap((fact) => fact.canaries)).toEqual([{ stream: 0, ranges: [0, 3] }])
    expect(ends(played)).toEqual(['ok'])
  })

  test('is not what a topic is whose state is told late, when we have read on and asked anew', () => {
    const played = reads(begun(), RAW, seqs(0, 3), { offsetLast: 103 }).until(6_000)
    const early = new Map([[0, 104]])
    expect(played.take('look-at-log').findLast(({ hop }) => hop === RAW)?.asked).toEqual(early)
    reads(played, RAW, seqs(4, 9), { offsetFirst: 104 }).until(12_000)
    expect(played.take('look-at-log').findLast(({ hop }) => hop === RAW)?.asked).toEqual(new Map([[0, 110]]))
    for (const end of [104, 105]) {
      const state = { topicId: 'one', partitions: [{ partition: 0, low: 0, end, stableEnd: end }] }
      played.step({ type: 'log-seen', runId: RUN, hop: RAW, asked: early, askedAtMs: 6_000, state })
    }
    expect(accusations(played)).toEqual([])
  })

  test('is noticed by the second look before it accuses anybody', () => {
    const played = reads(begun(), RAW, seqs(0, 3)).until(3_000)
    expect(played.take('look-again')).toHaveLength(1)
    look(played, RAW, { topicIds: [{ hop: RAW, topicId: 'two' }] }).until(4_000)
    expect(accusations(played)).toEqual([`metadata-broken ${RAW} 0/0-0`])
  })

  test('accuses no hop behind it', () => {
    const played = reads(begun(), RAW, seqs(0, 9)).until(3_000)
    progress(reads(played, CLEAN, seqs(0, 3))).until(3_400)
    expect(played.take('look-again')).toHaveLength(1)
    look(played, CLEAN, { topicIds: [{ hop: RAW, topicId: 'two' }] }).until(30_000)
    expect(accusations(played)).toEqual([`metadata-broken ${RAW} 0/0-0`])
    expect(doubts(played).join()).toContain(`${CLEAN}: what became of 6 canaries cannot be told`)
  })

  test('leaves what was lost before at that: nothing is waited for', () => {
    const played = reads(begun(), RAW, seqs(0, 9)).until(3_000)
    progress(reads(played, CLEAN, [0, 1, 2, 3, 5, 6, 7, 8, 9])).until(3_400)
    logSeen(logSeen(look(played, CLEAN), RAW, 'one'), CLEAN, 'two').until(10_000)
    expect(ends(played)).toEqual([])
    expect(accusations(played.until(12_000)).sort()).toEqual([`lost ${CLEAN} 0/4-4`, `metadata-broken ${CLEAN} 0/0-0`])
    expect(ends(played)).toEqual(['ok'])
  })

  test('is still another one for who was killed meanwhile', () => {
    const played = logSeen(reads(begun(), RAW, seqs(0, 3)), RAW, 'two')
      .until(3_000)
      .restart()
      .until(30_000)
    expect(played.take('look-again')).toEqual([])
    expect(accusations(played)).toEqual([`metadata-broken ${RAW} 0/0-0`])
  })

  test('is told by one instance of several', () => {
    const byAnother = told('violation-found', { violation: 'metadata-broken', hop: RAW, ranges: [0, 0], field: 'topic-id', instance: 'b' })
    const played = logSeen(reads(begun(), RAW, seqs(0, 3)).hear(byAnother), RAW, 'two').until(3_000)
    expect(played.saidOf('violation-found')).toEqual([])
  })

  test('is not the one that was merely named again', () => {
    const played = logSeen(logSeen(reads(begun(), RAW, seqs(0, 9)), RAW, 'one'), RAW, 'one').until(6_000)
    expect([accusations(played), doubts(played)]).toEqual([[], []])
  })
})

describe('evidence that was removed before it was read', () => {
  test('is missing, whatever stood there, and nothing of it is lost', () => {
    const removed = { partition: 0, offsetFirst: 100, offsetLast: 104 }
    const played = reads(begun(), RAW, seqs(5, 9), { offsetFirst: 105, removed }).until(3_000)
    expect(played.saidOf('hop-sighted')).toMatchObject([{ covered: [{ partition: 0, offsetFirst: 105, offsetLast: 109 }] }])
    look(played, RAW).until(4_000)
    expect(accusations(played)).toEqual([])
    expect(new Set(doubts(played)).size).toBe(1)
    expect(doubts(played)[0]).toContain('offsets 100 to 104 of partition 0 were removed before they were read')
    // Who comes after reads on behind the gap, and knows of it.
    played.restart().until(4_400)
    expect(
      played
        .take('start-reading')
        .find(({ hop }) => hop === RAW)
        ?.positions.get(0),
    ).toBe(110)
    look(played.until(5_000), RAW).until(6_000)
    expect(accusations(played)).toEqual([])
  })

  test('is missing though nothing comes behind it', () => {
    const trimmed = (played: Played) => logSeen(played, RAW, 'one', { low: 110 })
    const played = trimmed(trimmed(reads(begun(), RAW, seqs(0, 3), { offsetLast: 103 })).until(6_000)).until(8_000)
    look(played, RAW).until(9_000)
    expect(accusations(played)).toEqual([])
    expect(doubts(played)[0]).toContain('offsets 104 to 109')
  })

  test('at the hop before is no reason not to accuse: it was seen there', () => {
    const played = reads(begun(), RAW, seqs(0, 9)).until(3_000)
    progress(reads(played, CLEAN, [0, 1, 2, 3, 5, 6, 7, 8, 9])).until(3_400)
    look(played, CLEAN).until(3_600)
    expect(accusations(played)).toEqual([`lost ${CLEAN} 0/4-4`])
    expect(played.saidOf('violation-found')[0]?.expected).toBe(`here: it was seen in ${RAW}`)
  })
})

describe('partitions that were added', () => {
  test('are read on from what was told of them, by whoever comes after', () => {
    const played = reads(begun(), RAW, seqs(0, 3), { offsetLast: 103 })
    reads(played, RAW, seqs(4, 9), { partition: 1, offsetFirst: 0, offsetLast: 9 }).until(3_000).restart().until(3_400)
    expect([...(played.take('start-reading').find(({ hop }) => hop === RAW)?.positions ?? [])]).toEqual([
      [0, 104],
      [1, 10],
    ])
  })

  test('are in no order with the others', () => {
    const played = reads(begun(), RAW, seqs(4, 9), { partition: 1, offsetFirst: 0, offsetLast: 9 })
    reads(played, RAW, seqs(0, 3), { offsetLast: 103 }).until(3_000)
    expect(accusations(played)).toEqual([])
    reads(played.restart().until(3_400), RAW, [9], { partition: 2, offsetFirst: 0, offsetLast: 9 })
    expect(accusations(played.until(6_000))).toEqual([`duplicated ${RAW} 0/9-9 at 2/9`])
  })

  test('are no order for the hop behind to keep: what came from two partitions may be in any', () => {
    const played = reads(begun(), RAW, seqs(5, 9), { partition: 1, offsetFirst: 0, offsetLast: 9 })
    reads(played, CLEAN, [0, 1, 2, 5, 3, 4, 7, 6, 8, 9]).until(3_000)
    reads(played, RAW, seqs(0, 4), { offsetLast: 104 }).until(6_000)
    // 7 and 6 came from one.
    expect(accusations(played)).toEqual([`reordered ${CLEAN} 0/6-6 at 0/106`])
  })

  test('keep their own order, for who comes after as well', () => {
    const played = reads(begun(), RAW, seqs(4, 8), { partition: 1, offsetFirst: 0, offsetLast: 8 }).until(3_000).restart().until(3_400)
    reads(played, RAW, [3], { partition: 1, offsetFirst: 9, offsetLast: 12 }).until(6_000)
    expect(accusations(played)).toEqual([`reordered ${RAW} 0/3-3 at 1/12`])
  })
})

test('a record that nobody can read is told as that, where it stands, and not as lost', () => {
  const played = reads(begun(), RAW, [0, 1, 2, 3, 5, 6, 7, 8]).until(3_000)
  const unreadable = [{ stream: 0, seq: 4, partition: 0, offset: 104, reason: 'schema 99 is not known' }]
  look(played, RAW, { unreadable }).until(20_000)
  expect(accusations(played).sort()).toEqual([`lost ${RAW} 0/9-9`, `schema-violated ${RAW} 0/4-4 at 0/104`])
  expect(played.take('look-again')).toHaveLength(1)
  expect(doubts(played)).toEqual([])
})

describe('what progress has passed in part', () => {
  const origin = seqs(0, 9).map((seq) => ({ stream: 0, seq, partition: 0, offset: 100 + seq }))
  /** Progress stands in the midst of what was told together at the first topic, and 4 is not at the second. */
  const halfway = () => {
    const played = reads(reads(begun(), RAW, seqs(0, 9)), CLEAN, [0, 1, 2, 3, 5], { offsetLast: 105, skipped: true })
    return progress(played.until(3_000), 106).until(3_400)
  }
  /** It has passed the rest, and 7 is not there either. */
  const onward = (played: Played) =>
    progress(reads(played, CLEAN, [6, 8, 9], { offsetFirst: 106, offsetLast: 115 }), 116).until(played.nowMs + 400)
  const bothLost = [`lost ${CLEAN} 0/4-4 at 0/104`, `lost ${CLEAN} 0/7-7 at 0/107`]

  test.each<[what: string, first: Partial<LookLimits>, told: string[]]>([
    [
      'one of it cannot be read',
      { unreadable: [{ stream: 0, seq: 4, partition: 0, offset: 104, reason: 'schema 99 is not known' }] },
      [`lost ${CLEAN} 0/7-7 at 0/107`, `schema-violated ${CLEAN} 0/4-4 at 0/104`],
    ],
    ['it was not to be learnt whether the topic is compacted', { compacted: null }, bothLost],
  ])('is looked at on where %s', (...[, first, accused]) => {
    const played = look(halfway(), CLEAN, { ...first, origin })
    look(onward(played), CLEAN, { origin }).until(6_000)
    expect(accusations(played).sort()).toEqual(accused)
  })

  test('is looked at on where looks fail, and said to be unproven by none of them', () => {
    const played = halfway()
    for (let n = 0; n < 5; n++) progress(answered(played, CLEAN, { ok: false, reason: 'broker away' }), 106).until(played.nowMs + 400)
    expect(doubts(played)).toEqual([])
    look(onward(played), CLEAN, { origin }).until(played.nowMs + 400)
    expect(accusations(look(played, CLEAN, { origin }).until(8_000)).sort()).toEqual(bothLost)
  })
})

test('an open transaction is named where the run ends without what stands behind it', () => {
  const played = reads(begun(), RAW, seqs(0, 3), { offsetLast: 103 })
  logSeen(logSeen(played, RAW, 'one', { stableEnd: 104 }), RAW, 'one', { stableEnd: 104 }).until(60_000)
  expect(accusations(played)).toEqual([])
  expect(doubts(played)).toEqual([`${RAW}: an open transaction holds back partition 0 from offset 104 on`])
})
