import { CanarySet } from '../../shared/core/canary-set.ts'
import { lostAt, hopEvidence, standingViolations, type Segment } from '../../shared/core/evidence.ts'
import { evidenceOf, headOf, production, say, sayMissing, type RunWorks } from '../../shared/core/run-work.ts'
import { holds } from '../../shared/core/shares.ts'
import { violationFact } from '../../shared/core/violations.ts'
import { readAhead } from './backlog.ts'
import type { CheckerEffect } from './events.ts'
import { compareLog, noteRemoved, removedText, type Broken, type SeenLog } from './log-watch.ts'
import { flush, type TopicContext } from './topic-work.ts'

export function foldLogState(works: RunWorks, context: TopicContext, seen: SeenLog): CheckerEffect[] {
  const { topic } = context
  const { state } = seen
  topic.logSeenMs = Math.max(topic.logSeenMs, seen.askedAtMs)
  if (topic.log.broken !== null) return []
  // Of their partitions the others tell.
  const ours = state.partitions.filter(({ partition }) => holds(topic.share.shares, partition))
  const { removed, broken } = compareLog(topic.log, readAhead(topic), { ...seen, state: { ...state, partitions: ours } })
  for (const range of removed) {
    noteRemoved(topic.log, range)
    // What was read before it comes first.
    if (!topic.backlog.batches.some(({ batch }) => batch.partition === range.partition))
      topic.positions.set(range.partition, range.offsetLast + 1)
  }
  return broken === null ? [] : sayBroken(works, context, broken)
}

/** A topic that is another one, or that lost its end: told once. Of what was not read of it before nothing can be said. */
export function sayBroken(works: RunWorks, context: TopicContext, { field, expected, actual }: Broken): CheckerEffect[] {
  const { run, topic } = context
  const effects = flush(works, context, 'all')
  topic.log.broken = actual
  const { runId } = run
  const isTold = standingViolations(evidenceOf(works, runId)).some(
    (known) => known.violation === 'metadata-broken' && known.hop === topic.name && known.field === field,
  )
  if (isTold) return effects
  const finding = { violation: 'metadata-broken' as const, hop: topic.name, stream: 0, ranges: [0, 0], field, expected, actual }
  return [...effects, say(works, violationFact(headOf(works, runId), finding))]
}

/** Evidence that is gone, whatever stood in it. */
export function tellRemoved(works: RunWorks, { run, topic }: Pick<TopicContext, 'run' | 'topic'>): CheckerEffect[] {
  const { untold } = topic.log
  topic.log.untold = []
  return untold.map((removed) => sayMissing(works, { runId: run.runId, hop: topic.name }, removedText(removed)))
}

/** Of what should be here, and is not, nothing is said but that: it may have stood in the log that is gone, or it may come yet. */
export function closeBrokenLog(
  works: RunWorks,
  { run, topic, segments }: Pick<TopicContext, 'run' | 'topic'> & { readonly segments: readonly Segment[] },
  broken: string,
): CheckerEffect[] {
  const ended = production(run)?.ended ?? null
  if (ended === null || works.base.nowMs <= ended.atMs + topic.hop.giveUpAfterMs) return []
  const evidence = evidenceOf(works, run.runId)
  const known = CanarySet.of(hopEvidence(evidence, topic.name).sighted.toWire())
  known.addAll(topic.pending.canaries.toWire())
  let unproven = 0
  for (const segment of segments) {
    if (topic.loss.cleared.has(segment)) continue
    topic.loss.cleared.add(segment)
    unproven += CanarySet.of(segment.canaries).minus(known).minus(lostAt(evidence, topic.name)).size
  }
  if (unproven === 0) return []
  return [sayMissing(works, { runId: run.runId, hop: topic.name }, `what became of ${unproven} canaries cannot be told: ${broken}`)]
}
