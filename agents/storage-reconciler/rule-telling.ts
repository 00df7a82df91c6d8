import type { RuleCheck } from '../../schemas/results/rules-checked.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { intendedAtMs } from '../../shared/core/canary.ts'
import { latencyAtLeastMs } from '../../shared/core/clocks.ts'
import { termsAt, termsOf } from '../../shared/core/rules.ts'
import { evidenceOf, headOf, say, sendClock, type RunWorks } from '../../shared/core/run-work.ts'
import type { Finding } from '../../shared/core/violations.ts'
import type { ReconcilerEffect, RuleFault, RulesRead, SnapshotReading } from './events.ts'
import { isAccusedBefore, isTold } from './table-findings.ts'
import type { TableContext } from './table-work.ts'

/** What a snapshot holds that breaks rules or contracts, without what earlier hops show already. */
export function ruleFindings(
  works: RunWorks,
  { run, table }: TableContext,
  { reading, brought }: { reading: Pick<SnapshotReading, 'snapshotId' | 'rules'>; brought: CanarySet },
): Finding[] {
  const evidence = evidenceOf(works, run.runId)
  return countedFaults(reading.rules)
    .flatMap((fault) => findingsOf(fault, { hop: table.name, snapshotId: reading.snapshotId, brought }))
    .filter((finding) => finding.file != null || !(isTold(evidence, finding) || isAccusedBefore(works, { run, table }, finding)))
}

/** Warnings are counted, and accuse nobody. */
function countedFaults({ checks, faults }: RulesRead): RuleFault[] {
  const warnings = new Set(checks.filter(({ severity }) => severity === 'warning').map(({ name }) => name))
  return faults.filter(({ rule }) => !warnings.has(rule))
}

function findingsOf(
  { violation, rule, field, expected, actual, place, file, partition, offset }: RuleFault,
  { hop, snapshotId, brought }: { hop: string; snapshotId: string | null; brought: CanarySet },
): Finding[] {
  const common = { violation, hop, rule, field, expected, actual, snapshotId, partition, offset }
  if (place !== null) return [{ ...common, stream: place.stream, ranges: [place.seq, place.seq] }]
  if (file !== null || brought.size === 0) return [{ ...common, file, stream: 0, ranges: [0, 0] }]
  return brought.streams().map((stream) => ({ ...common, stream, ranges: brought.ranges(stream) }))
}

export function sayRules(
  works: RunWorks,
  { run, table }: TableContext,
  { scope, snapshotId, checks }: { scope: string; snapshotId: string | null; checks: readonly RuleCheck[] },
): ReconcilerEffect[] {
  if (checks.length === 0) return []
  return [say(works, { kind: 'rules-checked', ...headOf(works, run.runId), hop: table.name, scope, snapshotId, checks: [...checks] })]
}

/** The newest canary that a snapshot brought, by when it was to be sent, against the time of the commit. */
export function freshnessOf(
  works: RunWorks,
  { run, table }: TableContext,
  { reading, brought }: { reading: SnapshotReading; brought: CanarySet },
): RulesRead {
  const clock = sendClock(works, run)
  const terms = termsAt(termsOf(table.hop), 'commit')
  if (clock === null || brought.size === 0 || reading.isWhole) return { checks: [], faults: [] }
  const newest = brought
    .streams()
    .map((stream) => ({ stream, seq: brought.last(stream), atMs: intendedAtMs(clock, stream, brought.last(stream)) }))
    .reduce((left, right) => (right.atMs > left.atMs ? right : left))
  const ageMs = Math.round(latencyAtLeastMs(works.base, { atMs: reading.committedAtMs, dueMs: newest.atMs }))
  const place = { stream: newest.stream, seq: newest.seq, partition: -1, offset: -1 }
  return {
    checks: terms.map(({ name, form, severity, check }) => ({
      ...{ name, form, severity, rows: brought.size, exempt: 0, unchecked: null },
      broken: ageMs > check.withinMs ? brought.size : 0,
    })),
    faults: terms
      .filter(({ check }) => ageMs > check.withinMs)
      .map(({ name, violation, expected }) => ({
        ...{ violation, rule: name, expected, place, file: null, partition: null, offset: null },
        field: run.resolved.record.eventTime,
        actual: `the newest was ${ageMs} ms old`,
      })),
  }
}
