import type { RunState } from './run-book.ts'
import { isMissed } from './series.ts'

/** How long after its timeout a run that nobody judged still holds others back. */
export const ABANDON_AFTER_MS = 30_000

export interface Admission {
  /** When the run was free to begin, Unix ms; null while another holds it back. */
  readonly admittedMs: number | null
  /** Judged, or left alone long after its time. */
  readonly isOver: boolean
}

/** What is known of the runs before one, of all or of the exclusive ones. */
interface Before {
  /** Whether one is not over. */
  isOpen: boolean
  /** When the last of them was over. */
  overMs: number
}

const noneBefore = (): Before => ({ isOpen: false, overMs: -Infinity })

/**
 * Admission of each run, by id: an exclusive run waits for all earlier ones, and every run waits for earlier exclusive
 * ones. Earlier is by time of request, then by id. A run waits for earlier ones alone, so one pass in that order
 * answers for all of them.
 */
export function admissionsAt(runs: Iterable<RunState>, nowMs: number): Map<string, Admission> {
  const admissions = new Map<string, Admission>()
  const all = noneBefore()
  const exclusive = noneBefore()
  for (const run of [...runs].sort(byRequest)) {
    const { plan } = run.resolved
    const admittedMs = admittedAfter(run, plan.exclusive ? all : exclusive)
    const abandonedMs = admittedMs === null ? Infinity : admittedMs + plan.timeoutMs + ABANDON_AFTER_MS
    const isOver = run.judged !== null || nowMs > abandonedMs
    admissions.set(run.runId, { admittedMs, isOver })
    if (isMissed(run)) continue
    for (const before of plan.exclusive ? [all, exclusive] : [all]) {
      before.isOpen ||= !isOver
      before.overMs = Math.max(before.overMs, run.judgedAtMs ?? (isOver && hasBegun(run) ? abandonedMs : -Infinity))
    }
  }
  return admissions
}

/** A missed window waits for nobody, as nobody waits for it. */
function admittedAfter(run: RunState, before: Before): number | null {
  const { atMs } = run.accepted
  if (isMissed(run)) return atMs
  return before.isOpen ? null : Math.max(atMs, before.overMs)
}

/** One that nobody began has taken no time: however many were left alone together, the next need not wait for each. */
const hasBegun = ({ stages }: RunState) => [...stages.values()].some(({ started }) => started !== null)

const byRequest = (left: RunState, right: RunState) =>
  left.accepted.requestedAtMs - right.accepted.requestedAtMs || (left.runId < right.runId ? -1 : 1)
