import type { Located, StreamRanges } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import { hopEvidence, segmentOf, type Evidence, type Segment, lostAt, missedAt } from '../../shared/core/evidence.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import { withSkipped } from '../../shared/core/mirror.ts'
import { overtaken } from '../../shared/core/overtaken.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, hopBefore, production, sayMissing, type RunWorks } from '../../shared/core/run-work.ts'
import type { Finding } from '../../shared/core/violations.ts'
import type { Baseline } from '../../shared/iceberg/snapshot-reader.ts'
import type { StageTask } from '../../topology/plan.ts'
import type { ReconcilerEffect, TableLook, UnreadableFile } from './events.ts'
import { isMove, type TableContext, type TableWork } from './table-work.ts'

const SUSPECTS_MAX = 5_000
const LOOKS_FAILED_MAX = 5
/** How long a complete table is watched on: a second row of the same canary would come now. */
const SETTLE_MS = 3_000
/** Until following has come to where a look has been. */
const LOOK_AGAIN_MS = 2_000

/**
 * Asks for a second look at canaries that must be in the table by now: the table holds rows from behind their place
 * in the topic, or `giveUpAfterMs` has passed since they were seen there and later ones of their stream have come, or
 * the sink has read beyond them and committed since, or they were in the table and are no more. A table that just
 * stands still has lost nothing yet.
 */
export function judgeLoss(works: RunWorks, { run, table }: TableContext): ReconcilerEffect[] {
  const before = hopBefore(run, table.name)
  if (table.looking !== null || works.base.nowMs < table.nextLookMs || isBeingCleaned(run)) return []
  const evidence = evidenceOf(works, run.runId)
  const here = rowsHere(table)
  const settled = missedAt(evidence, table.name)
  settled.addAll(table.doubted.toWire())
  const missing = firstOf(hopEvidence(evidence, table.name).sighted.minus(here).minus(settled))
  // Told as lost, and here by what was told of the snapshots: who was away may not have seen the table set forward again.
  missing.addAll(lostAt(evidence, table.name).and(table.rows.present).toWire())
  const segments = new Set<Segment>()
  const parts = new CanarySet()
  const stored = storedOffsets(evidence, table)
  const looksAtParts = isNewer(stored, table.partsLookedAt)
  table.partsLookedAt = stored
  const passedOn = before === null ? [] : hopEvidence(evidence, before).segments
  for (const { stream, seq } of missing.members()) {
    const segment = segmentOf(passedOn, stream, seq)
    if (segment !== null) segments.add(segment)
  }
  for (const segment of passedOn) {
    if (missing.size >= SUSPECTS_MAX) break
    if (table.cleared.has(segment)) continue
    const owed = withSkipped(run.resolved.plan.load, CanarySet.of(segment.canaries)).minus(here).minus(settled)
    const absent = isPassed(works, { evidence, table, stored }, segment) ? owed : givenUp(works, { table, here }, { segment, owed })
    if (owed.size === 0) table.cleared.add(segment)
    if (absent.size === 0 && looksAtParts) {
      absent.addAll(overtaken(owed, here).toWire())
      parts.addAll(absent.toWire())
    }
    if (absent.size === 0) continue
    missing.addAll(absent.toWire())
    segments.add(segment)
  }
  if (missing.size === 0) return []
  const askedAtMs = works.base.nowMs
  table.looking = { askedAtMs, suspects: missing, segments: [...segments], parts }
  const covered = [...segments].flatMap((segment) => [...segment.covered])
  return [
    {
      type: 'look-again',
      runId: run.runId,
      hop: table.name,
      askedAtMs,
      suspects: missing.members(),
      began: beganBehind(run),
      origin: before === null ? null : { hop: before, covered },
      resolved: run.resolved,
    },
  ]
}

function firstOf(canaries: CanarySet): CanarySet {
  return canaries.size <= SUSPECTS_MAX ? canaries : CanarySet.ofMembers(canaries.members().slice(0, SUSPECTS_MAX))
}

/** What the run itself deletes is lost to nobody. */
const isBeingCleaned = (run: RunState) =>
  run.resolved.plan.stages.some(({ task, stage }) => task === 'clean-up' && run.stages.get(stage)?.started != null)

/** The table as the run's reading of it began. */
export function beganBehind(run: RunState, task: StageTask = 'reconcile-table'): Baseline {
  const stage = run.resolved.plan.stages.find((one) => one.task === task)
  const started = stage === undefined ? null : run.stages.get(stage.stage)?.started
  return { snapshotId: started?.snapshotId ?? null, sequenceNumber: started?.sequenceNumber ?? null, tableUuid: started?.tableUuid ?? null }
}

