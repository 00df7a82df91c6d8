import { expect, test } from 'vitest'
import { createPrng } from '../core/prng.ts'
import { createSimClock } from './clock.ts'
import { SWAP_WITHIN_MS, SimPipeline } from './pipeline.ts'

/** Two canaries of one stream, the second so much later; what is planted, and in which order they come out. */
function reordered(seed: number, apartMs: number) {
  const clock = createSimClock(0)
  const pipeline = new SimPipeline({ clock, prng: createPrng(seed), defect: 'reorder', source: false })
  for (const seq of [0, 1])
    clock.at(seq * apartMs, () => {
      pipeline.write({ stream: 0, seq, fault: null })
    })
  clock.runUntil(() => clock.nowMs() > 3 * SWAP_WITHIN_MS, 10_000)
  const come = pipeline.normalised.flatMap(({ entries }) => entries)
  return {
    planted: pipeline.planted.map(({ seq }) => seq),
    order: come.map(({ seq }) => seq),
    firstAtMs: come.find(({ seq }) => seq === 0)?.atMs,
  }
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed)

test('records of a stream that follow on each other change places, and are planted', () => {
  const swapped = seeds.map((seed) => reordered(seed, 100)).filter(({ planted }) => planted.length > 0)
  expect(swapped.length).toBeGreaterThan(5)
  for (const { planted, order } of swapped) expect({ planted, order }).toEqual({ planted: [0], order: [1, 0] })
})

test('a record that none follows in time is neither swapped nor late', () => {
  const runs = seeds.map((seed) => reordered(seed, 2 * SWAP_WITHIN_MS))
  const held = runs.filter(({ firstAtMs = 0 }) => firstAtMs > SWAP_WITHIN_MS / 2)
  expect(held.length).toBeGreaterThan(5)
  for (const { planted, order, firstAtMs } of runs) {
    expect({ planted, order }).toEqual({ planted: [], order: [...order].sort() })
    expect(firstAtMs ?? 0).toBeLessThan(1.5 * SWAP_WITHIN_MS)
  }
})
