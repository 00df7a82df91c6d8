import { describe, expect, test } from 'vitest'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { runItem } from '../../shared/core/shares.ts'
import { CLEAN, RAW, RUN, accepted, told } from '../../shared/core/told-run.fixture.ts'
import { checkerCore, type CheckerState } from './core.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'

type Played = PlayedCore<CheckerState, CheckerEvent, CheckerEffect>
const SLOTS = 4
const judgeOf = (index: number) => (runItem(RUN) + index) % SLOTS
/** Two partitions of which neither is read by who judges a hop. */
const [A, B] = [judgeOf(2), judgeOf(3)].sort((a, b) => a - b) as [number, number]
const positions = [RAW, CLEAN].flatMap((hop) => [A, B].map((partition) => ({ hop, partition, offset: 100 })))
const started = told('stage-started', { stage: 'sight', positions })

/** Begun by another; ours are these slots. */
const sharing = (...held: number[]): Played =>
  new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore)
    .hear(accepted(), told('agent-heartbeat', { agent: 'ingestion-checker', instance: 'another' }))
    .caughtUp()
    .hear(started, told('stage-started', { stage: 'produce', epochMs: 0 }))
    .step({ type: 'shares-changed', of: SLOTS, held })
    .until(200)

const readings = (played: Played) =>
  played.take('start-reading').map(({ hop, positions: from }) => [hop, ...[...from].map(([partition, offset]) => `${partition}@${offset}`)])

const sighted = (hop: string, partition: number, ranges: number[]) =>
  told('hop-sighted', {
    hop,
    instance: 'another',
    covered: [{ partition, offsetFirst: 100, offsetLast: 109 }],
    canaries: [{ stream: partition === A ? 0 : 1, ranges }],
  })

/** Ten canaries of each of two streams, a stream a partition; all of it sighted by others at both hops, but what is left out. */
function othersTell(played: Played, hops: readonly string[]): Played {
  const canaries = [0, 1].map((stream) => ({ stream, ranges: [0, 9] }))
  const offsets = [A, B].map((partition) => ({ partition, offsetFirst: 100, offsetLast: 109 }))
  return played
    .hear(told('canaries-intended', { canaries }), told('canaries-produced', { acknowledged: canaries, offsets }))
    .hear(...hops.flatMap((hop) => [sighted(hop, A, [0, 9]), sighted(hop, B, [0, 9])]))
}
const committed = (played: Played, endOfB = 110) => {
  const to = new Map([
    [A, 110],
    [B, endOfB],
  ])
  return played.step({ type: 'progress-seen', runId: RUN, hop: CLEAN, committed: to, ends: to, askedAtMs: played.nowMs })
}
const endProduction = (played: Played) =>
  [RAW, CLEAN].reduce(
    (ended, hop) =>
      ended.step({ type: 'log-seen', runId: RUN, hop, asked: new Map(), askedAtMs: ended.nowMs, state: { topicId: null, partitions: [] } }),
    played.hear(told('stage-ended', { stage: 'produce', atMs: played.nowMs })),
  )
const partsOf = (played: Played) => played.saidOf('part-ended').map(({ part }) => part)
const endsOf = (played: Played) => played.saidOf('stage-ended').map(({ outcome }) => outcome)

