import { describe, expect, test } from 'vitest'
import type { Located } from '../../schemas/parts.ts'
import { standingViolations } from '../../shared/core/evidence.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { CLEAN, RAW, RUN, TABLE, accepted, foldAll, smokePlan, told } from '../../shared/core/told-run.fixture.ts'
import { reconcilerCore, type ReconcilerState } from './core.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading, TableLook } from './events.ts'

type Played = PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>
const create = (): Played => new PlayedCore<ReconcilerState, ReconcilerEvent, ReconcilerEffect>(reconcilerCore)
const began = { snapshotId: '7', sequenceNumber: 3, tableUuid: 'u' }
const baselined = { type: 'baselined', runId: RUN, baseline: began } as const
const one = (first: number, last: number) => [{ stream: 0, ranges: [first, last] }]

/** Ten canaries of one stream, acknowledged; canary n stands at offset n of the topic before. */
function begun(run = accepted()): Played {
  const played = create().hear(run).caughtUp().until(200).step(baselined)
  return played.hear(
    told('stage-started', { stage: 'produce', epochMs: 0 }),
    told('canaries-intended', { canaries: one(0, 9) }),
    told('canaries-produced', { acknowledged: one(0, 9) }),
  )
}

/** The hop before, told up to canary `last`. */
function sighted(played: Played, last: number, first = 0): Played {
  return played.hear(
    told('hop-sighted', {
      hop: CLEAN,
      canaries: one(first, last),
      covered: [{ partition: 0, offsetFirst: first, offsetLast: last }],
      atMs: played.nowMs,
    }),
  )
}

const readingOf = (
  snapshotId: string,
  ...[first, last, said = {}]: [first: number, last: number, said?: Partial<SnapshotReading>]
): SnapshotReading => ({
  snapshotId,
  parentId: String(Number(snapshotId) - 1),
  committedAtMs: 1_000,
  operation: 'append',
  filesAdded: 1,
  rowsAdded: last - first + 1,
  bytesAdded: 100,
  isWhole: false,
  canaries: one(first, last),
  repeats: [],
  removed: [],
  emptied: [],
  places: [],
  removedPlaces: [],
  faults: [],
  sourceOffsets: [{ partition: 0, offsetFirst: first, offsetLast: last }],
  metadataFaults: [],
  rules: { checks: [], faults: [] },
  ...said,
})
const reads = (played: Played, reading: SnapshotReading) => played.step({ type: 'snapshot-read', runId: RUN, hop: TABLE, reading })
const look = (played: Played, result: TableLook, askedAtMs = played.lastAsked('look-again')?.askedAtMs ?? -1) =>
  played.step({ type: 'looked-again', runId: RUN, hop: TABLE, askedAtMs, result })
const at = (seq: number): Located => ({ stream: 0, seq, partition: 0, offset: seq })
const absent: TableLook = { ok: true, snapshotId: '9', present: [], origin: [at(4)], unreadable: [] }
const allBut4 = [{ stream: 0, ranges: [0, 3, 5, 9] }]
const endTopics = (played: Played) =>
  played.hear(...['produce', 'sight'].map((stage) => told('stage-ended', { stage, atMs: played.nowMs })))

const accusations = (played: Played) =>
  standingViolations(foldAll(played.topic.filter(isRunFact)).evidence)
    .filter(({ agent }) => agent === 'storage-reconciler')
    .map(({ violation, stream, standing }) => `${violation} ${stream}/${standing.ranges.join('-')}`)
    .sort()
const outcome = (played: Played) =>
  played.saidOf('stage-ended').map(({ outcome: how, reason }) => (reason === '' ? how : `${how}: ${reason}`))

