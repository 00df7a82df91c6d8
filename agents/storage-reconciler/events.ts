import type { Located, OffsetRange, StreamRanges, ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import type { RuleCheck } from '../../schemas/results/rules-checked.ts'
import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { Term } from '../../shared/core/rules.ts'
import type { TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import type { Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'

/** What the shell read of one snapshot: what it changed, compared with what was produced. */
export interface SnapshotReading {
  readonly snapshotId: string
  /** The snapshot it follows on. */
  readonly parentId: string | null
  /** When it could be seen. */
  readonly committedAtMs: number
  readonly operation: string
  readonly filesAdded: number
  readonly rowsAdded: number
  readonly bytesAdded: number
  /**
   * Those between this one and `parentId` cannot be followed: `canaries` and `repeats` are all that is there now,
   * instead of what one snapshot brought.
   */
  readonly isWhole: boolean
  readonly canaries: readonly StreamRanges[]
  /** Rows of this snapshot beyond the first of the same canary in it. */
  readonly repeats: readonly Located[]
  /** Rows it took away and did not write anew: a canary comes once for each. */
  readonly removed: readonly StreamRanges[]
  /** Every row of these that was there before is deleted, in whatever file. */
  readonly emptied: readonly StreamRanges[]
  /** Rows that may turn out to be repeats of what earlier snapshots brought. */
  readonly places: readonly PlacedRow[]
  /** Where rows in `removed` were. */
  readonly removedPlaces: readonly PlacedRow[]
  readonly faults: readonly RowFault[]
  readonly sourceOffsets: readonly OffsetRange[]
  readonly metadataFaults: readonly MetadataFault[]
  readonly rules: RulesRead
}

/** What was held against rules and contracts, and what broke them. */
export interface RulesRead {
  readonly checks: readonly RuleCheck[]
  readonly faults: readonly RuleFault[]
}

export interface RuleFault {
  readonly violation: Term['violation']
  readonly rule: string
  readonly field: string | null
  readonly expected: string
  readonly actual: string
  /** Of a canary; of others, null with the file they are in. With neither it is of every canary that the snapshot brought. */
  readonly place: Located | null
  readonly file: string | null
  readonly partition: number | null
  readonly offset: number | null
}

export interface PlacedRow extends Located {
  readonly file: string
}

/** A branch that stands on other snapshots than it did: set back, set forward again, or of a table made anew. */
export interface LineageMove {
  readonly undone: readonly string[]
  readonly restored: readonly string[]
  readonly reason: string
  readonly tableUuid: { readonly was: string; readonly is: string } | null
}

export interface RowFault {
  readonly violation: Extract<ViolationKind, 'corrupted' | 'precision-lost'>
  readonly difference?: ValueDifference
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
  | TableAuditEvent
  | { readonly type: 'baselined'; readonly runId: string; readonly baseline: Baseline }
  | { readonly type: 'snapshot-read'; readonly runId: string; readonly hop: string; readonly reading: SnapshotReading }
  | { readonly type: 'lineage-moved'; readonly runId: string; readonly hop: string; readonly move: LineageMove }
  /** Of a snapshot that the catalog still names, what stands for its files cannot be read. */
  | {
      readonly type: 'metadata-broken'
      readonly runId: string
      readonly hop: string
      readonly snapshotId: string
      readonly fault: MetadataFault
    }
  /** Snapshots that can no longer be followed one by one, what they did is not known; or columns that are not compared. */
  | { readonly type: 'lineage-broken'; readonly runId: string; readonly hop: string; readonly reason: string }
  /** How far the sink's group has come, where that moved: by partition, the first offset it has not done with. */
  | {
      readonly type: 'sink-moved'
      readonly runId: string
      readonly hop: string
      readonly offsets: readonly { readonly partition: number; readonly next: number }[]
    }
  | {
      readonly type: 'looked-again'
      readonly runId: string
      readonly hop: string
      readonly askedAtMs: number
      readonly result: TableLook
    }
  | { readonly type: 'rules-asked'; readonly runId: string; readonly hop: string; readonly result: EndRulesResult }
  | { readonly type: 'trouble'; readonly runId: string; readonly hop: string; readonly reason: string }
  | { readonly type: 'cleaned-up'; readonly runId: string; readonly stage: string; readonly result: CleanUpResult }

/** A file whose rows nobody can tell. */
export interface UnreadableFile {
  readonly file: string
  /** What its manifest says of the source offsets of its rows; null where it says nothing. */
  readonly holds: {
    readonly partitionFirst: number
    readonly partitionLast: number
    readonly offsetFirst: number
    readonly offsetLast: number
  } | null
}

export type TableLook =
  | {
      readonly ok: true
      readonly snapshotId: string | null
      readonly present: readonly Located[]
      readonly origin: readonly Located[]
      readonly unreadable: readonly UnreadableFile[]
    }
  | { readonly ok: false; readonly reason: string }

/** Rules over the whole table, at one snapshot. */
export type EndRulesResult =
  { readonly ok: true; readonly snapshotId: string | null; readonly rules: RulesRead } | { readonly ok: false; readonly reason: string }

/** Rows of the run before and after, by hop; null for a table that may not be cleaned. */
export type CleanUpResult =
  | { readonly ok: true; readonly tables: readonly { readonly hop: string; readonly rows: { removed: number; left: number } | null }[] }
  | { readonly ok: false; readonly reason: string }

export type ReconcilerEffect =
  | BusEffect
  | TableAuditEffect
  /** The table's current snapshot and uuid: the run's reading starts behind it. */
  | { readonly type: 'take-baseline'; readonly runId: string; readonly hop: string }
  | {
      readonly type: 'follow'
      readonly runId: string
      readonly hop: string
      /** Null for an empty table. */
      readonly afterSnapshotId: string | null
      /** From the snapshot at which the run began to `afterSnapshotId`: what the table stood on when it was last told of. */
      readonly followed: readonly (string | null)[]
      /** Canaries read already. */
      readonly seen: readonly StreamRanges[]
      /** Of the snapshot at which the run began. */
      readonly sequenceNumber: number | null
      readonly tableUuid: string | null
      readonly resolved: ResolvedRun
    }
  | { readonly type: 'stop-following'; readonly runId: string }
  /** A fresh catalog load and a fresh scan for these canaries, and where they stand in the topic before. */
  | {
      readonly type: 'look-again'
      readonly runId: string
      readonly hop: string
      /** Goes back with what is found: what was asked for before the table was followed anew is not what is waited for. */
      readonly askedAtMs: number
      readonly suspects: readonly { readonly stream: number; readonly seq: number }[]
      readonly began: Baseline
      /** Null where only the table is to be looked at. */
      readonly origin: { readonly hop: string; readonly covered: readonly OffsetRange[] } | null
      readonly resolved: ResolvedRun
    }
  /** Rules over all rows of the run, at a snapshot that is named. */
  | {
      readonly type: 'ask-rules'
      readonly runId: string
      readonly hop: string
      readonly snapshotId: string | null
      readonly began: Baseline
      readonly resolved: ResolvedRun
    }
  /** Deletes the run's rows; again does no harm. */
  | { readonly type: 'clean-up'; readonly runId: string; readonly stage: string; readonly resolved: ResolvedRun }
