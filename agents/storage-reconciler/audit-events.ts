import type { AuditColumn } from '../../schemas/results/audit-scoped.ts'
import type { ComparedWindow, WantedPrints, WantedRecord } from '../../shared/core/audit-state.ts'
import type { SidePrints, SideRecords, SideTimes, TimesTold } from '../../shared/core/audit.ts'
import type { Baseline } from '../../shared/iceberg/snapshot-reader.ts'

export type Offsets = ReadonlyMap<number, number>

export type TableAuditEvent =
  | { readonly type: 'audit-baselined'; readonly runId: string; readonly baseline: Baseline }
  /** What the table is and how far it has come. */
  | {
      readonly type: 'audit-table-seen'
      readonly runId: string
      readonly hop: string
      readonly columns: readonly AuditColumn[]
      readonly snapshotId: string
      readonly committedAtMs: number
      /** The greatest source offset in a row, by partition. */
      readonly stored: Offsets
      /** The first offset that the sink's group has not done with, by partition; empty where nobody can tell. */
      readonly sink: Offsets
    }
  | { readonly type: 'audit-prints-read'; readonly runId: string; readonly hop: string; readonly prints: readonly SidePrints[] }
  | { readonly type: 'audit-records-read'; readonly runId: string; readonly hop: string; readonly records: readonly SideRecords[] }
  /** Windows of `audit-additions` that have got rows since they were compared. */
  | {
      readonly type: 'audit-additions-seen'
      readonly runId: string
      readonly hop: string
      readonly snapshotId: string
      readonly grown: readonly ComparedWindow[]
    }
  /** What a table without stored offsets holds by event time, as far as `audit-counts` asked. */
  | {
      readonly type: 'audit-counted'
      readonly runId: string
      readonly hop: string
      readonly snapshotId: string
      readonly committedAtMs: number
      readonly sink: Offsets
      readonly windows: SideTimes['windows']
      readonly grew: boolean
      readonly gone: string | null
    }
  | { readonly type: 'audit-trouble'; readonly runId: string; readonly hop: string; readonly reason: string }

interface AuditOf {
  readonly runId: string
  readonly hop: string
  /** The table as the audit began: no row of what it compares is older. */
  readonly began: Baseline
}

export type TableAuditEffect =
  | { readonly type: 'audit-baseline'; readonly runId: string; readonly hop: string }
  | ({ readonly type: 'audit-look' } & AuditOf)
  | ({ readonly type: 'audit-prints'; readonly wanted: readonly WantedPrints[] } & AuditOf)
  | ({ readonly type: 'audit-records'; readonly wanted: readonly WantedRecord[] } & AuditOf)
  | ({ readonly type: 'audit-additions'; readonly compared: readonly ComparedWindow[] } & AuditOf)
  | ({ readonly type: 'audit-counts'; readonly told: TimesTold; readonly column: string } & AuditOf)
