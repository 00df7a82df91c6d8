import type { BusEvent } from '../../shared/core/bus-events.ts'
import type { DueStage } from '../../shared/core/stage-rules.ts'
import { sayEnded, sayStarted, stopReason, type RunWorks } from '../../shared/core/run-work.ts'
import type { CleanUpResult, ReconcilerEffect, ReconcilerEvent } from './events.ts'

/** What cleaning up needs to know of the agent. */
interface Cleaning {
  readonly works: RunWorks
  readonly cleaning: Set<string>
}

export function beginCleanUp(state: Cleaning, due: DueStage): ReconcilerEffect[] {
  const { run, stage } = due
  return [sayStarted(state.works, { runId: run.runId, stage: stage.stage }), ...cleanUp(state, due)]
}

/** Begun by a process that is gone: again does no harm. */
export function carryOnCleanUp(state: Cleaning, due: DueStage): ReconcilerEffect[] {
  const { works, cleaning } = state
  const { run, stage } = due
  const stop = stopReason(works, run, stage)
  if (stop === null) return cleaning.has(run.runId) ? [] : cleanUp(state, due)
  cleaning.delete(run.runId)
  return [sayEnded(works, { runId: run.runId, stage: stage.stage }, stop)]
}

function cleanUp({ cleaning }: Cleaning, { run, stage }: DueStage): ReconcilerEffect[] {
  cleaning.add(run.runId)
  return [{ type: 'clean-up', runId: run.runId, stage: stage.stage, resolved: run.resolved }]
}

export function foldCleanUp(
  { works, cleaning }: Cleaning,
  { runId, stage, result }: Extract<Exclude<ReconcilerEvent, BusEvent>, { type: 'cleaned-up' }>,
): ReconcilerEffect[] {
  cleaning.delete(runId)
  const run = works.base.book.runs.get(runId)
  if (run?.stages.get(stage)?.ended !== null) return []
  return [sayEnded(works, { runId, stage }, outcomeOf(result))]
}

function outcomeOf(result: CleanUpResult): { outcome: 'ok' | 'failed'; reason: string } {
  if (!result.ok) return { outcome: 'failed', reason: result.reason }
  const said = result.tables.map(({ hop, rows }) =>
    rows === null
      ? `${hop}: rows stay, its topology names no engine for cleaning up`
      : `${hop}: ${rows.removed} rows removed, ${rows.left} left`,
  )
  const isClean = result.tables.every(({ rows }) => rows === null || rows.left === 0)
  return { outcome: isClean ? 'ok' : 'failed', reason: said.join('; ') }
}
