import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { AnswerMismatch } from './probes/compare.ts'
import type { SnapshotSeen } from './probes/lineage.ts'

/** What is asked of an api hop. The last two ask how it treats a stranger and an id that nobody wrote. */
export type Question =
  | { readonly kind: 'canary'; readonly stream: number; readonly seq: number }
  | { readonly kind: 'window'; readonly stream: number; readonly seqFirst: number; readonly seqLast: number }
  | { readonly kind: 'no-credentials'; readonly stream: number; readonly seq: number }
  | { readonly kind: 'unknown-id'; readonly stream: number; readonly seq: number }

export interface Answer {
  readonly atMs: number
  readonly latencyMs: number
  /** Null when there was no answer. */
  readonly status: number | null
  readonly isJson: boolean
  readonly snapshotId: string | null
  readonly mismatches: readonly AnswerMismatch[]
  readonly error: string | null
}

export type ProberEvent =
  | BusEvent
  | { readonly type: 'answered'; readonly runId: string; readonly id: number; readonly answer: Answer }
  /** Our own trouble: what the answer should be could not be computed. */
  | { readonly type: 'unanswerable'; readonly runId: string; readonly id: number; readonly reason: string }
  | { readonly type: 'lineage-seen'; readonly runId: string; readonly atMs: number; readonly snapshots: readonly SnapshotSeen[] }
  | { readonly type: 'lineage-unseen'; readonly runId: string; readonly hop: string; readonly reason: string }

export type ProberEffect =
  | BusEffect
  | { readonly type: 'begin-probing'; readonly runId: string; readonly resolved: ResolvedRun }
  | { readonly type: 'stop-probing'; readonly runId: string }
  /** Asks at the intended time, compares with what was produced, and answers `answered` within the hop's timeout. */
  | {
      readonly type: 'ask'
      readonly runId: string
      readonly hop: string
      readonly id: number
      readonly question: Question
      readonly intendedAtMs: number
      /** Answered wrong or stale before, or failed while others were answered: this look may be the one that accuses. */
      readonly isSuspect: boolean
    }
  /** A fresh load of the table from the catalog: its snapshots and their parents. */
  | { readonly type: 'look-at-lineage'; readonly runId: string; readonly hop: string }
