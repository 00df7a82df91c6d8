import { STREAMS_MAX } from '../core/identity.ts'

/** What many sightings have in common, kept once: a snapshot, an outcome. */
export interface SightingDetail {
  readonly attributes: Readonly<Record<string, string | number>>
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
}

/** One canary, seen once at a hop. Times are Unix ms. */
export interface Sighting {
  readonly stream: number
  readonly seq: number
  readonly startMs: number
  readonly endMs: number
  readonly partition?: number
  readonly offset?: number
  readonly detail?: SightingDetail
}

/** A canary of a known run as one number: exact for every seq that a plan allows. */
export const canaryCode = ({ stream, seq }: Pick<Sighting, 'stream' | 'seq'>) => seq * STREAMS_MAX + stream

const NONE = -1

/**
 * The last sightings of an agent, some fifty bytes each: whether a canary was bad shows only after it was seen. The
 * oldest make room for new ones.
 */
export class RecentSightings<Place extends { readonly runId: string }> {
  readonly #capacity: number
  readonly #places: (Place | undefined)[] = []
  readonly #details: (SightingDetail | undefined)[] = []
  readonly #codes: Float64Array
  readonly #starts: Float64Array
  readonly #ends: Float64Array
  readonly #offsets: Float64Array
  readonly #partitions: Int32Array
  #next = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#codes = new Float64Array(capacity)
    this.#starts = new Float64Array(capacity)
    this.#ends = new Float64Array(capacity)
    this.#offsets = new Float64Array(capacity)
    this.#partitions = new Int32Array(capacity)
  }

  add(place: Place, sighting: Sighting): void {
    const at = this.#next
    this.#next = (at + 1) % this.#capacity
    this.#places[at] = place
    this.#details[at] = sighting.detail
    this.#codes[at] = canaryCode(sighting)
    this.#starts[at] = sighting.startMs
    this.#ends[at] = sighting.endMs
    this.#offsets[at] = sighting.offset ?? NONE
    this.#partitions[at] = sighting.partition ?? NONE
  }

  /** Takes out every sighting of the wanted canaries, by run and `canaryCode`; oldest first. */
  take(wanted: ReadonlyMap<string, ReadonlySet<number>>): { readonly place: Place; readonly sighting: Sighting }[] {
    const taken: { place: Place; sighting: Sighting }[] = []
    const count = this.#places.length
    const oldest = count < this.#capacity ? 0 : this.#next
    for (let i = 0; i < count; i++) {
      const at = (oldest + i) % count
      const place = this.#places[at]
      if (place === undefined || wanted.get(place.runId)?.has(this.#codes[at] as number) !== true) continue
      taken.push({ place, sighting: this.#sightingAt(at) })
      this.#places[at] = undefined
      this.#details[at] = undefined
    }
    return taken
  }

  #sightingAt(at: number): Sighting {
    const code = this.#codes[at] as number
    const stream = code % STREAMS_MAX
    const [partition, offset, detail] = [this.#partitions[at] as number, this.#offsets[at] as number, this.#details[at]]
    return {
      stream,
      seq: (code - stream) / STREAMS_MAX,
      startMs: this.#starts[at] as number,
      endMs: this.#ends[at] as number,
      ...(partition === NONE ? {} : { partition }),
      ...(offset === NONE ? {} : { offset }),
      ...(detail === undefined ? {} : { detail }),
    }
  }
}