describe('the storage-reconciler', () => {
  test('begins behind the snapshot that stood there, and asks again when the catalog is silent', () => {
    const played = create().hear(accepted()).caughtUp().until(5_000)
    expect(played.take('take-baseline')).toMatchObject([{ runId: RUN, hop: TABLE }])
    expect(played.until(5_400).take('take-baseline')).toHaveLength(1)
    played.step(baselined).step(baselined)
    expect(played.saidOf('stage-started')).toMatchObject([{ stage: 'reconcile', ...began }])
    expect(played.take('follow')).toMatchObject([{ afterSnapshotId: '7', sequenceNumber: 3, tableUuid: 'u' }])
  })

  test('accuses no table that holds everything once, watches it a while longer, and ends well', () => {
    const played = sighted(begun(), 9)
    reads(reads(played, readingOf('8', 0, 4)), readingOf('9', 5, 9))
    expect(played.saidOf('snapshot-reconciled').map(({ snapshotId, canaries, latency }) => [snapshotId, canaries, latency.count])).toEqual([
      ['8', one(0, 4), 5],
      ['9', one(5, 9), 5],
    ])
    endTopics(played).until(3_200)
    expect(outcome(played)).toEqual([])
    expect(outcome(played.until(3_400))).toEqual(['ok'])
    expect([played.take('look-again'), accusations(played)]).toEqual([[], []])
  })

  test('tells a snapshot once, however often it is read', () => {
    const played = sighted(begun(), 9)
    reads(reads(played, readingOf('8', 0, 9)), readingOf('8', 0, 9)).until(1_000)
    expect(played.saidOf('snapshot-reconciled')).toHaveLength(1)
    expect(accusations(played)).toEqual([])
  })

  test('waits with a snapshot until the topic before is told as far: only then is it known whose defect it is', () => {
    const played = sighted(begun(), 3)
    reads(played, readingOf('8', 0, 9)).until(1_000)
    expect(played.saidOf('snapshot-reconciled')).toEqual([])
    sighted(played, 9, 4).until(1_200)
    expect(played.saidOf('snapshot-reconciled')).toHaveLength(1)
  })

  test('tells rows that were never sent, and waits for them at no hop', () => {
    const played = endTopics(sighted(begun(), 9).hear(told('canaries-intended', { canaries: one(0, 9) })))
    reads(played, readingOf('8', 0, 9, { canaries: [...one(0, 9), { stream: 7, ranges: [3, 4] }] })).until(4_000)
    expect(outcome(played)).toEqual(['ok'])
    expect(accusations(played)).toEqual(['unexpected 7/3-3', 'unexpected 7/4-4'])
  })

  test('does not end while topics are still being sighted', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 9))
      .hear(told('stage-ended', { stage: 'produce' }))
      .until(20_000)
    expect(outcome(played)).toEqual([])
  })
})

