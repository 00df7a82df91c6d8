import { describe, expect, test } from 'vitest'
import type { Fact } from '../../schemas/results.ts'
import { loadSchema } from '../../topology/plan.ts'
import { doubledAt } from './doubled.ts'
import { emptyEvidence, foldEvidence, hopEvidence } from './evidence.ts'
import { mirrorPlants } from './mirror.ts'
import { CLEAN, RAW, told } from './told-run.fixture.ts'

/** Partition, first and last offset, and the canaries of stream 0 that were seen there. */
const sighting = (hop: string, [partition, offsetFirst, offsetLast]: [number, number, number], ranges: number[]): Fact<'hop-sighted'> =>
  told('hop-sighted', { hop, covered: [{ partition, offsetFirst, offsetLast }], canaries: [{ stream: 0, ranges }] })

const plain = loadSchema.parse({ canaries: 40, ratePerSecond: 20, streams: 2 })

function doubled(facts: readonly Fact<'hop-sighted'>[], load = plain): string[] {
  const evidence = emptyEvidence()
  for (const fact of facts) foldEvidence(evidence, fact)
  return [RAW, CLEAN].flatMap((hop) =>
    doubledAt(hop, { load, here: hopEvidence(evidence, hop), before: hop === RAW ? null : hopEvidence(evidence, RAW) }).map(
      ({ hop: at, ranges }) => `${at} ${ranges.join('-')}`,
    ),
  )
}

describe('a canary in two sightings', () => {
  test.each<[string, Fact<'hop-sighted'>[], string[]]>([
    ['of different partitions is doubled', [sighting(CLEAN, [0, 0, 9], [0, 9]), sighting(CLEAN, [1, 0, 4], [4, 4])], [`${CLEAN} 4-4`]],
    [
      'of different offsets of one partition, too',
      [sighting(CLEAN, [0, 0, 9], [0, 9]), sighting(CLEAN, [0, 20, 29], [3, 4])],
      [`${CLEAN} 3-3`, `${CLEAN} 4-4`],
    ],
    ['that overlap may be one record', [sighting(CLEAN, [0, 0, 9], [0, 9]), sighting(CLEAN, [0, 5, 14], [5, 14])], []],
    ['that was told twice is one', [sighting(CLEAN, [0, 0, 9], [0, 9]), sighting(CLEAN, [0, 0, 9], [0, 9])], []],
    [
      'is told at the first hop that has it twice',
      [RAW, CLEAN].flatMap((hop) => [sighting(hop, [0, 0, 9], [0, 9]), sighting(hop, [1, 0, 4], [4, 4])]),
      [`${RAW} 4-4`],
    ],
  ])('%s', (_, facts, expected) => {
    expect(doubled(facts)).toEqual(expected)
    expect(doubled(facts.toReversed()).sort()).toEqual(expected)
  })

  test('is not told again of a hop behind one that told its repeat itself', () => {
    const repeats = [{ stream: 0, seq: 4, partition: 0, offset: 10 }]
    const before = { ...sighting(RAW, [0, 0, 10], [0, 9]), repeats }
    expect(doubled([before, sighting(CLEAN, [0, 0, 9], [0, 9]), sighting(CLEAN, [1, 0, 4], [4, 4])])).toEqual([])
  })

  test('and planted to be is told at each hop that shows it: every watcher has to see it', () => {
    const load = loadSchema.parse({ canaries: 40, ratePerSecond: 20, streams: 1, mirror: { each: 2, defects: ['doubled'] } })
    const [{ stream, seq } = { stream: 0, seq: 0 }] = mirrorPlants(load)
    const at = (hop: string, partition: number): Fact<'hop-sighted'> => ({
      ...sighting(hop, [partition, 0, 9], []),
      canaries: [{ stream, ranges: [seq, seq] }],
    })
    const own = { ...at(RAW, 0), repeats: [{ stream, seq, partition: 0, offset: 5 }] }
    expect(doubled([own, at(CLEAN, 0), at(CLEAN, 1)], load)).toEqual([`${CLEAN} ${seq}-${seq}`])
    expect(doubled([own, at(CLEAN, 0), at(CLEAN, 1)])).toEqual([])
  })
})
