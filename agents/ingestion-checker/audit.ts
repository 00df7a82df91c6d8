import type { Position } from '../../schemas/parts.ts'
import type { AuditColumn } from '../../schemas/results/audit-scoped.ts'
import { cutWindows, emptyAudit, nextDue, WINDOWS_MAX, type SidePrints, type SideRecords, type SideTimes } from '../../shared/core/audit.ts'
import { auditState, type AuditState, type WantedPrints, type WantedRecord } from '../../shared/core/audit-state.ts'
import {
  auditedHops,
  LOOK_RETRY_MS,
  newHopWork,
  RECORDS_A_LOOK,
  sayPrints,
  sayRecords,
  sayTimes,
  timedHops,
  WINDOWS_A_LOOK,
  type AuditHopWork,
} from '../../shared/core/audit-work.ts'
import { unreachable } from '../../shared/core/assert.ts'
import type { BusEffect } from '../../shared/core/bus-events.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import type { DueStage } from '../../shared/core/stage-rules.ts'
import { evidenceOf, headOf, say, sayEnded, sayMissing, sayStarted, stopReason, type RunWorks } from '../../shared/core/run-work.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { Offsets } from './loss.ts'

/** What the shell says of the topics that tables are written from. `hop` is the table. */
export type AuditEvent =
  | { readonly type: 'audit-baselined'; readonly runId: string; readonly positions: readonly Position[] }
  | { readonly type: 'audit-ends-seen'; readonly runId: string; readonly hop: string; readonly ends: Offsets; readonly isLast: boolean }
  | { readonly type: 'audit-prints-read'; readonly runId: string; readonly hop: string; readonly prints: readonly SidePrints[] }
  | { readonly type: 'audit-records-read'; readonly runId: string; readonly hop: string; readonly records: readonly SideRecords[] }
  | { readonly type: 'audit-times-read'; readonly runId: string; readonly hop: string; readonly times: SideTimes }
  | { readonly type: 'audit-trouble'; readonly runId: string; readonly hop: string; readonly reason: string }

interface AuditOf {
  readonly runId: string
  readonly hop: string
  readonly topic: string
}

export type AuditEffect =
  /** Where the topics end now: what comes behind is audited. */
  | { readonly type: 'audit-baseline'; readonly runId: string; readonly of: readonly { readonly hop: string; readonly topic: string }[] }
  /** Where the topic ends now. `isLast` goes back with the answer: all that the run writes was there before. */
  | ({ readonly type: 'audit-ends'; readonly isLast: boolean } & AuditOf)
  | ({
      readonly type: 'audit-prints'
      readonly wanted: readonly WantedPrints[]
      readonly columns: readonly AuditColumn[]
      readonly resolved: ResolvedRun
    } & AuditOf)
  | ({ readonly type: 'audit-records'; readonly wanted: readonly WantedRecord[]; readonly resolved: ResolvedRun } & AuditOf)
  /** All records from `begun` to the end that the topic has by then, by windows of the event time in `field`. */
  | ({
      readonly type: 'audit-times'
      readonly begun: Offsets
      readonly windowMs: number
      readonly field: string
      readonly resolved: ResolvedRun
    } & AuditOf)

export interface TopicAudit {
  readonly runId: string
  readonly stage: string
  readonly hops: Map<string, AuditHopWork & { endsAskedMs: number }>
  baselineAskedMs: number | null
}

/** What auditing needs to know of the agent. */
export interface Auditing {
  readonly works: RunWorks
  readonly audits: Map<string, TopicAudit>
}

type Effects = (BusEffect | AuditEffect)[]

const ENDS_EVERY_MS = 5_000
const BASELINE_RETRY_MS = 5_000

