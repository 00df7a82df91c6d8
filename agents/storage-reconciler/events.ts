import type { Located, OffsetRange, StreamRanges, ViolationKind } from '../../schemas/parts.ts'
import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'

/** What the shell read of one snapshot: its own additions, compared with what was produced. */
export interface SnapshotReading {
  readonly snapshotId: string
  readonly parentId: string | null
  readonly committedAtMs: number
  readonly operation: string
  readonly filesAdded: number
  readonly rowsAdded: number
  readonly bytesAdded: number
  readonly canaries: readonly StreamRanges[]
  /** Rows of this snapshot beyond the first of the same canary in it. */
  readonly repeats: readonly Located[]
  readonly faults: readonly RowFault[]
  readonly sourceOffsets: readonly OffsetRange[]
  readonly metadataFaults: readonly MetadataFault[]
}

export interface RowFault {
  readonly violation: Extract<ViolationKind, 'corrupted' | 'precision-lost'>
  readonly place: Located
  readonly field: string
  readonly expected: string
  readonly actual: string
}

export interface MetadataFault {
  readonly file: string
  readonly expected: string
  readonly actual: string
}

export type ReconcilerEvent =
  | BusEvent
  | { readonly type: 'baselined'; readonly runId: string; readonly snapshotId: string | null; readonly tableUuid: string | null }
  | { readonly type: 'snapshot-read'; readonly runId: string; readonly hop: string; readonly reading: SnapshotReading }
  /** Snapshots that can no longer be followed one by one; what they did is not known. */
  | { readonly type: 'lineage-broken'; readonly runId: string; readonly hop: string; readonly reason: string }
  | { readonly type: 'looked-again'; readonly runId: string; readonly hop: string; readonly result: TableLook }
  | { readonly type: 'trouble'; readonly runId: string; readonly hop: string; readonly reason: string }
  | { readonly type: 'cleaned-up'; readonly runId: string; readonly stage: string; readonly result: CleanUpResult }

export type TableLook =
  | { readonly ok: true; readonly snapshotId: string | null; readonly present: readonly Located[]; readonly origin: readonly Located[] }
  | { readonly ok: false; readonly reason: string }

/** Rows of the run before and after, by hop; null for a table that may not be cleaned. */
export type CleanUpResult =
  | { readonly ok: true; readonly tables: readonly { readonly hop: string; readonly rows: { removed: number; left: number } | null }[] }
  | { readonly ok: false; readonly reason: string }

export type ReconcilerEffect =
  | BusEffect
  /** The table's current snapshot and uuid: the run's reading starts behind it. */
  | { readonly type: 'take-baseline'; readonly runId: string; readonly hop: string }
  | {
      readonly type: 'follow'
      readonly runId: string
      readonly hop: string
      readonly afterSnapshotId: string | null
      readonly tableUuid: string | null
      readonly resolved: ResolvedRun
    }
  | { readonly type: 'stop-following'; readonly runId: string }
  /** A fresh catalog load and a fresh scan for these canaries, and where they stand in the topic before. */
  | {
      readonly type: 'look-again'
      readonly runId: string
      readonly hop: string
      readonly suspects: readonly { readonly stream: number; readonly seq: number }[]
      /** The snapshot behind which the run began; null for an empty table. */
      readonly afterSnapshotId: string | null
      /** Null where only the table is to be looked at. */
      readonly origin: { readonly hop: string; readonly covered: readonly OffsetRange[] } | null
    }
  /** Deletes the run's rows; again does no harm. */
  | { readonly type: 'clean-up'; readonly runId: string; readonly stage: string; readonly resolved: ResolvedRun }
