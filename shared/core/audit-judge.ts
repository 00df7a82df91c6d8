import type { Verdict } from '../../schemas/parts.ts'
import { isAudited, isTimed } from './audit-findings.ts'
import { auditState, type AuditState } from './audit-state.ts'
import { timesState } from './audit-times.ts'
import { emptyAudit } from './audit.ts'
import { auditedHops, timedHops } from './audit-work.ts'
import type { Evidence, Violation } from './evidence.ts'
import { RangeSet } from './range-set.ts'
import type { RunState } from './run-book.ts'

interface Reason {
  readonly verdict: Exclude<Verdict, 'pass'>
  readonly text: string
}

const isAuditing = (run: RunState) => run.resolved.plan.stages.some(({ task }) => task === 'audit-tables')

/** By the offsets that the table stores, or by windows of event time. */
export type AuditWay = 'offsets' | 'event-time'

export interface AuditOfTable {
  readonly hop: string
  readonly way: AuditWay
  readonly state: Omit<AuditState, 'wanted' | 'records'>
}

/** How far the audit of each table of the run has come; none where the plan has no audit. */
export function auditsOf(run: RunState, { audits }: Evidence): AuditOfTable[] {
  if (!isAuditing(run)) return []
  const told = (hop: string) => audits.get(hop) ?? emptyAudit()
  return [
    ...auditedHops(run).map(({ name: hop }): AuditOfTable => ({ hop, way: 'offsets', state: auditState(told(hop)) })),
    ...timedHops(run).map(({ name: hop }): AuditOfTable => ({ hop, way: 'event-time', state: timesState(told(hop)) })),
  ]
}

/** What stands against records that are no canaries: they count by themselves. */
export function auditedReasons(violations: readonly Violation[]): Reason[] {
  const groups = new Map<string, Map<number, RangeSet>>()
  for (const violation of violations.filter(isAudited)) {
    const key = `${isTimed(violation) ? 'windows of event time with records ' : ''}${violation.violation} at ${violation.hop}`
    const group = groups.get(key) ?? new Map<number, RangeSet>()
    groups.set(key, group)
    const offsets = group.get(violation.stream) ?? RangeSet.empty()
    group.set(violation.stream, offsets)
    offsets.addAll(violation.standing.ranges)
  }
  return [...groups].map(([what, group]) => {
    const count = [...group.values()].reduce((sum, { size }) => sum + size, 0)
    return { verdict: 'fail', text: `audit of all records: ${count} ${what}` }
  })
}

/** An audit that went well and compared nothing is no evidence. What stages say of themselves is said already. */
export function auditDoubts(run: RunState, evidence: Evidence): Reason[] {
  const isEnded = run.resolved.plan.stages.some(
    ({ task, stage }) => task === 'audit-tables' && run.stages.get(stage)?.ended?.outcome === 'ok',
  )
  if (!isEnded) return []
  const audits = auditsOf(run, evidence)
  if (audits.length === 0)
    return [{ verdict: 'inconclusive', text: 'audit: no table stores where in Kafka its rows came from, or has audit.eventTime' }]
  return audits.flatMap(({ hop, state }): Reason[] => {
    if (!state.isDone)
      return [
        { verdict: 'inconclusive', text: `audit of ${hop}: ${state.windows - state.agreed} of ${state.windows} windows were not compared` },
      ]
    return state.compared > 0 ? [] : [{ verdict: 'inconclusive', text: `audit of ${hop}: no record was compared` }]
  })
}
