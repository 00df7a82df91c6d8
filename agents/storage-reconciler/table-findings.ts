import type { Located, ViolationKind } from '../../schemas/parts.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { takeBackInherited } from '../../shared/core/corrections.ts'
import { isRepeated } from '../../shared/core/doubled.ts'
import { hopEvidence, type Evidence } from '../../shared/core/evidence.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import { mirrorDefectAt } from '../../shared/core/mirror.ts'
import { members } from '../../shared/core/range-set.ts'
import { evidenceOf, headOf, hopBefore, say, sayMissing, type RunWorks } from '../../shared/core/run-work.ts'
import { unexpectedAt } from '../../shared/core/unexpected.ts'
import { isContent, isOfFields, violationFact, type Finding } from '../../shared/core/violations.ts'
import type { MetadataFault, ReconcilerEffect, RowFault, SnapshotReading } from './events.ts'
import type { RowChange } from './row-change.ts'
import type { TableContext, TableWork } from './table-work.ts'

/** What is wrong with a snapshot, without what earlier hops or earlier snapshots show already. */
export function findingsIn(
  works: RunWorks,
  { run, table }: TableContext,
  { reading, change, late }: { reading: SnapshotReading; change: RowChange; late: CanarySet },
): Finding[] {
  const evidence = evidenceOf(works, run.runId)
  return [
    ...byFile(reading.metadataFaults).map((fault) => metadataFinding(table, reading, fault)),
    ...reading.faults.map((fault) => rowFinding(table, reading, fault)).filter((finding) => !isTold(evidence, finding)),
    ...change.repeats.map((place) => repeatFinding(table, reading, place)),
    ...late.streams().flatMap((stream) => lateFindings(table, reading, { stream, seqs: [...members(late.ranges(stream))] })),
  ].filter((finding) => !isInherited(works, { run, table }, finding))
}

/**
 * Canaries whose write failed for certain, or was never meant, where the topic before does not show them. By now that topic is read to
 * its end: rows that it is seen to have brought twice were told as doubled here before that was known.
 */
export function atTheEnd(works: RunWorks, { run, table }: TableContext): ReconcilerEffect[] {
  const hop = table.name
  const before = hopBefore(run, hop)
  return [
    ...sayFindings(works, { run, budget: table.budget }, unexpectedAt(evidenceOf(works, run.runId), { hop, before })),
    ...(before === null ? [] : takeBackInherited(works, { runId: run.runId, hop, before })),
  ]
}

/** All that is wrong with one file is one finding. */
function byFile(faults: readonly MetadataFault[]): MetadataFault[] {
  const files = Map.groupBy(faults, ({ file }) => file)
  return [...files].map(([file, all]) => ({
    file,
    expected: all.map(({ expected }) => expected).join('; '),
    actual: all.map(({ actual }) => actual).join('; '),
  }))
}

/** Rows that are written anew carry on what was wrong with them. */
export function isTold(evidence: Evidence, { violation, hop, stream, ranges, field = null, rule = null }: Finding): boolean {
  const seq = ranges[0] as number
  return [...evidence.violations.values()].some(
    (known) =>
      known.violation === violation &&
      known.hop === hop &&
      known.stream === stream &&
      known.field === field &&
      known.rule === rule &&
      known.standing.has(seq),
  )
}

function isInherited(works: RunWorks, { run, table }: TableContext, finding: Finding): boolean {
  const before = hopBefore(run, table.name)
  if (before === null || finding.violation === 'metadata-broken') return false
  const evidence = evidenceOf(works, run.runId)
  const { stream } = finding
  const seq = finding.ranges[0] as number
  // Every watcher has to see what is planted, whoever saw it before.
  if (mirrorDefectAt(run.resolved.plan.load, stream, seq) !== null) return false
  if (finding.violation === 'late' && hopEvidence(evidence, before).late.has(stream, seq)) return true
  if (finding.violation === 'duplicated' && isRepeated(hopEvidence(evidence, before), stream, seq)) return true
  return [...evidence.violations.values()].some(
    (known) =>
      known.hop !== table.name &&
      known.stream === stream &&
      known.standing.has(seq) &&
      (known.violation === finding.violation || (isOfFields(known) && isContent(finding.violation))),
  )
}

const breaksRules: ReadonlySet<ViolationKind> = new Set(['corrupted', 'precision-lost', 'schema-violated', 'rule-broken', 'duplicated'])

/**
 * A canary that an earlier hop shows to be wrong breaks rules because of that, and a second row of one breaks uniqueness: the cause
 * is told. Two rules that one row breaks are two findings.
 */
export function isAccusedBefore(works: RunWorks, { run, table }: TableContext, { violation, stream, ranges }: Finding): boolean {
  const evidence = evidenceOf(works, run.runId)
  const seq = ranges[0] as number
  if (violation === 'late') return lateBefore(works, { run, table }, { stream, seq })
  return [...evidence.violations.values()].some(
    (known) =>
      known.stream === stream &&
      known.standing.has(seq) &&
      breaksRules.has(known.violation) &&
      (known.hop !== table.name || known.violation === 'duplicated'),
  )
}

function lateBefore(works: RunWorks, { run, table }: TableContext, { stream, seq }: { stream: number; seq: number }): boolean {
  const before = hopBefore(run, table.name)
  return before !== null && hopEvidence(evidenceOf(works, run.runId), before).late.has(stream, seq)
}

const at = (table: TableWork, reading: Pick<SnapshotReading, 'snapshotId'>) => ({ hop: table.name, snapshotId: reading.snapshotId })

/** Where it is not an ordinary append: who did it. */
const by = ({ operation }: SnapshotReading) => (operation === 'append' ? '' : `, by ${operation}`)

const rowFinding = (
  table: TableWork,
  reading: SnapshotReading,
  { violation, difference, place, field, expected, actual }: RowFault,
): Finding => ({
  ...at(table, reading),
  violation,
  difference: difference ?? null,
  stream: place.stream,
  ranges: [place.seq, place.seq],
  field,
  expected,
  actual: `${actual}${by(reading)}`,
  partition: place.partition,
  offset: place.offset,
})

const repeatFinding = (table: TableWork, reading: SnapshotReading, place: Located): Finding => ({
  ...at(table, reading),
  violation: 'duplicated',
  stream: place.stream,
  ranges: [place.seq, place.seq],
  expected: 'one row',
  actual: `another row of the same identity${by(reading)}`,
  partition: place.offset < 0 ? null : place.partition,
  offset: place.offset < 0 ? null : place.offset,
  file:
    reading.places.find(({ stream, seq, offset }) => stream === place.stream && seq === place.seq && offset === place.offset)?.file ?? null,
})

/** A snapshot that cannot be followed at all: a fail by itself, and whatever it did is not known. */
export function sayBroken(
  works: RunWorks,
  { run, table }: TableContext,
  { snapshotId, fault }: { snapshotId: string; fault: MetadataFault },
): ReconcilerEffect[] {
  const finding = metadataFinding(table, { snapshotId }, fault)
  return [
    say(works, violationFact(headOf(works, run.runId), finding)),
    sayMissing(works, { runId: run.runId, hop: table.name }, `what snapshot ${snapshotId} did is not known: its metadata cannot be read`),
  ]
}

const metadataFinding = (
  table: TableWork,
  reading: Pick<SnapshotReading, 'snapshotId'>,
  { file, expected, actual }: MetadataFault,
): Finding => ({
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
