import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LatencySketch } from './latency-sketch.ts'

const latencies = fc.array(fc.double({ min: -60_000, max: 600_000, noNaN: true }), { minLength: 1, maxLength: 300 })
const sketchOf = (values: readonly number[]) => {
  const sketch = new LatencySketch()
  for (const value of values) sketch.add(value)
  return sketch
}
const exact = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1] as number
/** Below this, latencies count as zero. */
const RESOLUTION_MS = 0.01

describe('a latency sketch', () => {
  test('tells every quantile within 2 %, negative ones too', () => {
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const truth = exact(values, q)
        const told = sketchOf(values).quantile(q)
        expect(Math.abs((told ?? NaN) - truth)).toBeLessThanOrEqual(Math.abs(truth) * 0.02 + RESOLUTION_MS)
      }),
    )
  })

  test('merged in parts is the sketch of all', () => {
    fc.assert(
      fc.property(latencies, latencies, (left, right) => {
        const merged = sketchOf(left)
        merged.merge(sketchOf(right).toWire())
        expect(merged.toWire()).toEqual(sketchOf([...left, ...right]).toWire())
      }),
    )
  })

  test('is the same after a journey as a message', () => {
    fc.assert(
      fc.property(latencies, (values) => {
        const wire = sketchOf(values).toWire()
        expect(LatencySketch.ofWire(JSON.parse(JSON.stringify(wire)) as typeof wire).toWire()).toEqual(JSON.parse(JSON.stringify(wire)))
      }),
    )
  })

  test('keeps negative latencies: clocks that disagree are seen, not dropped', () => {
    const sketch = sketchOf([-500, -20, 0, 30])
    expect(sketch.count).toBe(4)
    expect(sketch.quantile(0)).toBe(-500)
    expect(sketch.quantile(0.5)).toBeCloseTo(-20, 0)
    expect(sketch.quantile(0.75)).toBe(0)
    expect(sketch.toWire()).toMatchObject({ minMs: -500, maxMs: 30, zeroCount: 1 })
  })

  test('of nothing says nothing', () => {
    expect(new LatencySketch().quantile(0.5)).toBeNull()
    expect(new LatencySketch().maxMs).toBeNull()
    expect(sketchOf([5]).quantile(1)).toBe(5)
  })

  test('stays small: a million latencies over six orders of magnitude are some hundred bins', () => {
    const sketch = new LatencySketch()
    for (let i = 1; i <= 1_000_000; i++) sketch.add(i)
    expect(sketch.toWire().bins.length / 2).toBeLessThan(360)
    expect(sketch.maxMs).toBe(1_000_000)
  })
})
