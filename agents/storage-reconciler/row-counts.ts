import type { StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'

/**
 * How many rows there are of each canary, in layers: the first holds those with a row, the second those with two or
 * more, and so on. On the wire the layers stand one after the other, so a canary comes once for each of its rows.
 * Memory grows with gaps and repeats.
 */
export class RowCounts {
  #layers: CanarySet[] = []

  static of(rows: readonly StreamRanges[]): RowCounts {
    const counts = new RowCounts()
    counts.add(rows)
    return counts
  }

  /** One row more for each time a canary comes. */
  add(rows: readonly StreamRanges[]): void {
    for (const row of rows) this.#addTo(0, [row])
  }

  /** One row less for each time a canary comes. Rows that are not there cannot be taken: they come back. */
  take(rows: readonly StreamRanges[]): CanarySet {
    const left = new CanarySet()
    for (const row of rows) {
      let wanted = CanarySet.of([row])
      for (let at = this.#layers.length - 1; at >= 0 && wanted.size > 0; at--) {
        const layer = this.#layers[at] as CanarySet
        const found = wanted.and(layer)
        if (found.size === 0) continue
        this.#layers[at] = layer.minus(found)
        wanted = wanted.minus(found)
      }
      left.addAll(wanted.toWire())
    }
    while (this.#layers.at(-1)?.size === 0) this.#layers.pop()
    return left
  }

  /** Those of which there is a row. Not to be changed. */
  get present(): CanarySet {
    return this.#layers[0] ?? new CanarySet()
  }

  /** Every row of these canaries. */
  rowsOf(canaries: CanarySet): StreamRanges[] {
    return this.#layers.flatMap((layer) => layer.and(canaries).toWire())
  }

  /** Rows of ours beyond those of `other`. */
  beyond(other: RowCounts): StreamRanges[] {
    return this.#layers.flatMap((layer, at) => layer.minus(other.#layers[at] ?? new CanarySet()).toWire())
  }

  toWire(): StreamRanges[] {
    return this.#layers.flatMap((layer) => layer.toWire())
  }

  #addTo(at: number, rows: readonly StreamRanges[]): void {
    let layer = this.#layers[at]
    if (layer === undefined) this.#layers[at] = layer = new CanarySet()
    const again = CanarySet.of(rows).and(layer)
    layer.addAll(rows)
    if (again.size > 0) this.#addTo(at + 1, again.toWire())
  }
}
