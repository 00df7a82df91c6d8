import type { Located } from '../../schemas/parts.ts'
import { intendedAtMs } from '../../shared/core/canary.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { hopEvidence } from '../../shared/core/evidence.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import { members } from '../../shared/core/range-set.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopBefore, say, sendClock, type RunWorks } from '../../shared/core/run-work.ts'
import { ViolationBudget, violationFact, type Finding } from '../../shared/core/violations.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { MetadataFault, ReconcilerEffect, RowFault, SnapshotReading } from './events.ts'

export interface TableWork {
  readonly name: string
  readonly hop: TableHop
  readonly budget: ViolationBudget
  /** Read, and waiting until the hop before was read as far. */
  readonly waiting: SnapshotReading[]
  readonly cleared: Set<object>
  looking: { readonly suspects: CanarySet; readonly segments: readonly object[] } | null
  looksFailed: number
  settledSinceMs: number | null
  trouble: string | null
}

export interface TableContext {
  readonly run: RunState
  readonly table: TableWork
}

export const newTableWork = ({ name, hop }: { name: string; hop: TableHop }): TableWork => ({
  name,
  hop,
  budget: new ViolationBudget(),
  waiting: [],
  cleared: new Set(),
  looking: null,
  looksFailed: 0,
  settledSinceMs: null,
  trouble: null,
})

/**
 * Tells the snapshots whose canaries the hop before has told already, oldest first. Until then nobody can say whether
 * a repeat or a changed field was there before: a finding is told at the first hop at which it shows, and only there.
 */
export function tellSnapshots(works: RunWorks, { run, table }: TableContext, force: 'all' | 'decided' = 'decided'): ReconcilerEffect[] {
  const effects: ReconcilerEffect[] = []
  const before = hopBefore(run, table.name)
  for (let next = table.waiting[0]; next !== undefined; next = table.waiting[0]) {
    const decided =
      before === null || CanarySet.of(next.canaries).minus(hopEvidence(evidenceOf(works, run.runId), before).sighted).size === 0
    if (!decided && force === 'decided') break
    table.waiting.shift()
    effects.push(...tellSnapshot(works, { run, table }, next))
  }
  return effects
}

function tellSnapshot(works: RunWorks, { run, table }: TableContext, reading: SnapshotReading): ReconcilerEffect[] {
  const evidence = evidenceOf(works, run.runId)
  const told = hopEvidence(evidence, table.name)
  const canaries = CanarySet.of(reading.canaries)
  const { late, latency } = lateness(works, { run, table }, { canaries, committedAtMs: reading.committedAtMs })
  const repeats = [...reading.repeats, ...acrossSnapshots(canaries.and(told.sighted), reading)]
  const findings: Finding[] = [
    ...reading.metadataFaults.map((fault) => metadataFinding(table, reading, fault)),
    ...reading.faults.map((fault) => rowFinding(table, reading, fault)),
    ...repeats.map((place) => repeatFinding(table, reading, place)),
    ...late.streams().flatMap((stream) => lateFindings(table, reading, { stream, seqs: [...members(late.ranges(stream))] })),
  ].filter((finding) => !isInherited(works, { run, table }, finding))
  return [
    ...table.budget.limit(findings).map((finding) => say(works, violationFact(headOf(works, run.runId), finding))),
    ...takeBackLost(works, { runId: run.runId, hop: table.name }, { canaries, late }),
    say(works, {
      kind: 'snapshot-reconciled',
      ...headOf(works, run.runId),
      hop: table.name,
      snapshotId: reading.snapshotId,
      parentId: reading.parentId,
      committedAtMs: reading.committedAtMs,
      operation: reading.operation,
      filesAdded: reading.filesAdded,
      rowsAdded: reading.rowsAdded,
      bytesAdded: reading.bytesAdded,
      canaries: canaries.toWire(),
      repeats,
      late: late.toWire(),
      latency: latency.toWire(),
      sourceOffsets: reading.sourceOffsets.map((range) => ({ ...range })),
    }),
  ]
}

