import { CanarySet } from '../../shared/core/canary-set.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import { hopEvidence, type Evidence, type Segment, lostAt } from '../../shared/core/evidence.ts'
import { intersection, members } from '../../shared/core/range-set.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopBefore, production, say, sayMissing, type RunWorks } from '../../shared/core/run-work.ts'
import { violationFact, type Finding } from '../../shared/core/violations.ts'
import type { ReconcilerEffect, TableLook } from './events.ts'
import type { TableContext, TableWork } from './table-work.ts'

const SUSPECTS_MAX = 5_000
const LOOKS_FAILED_MAX = 5
/** How long a complete table is watched on: a second row of the same canary would come now. */
const SETTLE_MS = 3_000

/**
 * Asks for a second look at canaries that must be in the table by now: the table holds rows from behind their place
 * in the topic, or `giveUpAfterMs` has passed since they were seen there and later ones of their stream have come. A
 * table that just stands still has lost nothing yet.
 */
export function judgeLoss(works: RunWorks, { run, table }: TableContext): ReconcilerEffect[] {
  const before = hopBefore(run, table.name)
  if (table.looking !== null || before === null) return []
  const evidence = evidenceOf(works, run.runId)
  const missing = new CanarySet()
  const segments: Segment[] = []
  const here = sightedHere(evidence, table)
  const told = lostAt(evidence, table.name)
  for (const segment of hopEvidence(evidence, before).segments) {
    if (table.cleared.has(segment)) continue
    const owed = CanarySet.of(segment.canaries).minus(here).minus(told)
    const absent = isPassed(works, { run, table }, segment) ? owed : givenUp(works, { table, here }, { segment, owed })
    if (owed.size === 0) table.cleared.add(segment)
    if (absent.size === 0) continue
    missing.addAll(absent.toWire())
    segments.push(segment)
    if (missing.size >= SUSPECTS_MAX) break
  }
  if (missing.size === 0) return []
  table.looking = { suspects: missing, segments }
  return [
    {
      type: 'look-again',
      runId: run.runId,
      hop: table.name,
      suspects: missing.members(),
      afterSnapshotId: beganBehind(run),
      origin: { hop: before, covered: segments.flatMap(({ covered }) => [...covered]) },
    },
  ]
}

/** The snapshot behind which the run's reading began. */
export function beganBehind(run: RunState): string | null {
  const stage = run.resolved.plan.stages.find(({ task }) => task === 'reconcile-table')
  return (stage === undefined ? null : run.stages.get(stage.stage)?.started?.snapshotId) ?? null
}

function isPassed(works: RunWorks, { run, table }: TableContext, segment: Segment): boolean {
  if (table.hop.sourceOffsets === null) return false
  const stored = storedOffsets(evidenceOf(works, run.runId), table)
  return segment.covered.every(({ partition, offsetLast }) => (stored.get(partition) ?? -1) >= offsetLast)
}

/** Of a segment seen long ago, those behind which later canaries of the same stream are in the table. */
function givenUp(
  works: RunWorks,
  { table, here }: { table: TableWork; here: CanarySet },
  { segment, owed }: { segment: Segment; owed: CanarySet },
): CanarySet {
  const overtaken = new CanarySet()
  if (works.base.nowMs <= segment.atMs + table.hop.giveUpAfterMs) return overtaken
  for (const stream of owed.streams()) {
    const last = here.last(stream)
    if (last > 0) overtaken.addAll([{ stream, ranges: intersection(owed.ranges(stream), [0, last - 1]) }])
  }
  return overtaken
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

function sightedHere(evidence: Evidence, table: TableWork): CanarySet {
  const sighted = CanarySet.of(hopEvidence(evidence, table.name).sighted.toWire())
  for (const reading of table.waiting) sighted.addAll(reading.canaries)
  return sighted
}

export function foldLook(works: RunWorks, { run, table }: TableContext, result: TableLook): ReconcilerEffect[] {
  if (table.looking === null) return []
  const { suspects, segments } = table.looking
  table.looking = null
  if (!result.ok) {
    table.trouble = result.reason
    if (++table.looksFailed < LOOKS_FAILED_MAX) return []
    for (const segment of segments) table.cleared.add(segment)
    return [sayMissing(works, { runId: run.runId, hop: table.name }, `no second look at ${suspects.size} canaries: ${result.reason}`)]
  }
  table.looksFailed = 0
  // Present but not told yet: a snapshot newer than those followed so far. Following will tell it.
  const present = CanarySet.ofMembers(result.present)
  const lost = suspects.minus(present).minus(sightedHere(evidenceOf(works, run.runId), table))
  const origins = new Map(result.origin.map((place) => [`${place.stream}/${place.seq}`, place]))
  const findings = lost.streams().flatMap((stream) =>
    [...members(lost.ranges(stream))].map((seq): Finding => {
      const origin = origins.get(`${stream}/${seq}`)
      return {
        violation: 'lost',
        hop: table.name,
        stream,
        ranges: [seq, seq],
        expected: origin === undefined ? 'a row' : `a row: it is in the topic at partition ${origin.partition} offset ${origin.offset}`,
        actual: `absent from every snapshot up to ${result.snapshotId ?? 'none'}`,
        partition: origin?.partition ?? null,
        offset: origin?.offset ?? null,
        snapshotId: result.snapshotId,
      }
    }),
  )
  return table.budget.limit(findings).map((finding) => say(works, violationFact(headOf(works, run.runId), finding)))
}

/** What was lost when the run was judged, and has a row by now. */
export function foldAfterLook(works: RunWorks, runId: string, { hop, result }: { hop: string; result: TableLook }): ReconcilerEffect[] {
  if (!result.ok) return []
  const found = CanarySet.ofMembers(result.present)
  return takeBackLost(works, { runId, hop }, { canaries: found, late: found })
}

/** Whether everything the topic before held has been seen here or judged. */
export function isTableDone(works: RunWorks, { run, table }: TableContext): boolean {
  const produced = production(run)
  if (produced === null || produced.ended === null || !sightingsAreComplete(run)) return false
  if (table.waiting.length > 0 || table.looking !== null) return false
  const evidence = evidenceOf(works, run.runId)
  const before = hopBefore(run, table.name)
  if (before === null) return true
  const lost = lostAt(evidence, table.name)
  const owed = hopEvidence(evidence, before).sighted.minus(hopEvidence(evidence, table.name).sighted).minus(lost)
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