describe('a row that is not there', () => {
  const missing = () => reads(sighted(begun(), 9), readingOf('8', 0, 9, { canaries: allBut4 }))

  test('is looked for again in a fresh catalog before it is called lost, and told with its place in the topic', () => {
    const played = missing().until(400)
    expect(accusations(played)).toEqual([])
    expect(played.take('look-again')).toMatchObject([{ suspects: [{ stream: 0, seq: 4 }], origin: { hop: CLEAN } }])
    look(played, absent)
    expect(played.saidOf('violation-found')).toMatchObject([
      { violation: 'lost', ranges: [4, 4], partition: 0, offset: 4, snapshotId: '9', actual: 'absent from every snapshot up to 9' },
    ])
  })

  test('is not lost by an answer to what was asked before the table was followed anew', () => {
    const played = missing().until(400)
    const askedAtMs = played.lastAsked('look-again')?.askedAtMs ?? -1
    expect(accusations(look(played, absent, askedAtMs - 200))).toEqual([])
    expect(accusations(look(played, absent, askedAtMs))).toEqual(['lost 0/4-4'])
  })

  test('is not lost when the fresh look finds it: a snapshot not yet followed', () => {
    const played = look(missing().until(400), { ok: true, snapshotId: '9', present: [at(4)], origin: [at(4)], unreadable: [] })
    expect(played.saidOf('violation-found')).toEqual([])
    reads(played, readingOf('9', 4, 4))
    expect(accusations(played)).toEqual([])
  })

  test('is not even looked for while nothing behind it is stored: a table that stands still has lost nothing yet', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 3)).until(30_000)
    expect([played.take('look-again'), accusations(played)]).toEqual([[], []])
  })

  test('is lost as soon as rows from behind it are stored, though the table has come no further', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 6, { canaries: [{ stream: 0, ranges: [0, 3, 5, 6] }] })).until(400)
    expect(played.take('look-again')).toMatchObject([{ suspects: [{ stream: 0, seq: 4 }], origin: { hop: CLEAN } }])
    look(played, absent)
    expect(accusations(played)).toEqual(['lost 0/4-4'])
  })

  test('is lost once rows of others from behind it are stored, though no later one of its stream ever came', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 3)).until(400)
    expect(played.take('look-again')).toEqual([])
    reads(played, readingOf('9', 10, 12, { canaries: [] })).until(600)
    expect(played.take('look-again')).toMatchObject([{ suspects: [4, 5, 6, 7, 8, 9].map((seq) => ({ stream: 0, seq })) }])
  })

  test.each([
    ['whose place nobody knows', []],
    ['that stands in the topic behind all that is stored', [{ ...at(4), offset: 7 }]],
  ])('is not lost because later ones of its stream are there, when it is one %s', (_, origin) => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 6, { canaries: [{ stream: 0, ranges: [0, 3, 5, 6] }] })).until(400)
    look(played, { ok: true, snapshotId: '9', present: [], origin, unreadable: [] }).until(5_000)
    expect(accusations(played)).toEqual([])
    expect(played.take('look-again')).toHaveLength(1)
  })

  test('is looked for when its time is up and later ones have come, where no stored offset tells', () => {
    const some = [{ stream: 0, ranges: [0, 3, 8, 9] }]
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 9, { canaries: some, sourceOffsets: [] })).until(10_200)
    expect(played.take('look-again')).toEqual([])
    expect(played.until(10_600).take('look-again')).toMatchObject([{ suspects: [4, 5, 6, 7].map((seq) => ({ stream: 0, seq })) }])
  })

  describe('with a whole partition, where no stored offset tells', () => {
    const sinkAt = (played: Played, next: number) =>
      played.step({ type: 'sink-moved', runId: RUN, hop: TABLE, offsets: [{ partition: 0, next }] })
    const others = (snapshotId: string, committedAtMs: number, written: Partial<SnapshotReading> = {}) =>
      readingOf(snapshotId, 0, 9, { canaries: [], sourceOffsets: [], committedAtMs, ...written })

    test('is looked for once the sink has read beyond it, had its time, and committed since', () => {
      const played = sinkAt(sighted(begun(), 9).until(1_000), 10)
      reads(played, others('8', 2_000)).until(10_900)
      expect(played.take('look-again')).toEqual([])
      expect(played.until(11_400).take('look-again')).toMatchObject([{ suspects: { length: 10 } }])
    })

    test.each<[string, number, number, Partial<SnapshotReading>]>([
      ['has read beyond it', 9, 2_000, {}],
      ['has committed since', 10, 900, {}],
      ['itself has committed, whoever compacts', 10, 2_000, { operation: 'replace' }],
      ['itself has committed, whoever deletes', 10, 2_000, { operation: 'delete', rowsAdded: 0 }],
    ])('is not accused before the sink %s', (...[, next, committedAtMs, written]) => {
      const played = sinkAt(sighted(begun(), 9).until(1_000), next)
      reads(played, others('8', committedAtMs, written)).until(30_000)
      expect(played.take('look-again')).toEqual([])
    })
  })

  test('is taken back when it comes after all', () => {
    const played = look(missing().until(400), absent)
    expect(accusations(played)).toEqual(['lost 0/4-4'])
    endTopics(played).until(6_000)
    // Still open: giveUpAfterMs has not passed.
    expect(outcome(played)).toEqual([])
    reads(played, readingOf('9', 4, 4, { committedAtMs: 7_000 }))
    expect(accusations(played)).toEqual(['late 0/4-4'])
    expect(outcome(played.until(10_000))).toEqual(['ok'])
  })

  test('is looked for again after the verdict, behind where the run began, and corrected when it has come', () => {
    const played = endTopics(look(missing().until(400), absent)).until(11_000)
    played.take('look-again')
    played.hear(told('run-judged', { verdict: 'fail', atMs: 11_000 })).until(41_200)
    expect(played.take('look-again')).toMatchObject([
      {
        hop: TABLE,
        suspects: [{ stream: 0, seq: 4 }],
        began,
        origin: null,
      },
    ])
    look(played, { ok: true, snapshotId: '9', present: [at(4)], origin: [], unreadable: [] })
    expect(accusations(played)).toEqual(['late 0/4-4'])
    expect(played.until(900_000).take('look-again')).toEqual([])
  })

  test('leaves the run open for as long as it may still come, and no longer', () => {
    const played = endTopics(look(missing().until(400), absent))
    expect(outcome(played.until(10_200))).toEqual([])
    expect(outcome(played.until(10_800))).toEqual(['ok'])
  })

  test('of which no second look can be had is said to be in doubt', () => {
    const played = missing()
    for (let n = 0; n < 6; n++) look(played.until(played.nowMs + 200), { ok: false, reason: 'catalog away' })
    expect(played.saidOf('evidence-missing')).toMatchObject([{ hop: TABLE, reason: 'no second look at 1 canaries: catalog away' }])
    expect(accusations(played)).toEqual([])
  })

  test('that no topic has seen is none of this hop', () => {
    const played = reads(sighted(begun(), 3), readingOf('8', 0, 3)).until(30_000)
    expect(played.take('look-again')).toEqual([])
  })
})

