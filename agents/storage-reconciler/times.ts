import type { AfterLook } from '../../shared/core/after-looks.ts'
import { isTimed, TIME_STREAM } from '../../shared/core/audit-findings.ts'
import { fewerRows, isLostIn, rangesOfWindow, timesState, type TimesState } from '../../shared/core/audit-times.ts'
import { emptyAudit, type SideTimes, type TimesTold } from '../../shared/core/audit.ts'
import { sayTimes, timedHops, type TimedHop } from '../../shared/core/audit-work.ts'
import { lostAt } from '../../shared/core/evidence.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, say, sayMissing, type RunWorks } from '../../shared/core/run-work.ts'
import type { TableAuditEffect, TableAuditEvent } from './audit-events.ts'
import { asked, LOOK_EVERY_MS, noteSink, type Effects, type TableAuditWork } from './audit.ts'
import { beganBehind } from './loss.ts'

type Counted = Extract<TableAuditEvent, { type: 'audit-counted' }>

interface AtTimedTable {
  readonly run: RunState
  readonly hop: TimedHop
  readonly work: TableAuditWork
}

export const timesAt = (works: RunWorks, runId: string, hop: string): TimesState =>
  timesState(evidenceOf(works, runId).audits.get(hop) ?? emptyAudit())

export function count({ base: { nowMs } }: RunWorks, { run, hop, work }: AtTimedTable, { wanted }: TimesState): Effects {
  if (wanted === null || work.isLooking || nowMs < Math.max(work.nextLookMs, work.lookAskedMs + LOOK_EVERY_MS)) return []
  work.lookAskedMs = nowMs
  return asked(work, countsOf(run, hop, wanted))
}

const countsOf = (run: RunState, { name, eventTime: { column } }: TimedHop, told: TimesTold): TableAuditEffect => ({
  type: 'audit-counts',
  runId: run.runId,
  hop: name,
  began: beganBehind(run, 'audit-tables'),
  told,
  column,
})

/** Says what the table holds once that is all there is to come: as much as the topic, or the sink has had its time. */
export function foldCounts(works: RunWorks, { run, hop, work }: AtTimedTable, counted: Counted): Effects {
  work.trouble = null
  work.committedAtMs = Math.max(work.committedAtMs, counted.committedAtMs)
  noteSink(works, work, counted.sink)
  const { wanted } = timesAt(works, run.runId, hop.name)
  const { windows, grew, gone, snapshotId } = counted
  if (wanted === null || (gone === null && fewerRows(wanted, windows).length > 0 && !isPassed(works, { run, hop, work }, wanted))) return []
  const { topic, windowMs } = wanted
  const nothing = { unit: null, ends: [], unreadable: 0, timeless: 0, leftOut: 0 }
  return sayTimes(
    works,
    { runId: run.runId, hop: hop.name, side: 'table' },
    { topic, windowMs, windows: [...windows], grew, ...nothing, snapshotId, gone },
  )
}

/** The sink has read beyond all that was counted, had the time it is given, and has committed rows since. */
function isPassed({ base: { nowMs } }: RunWorks, { hop, work }: AtTimedTable, { ends }: Pick<SideTimes, 'ends'>): boolean {
  const passed = work.sink.find(({ offsets }) => ends.every(({ partition, offset }) => (offsets.get(partition) ?? 0) >= offset))
  return passed !== undefined && nowMs > passed.atMs + hop.hop.giveUpAfterMs && work.committedAtMs > passed.atMs
}

/** The time is over, and nothing was compared. */
export function tellUncounted(works: RunWorks, { run, hop, work }: AtTimedTable, now: TimesState): Effects {
  if (now.isDone) return []
  const why =
    now.wanted === null
      ? 'the topic was not counted'
      : (work.trouble ?? 'its sink has not been seen to have brought all of it, and fewer rows are there')
  return [sayMissing(works, { runId: run.runId, hop: hop.name }, `audit by event time: the table was not compared: ${why}`)]
}

/** Windows that were short when the run was judged are counted once more. */
export function countAfter(works: RunWorks, { run, hop, others }: Omit<AfterLook, 'lost'>): Effects {
  const timed = timedHops(run).find(({ name }) => name === hop)
  const told = evidenceOf(works, run.runId).audits.get(hop)?.times.topic ?? null
  if (timed === undefined || told === null || !others.members().some(isTimed)) return []
  return [countsOf(run, timed, told)]
}

export function foldCountsAfter(works: RunWorks, { runId, hop, windows }: Counted): Effects {
  const evidence = evidenceOf(works, runId)
  const told = evidence.audits.get(hop)?.times.topic ?? null
  if (told === null) return []
  const short = new Set(fewerRows(told, windows).map(({ startMs }) => startMs))
  const lost = lostAt(evidence, hop, 'others')
  return told.windows
    .filter(({ startMs }) => !short.has(startMs) && isLostIn(lost, startMs))
    .map(({ startMs }) =>
      say(works, {
        kind: 'correction',
        ...headOf(works, runId),
        violation: 'lost',
        becomes: 'late',
        hop,
        stream: TIME_STREAM,
        ranges: rangesOfWindow(startMs),
        reason: 'all arrived after all',
      }),
    )
}
