import { describe, expect, test } from 'vitest'
import type { StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { PlayedCore } from '../../shared/core/played-core.fixture.ts'
import { RUN, accepted, latencyOf, smokePlan, told } from '../../shared/core/told-run.fixture.ts'
import { generatorCore, type ChunkOutcome, type GeneratorEffect, type GeneratorEvent, type GeneratorState } from './core.ts'

type Played = PlayedCore<GeneratorState, GeneratorEvent, GeneratorEffect>

/** 40 canaries, 10 a second in two streams: chunks of 20, one each two seconds. */
const ready = () =>
  new PlayedCore<GeneratorState, GeneratorEvent, GeneratorEffect>(generatorCore).hear(
    accepted(),
    ...['sight', 'reconcile'].map((stage) => told('stage-started', { stage })),
  )
const begun = () => ready().caughtUp().until(200)

const wire = (canaries: ChunkOutcome['failed']): StreamRanges[] => canaries.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] }))
/** As the topic carries it: there is one zero. */
const onWire = (canaries: StreamRanges[]) => JSON.parse(JSON.stringify(canaries)) as StreamRanges[]
const outcomeOf = (said: Partial<ChunkOutcome>): ChunkOutcome => ({
  acknowledged: [],
  unknown: [],
  failed: [],
  offsets: [],
  latency: latencyOf(),
  heldBackMs: 0,
  reason: null,
  ...said,
})

/** Keeps every intent asked for, and answers every write as `write` says. */
function serve(played: Played, write: (canaries: StreamRanges[]) => Partial<ChunkOutcome>): Played {
  for (const { fact } of played.take('keep-intent')) played.hear(fact)
  for (const { runId, chunk } of played.take('write-chunk'))
    played.step({ type: 'chunk-written', runId, chunk, outcome: outcomeOf(write(wire(chunk.canaries))) })
  return played
}
function toTheEnd(played: Played, write: (canaries: StreamRanges[]) => Partial<ChunkOutcome>): Played {
  for (let turn = 0; turn < 40; turn++) serve(played.until(played.nowMs + 200), write)
  return played
}
const outcomes = (played: Played) => played.saidOf('stage-ended').map(({ outcome }) => outcome)

describe('the generator', () => {
  test('begins once what its stage needs has begun and both topics are read, with time to keep the first intent', () => {
    expect(ready().until(1_000).said).toEqual([])
    expect(begun().saidOf('stage-started')).toMatchObject([{ stage: 'produce', epochMs: 700 }])
    const early = new PlayedCore<GeneratorState, GeneratorEvent, GeneratorEffect>(generatorCore).hear(accepted()).caughtUp().until(2_000)
    expect(early.said).toEqual([])
  })

  test('writes nothing whose intent does not stand on the topic', () => {
    const played = begun().until(1_000)
    expect(played.asked.map(({ type }) => type)).toEqual(['keep-intent'])
    const [{ fact } = fail()] = played.take('keep-intent')
    played.hear(fact)
    expect(played.take('write-chunk')).toMatchObject([{ runId: RUN, epochMs: 700, chunk: { placeFirst: 0, placeEnd: 20 } }])
  })

  test('intends by the clock, whatever became of what it wrote: the load is open', () => {
    const played = begun().until(6_000)
    // Two chunks are due by then; nothing was answered.
    expect(played.take('keep-intent').map(({ chunk }) => chunk.placeFirst)).toEqual([0, 20])
  })

  test('does not intend more than a second ahead', () => {
    expect(begun().until(1_600).take('keep-intent')).toHaveLength(1)
    expect(begun().until(1_800).take('keep-intent')).toHaveLength(2)
  })

  test('vouches for what the broker said, and ends well', () => {
    const played = toTheEnd(begun(), (canaries) => ({ acknowledged: canaries, offsets: [{ partition: 0, offsetFirst: 0, offsetLast: 9 }] }))
    const ledger = played.saidOf('canaries-produced')
    expect(ledger).toHaveLength(2)
    expect(CanarySet.of(onWire(ledger.flatMap(({ acknowledged }) => acknowledged))).toWire()).toEqual([
      { stream: 0, ranges: [0, 19] },
      { stream: 1, ranges: [0, 19] },
    ])
    expect(ledger[0]).toMatchObject({ hop: 'topic:raw', unknown: [], failed: [], offsets: [{ partition: 0 }] })
    expect(outcomes(played)).toEqual(['ok'])
  })

  test('keeps apart what is in doubt and what was refused', () => {
    const played = toTheEnd(begun(), ([a, b]) => ({ acknowledged: a === undefined ? [] : [a], unknown: b === undefined ? [] : [b] }))
    expect(played.saidOf('canaries-produced').map(({ acknowledged, unknown }) => [acknowledged[0]?.stream, unknown[0]?.stream])).toEqual([
      [0, 1],
      [0, 1],
    ])
    expect(outcomes(played)).toEqual(['ok'])
  })

  test('calls a run without any acknowledgement inconclusive, with the reason', () => {
    const played = toTheEnd(begun(), (canaries) => ({ unknown: canaries, reason: 'timed out' }))
    expect(played.saidOf('stage-ended')).toMatchObject([{ outcome: 'inconclusive', reason: 'no canary was acknowledged: timed out' }])
  })

  test('stops when the run is cancelled', () => {
    const played = serve(begun(), (canaries) => ({ acknowledged: canaries }))
    played
      .step({ type: 'control', offset: 1, atMs: 0, message: { kind: 'run-cancelled', runId: RUN, reason: 'enough', requestedBy: 'me' } })
      .until(1_000)
    expect(played.saidOf('stage-ended')).toMatchObject([{ outcome: 'cancelled', reason: 'enough' }])
    expect(played.until(6_000).take('keep-intent')).toEqual([])
  })

  test('lets go of what it writes with once the run is over, and only then', () => {
    const played = toTheEnd(begun(), (canaries) => ({ acknowledged: canaries }))
    expect([outcomes(played), played.take('forget-run')]).toEqual([['ok'], []])
    played.hear(told('run-judged', { atMs: played.nowMs })).until(played.nowMs + 1_000)
    expect(played.take('forget-run')).toEqual([{ type: 'forget-run', runId: RUN }])
  })

  test('gives up at the timeout of its stage', () => {
    const played = begun().until(30_400)
    expect(played.saidOf('stage-ended')).toMatchObject([{ outcome: 'inconclusive', reason: 'not done within 30000 ms' }])
  })
})