describe('a table of which the first of a pair was never sent', () => {
  const mirror = { each: 1, defects: ['skipped'] }
  const canaries = [...one(0, 9), { stream: smokePlan.load.streams, ranges: [1, 1] }]
  const covered = [{ partition: 0, offsetFirst: 0, offsetLast: 10 }]

  /** The second of the pair stands behind all others, and rows as far as there are stored. */
  function sent(offsetLast: number): Played {
    const played = begun(accepted({ ...smokePlan, load: { ...smokePlan.load, mirror } }))
    played.hear(
      told('canaries-intended', { canaries }),
      told('canaries-produced', { acknowledged: canaries }),
      told('hop-sighted', { hop: CLEAN, canaries, covered, atMs: played.nowMs }),
    )
    reads(endTopics(played), readingOf('8', 0, 9, { canaries, sourceOffsets: [{ partition: 0, offsetFirst: 0, offsetLast }] }))
    return played
  }

  test('is not done before that one is proven missing', () => {
    const played = sent(9).until(1_000)
    expect(outcome(look(played, { ...absent, origin: [] }).until(8_000))).toEqual([])
    expect(played.saidOf('mirror-defect-seen')).toEqual([])
  })

  test('is done once it is', () => {
    const played = sent(10).until(1_000)
    look(played, { ...absent, origin: [] }).until(8_000)
    expect(played.saidOf('mirror-defect-seen')).toEqual([expect.objectContaining({ violation: 'lost', stream: 2, seq: 0 })])
    expect(outcome(played)).toEqual(['ok'])
  })
})

describe('what is wrong with a snapshot', () => {
  const fault = { violation: 'precision-lost', place: at(3), field: 'price', expected: '1.5', actual: '1' } as const

  test.each<[what: string, readings: SnapshotReading[], found: string[]]>([
    ['a second row in it', [readingOf('8', 0, 9, { repeats: [at(6)] })], ['duplicated 0/6-6']],
    ['a row that an earlier one brought', [readingOf('8', 0, 9), readingOf('9', 6, 6)], ['duplicated 0/6-6']],
    ['a changed field', [readingOf('8', 0, 9, { faults: [fault] })], ['precision-lost 0/3-3']],
    ['a commit that came late for some', [readingOf('8', 0, 9, { committedAtMs: 5_300 })], ['late 0/0-0', 'late 0/1-1']],
    [
      'a file that is not what its manifest says',
      [readingOf('8', 0, 9, { metadataFaults: [{ file: 'a.parquet', expected: '10 bytes', actual: '9' }] })],
      ['metadata-broken 0/0-0'],
    ],
  ])('%s is told', (...[, readings, found]) => {
    const played = sighted(begun(), 9).until(5_300)
    for (const reading of readings) reads(played, reading)
    expect(accusations(played)).toEqual(found)
  })

  test('a commit that came late by the clock of who committed alone is none', () => {
    const played = reads(sighted(begun(), 9).until(3_000), readingOf('8', 0, 9, { committedAtMs: 9_000 }))
    expect(accusations(played)).toEqual([])
  })

  const earlier = (said: Partial<Parameters<typeof told<'hop-sighted'>>[1]>) =>
    told('hop-sighted', { hop: CLEAN, canaries: one(0, 9), covered: [{ partition: 0, offsetFirst: 0, offsetLast: 9 }], ...said })

  test.each([
    ['a repeat', [earlier({ repeats: [at(6)] })], readingOf('8', 0, 9, { repeats: [at(6)] })],
    ['lateness', [earlier({ late: one(0, 1) })], readingOf('8', 0, 9, { committedAtMs: 5_300 })],
    [
      'a changed field',
      [earlier({}), told('violation-found', { violation: 'corrupted', hop: RAW, ranges: [3, 3], field: 'price' })],
      readingOf('8', 0, 9, { faults: [fault] }),
    ],
    [
      'a field left out of the schema',
      [earlier({}), told('violation-found', { violation: 'schema-violated', hop: CLEAN, ranges: [3, 3], field: 'price' })],
      readingOf('8', 0, 9, { faults: [fault] }),
    ],
  ])('%s that an earlier hop shows is not told again', (_what, facts, reading) => {
    const played = begun().hear(...facts)
    reads(played, reading)
    expect(played.saidOf('snapshot-reconciled')).toHaveLength(1)
    expect(accusations(played)).toEqual([])
  })

  test('a changed field is told where an earlier hop broke no more than a contract', () => {
    const rule = 'contract: price'
    const broken = told('violation-found', { violation: 'schema-violated', hop: CLEAN, ranges: [3, 3], field: 'price', rule })
    const played = reads(begun().hear(earlier({}), broken), readingOf('8', 0, 9, { faults: [fault] }))
    expect(accusations(played)).toEqual(['precision-lost 0/3-3'])
  })

  test('is taken back at the end where the topic is seen by then to have brought the row twice', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 9, { repeats: [at(6)] }))
    expect(accusations(played)).toEqual(['duplicated 0/6-6'])
    const covered = [{ partition: 0, offsetFirst: 10, offsetLast: 10 }]
    endTopics(played.hear(earlier({ canaries: [], covered, repeats: [{ ...at(6), offset: 10 }] }))).until(4_000)
    expect(accusations(played)).toEqual([])
    expect(outcome(played)).toEqual(['ok'])
  })

  test('is told before the snapshot: a crash in between repeats the finding and loses none', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 9, { repeats: [at(6)] }))
    expect(played.said.map(({ kind }) => kind)).toEqual(['stage-started', 'violation-found', 'snapshot-reconciled'])
  })
})

