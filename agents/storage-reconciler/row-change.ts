import type { Located, StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import type { SnapshotReading } from './events.ts'
import { RowCounts } from './row-counts.ts'

/** What a reading did to the rows known so far. */
export interface RowChange {
  /** Canaries that had no row, and have one now. */
  readonly brought: CanarySet
  /** Rows beside one that was there, or that came with it. Partition and offset are -1 where they are not known. */
  readonly repeats: readonly Located[]
  /** Rows that are there no more: a canary comes once for each. */
  readonly removed: readonly StreamRanges[]
  /** Canaries that had a row, and have none now. */
  readonly gone: CanarySet
}

/** What of a reading is about rows. */
export type ReadRows = Pick<SnapshotReading, 'isWhole' | 'canaries' | 'repeats' | 'removed' | 'emptied' | 'places'>

const asRows = (places: readonly Located[]): StreamRanges[] => places.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] }))

/** Changes `rows` by what was read: rows taken away first, since a writer may put back in the same commit what it deletes. */
export function applyReading(rows: RowCounts, reading: ReadRows): RowChange {
  const read = [...reading.canaries, ...asRows(reading.repeats)]
  const target = RowCounts.of(read)
  const wanted = reading.isWhole ? rows.beyond(target) : [...reading.removed, ...rows.rowsOf(CanarySet.of(reading.emptied))]
  const gained = reading.isWhole ? target.beyond(rows) : read
  const removed = RowCounts.of(wanted)
  removed.take(rows.take(wanted).toWire())
  const extra = RowCounts.of(gained)
  const brought = extra.present.minus(rows.present)
  extra.take(brought.toWire())
  rows.add(gained)
  return {
    brought,
    repeats: placed(extra.toWire(), [...reading.repeats, ...reading.places]),
    removed: removed.toWire(),
    gone: removed.present.minus(rows.present),
  }
}

/** Each row at a place of its own, as far as places are known. */
function placed(rows: readonly StreamRanges[], places: readonly Located[]): Located[] {
  const known = new Map<string, Located[]>()
  for (const { stream, seq, partition, offset } of places) {
    const key = `${stream}/${seq}`
    known.set(key, [...(known.get(key) ?? []), { stream, seq, partition, offset }])
  }
  return rows.flatMap((row) =>
    CanarySet.of([row])
      .members()
      .map(({ stream, seq }) => known.get(`${stream}/${seq}`)?.shift() ?? { stream, seq, partition: -1, offset: -1 }),
  )
}
