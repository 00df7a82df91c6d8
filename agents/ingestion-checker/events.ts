import type { Located, Position } from '../../schemas/parts.ts'
import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import type { Shares } from '../../shared/core/shares.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { AuditEffect, AuditEvent } from './audit.ts'
import type { LookLimits, SeenLog, TopicId } from './log-watch.ts'
import type { Offsets, Progress } from './loss.ts'
import type { ReadBatch } from './sighting.ts'

export type CheckerEvent =
  | BusEvent
  | AuditEvent
  | {
      readonly type: 'baselined'
      readonly runId: string
      readonly stage: string
      readonly positions: readonly Position[]
      readonly topicIds: readonly TopicId[]
    }
  | ({ readonly type: 'log-seen'; readonly runId: string; readonly hop: string } & SeenLog)
  | { readonly type: 'batch-read'; readonly runId: string; readonly hop: string; readonly reading: number; readonly batch: ReadBatch }
  | ({ readonly type: 'progress-seen'; readonly runId: string; readonly hop: string } & Progress)
  | {
      readonly type: 'looked-again'
      readonly runId: string
      readonly hop: string
      readonly askedAtMs: number
      readonly result: LookOutcome
    }
  | { readonly type: 'trouble'; readonly runId: string; readonly hop: string; readonly reason: string }

export type LookOutcome =
  | { readonly ok: true; readonly found: readonly Located[]; readonly origin: readonly Located[]; readonly limits: LookLimits }
  | { readonly ok: false; readonly reason: string }

export type CheckerEffect =
  | BusEffect
  | AuditEffect
  /** Where each hop ends now, and that the schemas are known: the run's reading starts there. */
  | { readonly type: 'take-baseline'; readonly runId: string; readonly stage: string; readonly hops: readonly string[] }
  | {
      readonly type: 'start-reading'
      readonly runId: string
      readonly hop: string
      /** Goes back with what is read: what an earlier reading sent last is not of this one. */
      readonly reading: number
      readonly positions: Offsets
      /** Partitions of others are not read. */
      readonly shares: Shares
      readonly resolved: ResolvedRun
    }
  | { readonly type: 'stop-reading'; readonly runId: string }
  /** The committed offsets of the group that processes into this hop, and after them the ends of the hop's topic. When goes back with it. */
  | { readonly type: 'look-at-progress'; readonly runId: string; readonly hop: string; readonly askedAtMs: number }
  /** How the topic stands: its id, and what of it is left. `asked`, our positions, and when go back with it. */
  | { readonly type: 'look-at-log'; readonly runId: string; readonly hop: string; readonly asked: Offsets; readonly askedAtMs: number }
  | {
      readonly type: 'look-again'
      readonly runId: string
      readonly hop: string
      /** Goes back with what is found: what an earlier reading asked for is not what this one waits for. */
      readonly askedAtMs: number
      readonly suspects: readonly { readonly stream: number; readonly seq: number }[]
      readonly searchFrom: Offsets
      /** Where the suspects stand at the hop before; empty for the first hop. */
      readonly origin: {
        readonly hop: string
        readonly covered: readonly { partition: number; offsetFirst: number; offsetLast: number }[]
      } | null
    }
