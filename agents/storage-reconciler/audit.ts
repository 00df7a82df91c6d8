import { emptyAudit } from '../../shared/core/audit.ts'
import { auditState, comparedWindows, type AuditState, type WantedPrints } from '../../shared/core/audit-state.ts'
import {
  auditedHops,
  LOOK_RETRY_MS,
  newHopWork,
  RECORDS_A_LOOK,
  sayPrints,
  sayRecords,
  timedHops,
  WINDOWS_A_LOOK,
  type AuditedHop,
  type AuditHopWork,
} from '../../shared/core/audit-work.ts'
import { unreachable } from '../../shared/core/assert.ts'
import type { BusEffect } from '../../shared/core/bus-events.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import type { DueStage } from '../../shared/core/stage-rules.ts'
import { evidenceOf, headOf, say, sayEnded, sayMissing, sayStarted, stopReason, type RunWorks } from '../../shared/core/run-work.ts'
import type { Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import { foldAfterAudit, tellFindings, tellGone } from './audit-telling.ts'
import type { Offsets, TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import { beganBehind } from './loss.ts'
import { count, foldCounts, foldCountsAfter, tellUncounted, timesAt } from './times.ts'

export interface TableAuditWork extends AuditHopWork {
  lookAskedMs: number
  /** Since when all windows are compared; null while some are not. */
  comparedSinceMs: number | null
  /** Some time later there were no more rows. */
  isWatched: boolean
  committedAtMs: number
  /** The greatest source offset in a row, by partition, and when it was seen first. */
  readonly stored: Map<number, { readonly offset: number; readonly sinceMs: number }>
  /** How far the sink had come, each time that was seen to move. */
  readonly sink: { readonly atMs: number; readonly offsets: Offsets }[]
}

export interface TableAudit {
  readonly runId: string
  readonly stage: string
  readonly hops: Map<string, TableAuditWork>
  baselineAskedMs: number | null
}

export interface TableAuditing {
  readonly works: RunWorks
  readonly audits: Map<string, TableAudit>
}

export type Effects = (BusEffect | TableAuditEffect)[]

export const LOOK_EVERY_MS = 2_000
const BASELINE_RETRY_MS = 5_000
/** So long after the last window was compared it is looked whether rows were added to any: a second row would come now. */
const WATCHED_MS = 3_000

export function beginAudit({ works, audits }: TableAuditing, { run, stage }: DueStage): Effects {
  const { nowMs } = works.base
  const known = audits.get(run.runId)
  if (known?.baselineAskedMs != null && nowMs - known.baselineAskedMs < BASELINE_RETRY_MS) return []
  audits.set(run.runId, { ...newAudit(run.runId, stage.stage), baselineAskedMs: nowMs })
  const hop = auditedHops(run)[0] ?? timedHops(run)[0]
  if (hop !== undefined) return [{ type: 'audit-baseline', runId: run.runId, hop: hop.name }]
  return [sayStarted(works, { runId: run.runId, stage: stage.stage })]
}

const newAudit = (runId: string, stage: string): TableAudit => ({ runId, stage, hops: new Map(), baselineAskedMs: null })

export function carryOnAudit(state: TableAuditing, { run, stage }: DueStage): Effects {
  const { works, audits } = state
  const audit = audits.get(run.runId) ?? newAudit(run.runId, stage.stage)
  audits.set(run.runId, audit)
  const evidence = evidenceOf(works, run.runId)
  const stop = stopReason(works, run, stage)
  const effects: Effects = []
  let isDone = true
  for (const hop of auditedHops(run)) {
    const now = auditState(evidence.audits.get(hop.name) ?? emptyAudit())
    const work = workOf(audit, hop.name)
    effects.push(...tellFindings(works, { run, hop }, now))
    isDone &&= now.isDone && work.isWatched
    if (stop === null) effects.push(...look(works, { run, hop, work, now, began: beganBehind(run, 'audit-tables') }))
    else effects.push(...tellOpen(works, { run, hop, work }, now))
  }
  for (const hop of timedHops(run)) {
    const now = timesAt(works, run.runId, hop.name)
    const work = workOf(audit, hop.name)
    effects.push(...tellFindings(works, { run, hop }, now))
    isDone &&= now.isDone
    effects.push(...(stop === null ? count(works, { run, hop, work }, now) : tellUncounted(works, { run, hop, work }, now)))
  }
  if (!isDone && stop === null) return effects
  audits.delete(run.runId)
  return [
    ...effects,
    ...tellGone(works, run),
    sayEnded(works, { runId: run.runId, stage: stage.stage }, isDone ? { outcome: 'ok' } : (stop ?? { outcome: 'ok' })),
  ]
}

function workOf(audit: TableAudit, hop: string): TableAuditWork {
  const work = audit.hops.get(hop) ?? newTableWork()
  audit.hops.set(hop, work)
  return work
}

const newTableWork = (): TableAuditWork => ({
  ...newHopWork(),
  lookAskedMs: -Infinity,
  comparedSinceMs: null,
  isWatched: false,
  committedAtMs: 0,
  stored: new Map(),
  sink: [],
})

interface AtTable {
  readonly run: RunState
  readonly hop: AuditedHop
  readonly work: TableAuditWork
}

function look(works: RunWorks, { run, hop, work, now, began }: AtTable & { now: AuditState; began: Baseline }): Effects {
  const { nowMs } = works.base
  work.comparedSinceMs = now.isDone ? (work.comparedSinceMs ?? nowMs) : null
  if (work.isLooking || nowMs < work.nextLookMs) return []
  const at = { runId: run.runId, hop: hop.name, began }
  const told = evidenceOf(works, run.runId).audits.get(hop.name)
  if (now.isDone) return watch(works, work, { type: 'audit-additions', ...at, compared: comparedWindows(told ?? emptyAudit()) })
  const mayLook = (one: { toldAtMs: number; mayCome: boolean }) => !one.mayCome || nowMs > one.toldAtMs + hop.hop.giveUpAfterMs
  const wanted = now.wanted.table.filter((one) => mayLook(one) && isPassed(works, { run, hop, work }, one)).slice(0, WINDOWS_A_LOOK)
  const records = now.records.table.filter(mayLook).slice(0, RECORDS_A_LOOK)
  if (wanted.length > 0) return asked(work, { type: 'audit-prints', ...at, wanted })
  if (records.length > 0) return asked(work, { type: 'audit-records', ...at, wanted: records })
  const isWaitedFor = told?.scope == null || now.wanted.table.length > 0
  if (!isWaitedFor || nowMs - work.lookAskedMs < LOOK_EVERY_MS) return []
  work.lookAskedMs = nowMs
  return asked(work, { type: 'audit-look', ...at })
}

/** A sink that delivers again does so in a later commit. */
function watch(
  { base: { nowMs } }: RunWorks,
  work: TableAuditWork,
  effect: Extract<TableAuditEffect, { type: 'audit-additions' }>,
): Effects {
  if (work.isWatched || nowMs - (work.comparedSinceMs ?? nowMs) < WATCHED_MS) return []
  if (effect.compared.length > 0) return asked(work, effect)
  work.isWatched = true
  return []
}

export function asked(work: TableAuditWork, effect: TableAuditEffect): Effects {
  work.isLooking = true
  return [effect]
}

/**
 * Whether all that the table will have there must be in it: rows from its end or beyond are; or the sink has read beyond the
 * last record, had the time it is given, and has committed since. Rows as far as the last record do not prove it alone: at the
 * offsets behind, where the topic holds none, a row that is one too many may be on its way, and is given that time as well.
 */
function isPassed(works: RunWorks, { hop, work }: AtTable, { partition, offsetLast, lastRecord, toldAtMs }: WantedPrints): boolean {
  const { offset, sinceMs } = work.stored.get(partition) ?? { offset: -1, sinceMs: 0 }
  if (offset >= offsetLast) return true
  const hadItsTime = (atMs: number) => works.base.nowMs > atMs + hop.hop.giveUpAfterMs
  if (lastRecord === null || offset >= lastRecord) return hadItsTime(Math.max(sinceMs, toldAtMs))
  const passed = work.sink.find(({ offsets }) => (offsets.get(partition) ?? 0) > lastRecord)
  return passed !== undefined && hadItsTime(passed.atMs) && work.committedAtMs > passed.atMs
}

export function onAuditEvent({ works, audits }: TableAuditing, event: TableAuditEvent): Effects {
  const audit = audits.get(event.runId)
  const run = works.base.book.runs.get(event.runId)
  if (run !== undefined && run.judged !== null) {
    if (event.type === 'audit-records-read') return foldAfterAudit(works, event)
    if (event.type === 'audit-counted') return foldCountsAfter(works, event)
  }
  if (audit === undefined || run === undefined) return []
  if (event.type === 'audit-baselined') {
    if (run.stages.get(audit.stage)?.started !== null) return []
    return [sayStarted(works, audit, event.baseline)]
  }
  const work = audit.hops.get(event.hop)
  if (work === undefined) return []
  work.isLooking = false
  const at = { runId: run.runId, hop: event.hop, side: 'table' as const }
  switch (event.type) {
    case 'audit-table-seen':
      work.trouble = null
      return noteProgress(works, { run, work }, event)
    case 'audit-prints-read':
      work.trouble = null
      return sayPrints(works, at, event.prints)
    case 'audit-records-read':
      work.trouble = null
      return sayRecords(works, at, event.records)
    case 'audit-additions-seen':
      work.trouble = null
      return sayReopened(works, work, event)
    case 'audit-counted': {
      const hop = timedHops(run).find(({ name }) => name === event.hop)
      return hop === undefined ? [] : foldCounts(works, { run, hop, work }, event)
    }
    case 'audit-trouble':
      work.trouble = event.reason
      work.nextLookMs = works.base.nowMs + LOOK_RETRY_MS
      return []
    default:
      return unreachable(event)
  }
}

function noteProgress(
  works: RunWorks,
  { run, work }: { run: RunState; work: TableAuditWork },
  { hop, columns, snapshotId, committedAtMs, stored, sink }: Extract<TableAuditEvent, { type: 'audit-table-seen' }>,
): Effects {
  const { nowMs } = works.base
  work.committedAtMs = Math.max(work.committedAtMs, committedAtMs)
  for (const [partition, offset] of stored)
    if (offset > (work.stored.get(partition)?.offset ?? -1)) work.stored.set(partition, { offset, sinceMs: nowMs })
  noteSink(works, work, sink)
  if (evidenceOf(works, run.runId).audits.get(hop)?.scope != null) return []
  return [say(works, { kind: 'audit-scoped', ...headOf(works, run.runId), hop, columns: [...columns], snapshotId })]
}

export function noteSink({ base: { nowMs } }: RunWorks, work: TableAuditWork, sink: Offsets): void {
  const known = work.sink.at(-1)?.offsets
  if ([...sink].some(([partition, next]) => next > (known?.get(partition) ?? -1))) work.sink.push({ atMs: nowMs, offsets: sink })
}

function sayReopened(
  works: RunWorks,
  work: TableAuditWork,
  { runId, hop, snapshotId, grown }: Extract<TableAuditEvent, { type: 'audit-additions-seen' }>,
): Effects {
  work.isWatched = grown.length === 0
  if (work.isWatched) return []
  const windows = grown.map(({ partition, offsetFirst, offsetLast, round }) => ({ partition, offsetFirst, offsetLast, round: round + 1 }))
  return [say(works, { kind: 'audit-reopened', ...headOf(works, runId), hop, windows, snapshotId })]
}

/** The time is over, and not all is compared. */
function tellOpen(works: RunWorks, { run, hop, work }: AtTable, now: AuditState): Effects {
  if (now.isDone && work.isWatched) return []
  const told = evidenceOf(works, run.runId).audits.get(hop.name)
  const behind = now.wanted.table.find((one) => !isPassed(works, { run, hop, work }, one))
  const parts = [
    `audit: of ${now.windows} windows ${now.agreed} are the same in topic and table`,
    told?.isClosed === true ? '' : 'where the topic ends was not told',
    told?.scope == null ? 'the table was not seen' : '',
    now.isDone ? 'whether rows were added to them since was not seen' : '',
    behind === undefined
      ? ''
      : `the table has not been seen to hold partition ${behind.partition} as far as offset ${behind.offsetLast}, but to ${work.stored.get(behind.partition)?.offset ?? 'none'}`,
    work.trouble ?? '',
  ]
  return [sayMissing(works, { runId: run.runId, hop: hop.name }, parts.filter((part) => part !== '').join('; '))]
}
