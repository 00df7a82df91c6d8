import { hopEvidence } from '../../shared/core/evidence.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { holds, holdsAll, runItem, type Shares } from '../../shared/core/shares.ts'
import { evidenceOf, recordHops, say, headOf, type RunWorks } from '../../shared/core/run-work.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import type { CheckerEffect } from './events.ts'
import type { Offsets } from './loss.ts'
import type { TopicContext, TopicWork } from './topic-work.ts'

/**
 * Partitions are shared: partition n of every hop is read by whoever holds slot n, so that a record and what becomes of it
 * mostly meet in one process. What is lost at a hop, and when the hop is done, is judged by one of them from what all have told.
 */
export interface TopicShare {
  readonly shares: Shares
  /** Whether this instance judges the hop. */
  readonly isJudge: boolean
}

export function topicShare({ base: { shares } }: RunWorks, run: RunState, hop: string): TopicShare {
  const index = recordHops(run).findIndex(({ name }) => name === hop)
  return { shares, isJudge: holds(shares, runItem(run.runId) + index) }
}

/** How far the hop was read: partitions of ours as we have read them, those of others as they have told. */
export function readTo(works: RunWorks, { run, topic }: { run: RunState; topic: TopicWork }): Offsets {
  if (holdsAll(topic.share.shares)) return topic.positions
  const { cover } = hopEvidence(evidenceOf(works, run.runId), topic.name)
  const to = new Map(topic.positions)
  for (const partition of [...topic.baseline.keys(), ...cover.partitions()])
    if (!holds(topic.share.shares, partition)) to.set(partition, cover.end(partition, topic.baseline.get(partition) ?? 0))
  return to
}

/** What one instance called lost, and another has told of since: neither could know of the other. */
export function takeBackSighted(works: RunWorks, { run, topic }: Omit<TopicContext, 'work'>): CheckerEffect[] {
  if (holdsAll(topic.share.shares)) return []
  const { sighted, late } = hopEvidence(evidenceOf(works, run.runId), topic.name)
  return takeBackLost(works, { runId: run.runId, hop: topic.name }, { canaries: sighted, late })
}

/** The hop is done, and all before it: said where others work on the stage, too. */
export function sayPart(works: RunWorks, { run, work, topic }: TopicContext): CheckerEffect {
  return say(works, { kind: 'part-ended', ...headOf(works, run.runId), stage: work.stage, part: topic.name })
}
