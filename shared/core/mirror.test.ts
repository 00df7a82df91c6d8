import { describe, expect, test } from 'vitest'
import { loadSchema, mirrorDefects } from '../../topology/plan.ts'
import { CanarySet } from './canary-set.ts'
import { intendedAtMs, placeOf, sendAtMs, streamLength } from './canary.ts'
import { MIRROR_DELAY_MS, companionOf, isMirror, mirrorDefectAt, mirrorPlants, showsAt, withSkipped, withoutMirror } from './mirror.ts'
import { resolvedOf } from './told-run.fixture.ts'

const load = loadSchema.parse({ canaries: 1_200, ratePerSecond: 100, streams: 8, mirror: { each: 2 } })
const plain = loadSchema.parse({ canaries: 1_200, ratePerSecond: 100, streams: 8 })
const setOf = (stream: number, ...ranges: number[]) => CanarySet.of([{ stream, ranges }])

describe('the mirror stream', () => {
  test('is none where the plan does not ask for it', () => {
    expect([isMirror(plain, 8), streamLength(plain, 8), mirrorPlants(plain), mirrorDefectAt(plain, 8, 0)]).toEqual([false, 149, [], null])
    const set = setOf(8, 0, 5)
    expect([withSkipped(plain, set), withoutMirror(plain, set)]).toEqual([set, set])
  })

  test('is one more, of pairs of which the first is defective, each defect as often as asked', () => {
    expect([isMirror(load, 7), isMirror(load, 8), isMirror(load, 9)]).toEqual([false, true, false])
    expect(streamLength(load, 8)).toBe(24)
    const at = Array.from({ length: 30 }, (_, seq) => mirrorDefectAt(load, 8, seq))
    expect(at.slice(0, 4)).toEqual(['skipped', null, 'doubled', null])
    expect(at.filter((defect) => defect !== null)).toEqual([...mirrorDefects, ...mirrorDefects])
    expect(at.slice(24)).toEqual([null, null, null, null, null, null])
    expect(mirrorDefectAt(load, 7, 0)).toBe(null)
    expect(mirrorPlants(load).slice(0, 2)).toEqual([
      { defect: 'skipped', stream: 8, seq: 0 },
      { defect: 'doubled', stream: 8, seq: 2 },
    ])
  })

  test('is spread over the run, pair by pair, and done well before its end', () => {
    const places = mirrorPlants(load).map(({ stream, seq }) => [placeOf(load, stream, seq), placeOf(load, stream, companionOf(seq))])
    for (const [first, second] of places) expect(first).toBe(second)
    const firsts = places.map(([first]) => first as number)
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
    expect([firsts[0], firsts.at(-1)]).toEqual([40, 920])
  })

  test('says of a delayed one alone that it was due long ago', () => {
    const clock = { load, epochMs: 1_000, shifts: [] }
    for (const { defect, stream, seq } of mirrorPlants(load))
      expect(sendAtMs(clock, stream, seq) - intendedAtMs(clock, stream, seq)).toBe(defect === 'delayed' ? MIRROR_DELAY_MS : 0)
    expect(sendAtMs(clock, 0, 5) - intendedAtMs(clock, 0, 5)).toBe(0)
    expect(sendAtMs(clock, 8, 0)).toBe(1_000 + 400)
    // Beyond what any hop is given.
    expect(MIRROR_DELAY_MS).toBeGreaterThan(3_600_000)
  })

  test('owes its skipped ones wherever the second of their pair has passed', () => {
    expect(withSkipped(load, setOf(8, 1, 3)).toWire()).toEqual([{ stream: 8, ranges: [0, 3] }])
    expect(withSkipped(load, setOf(8, 2, 11)).toWire()).toEqual([{ stream: 8, ranges: [2, 11] }])
    expect(withSkipped(load, setOf(0, 1, 3)).toWire()).toEqual([{ stream: 0, ranges: [1, 3] }])
  })

  test('is left out of what says something of the pipeline', () => {
    const all = CanarySet.of([
      { stream: 0, ranges: [0, 9] },
      { stream: 8, ranges: [0, 23] },
    ])
    expect(withoutMirror(load, all).toWire()).toEqual([{ stream: 0, ranges: [0, 9] }])
  })
})

test('a defect is looked for where it can be seen', () => {
  const { hops } = resolvedOf()
  const shown = hops.map((hop) => [hop.kind, mirrorDefects.filter((defect) => showsAt(defect, hop))])
  const [topic] = hops
  if (topic?.kind !== 'topic') throw new Error('the first hop is a topic')
  expect(Object.fromEntries(shown)).toMatchObject({
    table: ['skipped', 'doubled', 'changed', 'delayed'],
    api: [],
  })
  const { deliverWithinMs, giveUpAfterMs } = topic
  const source = { kind: 'source' as const, broker: 'nats' as const, stream: 's', subject: 'x', deliverWithinMs, giveUpAfterMs }
  const shownBySource = (delivery: 'at-least-once' | 'at-most-once') =>
    mirrorDefects.filter((defect) => showsAt(defect, { ...source, headers: [], delivery }))
  expect(shownBySource('at-least-once')).toEqual(['skipped', 'doubled', 'changed', 'delayed', 'swapped'])
  expect(shownBySource('at-most-once')).toEqual(['doubled', 'changed', 'delayed', 'swapped'])
  expect(showsAt('headerless', { ...source, headers: ['traceparent'], delivery: 'at-most-once' })).toBe(true)
  expect([showsAt('headerless', { ...topic, headers: [] }), showsAt('headerless', { ...topic, headers: ['traceparent'] })]).toEqual([
    false,
    true,
  ])
})