interface Progress {
  readonly evidence: Evidence
  readonly table: TableWork
  readonly stored: ReadonlyMap<number, number>
}

function isPassed(works: RunWorks, { evidence, table, stored }: Progress, segment: Segment): boolean {
  if (isPassedBySink(works, { evidence, table }, segment)) return true
  if (table.hop.sourceOffsets === null) return false
  return segment.covered.every(({ partition, offsetLast }) => (stored.get(partition) ?? -1) >= offsetLast)
}

/**
 * The sink has read beyond it, had the time it is given, and has committed to the table since: what it read is not to
 * come any more. Offsets alone prove nothing: a sink stores them before its coordinator commits. Nor does the commit of
 * who compacts or deletes: the sink's brings rows.
 */
function isPassedBySink(works: RunWorks, { evidence, table }: { evidence: Evidence; table: TableWork }, { covered }: Segment): boolean {
  const passed = table.sink.find(({ offsets }) => covered.every(({ partition, offsetLast }) => (offsets.get(partition) ?? 0) > offsetLast))
  if (passed === undefined || works.base.nowMs <= passed.atMs + table.hop.giveUpAfterMs) return false
  return evidence.snapshots.some(
    ({ hop, committedAtMs, operation, rowsAdded }) =>
      hop === table.name && committedAtMs > passed.atMs && operation !== 'replace' && rowsAdded > 0,
  )
}

/** Of a segment seen long ago, those behind which later canaries of the same stream are in the table. */
function givenUp(
  works: RunWorks,
  { table, here }: { table: TableWork; here: CanarySet },
  { segment, owed }: { segment: Segment; owed: CanarySet },
): CanarySet {
  return works.base.nowMs <= segment.atMs + table.hop.giveUpAfterMs ? new CanarySet() : overtaken(owed, here)
}

/** The greatest source offset by partition that a told snapshot has stored. */
function storedOffsets(evidence: Evidence, table: TableWork): Map<number, number> {
  const stored = new Map<number, number>()
  for (const snapshot of evidence.snapshots) {
    if (snapshot.hop !== table.name) continue
    for (const { partition, offsetLast } of snapshot.sourceOffsets) stored.set(partition, Math.max(stored.get(partition) ?? -1, offsetLast))
  }
  return stored
}

const isNewer = (stored: ReadonlyMap<number, number>, known: ReadonlyMap<number, number>) =>
  [...stored].some(([partition, offset]) => offset > (known.get(partition) ?? -1))

/** Canaries that have a row, as far as the table was read. */
function rowsHere(table: TableWork): CanarySet {
  const here = CanarySet.of(table.rows.present.toWire())
  for (const item of table.waiting) if (!isMove(item)) here.addAll(item.canaries)
  return here
}

export function foldLook(
  works: RunWorks,
  { run, table }: TableContext,
  { askedAtMs, result }: { readonly askedAtMs: number; readonly result: TableLook },
): ReconcilerEffect[] {
  if (table.looking?.askedAtMs !== askedAtMs) return []
  const { suspects, segments, parts } = table.looking
  table.looking = null
  if (!result.ok) {
    table.trouble = result.reason
    if (++table.looksFailed < LOOKS_FAILED_MAX) return []
    for (const segment of segments) table.cleared.add(segment)
    return [sayMissing(works, { runId: run.runId, hop: table.name }, `no second look at ${suspects.size} canaries: ${result.reason}`)]
  }
  table.looksFailed = 0
  // Present but not told yet: a snapshot newer than those followed so far. Following will tell it.
  table.nextLookMs = works.base.nowMs + (result.present.length > 0 ? LOOK_AGAIN_MS : 0)
  const absent = suspects.minus(CanarySet.ofMembers(result.present)).minus(rowsHere(table))
  const origins = new Map(result.origin.map((place) => [`${place.stream}/${place.seq}`, place]))
  const findings: Finding[] = []
  const doubted = new Map<string, number>()
  const stored = storedOffsets(evidenceOf(works, run.runId), table)
  for (const { stream, seq } of absent.members()) {
    const origin = origins.get(`${stream}/${seq}`) ?? null
    // Of a segment that the table has passed in part, its own place decides.
    if (parts.has(stream, seq) && (origin === null || (stored.get(origin.partition) ?? -1) <= origin.offset)) continue
    const hiding = result.unreadable.find((file) => mayHold(file, origin))
    if (hiding === undefined) findings.push(lostFinding(works, { run, table }, { stream, seq, origin, snapshotId: result.snapshotId }))
    else {
      table.doubted.add(stream, seq)
      doubted.set(hiding.file, (doubted.get(hiding.file) ?? 0) + 1)
    }
  }
  const isBack = lostAt(evidenceOf(works, run.runId), table.name).and(table.rows.present).and(CanarySet.ofMembers(result.present))
  return [
    ...takeBackLost(works, { runId: run.runId, hop: table.name }, { canaries: isBack, late: new CanarySet() }),
    ...sayFindings(works, { run, budget: table.budget }, findings),
    ...[...doubted].map(([file, count]) =>
      sayMissing(works, { runId: run.runId, hop: table.name }, `${count} canaries may be in ${file}, which cannot be read`),
    ),
  ]
}