function lateness(
  works: RunWorks,
  { run, table }: TableContext,
  { canaries, committedAtMs }: { canaries: CanarySet; committedAtMs: number },
) {
  const clock = sendClock(works, run)
  const latency = new LatencySketch()
  const late = new CanarySet()
  if (clock === null) return { late, latency }
  for (const stream of canaries.streams()) {
    for (const seq of members(canaries.ranges(stream))) {
      const latencyMs = committedAtMs - intendedAtMs(clock, stream, seq)
      latency.add(latencyMs)
      if (latencyMs > table.hop.deliverWithinMs) late.add(stream, seq)
    }
  }
  return { late, latency }
}

/** Canaries that an earlier snapshot brought already. Their place is that of the stream in this snapshot, as near as ranges tell. */
function acrossSnapshots(again: CanarySet, reading: SnapshotReading): Located[] {
  const source = reading.sourceOffsets[0]
  return again
    .streams()
    .flatMap((stream) =>
      [...members(again.ranges(stream))].map((seq) => ({ stream, seq, partition: source?.partition ?? -1, offset: -1 - seq })),
    )
}

function isInherited(works: RunWorks, { run, table }: TableContext, finding: Finding): boolean {
  const before = hopBefore(run, table.name)
  if (before === null || finding.violation === 'metadata-broken') return false
  const evidence = evidenceOf(works, run.runId)
  const { stream } = finding
  const seq = finding.ranges[0] as number
  if (finding.violation === 'late' && hopEvidence(evidence, before).late.has(stream, seq)) return true
  if (finding.violation === 'duplicated') {
    for (const place of hopEvidence(evidence, before).repeats.values()) if (place.stream === stream && place.seq === seq) return true
  }
  // A field that an earlier hop changed stays changed; the table may show it in the fields derived from it, too.
  const isContent = finding.violation === 'corrupted' || finding.violation === 'precision-lost'
  return [...evidence.violations.values()].some(
    (known) =>
      known.hop !== table.name &&
      known.stream === stream &&
      known.standing.has(seq) &&
      (known.violation === finding.violation || (isContent && (known.violation === 'corrupted' || known.violation === 'precision-lost'))),
  )
}

const at = (table: TableWork, reading: SnapshotReading) => ({ hop: table.name, snapshotId: reading.snapshotId })

const rowFinding = (table: TableWork, reading: SnapshotReading, { violation, place, field, expected, actual }: RowFault): Finding => ({
  ...at(table, reading),
  violation,
  stream: place.stream,
  ranges: [place.seq, place.seq],
  field,
  expected,
  actual,
  partition: place.partition,
  offset: place.offset,
})

const repeatFinding = (table: TableWork, reading: SnapshotReading, place: Located): Finding => ({
  ...at(table, reading),
  violation: 'duplicated',
  stream: place.stream,
  ranges: [place.seq, place.seq],
  expected: 'one row',
  actual: 'another row of the same identity',
  partition: place.offset < 0 ? null : place.partition,
  offset: place.offset < 0 ? null : place.offset,
})

const metadataFinding = (table: TableWork, reading: SnapshotReading, { file, expected, actual }: MetadataFault): Finding => ({
  ...at(table, reading),
  violation: 'metadata-broken',
  stream: 0,
  ranges: [0, 0],
  field: file,
  file,
  expected,
  actual,
})

function lateFindings(
  table: TableWork,
  reading: SnapshotReading,
  { stream, seqs }: { stream: number; seqs: readonly number[] },
): Finding[] {
  return seqs.map((seq) => ({
    ...at(table, reading),
    violation: 'late',
    stream,
    ranges: [seq, seq],
    expected: `committed within ${table.hop.deliverWithinMs} ms`,
    actual: `committed at ${reading.committedAtMs}`,
  }))
}
