import { expect, test } from 'vitest'
import { createPrng } from '../core/prng.ts'
import { addedOffsets, storedOffsets } from './all-traffic.ts'
import { createSimClock } from './clock.ts'
import { SimPipeline } from './pipeline.ts'

test.each(['none', 'skip-other', 'invent-other'] as const)(
  'what the snapshots of a table added comes as far as its rows do, long after the last canary (others: %s)',
  (defect) => {
    const clock = createSimClock(0)
    const pipeline = new SimPipeline({ clock, prng: createPrng(1), defect: 'sink-skip', source: false })
    clock.later(1_000, () => {
      for (let seq = 0; seq < 12; seq++) for (const stream of [0, 1, 2, 3]) pipeline.write({ stream, seq, fault: null })
    })
    clock.runUntil(() => clock.nowMs() >= 10_000, 10_000)
    expect(pipeline.planted.length).toBeGreaterThan(0)
    const furthest = new Map<number, number>()
    for (const snapshot of pipeline.snapshots)
      for (const { partition, offsetLast } of addedOffsets(pipeline, snapshot, defect))
        furthest.set(partition, Math.max(furthest.get(partition) ?? -1, offsetLast))
    expect(furthest).toEqual(storedOffsets(pipeline, defect))
    for (const { entries } of pipeline.normalised)
      expect(Math.max(...furthest.values())).toBeGreaterThan(entries.at(-1)?.offset ?? Infinity)
  },
)
