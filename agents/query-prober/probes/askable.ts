import type { ViolationKind } from '../../../schemas/parts.ts'
import { CanarySet } from '../../../shared/core/canary-set.ts'
import { hopEvidence, standingViolations, type Evidence } from '../../../shared/core/evidence.ts'
import { unknownOf } from '../../../shared/core/judge.ts'
import { withoutMirror } from '../../../shared/core/mirror.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { hopBefore } from '../../../shared/core/run-work.ts'
import { hopName } from '../../../topology/topology.ts'

/** What an answer may be judged by. */
export interface Askable {
  /** In the table exactly once, with the content that was produced: an answer can be computed. */
  readonly clean: CanarySet
  /** In the table, and accused by an earlier hop: left out, and said to be. */
  readonly excluded: CanarySet
  /** In the table, while a topic before it has not been read so far, or taken from it by a snapshot: whether they are clean is not known yet. */
  readonly undecided: CanarySet
}

/** Kinds that change what an API answers. A late one, or one without its header, is in the table as it should be. */
const changesAnswers: ReadonlySet<ViolationKind> = new Set([
  'lost',
  'duplicated',
  'corrupted',
  'precision-lost',
  'schema-violated',
  'unexpected',
])

/**
 * The checkers tell their violations before the sighting that covers them: a canary that each topic and the table have
 * sighted, and nobody accuses, is clean.
 */
export function askableAt(evidence: Evidence, run: RunState, api: string): Askable {
  const names = run.resolved.hops.map(hopName)
  const before = run.resolved.hops.slice(0, names.indexOf(api)).filter(({ kind }) => kind !== 'api')
  const table = tableOf(run, api)
  // Endpoints are asked for nothing of the mirror stream.
  const inTable = withoutMirror(run.resolved.plan.load, table === null ? new CanarySet() : hopEvidence(evidence, table).sighted)
  const excluded = accusedAt(evidence, before.map(hopName)).and(inTable)
  let seen = table === null || haveEnded(run, 'reconcile-table') ? inTable : inTable.minus(goneFrom(evidence, table))
  if (!haveEnded(run, 'sight-topics')) {
    for (const hop of before) if (hop.kind === 'topic') seen = seen.and(hopEvidence(evidence, hopName(hop)).sighted)
  }
  return { clean: seen.minus(excluded), excluded, undecided: inTable.minus(seen).minus(excluded) }
}

/** Taken away by a snapshot, and written by none since: whether that is a loss is said after a second look. */
function goneFrom({ snapshots }: Evidence, table: string): CanarySet {
  let gone = new CanarySet()
  for (const { hop, canaries, removed } of snapshots) {
    if (hop !== table) continue
    gone.addAll(removed)
    if (gone.size > 0) gone = gone.minus(CanarySet.of(canaries))
  }
  return gone
}

function accusedAt(evidence: Evidence, hops: readonly string[]): CanarySet {
  const accused = new CanarySet()
  for (const { hop, violation, stream, standing } of standingViolations(evidence)) {
    if (hops.includes(hop) && changesAnswers.has(violation)) accused.addAll([{ stream, ranges: [...standing.ranges] }])
  }
  for (const hop of hops) accused.addAll(hopEvidence(evidence, hop).repeats.toWire())
  return accused
}

/** The table an API reads: the last one before it. */
export function tableOf(run: RunState, api: string): string | null {
  const names = run.resolved.hops.map(hopName)
  const table = run.resolved.hops.slice(0, names.indexOf(api)).findLast(({ kind }) => kind === 'table')
  return table === undefined ? null : hopName(table)
}

/** Whether nothing more will come of the plan's stages with this task. */
export function haveEnded(run: RunState, task: 'sight-topics' | 'reconcile-table' | 'produce'): boolean {
  return run.resolved.plan.stages.every((stage) => stage.task !== task || run.stages.get(stage.stage)?.ended !== null)
}

/** Everything vouched for is in the table or proven lost, or nobody looks any more: of that, what is asked now is the last word. */
export function isVouchedSettled(evidence: Evidence, run: RunState, api: string): boolean {
  if (!haveEnded(run, 'produce')) return false
  const { undecided } = askableAt(evidence, run, api)
  if (undecided.size > 0) return false
  if (haveEnded(run, 'reconcile-table')) return true
  const table = tableOf(run, api)
  if (table === null) return true
  const owed = CanarySet.of(evidence.acknowledged.toWire())
  const before = hopBefore(run, table)
  if (before !== null) owed.addAll(hopEvidence(evidence, before).sighted.toWire())
  const lost = new CanarySet()
  for (const { violation, stream, standing } of standingViolations(evidence)) {
    if (violation === 'lost') lost.addAll([{ stream, ranges: [...standing.ranges] }])
  }
  return withoutMirror(run.resolved.plan.load, owed).minus(hopEvidence(evidence, table).sighted).minus(lost).size === 0
}

/** The same of everything: what nobody vouches for is owed where it was seen, which is known once nobody sights topics any more. */
export function isSettled(evidence: Evidence, run: RunState, api: string): boolean {
  if (!isVouchedSettled(evidence, run, api)) return false
  const isKnown = withoutMirror(run.resolved.plan.load, unknownOf(evidence)).size === 0
  return isKnown || haveEnded(run, 'sight-topics') || haveEnded(run, 'reconcile-table')
}
