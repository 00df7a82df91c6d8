import type { TableHop } from '../../topology/topology.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { BusEffect } from './bus-events.ts'
import type { SidePrints, SideRecords, SideTimes } from './audit.ts'
import { isOver, type RunState } from './run-book.ts'
import { headOf, hopsOfKind, say, type RunWorks } from './run-work.ts'
import type { AuditSide } from '../../schemas/results/audit-window.ts'

/** A table whose rows tell where in Kafka they came from, and that topic. */
export interface AuditedHop {
  readonly name: string
  readonly hop: TableHop & { readonly sourceOffsets: NonNullable<TableHop['sourceOffsets']> }
}

export const auditedHops = (run: RunState): AuditedHop[] =>
  hopsOfKind(run, 'table').flatMap(({ name, hop }) =>
    hop.sourceOffsets === null ? [] : [{ name, hop: { ...hop, sourceOffsets: hop.sourceOffsets } }],
  )

/** A table whose rows do not tell that, but when what they say happened. */
export interface TimedHop {
  readonly name: string
  readonly hop: TableHop
  readonly eventTime: NonNullable<NonNullable<TableHop['audit']>['eventTime']>
}

export const timedHops = (run: RunState): TimedHop[] =>
  hopsOfKind(run, 'table').flatMap(({ name, hop }) => {
    const eventTime = hop.sourceOffsets === null ? hop.audit?.eventTime : undefined
    return eventTime === undefined ? [] : [{ name, hop, eventTime }]
  })

/** What the topic that a table is written from has instead of the record at the source. */
export const expectedBefore = ({ hops }: ResolvedRun, topic: string) =>
  hops.flatMap((hop) => (hop.kind === 'topic' && hop.topic === topic ? hop.expect : []))

/** The field that is the key of the topic's records; null where the topology does not say. */
export const keyIn = ({ hops }: ResolvedRun, topic: string): string | null =>
  hops.flatMap((hop) => (hop.kind === 'topic' && hop.topic === topic ? hop.key : null)).find((key) => key !== null) ?? null

/** What one agent does for one audited table. */
export interface AuditHopWork {
  /** Asked of the shell, not answered yet: one look at a time. */
  isLooking: boolean
  nextLookMs: number
  trouble: string | null
}

export const newHopWork = (): AuditHopWork => ({ isLooking: false, nextLookMs: 0, trouble: null })

/** Windows read in one look; what it found is told before the next, so that a crash costs no more. */
export const WINDOWS_A_LOOK = 16
export const RECORDS_A_LOOK = 100
/** After a look that failed. */
export const LOOK_RETRY_MS = 2_000

export const sayPrints = (
  works: RunWorks,
  at: { runId: string; hop: string; side: AuditSide },
  prints: readonly SidePrints[],
): BusEffect[] =>
  prints.map((print) => say(works, { kind: 'audit-window', ...headOf(works, at.runId), hop: at.hop, side: at.side, ...print }))

export const sayRecords = (
  works: RunWorks,
  at: { runId: string; hop: string; side: AuditSide },
  records: readonly SideRecords[],
): BusEffect[] =>
  records.map((told) => say(works, { kind: 'audit-records', ...headOf(works, at.runId), hop: at.hop, side: at.side, ...told }))

export const sayTimes = (works: RunWorks, at: { runId: string; hop: string; side: AuditSide }, times: SideTimes): BusEffect[] => [
  say(works, { kind: 'audit-times', ...headOf(works, at.runId), hop: at.hop, side: at.side, ...times }),
]

/** Of runs that are over, nothing is audited any more. */
export function letGoOfAudits({ base: { book, nowMs } }: RunWorks, audits: Map<string, unknown>): void {
  for (const runId of audits.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || isOver(book, run, nowMs)) audits.delete(runId)
  }
}
