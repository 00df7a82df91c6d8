import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { dueAfterLooks, foldAfterLook, type AfterLook, type AfterLooks } from '../../shared/core/after-looks.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { letGoOfAudits } from '../../shared/core/audit-work.ts'
import { isBusEvent, type BusEvent } from '../../shared/core/bus-events.ts'
import { hopEvidence } from '../../shared/core/evidence.ts'
import { isOver } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import {
  evidenceOf,
  foldWorks,
  hopsOfKind,
  initWorks,
  isMyRun,
  ofMyRuns,
  production,
  sayEnded,
  sayMissing,
  sayMissingOnce,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { TableAuditEvent } from './audit-events.ts'
import { beginAudit, carryOnAudit, onAuditEvent, type TableAudit } from './audit.ts'
import { auditAfter } from './audit-telling.ts'
import { beginCleanUp, carryOnCleanUp, foldCleanUp } from './clean-up.ts'
import { askEndRules, foldEndRules } from './end-rule-telling.ts'
import type { ReconcilerEffect, ReconcilerEvent } from './events.ts'
import { beganBehind, foldLook, isTableDone, judgeLoss } from './loss.ts'
import { atTheEnd, sayBroken } from './table-findings.ts'
import { isMove, newTableWork, tellSnapshots, type TableWork } from './table-work.ts'

interface ReconcilerWork {
  readonly stage: string
  readonly runId: string
  readonly tables: Map<string, TableWork>
  /** The start it follows from; null until there is one. */
  started: Fact<'stage-started'> | null
  baselineAskedMs: number | null
}

export interface ReconcilerState {
  readonly works: RunWorks
  readonly active: Map<string, ReconcilerWork>
  /** Runs whose clean-up this process has begun. */
  readonly cleaning: Set<string>
  /** How often each judged run was looked at again. */
  readonly lookedAfter: AfterLooks
  /** Runs whose tables are audited. */
  readonly audits: Map<string, TableAudit>
}

const BASELINE_RETRY_MS = 5_000

export const reconcilerCore: AgentCore<AgentBaseConfig, ReconcilerState, ReconcilerEvent, ReconcilerEffect> = {
  name: 'storage-reconciler',
  init: (config) => ({ works: initWorks(config), active: new Map(), cleaning: new Set(), lookedAfter: new Map(), audits: new Map() }),
  step(state, event): Step<ReconcilerState, ReconcilerEffect> {
    if (isBusEvent(event)) {
      const effects: ReconcilerEffect[] = foldWorks(state.works, event)
      if (event.type === 'fact' && event.fact.kind === 'snapshot-reconciled') effects.push(...onTold(state, event.fact))
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: isAuditEvent(event) ? onAuditEvent(state, event) : onWorldEvent(state, event) }
  },
}

/**
 * What we have told ourselves may show a loss. What another instance has told of a table that we follow as well: we go on
 * behind it, as after a crash.
 */
function onTold(state: ReconcilerState, { runId, hop, snapshotId, instance }: Fact<'snapshot-reconciled'>): ReconcilerEffect[] {
  const { works, active } = state
  const run = works.base.book.runs.get(runId)
  const table = active.get(runId)?.tables.get(hop)
  if (run === undefined || table === undefined) return []
  if (instance === works.base.config.speaker.instance) return judgeLoss(works, { run, table })
  const isNews = !table.chain.includes(snapshotId) && !table.undone.has(snapshotId)
  return isNews ? stopWork(state, runId) : []
}

const isAuditEvent = (event: ReconcilerEvent): event is TableAuditEvent => event.type.startsWith('audit-')

function onWorldEvent(state: ReconcilerState, event: Exclude<ReconcilerEvent, BusEvent | TableAuditEvent>): ReconcilerEffect[] {
  if (event.type === 'cleaned-up') return foldCleanUp(state, event)
  const work = state.active.get(event.runId)
  const run = state.works.base.book.runs.get(event.runId)
  if (run?.judged != null && event.type === 'looked-again')
    return foldAfterLook(state, event, event.result.ok ? event.result.present : null)
  if (work === undefined || run === undefined) return []
  if (event.type === 'baselined') {
    if (run.stages.get(work.stage)?.started !== null) return []
    return [sayStarted(state.works, work, event.baseline), ...follow(state, work)]
  }
  const table = work.tables.get(event.hop)
  if (table === undefined) return []
  switch (event.type) {
    case 'snapshot-read': {
      table.trouble = null
      const { snapshotId } = event.reading
      const known = evidenceOf(state.works, run.runId).snapshots.some((told) => told.hop === table.name && told.snapshotId === snapshotId)
      const waits = table.waiting.some((item) => !isMove(item) && item.snapshotId === snapshotId)
      if (!known && !waits) table.waiting.push(event.reading)
      return tellSnapshots(state.works, { run, table })
    }
    case 'lineage-moved':
      table.waiting.push(event.move)
      return tellSnapshots(state.works, { run, table })
    case 'lineage-broken':
      return sayMissingOnce(state.works, { runId: run.runId, hop: table.name }, event.reason)
    case 'metadata-broken':
      return sayBroken(state.works, { run, table }, event)
    case 'sink-moved':
      table.sink.push({ atMs: state.works.base.nowMs, offsets: new Map(event.offsets.map(({ partition, next }) => [partition, next])) })
      return []
    case 'looked-again':
      return foldLook(state.works, { run, table }, event)
    case 'rules-asked':
      return foldEndRules(state.works, { run, table }, event.result)
    case 'trouble':
      table.trouble = event.reason
      return []
    default:
      return unreachable(event)
  }
}

function onTick(state: ReconcilerState): ReconcilerEffect[] {
  const { works, active } = state
  const { book, nowMs } = works.base
  const effects: ReconcilerEffect[] = []
  for (const due of ofMyRuns(works, stagesToStart(book, reconcilerCore.name, nowMs))) effects.push(...beginStage(state, due))
  for (const due of ofMyRuns(works, stagesUnderWay(book, reconcilerCore.name, nowMs))) {
    const { run, stage } = due
    if (stage.task === 'clean-up' || stage.task === 'audit-tables') {
      effects.push(...(stage.task === 'clean-up' ? carryOnCleanUp(state, due) : carryOnAudit(state, due)))
      continue
    }
    // Another instance began it as well, and earlier: what it began from counts.
    if (active.get(run.runId)?.started !== run.stages.get(stage.stage)?.started) effects.push(...stopWork(state, run.runId))
    const isTakenOver = !active.has(run.runId)
    if (isTakenOver) {
      const work: ReconcilerWork = { runId: run.runId, stage: stage.stage, tables: new Map(), started: null, baselineAskedMs: null }
      active.set(run.runId, work)
      effects.push(...follow(state, work))
    }
    const stop = stopReason(works, run, stage)
    if (stop !== null && isTakenOver)
      for (const table of active.get(run.runId)?.tables.values() ?? []) table.trouble = 'nobody read it until the time for it was over'
    effects.push(...(stop === null ? carryOn(state, due) : giveUp(state, due, stop)))
  }
  for (const runId of active.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || isOver(book, run, nowMs) || !isMyRun(works, runId)) effects.push(...stopWork(state, runId))
  }
  letGoOfAudits(works, state.audits)
  for (const look of dueAfterLooks(works, state.lookedAfter, (judged) => hopsOfKind(judged, 'table')))
    effects.push(...lookAfter(nowMs, look), ...auditAfter(works, look))
  return effects
}