describe('a storage-reconciler in trouble', () => {
  test('says that a lineage cannot be followed', () => {
    const played = begun().step({ type: 'lineage-broken', runId: RUN, hop: TABLE, reason: 'snapshot 8 was expired' })
    expect(played.saidOf('evidence-missing')).toMatchObject([{ hop: TABLE, reason: 'snapshot 8 was expired' }])
  })

  test('names it at its timeout, and forgets what was over before', () => {
    const trouble = { type: 'trouble', runId: RUN, hop: TABLE, reason: 'catalog away' } as const
    const stuck = sighted(begun(), 9).step(trouble).until(50_400)
    expect(stuck.saidOf('evidence-missing').map(({ reason }) => reason)).toEqual(['catalog away'])
    expect(outcome(stuck)).toEqual(['inconclusive: not done within 50000 ms'])
    const over = reads(sighted(begun(), 9).step(trouble), readingOf('8', 0, 9)).until(50_400)
    expect(over.saidOf('evidence-missing')).toEqual([])
  })

  test('says so when it was away until its time was over', () => {
    const away = sighted(begun(), 9)
    away.nowMs = 60_000
    away.restart().until(60_400)
    expect(away.saidOf('evidence-missing')).toMatchObject([{ hop: TABLE, reason: 'nobody read it until the time for it was over' }])
    expect(outcome(away)).toEqual(['inconclusive: not done within 50000 ms'])
  })

  test('stops when the run is cancelled, and tells what it holds back', () => {
    const played = reads(sighted(begun(), 3), readingOf('8', 0, 9))
    played
      .step({ type: 'control', offset: 1, atMs: 0, message: { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } })
      .until(600)
    expect(played.saidOf('snapshot-reconciled')).toHaveLength(1)
    expect(outcome(played)).toEqual(['cancelled: enough'])
    expect(played.take('stop-following')).toHaveLength(1)
  })

  test('killed, follows on behind the last snapshot it told', () => {
    const played = reads(sighted(begun(), 9), readingOf('8', 0, 4))
      .restart()
      .until(600)
    expect(played.take('follow')).toMatchObject([{ afterSnapshotId: '8' }])
    reads(played, readingOf('9', 5, 9))
    expect(outcome(endTopics(played).until(4_400))).toEqual(['ok'])
    expect(played.saidOf('stage-started')).toEqual([])
  })
})
