import { describe, expect, test } from 'vitest'
import { emptyEvidence, foldEvidence, hopEvidence, type Segment } from '../../shared/core/evidence.ts'
import { RAW, told } from '../../shared/core/told-run.fixture.ts'
import { compareLog, doubtOf, newLogWatch, noteRemoved, renamedOf, type LogState, type LookLimits } from './log-watch.ts'

const none = hopEvidence(emptyEvidence(), RAW)
const at = (offset: number, partition = 0) => new Map([[partition, offset]])
const state = (said: Partial<LogState['partitions'][number]> = {}, topicId: string | null = 'one'): LogState => ({
  topicId,
  partitions: [{ partition: 0, low: 0, end: 100, stableEnd: said.end ?? 100, ...said }],
})

/** What is said of the last of these states, our reading standing where it is said to. */
function compared(...states: { position: number; state: LogState }[]) {
  const watch = newLogWatch('one', none, at(0))
  const said = states.map(({ position, state: seen }) =>
    compareLog(watch, at(position), { state: seen, asked: at(position), askedAtMs: 0 }),
  )
  return { watch, ...(said.at(-1) as ReturnType<typeof compareLog>) }
}

describe('a log', () => {
  test('that goes on as it did is not spoken of', () => {
    const { removed, broken, watch } = compared({ position: 60, state: state() }, { position: 100, state: state({ end: 140 }) })
    expect([removed, broken, watch.heldBack]).toEqual([[], null, null])
  })

  test('of another id was deleted and made again', () => {
    expect(compared({ position: 60, state: state({}, 'two') }).broken).toMatchObject({ field: 'topic-id', expected: 'one' })
  })

  test('whose id nobody tells is not said to be another', () => {
    expect(renamedOf(newLogWatch(null, none, at(0)), 'two')).toBeNull()
    expect(compared({ position: 60, state: state({}, null) }).broken).toBeNull()
  })

  test('that ends before what was read was cut off, once that was so twice', () => {
    const short = { position: 60, state: state({ end: 20 }) }
    expect(compared(short).broken).toBeNull()
    expect(compared(short, short).broken).toMatchObject({ field: 'log-end', expected: 'partition 0 goes on at offset 60' })
    // A slow answer, and reading that went on meanwhile.
    expect(compared({ position: 10, state: state({ end: 20 }) }, { position: 60, state: state({ end: 70 }) }).broken).toBeNull()
  })

  test('has lost what was removed before it was read, once we did not move between two looks', () => {
    const trimmed = (position: number, low: number) => ({ position, state: state({ low }) })
    expect(compared(trimmed(10, 30)).removed).toEqual([])
    expect(compared(trimmed(10, 30), trimmed(10, 40)).removed).toEqual([{ partition: 0, offsetFirst: 10, offsetLast: 29 }])
    expect(compared(trimmed(10, 30), trimmed(30, 40)).removed).toEqual([])
    expect(compared(trimmed(50, 30), trimmed(50, 40)).removed).toEqual([])
  })

  test('is held back by an open transaction, and said to be while it is', () => {
    const held = { position: 50, state: state({ stableEnd: 50 }) }
    expect(compared(held).watch.heldBack).toBeNull()
    expect(compared(held, held).watch.heldBack).toBe('an open transaction holds back partition 0 from offset 50 on')
    expect(compared(held, held, { position: 100, state: state() }).watch.heldBack).toBeNull()
  })
})

describe('what a second look did not find', () => {
  const segment: Segment = { covered: [{ partition: 0, offsetFirst: 10, offsetLast: 19 }], canaries: [], atMs: 0 }
  const limits = (said: Partial<LookLimits> = {}): LookLimits => ({ topicIds: [], removed: [], compacted: false, unreadable: [], ...said })
  const gone = (partition: number, offsetFirst: number, offsetLast: number) => ({ partition, offsetFirst, offsetLast })
  const doubt = (said: Partial<LookLimits>, { isFirst = true, skipped = false } = {}) =>
    doubtOf({ ...newLogWatch('one', none, at(0)), skipped }, limits(said), { segment, isFirst }) ?? 'lost'

  test.each<[what: string, said: string, expected: string]>([
    ['where all of it could be read', doubt({}), 'lost'],
    ['where it stood in what was removed', doubt({ removed: [gone(0, 5, 12)] }), 'offsets 5 to 12 of partition 0 were removed'],
    ['where something else was removed', doubt({ removed: [gone(0, 0, 9), gone(1, 10, 19)] }), 'lost'],
    ['further on, where anything was removed', doubt({ removed: [gone(1, 0, 9)] }, { isFirst: false }), 'offsets 0 to 9 of partition 1'],
    ['in a compacted topic without a gap', doubt({ compacted: true }), 'lost'],
    ['in a compacted topic with gaps', doubt({ compacted: true }, { skipped: true }), 'the topic is compacted'],
    ['in a topic with gaps that may be compacted', doubt({ compacted: null }, { skipped: true }), 'whether the topic is compacted'],
    ['in a topic with gaps that is not', doubt({ compacted: false }, { skipped: true }), 'lost'],
  ])('%s', (...[, said, expected]) => {
    expect(said).toContain(expected)
  })

  test('is not lost where our own reading came too late, told before a restart or not', () => {
    const watch = newLogWatch('one', none, at(0))
    noteRemoved(watch, gone(0, 8, 11))
    noteRemoved(watch, gone(0, 8, 11))
    expect(watch.untold).toEqual([gone(0, 8, 11)])
    expect(doubtOf(watch, limits(), { segment, isFirst: true })).toContain('offsets 8 to 11')
    const evidence = emptyEvidence()
    foldEvidence(evidence, told('hop-sighted', { covered: [gone(0, 5, 7), gone(0, 12, 30)] }))
    const resumed = newLogWatch('one', hopEvidence(evidence, RAW), at(5))
    expect(doubtOf(resumed, limits(), { segment, isFirst: true })).toContain('offsets 8 to 11')
    expect([resumed.untold, resumed.skipped]).toEqual([[], true])
  })
})