describe('a generator that was killed', () => {
  test('goes on behind what was intended, never writes twice, and moves the clock by the time it was away', () => {
    const played = serve(begun(), (canaries) => ({ acknowledged: canaries }))
    played
      .until(4_000)
      .take('keep-intent')
      .map(({ fact }) => played.hear(fact))
    // Both chunks are intended now, the second is vouched for by nobody: it stays in doubt.
    played.restart().until(8_000)
    expect(played.take('keep-intent')).toEqual([])
    expect(outcomes(played)).toEqual(['ok'])
    expect(played.saidOf('canaries-produced')).toEqual([])
  })

  test('before its second chunk writes only that, later than planned by what it missed', () => {
    const played = serve(begun(), (canaries) => ({ acknowledged: canaries }))
    played.nowMs = 10_000
    played.restart().until(10_200)
    const [{ chunk, fact } = fail()] = played.take('keep-intent')
    expect(chunk.placeFirst).toBe(20)
    // Due at 700 + 2,000; it comes 500 ms after the restart was noticed.
    expect(fact).toMatchObject({ placeFirst: 20, shiftMs: 8_000 })
    played.hear(fact)
    expect(played.take('write-chunk')).toMatchObject([{ epochMs: 8_700 }])
  })

  test('does not begin its stage a second time', () => {
    expect(begun().restart().until(1_000).saidOf('stage-started')).toEqual([])
  })
})

test('a chunk of a run it does not write concerns it not', () => {
  const played = begun()
  const before = played.said.length
  const chunk = { placeFirst: 0, placeEnd: 2, canaries: [] }
  played.step({ type: 'chunk-written', runId: RUN.replace(/1$/, '2'), chunk, outcome: outcomeOf({}) })
  expect(played.said).toHaveLength(before)
})

test('a plan without a produce stage is none of its business', () => {
  const plan = { ...smokePlan, stages: smokePlan.stages.filter(({ task }) => task === 'sight-topics') }
  const played = new PlayedCore<GeneratorState, GeneratorEvent, GeneratorEffect>(generatorCore).hear(accepted(plan)).caughtUp().until(5_000)
  expect([...played.said, ...played.asked]).toEqual([])
})

function fail(): never {
  throw new Error('nothing was asked for')
}
