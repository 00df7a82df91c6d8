import type { Fact } from '../../schemas/results.ts'
import { CanarySet } from './canary-set.ts'
import type { Evidence } from './evidence.ts'

export interface RecoveryQuestion {
  readonly evidence: Evidence
  readonly healed: Fact<'fault-changed'>
  /** Names of the table hops: all must have caught up. */
  readonly tables: readonly string[]
  readonly recoverWithinMs: number
  readonly hasProduced: boolean
  readonly nowMs: number
}

export interface Recovery {
  readonly phase: 'recovered' | 'not-recovered'
  readonly detail: string
  /** From the healing to the commit with which the last canary owed then was in the table; null when it never came. */
  readonly recoveryMs: number | null
}

/** Whether all that was acknowledged up to the healing is in the table; null while that may still become so. */
export function recoveryOf({ evidence, healed, tables, recoverWithinMs, hasProduced, nowMs }: RecoveryQuestion): Recovery | null {
  const owed = owedAt(evidence, healed.atMs)
  const where = tables.join(' and ')
  const isPastDeadline = nowMs > healed.atMs + recoverWithinMs
  let missing = 0
  let caughtUpAtMs = healed.atMs
  for (const table of tables) {
    const arrival = arrivalOf(evidence, table, owed)
    missing += arrival.missing
    caughtUpAtMs = Math.max(caughtUpAtMs, arrival.lastAtMs)
  }
  if (missing > 0) {
    if (!isPastDeadline) return null
    const detail = `${missing} of ${owed.size} canaries are not in ${where} ${recoverWithinMs} ms after the healing; ${lastSeen(evidence, healed.atMs)}`
    return { phase: 'not-recovered', detail, recoveryMs: null }
  }
  // The ledger is in order: as long as none of it is from after the healing, more from before may be on its way.
  const isLedgerWhole = hasProduced || evidence.ledger.some(({ atMs }) => atMs > healed.atMs)
  if (!isLedgerWhole && !isPastDeadline) return null
  const recoveryMs = caughtUpAtMs - healed.atMs
  if (recoveryMs > recoverWithinMs) {
    const detail = `the last of ${owed.size} canaries came to ${where} ${recoveryMs} ms after the healing, later than ${recoverWithinMs} ms`
    return { phase: 'not-recovered', detail, recoveryMs }
  }
  return { phase: 'recovered', detail: `${owed.size} canaries owed at the healing are in ${where}`, recoveryMs }
}

/** Acknowledged by then, and not found lost by those who judge that: a lost one will never come, whatever recovers. */
function owedAt(evidence: Evidence, atMs: number): CanarySet {
  const owed = new CanarySet()
  for (const segment of evidence.ledger) if (segment.atMs <= atMs) owed.addAll(segment.canaries)
  const lost = new CanarySet()
  for (const { violation, stream, standing } of evidence.violations.values())
    if (violation === 'lost') lost.addAll([{ stream, ranges: [...standing.ranges] }])
  return owed.minus(lost)
}

/** In order of commit, so that a canary counts from the first snapshot that has it: repeats come later. */
function arrivalOf(evidence: Evidence, table: string, owed: CanarySet): { missing: number; lastAtMs: number } {
  const snapshots = evidence.snapshots.filter(({ hop }) => hop === table).sort((a, b) => a.committedAtMs - b.committedAtMs)
  let rest = owed
  let lastAtMs = 0
  for (const { canaries, committedAtMs } of snapshots) {
    if (rest.size === 0) break
    rest = rest.minus(CanarySet.of(canaries))
    lastAtMs = committedAtMs
  }
  return { missing: rest.size, lastAtMs }
}

/** Tells a pipeline that stands still from a reconciler that does. */
function lastSeen({ snapshots }: Evidence, healedAtMs: number): string {
  if (snapshots.length === 0) return 'no snapshot was seen'
  const lastMs = Math.max(...snapshots.map(({ committedAtMs }) => committedAtMs))
  return `the last snapshot seen was committed ${Math.abs(lastMs - healedAtMs)} ms ${lastMs < healedAtMs ? 'before' : 'after'} it`
}