describe('a checker among several', () => {
  test('reads the partitions of its slots, at every hop', () => {
    expect(readings(sharing(B, judgeOf(0)))).toEqual([
      [RAW, `${B}@100`],
      [CLEAN, `${B}@100`],
    ])
    expect(readings(sharing())).toEqual([])
  })

  test('goes on behind what the other has told when it gets its slots, and stops with them', () => {
    const played = sharing(B)
    played.take('start-reading')
    played
      .hear(sighted(RAW, A, [0, 9]))
      .step({ type: 'shares-changed', of: SLOTS, held: [A, B] })
      .until(400)
    expect(readings(played)).toEqual([
      [RAW, `${A}@110`, `${B}@100`],
      [CLEAN, `${A}@100`, `${B}@100`],
    ])
    expect(played.take('stop-reading')).toHaveLength(1)
    played.step({ type: 'shares-changed', of: SLOTS, held: [] }).until(600)
    expect([readings(played), played.take('stop-reading').length]).toEqual([[], 1])
  })

  test('that began as well goes by the start that was earlier', () => {
    const alone = new PlayedCore<CheckerState, CheckerEvent, CheckerEffect>(checkerCore).hear(accepted()).caughtUp().until(400)
    expect(alone.take('take-baseline')).toHaveLength(1)
    // The other was faster, or is heard first: its places count, also for what we have asked for meanwhile.
    alone.hear(told('stage-started', { stage: 'sight', positions, atMs: 300 })).until(600)
    expect(readings(alone)).toEqual([RAW, CLEAN].map((hop) => [hop, `${A}@100`, `${B}@100`]))
    alone.step({ type: 'baselined', runId: RUN, stage: 'sight', positions: [], topicIds: [] })
    const earlier = positions.map((position) => ({ ...position, offset: 90 }))
    alone.hear(told('stage-started', { stage: 'sight', positions: earlier, atMs: 200 })).until(800)
    expect(readings(alone)).toEqual([RAW, CLEAN].map((hop) => [hop, `${A}@90`, `${B}@90`]))
    expect(alone.saidOf('stage-started')).toEqual([])
  })

  test('takes nothing of a partition that is not its own, or of a reading that is over', () => {
    const played = sharing(B)
    const batch = { offsetFirst: 100, offsetLast: 100, records: [], otherOffsets: [100] }
    played.step({ type: 'batch-read', runId: RUN, hop: RAW, reading: 1, batch: { partition: A, ...batch } })
    played.step({ type: 'batch-read', runId: RUN, hop: RAW, reading: 7, batch: { partition: B, ...batch } })
    expect(played.until(3_000).saidOf('hop-sighted')).toEqual([])
    played.step({ type: 'batch-read', runId: RUN, hop: RAW, reading: 1, batch: { partition: B, ...batch } })
    expect(played.until(6_000).saidOf('hop-sighted')).toHaveLength(1)
  })

  test('that judges a hop says that it is done when all have told all of it, and not before the hop before it', () => {
    const played = committed(othersTell(sharing(judgeOf(1)), [RAW, CLEAN]).until(400))
    endProduction(played.until(600)).until(3_000)
    expect([partsOf(played), endsOf(played)]).toEqual([[], []])
    played.hear(told('part-ended', { stage: 'sight', part: RAW })).until(3_400)
    expect([partsOf(played), endsOf(played)]).toEqual([[CLEAN], ['ok']])
  })

  test('does not call a hop done that another has yet to read', () => {
    const played = endProduction(
      othersTell(sharing(judgeOf(0)), [])
        .hear(sighted(RAW, A, [0, 9]))
        .until(600),
    )
    expect(partsOf(played.until(3_000))).toEqual([])
    expect(partsOf(played.hear(sighted(RAW, B, [0, 9])).until(3_400))).toEqual([RAW])
  })

  test('suspects nothing of being lost before the other has told of the place, and then looks', () => {
    const played = othersTell(sharing(judgeOf(0)), [])
      .hear(sighted(RAW, A, [0, 9]))
      .until(600)
    expect(played.take('look-again')).toEqual([])
    played.hear(sighted(RAW, B, [0, 3, 5, 9])).until(800)
    expect(played.take('look-again')).toMatchObject([{ hop: RAW, suspects: [{ stream: 1, seq: 4 }] }])
  })

  test('takes a loss back that another has told of since', () => {
    const lost = told('violation-found', { violation: 'lost', hop: RAW, stream: 1, ranges: [4, 4] })
    const played = othersTell(sharing(judgeOf(0)), [])
      .hear(lost, sighted(RAW, B, [0, 9]))
      .until(600)
    expect(played.saidOf('correction')).toMatchObject([{ violation: 'lost', becomes: null, stream: 1, ranges: [4, 4] }])
  })

  test('takes back that a hop doubled what another has told to be doubled before it', () => {
    const doubled = told('violation-found', { violation: 'duplicated', hop: CLEAN, stream: 1, ranges: [3, 4] })
    const repeats = [{ stream: 1, seq: 4, partition: B, offset: 110 }]
    const covered = [{ partition: B, offsetFirst: 110, offsetLast: 110 }]
    const played = committed(othersTell(sharing(judgeOf(1)), [RAW, CLEAN]).until(400))
      .hear(doubled, told('hop-sighted', { hop: RAW, instance: 'another', covered, canaries: [], repeats }))
      .hear(told('part-ended', { stage: 'sight', part: RAW }))
    endProduction(played).until(3_000)
    expect(played.saidOf('correction')).toMatchObject([{ violation: 'duplicated', becomes: null, hop: CLEAN, stream: 1, ranges: [4, 4] }])
    expect(partsOf(played)).toEqual([CLEAN])
  })

  test('closes no hop with losses while nobody reads one of its partitions: what was lost may have come there', () => {
    const lost = told('violation-found', { violation: 'lost', hop: CLEAN, stream: 1, ranges: [4, 4] })
    const played = othersTell(sharing(judgeOf(1)), [RAW])
      .hear(sighted(CLEAN, A, [0, 9]), sighted(CLEAN, B, [0, 3, 5, 9]), lost, told('part-ended', { stage: 'sight', part: RAW }))
      .until(400)
    committed(endProduction(played)).until(11_000)
    // The other was killed; the topic has gone on in its partition.
    committed(played, 111).until(20_000)
    expect([partsOf(played), endsOf(played)]).toEqual([[], []])
    const late = [{ stream: 1, ranges: [4, 4] }]
    const covered = [{ partition: B, offsetFirst: 110, offsetLast: 110 }]
    played.hear(told('hop-sighted', { hop: CLEAN, instance: 'another', covered, canaries: late, late })).until(20_400)
    expect(played.saidOf('correction')).toMatchObject([{ violation: 'lost', becomes: 'late', hop: CLEAN, stream: 1, ranges: [4, 4] }])
    expect([partsOf(played), endsOf(played)]).toEqual([[CLEAN], ['ok']])
  })

  test('is done with a stage that another has ended', () => {
    const played = sharing(B)
      .hear(told('stage-ended', { stage: 'sight', atMs: 300 }))
      .until(400)
    expect(played.take('stop-reading')).toHaveLength(1)
  })
})
