import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadSchema } from '../../topology/plan.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { streamLength } from '../../shared/core/canary.ts'
import { chunkSize, nextChunk } from './pace.ts'

const loads = fc
  .record({
    canaries: fc.integer({ min: 1, max: 5_000 }),
    ratePerSecond: fc.integer({ min: 1, max: 3_000 }),
    streams: fc.integer({ min: 1, max: 64 }),
  })
  .map((load) => loadSchema.parse(load))

describe('chunks', () => {
  test('laid end to end are every canary of the plan, each once, none beyond it', () => {
    fc.assert(
      fc.property(loads, (load) => {
        const all = new CanarySet()
        let place = 0
        for (let chunks = 0; place < load.canaries; chunks++) {
          expect(chunks).toBeLessThan(5_001)
          const chunk = nextChunk(load, place)
          expect(chunk.placeFirst).toBe(place)
          const wire = chunk.canaries.map(({ stream, ranges }) => ({ stream, ranges: ranges.map((seq) => seq + 0) }))
          const size = CanarySet.of(wire).size
          expect(size).toBe(chunk.placeEnd - chunk.placeFirst)
          expect(size).toBeGreaterThan(0)
          expect(CanarySet.of(wire).and(all).size).toBe(0)
          all.addAll(wire)
          place = chunk.placeEnd
        }
        for (let stream = 0; stream < load.streams; stream++)
          expect(all.ranges(stream)).toEqual(streamLength(load, stream) === 0 ? [] : [0, streamLength(load, stream) - 1])
      }),
    )
  })

  test.each([
    [1_000, 8, 2_000],
    [1, 8, 8],
    [1_000, 7, 2_002],
    [1_000_000, 8, 50_000],
  ])('at %i a second in %i streams hold %i: two seconds in whole turns, and no more than a limit', (ratePerSecond, streams, canaries) => {
    expect(chunkSize(loadSchema.parse({ canaries: 1, ratePerSecond, streams })).canaries).toBe(canaries)
  })
})