function mayHold({ holds }: UnreadableFile, origin: Located | null): boolean {
  if (holds === null || origin === null) return true
  const { partition, offset } = origin
  return partition >= holds.partitionFirst && partition <= holds.partitionLast && offset >= holds.offsetFirst && offset <= holds.offsetLast
}

function lostFinding(
  works: RunWorks,
  { run, table }: TableContext,
  { stream, seq, origin, snapshotId }: { stream: number; seq: number; origin: Located | null; snapshotId: string | null },
): Finding {
  const taken = takenAway(evidenceOf(works, run.runId), table, { stream, seq })
  const inTopic = origin === null ? '' : `it is in the topic at partition ${origin.partition} offset ${origin.offset}`
  const grounds = [inTopic, taken === null ? '' : `it was in snapshot ${taken.addedIn}`].filter((ground) => ground !== '').join(', ')
  return {
    violation: 'lost',
    hop: table.name,
    stream,
    ranges: [seq, seq],
    expected: grounds === '' ? 'a row' : `a row: ${grounds}`,
    actual:
      taken === null
        ? `absent from every snapshot up to ${snapshotId ?? 'none'}`
        : `${taken.by}; absent from snapshot ${snapshotId ?? 'none'}`,
    partition: origin?.partition ?? null,
    offset: origin?.offset ?? null,
    snapshotId: taken?.removedIn ?? snapshotId,
    file: table.removedFrom.get(`${stream}/${seq}`)?.file ?? null,
  }
}

/** What became of a row that the table had. */
function takenAway(
  evidence: Evidence,
  table: TableWork,
  { stream, seq }: { stream: number; seq: number },
): { addedIn: string; removedIn: string | null; by: string } | null {
  const told = evidence.snapshots.filter(({ hop }) => hop === table.name)
  const added = told.findLast(({ canaries }) => isAmong(canaries, stream, seq))
  if (added === undefined) return null
  const removed = told.findLast(({ removed: rows }) => isAmong(rows, stream, seq))
  if (removed !== undefined)
    return {
      addedIn: added.snapshotId,
      removedIn: removed.snapshotId,
      by: `removed by ${removed.operation} in snapshot ${removed.snapshotId}`,
    }
  return { addedIn: added.snapshotId, removedIn: null, by: table.undone.get(added.snapshotId) ?? 'that snapshot is undone' }
}

const isAmong = (canaries: readonly StreamRanges[], stream: number, seq: number) =>
  canaries.some(
    ({ stream: one, ranges }) =>
      one === stream && ranges.some((first, i) => i % 2 === 0 && first <= seq && seq <= (ranges[i + 1] as number)),
  )

/** Whether everything the topic before held has been seen here or judged. */
export function isTableDone(works: RunWorks, { run, table }: TableContext): boolean {
  const produced = production(run)
  if (produced === null || produced.ended === null || !sightingsAreComplete(run)) return false
  if (table.waiting.length > 0 || table.looking !== null) return false
  const evidence = evidenceOf(works, run.runId)
  const before = hopBefore(run, table.name)
  if (before === null) return true
  const lost = lostAt(evidence, table.name)
  const here = isBeingCleaned(run) ? hopEvidence(evidence, table.name).sighted : table.rows.present
  const passedOn = withSkipped(run.resolved.plan.load, hopEvidence(evidence, before).sighted)
  const owed = passedOn.minus(here).minus(missedAt(evidence, table.name)).minus(table.doubted)
  if (owed.size > 0) {
    table.settledSinceMs = null
    return false
  }
  table.settledSinceMs ??= works.base.nowMs
  if (works.base.nowMs - table.settledSinceMs < SETTLE_MS) return false
  return lost.size === 0 || works.base.nowMs > produced.ended.atMs + table.hop.giveUpAfterMs
}

/** What must be in the table is known once nobody sights topics any more. */
const sightingsAreComplete = (run: RunState) =>
  run.resolved.plan.stages.every((stage) => stage.task !== 'sight-topics' || run.stages.get(stage.stage)?.ended !== null)
