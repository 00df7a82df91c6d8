import type { LatencySketchWire } from '../../schemas/parts.ts'

/**
 * A mergeable quantile sketch (DDSketch, Masson et al., VLDB 2019): bins in geometric steps, relative error 2 %.
 * Negative latencies (clocks that disagree) are kept in bins of their own, never dropped.
 */
const GAMMA = 1.04
const LOG_GAMMA = Math.log(GAMMA)
const RESOLUTION_MS = 0.01

export class LatencySketch {
  #bins = new Map<number, number>()
  #negativeBins = new Map<number, number>()
  #zeroCount = 0
  #count = 0
  #minMs = Infinity
  #maxMs = -Infinity

  static ofWire(wire: LatencySketchWire): LatencySketch {
    const sketch = new LatencySketch()
    sketch.merge(wire)
    return sketch
  }

  get count(): number {
    return this.#count
  }

  add(latencyMs: number): void {
    this.#count++
    if (latencyMs < this.#minMs) this.#minMs = latencyMs
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs
    const magnitudeMs = Math.abs(latencyMs)
    if (magnitudeMs < RESOLUTION_MS) {
      this.#zeroCount++
      return
    }
    const bin = Math.ceil(Math.log(magnitudeMs) / LOG_GAMMA)
    const bins = latencyMs < 0 ? this.#negativeBins : this.#bins
    bins.set(bin, (bins.get(bin) ?? 0) + 1)
  }

  merge(wire: LatencySketchWire): void {
    this.#count += wire.count
    this.#zeroCount += wire.zeroCount
    if (wire.minMs !== null) this.#minMs = Math.min(this.#minMs, wire.minMs)
    if (wire.maxMs !== null) this.#maxMs = Math.max(this.#maxMs, wire.maxMs)
    addPairs(this.#bins, wire.bins)
    addPairs(this.#negativeBins, wire.negativeBins)
  }

  /** The value at quantile `q` (0..1), within 2 %; null when empty. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null
    let rank = Math.max(1, Math.ceil(q * this.#count))
    const clamp = (value: number) => Math.min(Math.max(value, this.#minMs), this.#maxMs)
    for (const [bin, count] of sortedPairs(this.#negativeBins).reverse()) if ((rank -= count) <= 0) return clamp(-middleOf(bin))
    if ((rank -= this.#zeroCount) <= 0) return clamp(0)
    for (const [bin, count] of sortedPairs(this.#bins)) if ((rank -= count) <= 0) return clamp(middleOf(bin))
    return this.#maxMs
  }

  get maxMs(): number | null {
    return this.#count === 0 ? null : this.#maxMs
  }

  toWire(): LatencySketchWire {
    return {
      count: this.#count,
      minMs: this.#count === 0 ? null : this.#minMs,
      maxMs: this.#count === 0 ? null : this.#maxMs,
      zeroCount: this.#zeroCount,
      bins: sortedPairs(this.#bins).flat(),
      negativeBins: sortedPairs(this.#negativeBins).flat(),
    }
  }
}

/** The latencies of a sketch as values with their counts, each within 2 %. */
export function countsOf({ bins, negativeBins, zeroCount }: LatencySketchWire): { ms: number; count: number }[] {
  const pairs = (flat: readonly number[], sign: number) =>
    Array.from({ length: flat.length / 2 }, (_, i) => ({ ms: sign * middleOf(flat[2 * i] as number), count: flat[2 * i + 1] as number }))
  return [...pairs(negativeBins, -1), ...(zeroCount > 0 ? [{ ms: 0, count: zeroCount }] : []), ...pairs(bins, 1)]
}

const middleOf = (bin: number) => (2 * GAMMA ** bin) / (GAMMA + 1)
const sortedPairs = (bins: Map<number, number>) => [...bins].sort(([a], [b]) => a - b)

function addPairs(into: Map<number, number>, pairs: readonly number[]): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const bin = pairs[i] as number
    into.set(bin, (into.get(bin) ?? 0) + (pairs[i + 1] as number))
  }
}

export const emptyLatency = (): LatencySketchWire => new LatencySketch().toWire()
