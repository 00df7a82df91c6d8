import type { Load } from '../../topology/plan.ts'
import { mirrorLength, mirrorPlace } from '../../shared/core/mirror.ts'
import type { Ranges } from '../../shared/core/range-set.ts'

/** A run of canaries in the order of intended sends: what one intent and one ledger fact speak of. */
export interface Chunk {
  readonly placeFirst: number
  readonly placeEnd: number
  readonly canaries: readonly { readonly stream: number; readonly ranges: Ranges }[]
}

const CHUNK_MS = 2_000
const CHUNK_CANARIES_MAX = 50_000

/** Canaries of a chunk, and how long before its first send it is intended. */
export function chunkSize(load: Load): { canaries: number; leadMs: number } {
  const perChunk = Math.ceil((load.ratePerSecond * CHUNK_MS) / 1000)
  // Whole turns of all streams, so that each chunk is one range a stream.
  const canaries = Math.min(CHUNK_CANARIES_MAX, Math.max(load.streams, Math.ceil(perChunk / load.streams) * load.streams))
  return { canaries, leadMs: 1_000 }
}

export function nextChunk(load: Load, placeFirst: number): Chunk {
  const placeEnd = Math.min(load.canaries, placeFirst + chunkSize(load).canaries)
  const canaries: { stream: number; ranges: Ranges }[] = []
  for (let stream = 0; stream < load.streams; stream++) {
    const first = Math.ceil((placeFirst - stream) / load.streams)
    const last = Math.ceil((placeEnd - stream) / load.streams) - 1
    if (last >= first) canaries.push({ stream, ranges: [first, last] })
  }
  const mirrored = Array.from({ length: mirrorLength(load) }, (_, seq) => seq).filter((seq) => {
    const place = mirrorPlace(load, seq)
    return placeFirst <= place && place < placeEnd
  })
  if (mirrored.length > 0) canaries.push({ stream: load.streams, ranges: [mirrored[0] as number, mirrored.at(-1) as number] })
  return { placeFirst, placeEnd, canaries }
}