export function beginAudit({ works, audits }: Auditing, { run, stage }: DueStage): Effects {
  const { nowMs } = works.base
  const known = audits.get(run.runId)
  if (known?.baselineAskedMs != null && nowMs - known.baselineAskedMs < BASELINE_RETRY_MS) return []
  audits.set(run.runId, { ...newAudit(run.runId, stage.stage), baselineAskedMs: nowMs })
  const of = [
    ...auditedHops(run).map(({ name, hop }) => ({ hop: name, topic: hop.sourceOffsets.topic })),
    ...timedHops(run).map(({ name, eventTime }) => ({ hop: name, topic: eventTime.topic })),
  ]
  return [{ type: 'audit-baseline', runId: run.runId, of }]
}

const newAudit = (runId: string, stage: string): TopicAudit => ({ runId, stage, hops: new Map(), baselineAskedMs: null })

export function carryOnAudit(state: Auditing, { run, stage }: DueStage): Effects {
  const { works, audits } = state
  const audit = audits.get(run.runId) ?? newAudit(run.runId, stage.stage)
  audits.set(run.runId, audit)
  const stop = stopReason(works, run, stage)
  if (stop !== null) return endAudit(state, { run, stage }, stop)
  const effects = countByTime(state, { run, stage }, audit)
  for (const { name, hop } of auditedHops(run)) {
    const told = evidenceOf(works, run.runId).audits.get(name) ?? emptyAudit()
    const now = auditState(told)
    const work = workOf(audit, name)
    const at = { runId: run.runId, hop: name, topic: hop.sourceOffsets.topic }
    if (!told.isClosed) effects.push(...askForEnds(works, { run, work, at }))
    if (told.scope !== null) effects.push(...look(works, { run, work, at, now, columns: told.scope.columns }))
  }
  return isTableSideOver(run) ? [...effects, ...endAudit(state, { run, stage }, { outcome: 'ok' })] : effects
}

function workOf(audit: TopicAudit, hop: string): AtHop['work'] {
  const work = audit.hops.get(hop) ?? { ...newHopWork(), endsAskedMs: -Infinity }
  audit.hops.set(hop, work)
  return work
}

/** Once all that the run writes is in the topic: records of one event time lie at any offset. */
function countByTime({ works }: Auditing, { run, stage }: DueStage, audit: TopicAudit): Effects {
  if (stage.task !== 'audit-topics' || !isAllWritten(run)) return []
  return timedHops(run).flatMap(({ name, eventTime: { topic, field } }): Effects => {
    const work = workOf(audit, name)
    const isTold = evidenceOf(works, run.runId).audits.get(name)?.times.topic != null
    if (isTold || work.isLooking || works.base.nowMs < work.nextLookMs) return []
    work.isLooking = true
    const { windowMs } = stage
    return [
      {
        type: 'audit-times',
        runId: run.runId,
        hop: name,
        topic,
        begun: begunAt(run, audit, name),
        windowMs,
        field,
        resolved: run.resolved,
      },
    ]
  })
}

/** Where each partition of the topic ended when the audit began. */
const begunAt = (run: RunState, { stage }: TopicAudit, hop: string): Map<number, number> =>
  new Map(
    (run.stages.get(stage)?.started?.positions ?? []).flatMap((position) =>
      position.hop === hop ? [[position.partition, position.offset] as const] : [],
    ),
  )

/** Nobody will compare any more. Windows that are all the same may be opened anew. */
const isTableSideOver = (run: RunState) =>
  run.resolved.plan.stages.some(({ task, stage }) => task === 'audit-tables' && run.stages.get(stage)?.ended != null)

interface AtHop {
  readonly run: RunState
  readonly work: AuditHopWork & { endsAskedMs: number }
  readonly at: AuditOf
}

function askForEnds(works: RunWorks, { run, work, at }: AtHop): Effects {
  const { nowMs } = works.base
  if (nowMs - work.endsAskedMs < ENDS_EVERY_MS) return []
  work.endsAskedMs = nowMs
  return [{ type: 'audit-ends', ...at, isLast: isAllWritten(run) }]
}

/** Whether what the run writes has come to the topics. */
const isAllWritten = (run: RunState) =>
  run.resolved.plan.stages.every(
    ({ task, stage }) => (task !== 'produce' && task !== 'sight-topics') || run.stages.get(stage)?.ended != null,
  )