function lookAfter(askedAtMs: number, { run, hop, lost }: AfterLook): ReconcilerEffect[] {
  if (lost.size === 0) return []
  const began = beganBehind(run)
  const { runId, resolved } = run
  return [{ type: 'look-again', runId, hop, askedAtMs, suspects: lost.members(), began, origin: null, resolved }]
}

function beginStage(state: ReconcilerState, due: DueStage): ReconcilerEffect[] {
  if (due.stage.task === 'clean-up') return beginCleanUp(state, due)
  return due.stage.task === 'audit-tables' ? beginAudit(state, due) : begin(state, due)
}

function begin(state: ReconcilerState, { run, stage }: DueStage): ReconcilerEffect[] {
  const { nowMs } = state.works.base
  const known = state.active.get(run.runId)
  if (known?.baselineAskedMs != null && nowMs - known.baselineAskedMs < BASELINE_RETRY_MS) return []
  state.active.set(run.runId, { runId: run.runId, stage: stage.stage, tables: new Map(), started: null, baselineAskedMs: nowMs })
  return hopsOfKind(run, 'table').map(({ name }) => ({ type: 'take-baseline', runId: run.runId, hop: name }))
}

/** Follows on behind the last snapshot told: the log is the checkpoint. */
function follow(state: ReconcilerState, work: ReconcilerWork): ReconcilerEffect[] {
  const { works } = state
  const run = works.base.book.runs.get(work.runId)
  const started = run?.stages.get(work.stage)?.started
  if (run === undefined || started == null) return []
  work.started = started
  return hopsOfKind(run, 'table').map(({ name, hop }): ReconcilerEffect => {
    const evidence = evidenceOf(works, run.runId)
    const table = newTableWork({ name, hop }, evidence)
    work.tables.set(name, table)
    const followed = [started.snapshotId, ...table.chain]
    return {
      type: 'follow',
      runId: run.runId,
      hop: name,
      afterSnapshotId: followed.at(-1) ?? null,
      followed,
      seen: hopEvidence(evidence, name).sighted.toWire(),
      sequenceNumber: started.sequenceNumber,
      tableUuid: started.tableUuid,
      resolved: run.resolved,
    }
  })
}

function carryOn(state: ReconcilerState, { run, stage }: DueStage): ReconcilerEffect[] {
  const { works } = state
  const work = state.active.get(run.runId)
  if (work === undefined) return []
  const effects: ReconcilerEffect[] = []
  let done = true
  for (const table of work.tables.values()) {
    effects.push(...tellSnapshots(works, { run, table }), ...judgeLoss(works, { run, table }))
    done &&= isTableDone(works, { run, table })
  }
  if (!done) return effects
  for (const table of work.tables.values()) {
    const asked = askEndRules(works, { run, table })
    effects.push(...asked.effects)
    done &&= asked.done
  }
  if (!done) return effects
  for (const table of work.tables.values()) effects.push(...atTheEnd(works, { run, table }))
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, { outcome: 'ok' }), ...stopWork(state, run.runId)]
}

function giveUp(state: ReconcilerState, { run, stage }: DueStage, stop: NonNullable<ReturnType<typeof stopReason>>): ReconcilerEffect[] {
  const { works } = state
  const effects: ReconcilerEffect[] = []
  for (const table of state.active.get(run.runId)?.tables.values() ?? []) {
    effects.push(...tellSnapshots(works, { run, table }, 'all'))
    if (production(run)?.ended != null) effects.push(...atTheEnd(works, { run, table }))
    if (stop.outcome === 'inconclusive' && table.trouble !== null)
      effects.push(sayMissing(works, { runId: run.runId, hop: table.name }, table.trouble))
  }
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, stop), ...stopWork(state, run.runId)]
}

function stopWork(state: ReconcilerState, runId: string): ReconcilerEffect[] {
  return state.active.delete(runId) ? [{ type: 'stop-following', runId }] : []
}
