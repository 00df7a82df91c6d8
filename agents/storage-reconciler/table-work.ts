import { intendedAtMs } from '../../shared/core/canary.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { latencyAtLeastMs } from '../../shared/core/clocks.ts'
import { hopEvidence, lostAt, type Evidence } from '../../shared/core/evidence.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import { isMirror } from '../../shared/core/mirror.ts'
import { members } from '../../shared/core/range-set.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopBefore, production, say, sayMissing, sendClock, type RunWorks } from '../../shared/core/run-work.ts'
import { ViolationBudget } from '../../shared/core/violations.ts'
import type { TableHop } from '../../topology/topology.ts'
import type { LineageMove, PlacedRow, ReconcilerEffect, SnapshotReading } from './events.ts'
import { moveLineage, rowsOfChain, toldChain } from './lineage.ts'
import { applyReading } from './row-change.ts'
import type { RowCounts } from './row-counts.ts'
import { freshnessOf, ruleFindings, sayRules } from './rule-telling.ts'
import { findingsIn } from './table-findings.ts'

export interface TableWork {
  readonly name: string
  readonly hop: TableHop
  readonly budget: ViolationBudget
  /** Read, and waiting until the hop before was read as far; in the order of the table's history. */
  readonly waiting: (SnapshotReading | LineageMove)[]
  /** Told snapshots the table stands on, oldest first, and the run's rows by them. */
  chain: string[]
  rows: RowCounts
  /** Told snapshots it stands on no more, and why. */
  readonly undone: Map<string, string>
  /** Where the newest rows to go were, by canary. */
  readonly removedFrom: Map<string, PlacedRow>
  readonly cleared: Set<object>
  /** May be in a file that nobody can read: not accused. */
  readonly doubted: CanarySet
  /** How far the sink had come, each time that was seen to move. */
  readonly sink: { readonly atMs: number; readonly offsets: ReadonlyMap<number, number> }[]
  /** `parts`: of segments that the table has passed in part. */
  looking: {
    readonly askedAtMs: number
    readonly suspects: CanarySet
    readonly segments: readonly object[]
    readonly parts: CanarySet
  } | null
  /** The stored offsets for which the segments passed in part were looked at. */
  partsLookedAt: ReadonlyMap<number, number>
  looksFailed: number
  readonly endRules: { isAsked: boolean; failed: number }
  nextLookMs: number
  settledSinceMs: number | null
  trouble: string | null
}

export interface TableContext {
  readonly run: RunState
  readonly table: TableWork
}

export function newTableWork({ name, hop }: { name: string; hop: TableHop }, evidence: Evidence): TableWork {
  const chain = toldChain(evidence, name)
  return {
    name,
    hop,
    budget: new ViolationBudget(),
    waiting: [],
    chain,
    rows: rowsOfChain(evidence, name, chain),
    undone: new Map(),
    removedFrom: new Map(),
    cleared: new Set(),
    doubted: new CanarySet(),
    sink: [],
    looking: null,
    partsLookedAt: new Map(),
    looksFailed: 0,
    endRules: { isAsked: false, failed: 0 },
    nextLookMs: 0,
    settledSinceMs: null,
    trouble: null,
  }
}

export const isMove = (item: SnapshotReading | LineageMove): item is LineageMove => 'undone' in item

/**
 * Tells the snapshots whose canaries the hop before has told already, oldest first. Until then nobody can say whether
 * a repeat or a changed field was there before: a finding is told at the first hop at which it shows, and only there.
 */
export function tellSnapshots(works: RunWorks, { run, table }: TableContext, force: 'all' | 'decided' = 'decided'): ReconcilerEffect[] {
  const effects: ReconcilerEffect[] = []
  const evidence = evidenceOf(works, run.runId)
  const before = hopBefore(run, table.name)
  for (let next = table.waiting[0]; next !== undefined; next = table.waiting[0]) {
    const decided =
      isMove(next) ||
      before === null ||
      mayBeSighted(run, evidence, CanarySet.of(next.canaries)).minus(hopEvidence(evidence, before).sighted).size === 0
    if (!decided && force === 'decided') break
    table.waiting.shift()
    effects.push(...(isMove(next) ? moveLineage(works, { run, table }, next) : tellSnapshot(works, { run, table }, next)))
  }
  return effects
}

