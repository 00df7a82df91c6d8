import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { dueAfterLooks, foldAfterLook, type AfterLooks } from '../../shared/core/after-looks.ts'
import type { AgentCore } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { letGoOfAudits } from '../../shared/core/audit-work.ts'
import { isBusEvent, type BusEvent } from '../../shared/core/bus-events.ts'
import { isOver, isRunFact, type RunState } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import {
  evidenceOf,
  foldWorks,
  initWorks,
  isMyRun,
  ofMyRuns,
  production,
  recordHops,
  sayEnded,
  sayMissing,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { Shares } from '../../shared/core/shares.ts'
import { beginAudit, carryOnAudit, onAuditEvent, type AuditEvent, type TopicAudit } from './audit.ts'
import { noteHeard, readAhead } from './backlog.ts'
import type { CheckerEffect, CheckerEvent } from './events.ts'
import { foldLogState, tellRemoved } from './log-judging.ts'
import { finishWhenDone, foldLook, judgeLoss, lookAfter } from './judging.ts'
import { takeBackSighted, topicShare } from './sharing.ts'
import { flush, isProcessed, newTopicWork, readBatch, type TopicWork } from './topic-work.ts'

export interface CheckerWork {
  readonly stage: string
  readonly runId: string
  readonly topics: Map<string, TopicWork>
  /** What was shared out, and the start that counted, when reading began. */
  from: { readonly shares: Shares; readonly started: Fact<'stage-started'> | null; readonly reading: number }
  baselineAskedMs: number | null
}

export interface CheckerState {
  readonly works: RunWorks
  readonly active: Map<string, CheckerWork>
  /** How often each judged run was looked at again. */
  readonly lookedAfter: AfterLooks
  /** Runs whose topics are audited. */
  readonly audits: Map<string, TopicAudit>
  readingsBegun: number
}

/** How often sightings are told; facts a second stay few whatever the rate. */
const FLUSH_EVERY_MS = 1_000
const PROGRESS_EVERY_MS = 500
const BASELINE_RETRY_MS = 5_000
const LOG_EVERY_MS = 5_000

export const checkerCore: AgentCore<AgentBaseConfig, CheckerState, CheckerEvent, CheckerEffect> = {
  name: 'ingestion-checker',
  init: (config) => ({ works: initWorks(config), active: new Map(), lookedAfter: new Map(), audits: new Map(), readingsBegun: 0 }),
  step(state, event) {
    if (isBusEvent(event)) {
      const effects: CheckerEffect[] = foldWorks(state.works, event)
      if (event.type === 'fact' && isRunFact(event.fact))
        for (const topic of state.active.get(event.fact.runId)?.topics.values() ?? []) noteHeard(topic, event.fact.atMs)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    return { state, effects: isAuditEvent(event) ? onAuditEvent(state, event) : onWorldEvent(state, event) }
  },
}

const isAuditEvent = (event: CheckerEvent): event is AuditEvent => event.type.startsWith('audit-')

function onWorldEvent(state: CheckerState, event: Exclude<CheckerEvent, BusEvent | AuditEvent>): CheckerEffect[] {
  const work = state.active.get(event.runId)
  const run = state.works.base.book.runs.get(event.runId)
  if (run?.judged != null && event.type === 'looked-again') return foldAfterLook(state, event, event.result.ok ? event.result.found : null)
  if (work === undefined || run === undefined) return []
  switch (event.type) {
    case 'baselined': {
      if (run.stages.get(work.stage)?.started !== null) return []
      const started = sayStarted(state.works, work, { positions: [...event.positions], topicIds: [...event.topicIds] })
      return [started, ...startReading(state, work)]
    }
    case 'batch-read': {
      const topic = work.topics.get(event.hop)
      return topic === undefined || event.reading !== work.from.reading ? [] : readBatch(state.works, { run, topic }, event.batch)
    }
    case 'progress-seen': {
      const topic = work.topics.get(event.hop)
      if (topic !== undefined) topic.loss.candidate ??= event
      return []
    }
    case 'log-seen': {
      const topic = work.topics.get(event.hop)
      return topic === undefined ? [] : foldLogState(state.works, { run, work, topic }, event)
    }
    case 'looked-again': {
      const topic = work.topics.get(event.hop)
      return topic === undefined ? [] : foldLook(state.works, { run, work, topic }, event)
    }
    case 'trouble': {
      const topic = work.topics.get(event.hop)
      if (topic !== undefined) topic.trouble = event.reason
      return []
    }
    default:
      return unreachable(event)
  }
}

function onTick(state: CheckerState): CheckerEffect[] {
  const { works } = state
  const { book, nowMs } = works.base
  const effects: CheckerEffect[] = []
  for (const due of ofMyRuns(works, stagesToStart(book, checkerCore.name, nowMs)))
    effects.push(...(due.stage.task === 'audit-topics' ? beginAudit(state, due) : begin(state, due)))
  for (const { run, stage } of stagesUnderWay(book, checkerCore.name, nowMs)) {
    if (stage.task === 'audit-topics') {
      if (isMyRun(works, run.runId)) effects.push(...carryOnAudit(state, { run, stage }))
      continue
    }
    if (works.base.shares.held.size === 0) continue
    effects.push(...beginAnewWhenShared(state, { run, stage }))
    // Started before this process was, or shared out anew: the log is the checkpoint.
    const known = state.active.get(run.runId)
    if (known === undefined) effects.push(...resume(state, { run, stage }))
    const stop = stopReason(works, run, stage)
    if (stop !== null) effects.push(...giveUp(state, { run, stage }, stop))
    else if (known !== undefined) effects.push(...carryOn(state, { run, stage }))
  }
  for (const runId of state.active.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || isOver(book, run, nowMs) || works.base.shares.held.size === 0) effects.push(...stopWork(state, runId))
    else effects.push(...stopWithOthers(state, run))
  }
  letGoOfAudits(works, state.audits)
  for (const look of dueAfterLooks(works, state.lookedAfter, recordHops)) effects.push(lookAfter(nowMs, look))
  return effects
}

function begin(state: CheckerState, { run, stage }: DueStage): CheckerEffect[] {
  const { nowMs } = state.works.base
  const known = state.active.get(run.runId)
  if (known?.baselineAskedMs != null && nowMs - known.baselineAskedMs < BASELINE_RETRY_MS) return []
  state.active.set(run.runId, newWork(state, { run, stage }, nowMs))
  return [{ type: 'take-baseline', runId: run.runId, stage: stage.stage, hops: recordHops(run).map(({ name }) => name) }]
}

function resume(state: CheckerState, { run, stage }: DueStage): CheckerEffect[] {
  const work = newWork(state, { run, stage }, null)
  state.active.set(run.runId, work)
  return startReading(state, work)
}

function newWork(state: CheckerState, { run, stage }: DueStage, baselineAskedMs: number | null): CheckerWork {
  const from = { shares: state.works.base.shares, started: null, reading: ++state.readingsBegun }
  return { runId: run.runId, stage: stage.stage, topics: new Map(), from, baselineAskedMs }
}

/** What is read and not told is read again, by whoever has the partition now: as after a crash. */
function beginAnewWhenShared(state: CheckerState, { run, stage }: DueStage): CheckerEffect[] {
  const from = state.active.get(run.runId)?.from
  if (from === undefined) return []
  const isSame = from.shares === state.works.base.shares && from.started === run.stages.get(stage.stage)?.started
  return isSame ? [] : stopWork(state, run.runId)
}

/** Another instance has ended the stage: well, when all was told by all; otherwise what was not told yet is told. */
function stopWithOthers(state: CheckerState, run: RunState): CheckerEffect[] {
  const work = state.active.get(run.runId)
  const ended = work === undefined ? undefined : run.stages.get(work.stage)?.ended
  if (work === undefined || ended == null) return []
  const untold = ended.outcome === 'ok' ? [] : [...work.topics.values()]
  return [...untold.flatMap((topic) => flush(state.works, { run, work, topic }, 'all')), ...stopWork(state, run.runId)]
}

function startReading(state: CheckerState, work: CheckerWork): CheckerEffect[] {
  const { works } = state
  const run = works.base.book.runs.get(work.runId)
  const started = run?.stages.get(work.stage)?.started
  if (run === undefined || started == null) return []
  work.from = { ...work.from, started }
  return recordHops(run).map(({ name, hop }): CheckerEffect => {
    const from = { positions: started.positions, topicIds: started.topicIds, evidence: evidenceOf(works, run.runId) }
    const topic = newTopicWork({ name, hop }, from, topicShare(works, run, name))
    work.topics.set(name, topic)
    return {
      type: 'start-reading',
      runId: run.runId,
      hop: name,
      reading: work.from.reading,
      positions: new Map(topic.positions),
      shares: topic.share.shares,
      resolved: run.resolved,
    }
  })
}

function carryOn(state: CheckerState, { run, stage }: DueStage): CheckerEffect[] {
  const { works } = state
  const work = state.active.get(run.runId)
  if (work === undefined) return []
  const effects: CheckerEffect[] = []
  const { nowMs } = works.base
  for (const topic of work.topics.values()) {
    if (nowMs - topic.flushedMs >= FLUSH_EVERY_MS) effects.push(...flush(works, { run, work, topic }))
    if (
      topic.share.isJudge &&
      isProcessed(topic.hop) &&
      topic.loss.candidate === null &&
      nowMs - topic.progressAskedMs >= PROGRESS_EVERY_MS
    ) {
      topic.progressAskedMs = nowMs
      effects.push({ type: 'look-at-progress', runId: run.runId, hop: topic.name, askedAtMs: nowMs })
    }
    const isDue = topic.logAskedMs <= (production(run)?.ended?.atMs ?? 0) || nowMs - topic.logAskedMs >= LOG_EVERY_MS
    if (topic.hop.kind === 'topic' && isDue) {
      topic.logAskedMs = nowMs
      effects.push({ type: 'look-at-log', runId: run.runId, hop: topic.name, asked: new Map(readAhead(topic)), askedAtMs: nowMs })
    }
    effects.push(...tellRemoved(works, { run, topic }))
    if (topic.share.isJudge) effects.push(...takeBackSighted(works, { run, topic }), ...judgeLoss(works, { run, work, topic }))
  }
  const finish = finishWhenDone(works, { run, work })
  effects.push(...finish.effects)
  if (!finish.done) return effects
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, { outcome: 'ok' }), ...stopWork(state, run.runId)]
}

function giveUp(state: CheckerState, { run, stage }: DueStage, stop: NonNullable<ReturnType<typeof stopReason>>): CheckerEffect[] {
  const { works } = state
  const work = state.active.get(run.runId)
  const effects: CheckerEffect[] = []
  for (const topic of work?.topics.values() ?? []) {
    if (work !== undefined) effects.push(...flush(works, { run, work, topic }, 'all'))
    const trouble = topic.trouble ?? topic.log.heldBack
    if (stop.outcome === 'inconclusive' && trouble !== null) effects.push(sayMissing(works, { runId: run.runId, hop: topic.name }, trouble))
  }
  return [...effects, sayEnded(works, { runId: run.runId, stage: stage.stage }, stop), ...stopWork(state, run.runId)]
}

function stopWork(state: CheckerState, runId: string): CheckerEffect[] {
  return state.active.delete(runId) ? [{ type: 'stop-reading', runId }] : []
}