function look(works: RunWorks, { run, work, at, now, columns }: AtHop & { now: AuditState; columns: readonly AuditColumn[] }): Effects {
  if (work.isLooking || works.base.nowMs < work.nextLookMs) return []
  const { resolved } = run
  const wanted = now.wanted.topic.slice(0, WINDOWS_A_LOOK)
  const records = now.records.topic.slice(0, RECORDS_A_LOOK)
  if (wanted.length === 0 && records.length === 0) return []
  work.isLooking = true
  if (wanted.length > 0) return [{ type: 'audit-prints', ...at, wanted, columns, resolved }]
  return [{ type: 'audit-records', ...at, wanted: records, resolved }]
}

export function onAuditEvent({ works, audits }: Auditing, event: AuditEvent): Effects {
  const audit = audits.get(event.runId)
  const run = works.base.book.runs.get(event.runId)
  if (audit === undefined || run === undefined) return []
  if (event.type === 'audit-baselined') {
    if (run.stages.get(audit.stage)?.started !== null) return []
    return [sayStarted(works, audit, { positions: [...event.positions] })]
  }
  const work = audit.hops.get(event.hop)
  if (work === undefined) return []
  const at = { runId: run.runId, hop: event.hop, side: 'topic' as const }
  switch (event.type) {
    case 'audit-ends-seen':
      return sayDue(works, { run, audit }, event)
    case 'audit-prints-read':
      looked(work, works.base.nowMs)
      return sayPrints(works, at, event.prints)
    case 'audit-records-read':
      looked(work, works.base.nowMs)
      return sayRecords(works, at, event.records)
    case 'audit-times-read':
      looked(work, works.base.nowMs)
      return sayTimes(works, at, event.times)
    case 'audit-trouble':
      work.isLooking = false
      work.trouble = event.reason
      work.nextLookMs = works.base.nowMs + LOOK_RETRY_MS
      return []
    default:
      return unreachable(event)
  }
}

function looked(work: AuditHopWork, nowMs: number): void {
  work.isLooking = false
  work.trouble = null
  work.nextLookMs = nowMs
}

function sayDue(
  works: RunWorks,
  { run, audit }: { run: RunState; audit: TopicAudit },
  { hop, ends, isLast }: Extract<AuditEvent, { type: 'audit-ends-seen' }>,
): Effects {
  const stage = run.resolved.plan.stages.find((one) => one.stage === audit.stage)
  const table = auditedHops(run).find(({ name }) => name === hop)
  const told = evidenceOf(works, run.runId).audits.get(hop)
  if (run.stages.get(audit.stage)?.started == null || stage?.task !== 'audit-topics' || table === undefined || told?.isClosed === true)
    return []
  const { windowOffsets } = stage
  const all = cutWindows(nextDue(told, begunAt(run, audit, hop)), ends, { windowOffsets, isLast })
  const windows = all.slice(0, WINDOWS_MAX - (told?.due.size ?? 0))
  if (windows.length === 0 && !isLast) return []
  const fact = say(works, { kind: 'audit-due', ...headOf(works, run.runId), hop, topic: table.hop.sourceOffsets.topic, windows, isLast })
  if (windows.length === all.length) return [fact]
  return [
    fact,
    sayMissing(works, { runId: run.runId, hop }, `audit: ${all.length - windows.length} windows beyond ${WINDOWS_MAX} were not compared`),
  ]
}

function endAudit({ works, audits }: Auditing, { run, stage }: DueStage, end: Parameters<typeof sayEnded>[2]): Effects {
  const effects: Effects = []
  for (const [hop, { trouble }] of audits.get(run.runId)?.hops ?? [])
    if (end.outcome === 'inconclusive' && trouble !== null) effects.push(sayMissing(works, { runId: run.runId, hop }, `audit: ${trouble}`))
  audits.delete(run.runId)
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, end)]
}