/** What was refused, or never intended, is waited for at no hop; once all is produced, that is known. */
const mayBeSighted = (run: RunState, { intended, failed }: Evidence, canaries: CanarySet) =>
  production(run)?.ended == null ? canaries : canaries.and(intended).minus(failed)

/** So many places of rows that went are kept for the evidence. */
const REMOVED_PLACES_MAX = 10_000

function tellSnapshot(works: RunWorks, { run, table }: TableContext, reading: SnapshotReading): ReconcilerEffect[] {
  const evidence = evidenceOf(works, run.runId)
  const change = applyReading(table.rows, reading)
  table.chain.push(reading.snapshotId)
  for (const place of reading.removedPlaces)
    if (change.gone.has(place.stream, place.seq) && table.removedFrom.size < REMOVED_PLACES_MAX)
      table.removedFrom.set(`${place.stream}/${place.seq}`, place)
  // Rows that are written anew were in time when they first came.
  const known = hopEvidence(evidence, table.name).sighted.minus(lostAt(evidence, table.name))
  const { late, latency, doubtful } = lateness(works, { run, table }, { canaries: change.brought.minus(known), reading })
  const findings = findingsIn(works, { run, table }, { reading, change, late })
  const effects: ReconcilerEffect[] = sayFindings(works, { run, budget: table.budget }, findings)
  const freshness = freshnessOf(works, { run, table }, { reading, brought: change.brought.minus(known) })
  const rules = { checks: [...reading.rules.checks, ...freshness.checks], faults: [...reading.rules.faults, ...freshness.faults] }
  const { snapshotId } = reading
  const broken = ruleFindings(works, { run, table }, { reading: { snapshotId, rules }, brought: change.brought })
  effects.push(...sayFindings(works, { run, budget: table.budget }, broken))
  effects.push(...sayRules(works, { run, table }, { scope: `snapshot ${snapshotId}`, snapshotId, checks: rules.checks }))
  if (doubtful > 0) {
    const reason = `whether ${doubtful} canaries were late cannot be told: snapshots before ${reading.snapshotId} expired before they were read`
    effects.push(sayMissing(works, { runId: run.runId, hop: table.name }, reason))
  }
  return [
    ...effects,
    ...takeBackLost(works, { runId: run.runId, hop: table.name }, { canaries: change.brought, late }),
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
      canaries: change.brought.toWire(),
      repeats: [...change.repeats],
      removed: [...change.removed],
      late: late.toWire(),
      latency: latency.toWire(),
      sourceOffsets: reading.sourceOffsets.map((range) => ({ ...range })),
    }),
  ]
}

/** `doubtful` counts those of a whole reading that came somewhere between two snapshots, the earlier in time and the later not. */
function lateness(works: RunWorks, { run, table }: TableContext, { canaries, reading }: { canaries: CanarySet; reading: SnapshotReading }) {
  const clock = sendClock(works, run)
  const latency = new LatencySketch()
  const late = new CanarySet()
  let doubtful = 0
  if (clock === null) return { late, latency, doubtful }
  const told = evidenceOf(works, run.runId).snapshots.findLast(
    ({ snapshotId, hop }) => hop === table.name && snapshotId === reading.parentId,
  )
  const earliestMs = reading.isWhole ? (told?.committedAtMs ?? clock.epochMs) : reading.committedAtMs
  for (const stream of canaries.streams()) {
    for (const seq of members(canaries.ranges(stream))) {
      const intendedMs = intendedAtMs(clock, stream, seq)
      if (!isMirror(run.resolved.plan.load, stream)) latency.add(reading.committedAtMs - intendedMs)
      const isLate = (atMs: number) => latencyAtLeastMs(works.base, { atMs, dueMs: intendedMs }) > table.hop.deliverWithinMs
      if (!isLate(reading.committedAtMs)) continue
      if (isLate(earliestMs)) late.add(stream, seq)
      else doubtful++
    }
  }
  return { late, latency, doubtful }
}
