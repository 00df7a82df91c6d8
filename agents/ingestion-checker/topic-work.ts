import type { Position } from '../../schemas/parts.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { hopEvidence, standingViolations } from '../../shared/core/evidence.ts'
import { takeBackLost } from '../../shared/core/corrections.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopBefore, say, type NamedHop, type RecordHop, type RunWorks } from '../../shared/core/run-work.ts'
import { ViolationBudget, type Finding } from '../../shared/core/violations.ts'
import { holds, holdsAll } from '../../shared/core/shares.ts'
import { emptyBacklog, foldBacklog, isHeldBack, keepBatch, type Backlog } from './backlog.ts'
import type { CheckerWork } from './core.ts'
import type { CheckerEffect } from './events.ts'
import { withoutInherited } from './inherited.ts'
import { newLogWatch, type LogWatch, type TopicId } from './log-watch.ts'
import { newLossWatch, type LossWatch } from './loss.ts'
import { sayContract, sayOpaque } from './rule-telling.ts'
import type { TopicShare } from './sharing.ts'
import { emptyPending, hasNews, sightingOf, type Pending, type ReadBatch, type Suspicion, type Untimed } from './sighting.ts'

/** One hop of one run that holds records at offsets: a topic, or a source outside of Kafka. */
export interface TopicWork {
  readonly name: string
  readonly hop: RecordHop
  readonly share: TopicShare
  readonly baseline: ReadonlyMap<number, number>
  /** Of the partitions that this instance reads. */
  readonly positions: Map<number, number>
  readonly lasts: Map<string, number>
  readonly loss: LossWatch
  readonly log: LogWatch
  readonly budget: ViolationBudget
  pending: Pending
  suspicions: Suspicion[]
  flushedMs: number
  heldSinceMs: number | null
  readonly backlog: Backlog
  readonly untimed: Untimed[]
  progressAskedMs: number
  logAskedMs: number
  /** When a log was asked for that was seen to be what it was. */
  logSeenMs: number
  trouble: string | null
}

export interface TopicContext {
  readonly run: RunState
  readonly work: CheckerWork
  readonly topic: TopicWork
}

/** Whether it is a group's progress, not our own reading, that proves a loss here. */
export const isProcessed = (hop: RecordHop) => hop.kind === 'topic' && hop.processedBy !== null

export interface StartedFrom {
  readonly positions: readonly Position[]
  readonly topicIds: readonly TopicId[]
  readonly evidence: Evidence
}

/** Reading goes on after what was told before: the log is the checkpoint. Partitions that were added since are in it as well. */
export function newTopicWork({ name, hop }: NamedHop<RecordHop['kind']>, started: StartedFrom, share: TopicShare): TopicWork {
  const { evidence } = started
  const ofHop = started.positions.filter((position) => position.hop === name)
  const baseline = new Map(ofHop.map(({ partition, offset }) => [partition, offset]))
  const told = hopEvidence(evidence, name)
  const partitions = [...new Set([...baseline.keys(), ...told.cover.partitions()])].filter((partition) => holds(share.shares, partition))
  return {
    name,
    hop,
    share,
    baseline,
    positions: new Map(partitions.map((partition) => [partition, told.cover.end(partition, baseline.get(partition) ?? 0)])),
    lasts: new Map(told.lasts),
    loss: newLossWatch(),
    log: {
      ...newLogWatch(started.topicIds.find((known) => known.hop === name)?.topicId ?? null, told, baseline),
      broken: brokenBefore(evidence, name),
      // Of what others pass over, nobody tells us.
      ...(holdsAll(share.shares) ? {} : { skipped: true }),
    },
    budget: new ViolationBudget(),
    pending: emptyPending(),
    suspicions: [],
    flushedMs: 0,
    heldSinceMs: null,
    backlog: emptyBacklog(),
    untimed: [],
    progressAskedMs: 0,
    logAskedMs: 0,
    logSeenMs: 0,
    trouble: null,
  }
}

const brokenBefore = (evidence: Evidence, hop: string): string | null =>
  standingViolations(evidence).find((known) => known.violation === 'metadata-broken' && known.hop === hop)?.actual ?? null

export function readBatch(works: RunWorks, { run, topic }: Omit<TopicContext, 'work'>, batch: ReadBatch): CheckerEffect[] {
  topic.trouble = null
  // What stands in another topic of the same name was read at other offsets.
  if (topic.log.broken !== null || !holds(topic.share.shares, batch.partition)) return []
  keepBatch(works, topic, batch)
  return foldBacklog(works, { run, topic })
}

/**
 * A suspicion waits until the hop before was read that far and has told its own, but not for ever: it may be gone there. What
 * is held back there was read, and says so yet.
 */
const HOLD_MS = 15_000

/**
 * Tells what was read: first the violations, then the sighting that covers them. In this order a crash in between
 * leads to the same violations told again, never to covered offsets whose violations are lost.
 */
export function flush(works: RunWorks, { run, work, topic }: TopicContext, force: 'all' | 'decided' = 'decided'): CheckerEffect[] {
  const { nowMs } = works.base
  const untimed = foldBacklog(works, { run, topic }, force === 'all' ? 'all' : 'heard')
  const isNews = hasNews(topic.pending)
  if (!isNews && topic.suspicions.length === 0) return untimed
  const before = hopBefore(run, topic.name)
  const untold = new Set(before === null ? [] : work.topics.get(before)?.suspicions.map(({ place }) => placeKey(place)))
  const undecided =
    before !== null &&
    topic.suspicions.some(
      ({ place, behind }) =>
        untold.has(placeKey(place)) ||
        !isSightedAt(works, { run, work }, { ...place, hop: before }) ||
        (behind !== undefined && !isSightedAt(works, { run, work }, { ...place, seq: behind, hop: before })),
    )
  if (undecided && force === 'decided') {
    topic.heldSinceMs ??= nowMs
    if (nowMs - topic.heldSinceMs < HOLD_MS || isHeldBack(work.topics.get(before), topic.heldSinceMs)) return untimed
  }
  topic.heldSinceMs = null
  topic.flushedMs = nowMs
  const findings = withoutInherited(works, { run, work, topic }).map((suspicion) => findingOf(topic, suspicion))
  const { pending } = topic
  topic.suspicions = []
  const found = sayFindings(works, { run, budget: topic.budget }, findings)
  // Who came late is told with what is read next.
  if (!isNews) return [...untimed, ...found]
  topic.pending = emptyPending()
  return [
    ...untimed,
    ...found,
    ...sayOpaque(works, { run, topic }, pending),
    ...sayContract(works, { run, topic }, pending),
    ...takeBackLost(works, { runId: run.runId, hop: topic.name }, pending),
    say(works, { kind: 'hop-sighted', ...headOf(works, run.runId), ...sightingOf(topic.name, pending) }),
  ]
}

const placeKey = ({ stream, seq }: { stream: number; seq: number }) => `${stream}/${seq}`

function isSightedAt(
  works: RunWorks,
  { run, work }: Omit<TopicContext, 'topic'>,
  at: { hop: string; stream: number; seq: number },
): boolean {
  const { hop } = at
  const told = hopEvidence(evidenceOf(works, run.runId), hop)
  return told.sighted.has(at.stream, at.seq) || (work.topics.get(hop)?.pending.canaries.has(at.stream, at.seq) ?? false)
}

function findingOf(topic: TopicWork, { violation, place, fault, latencyMs }: Suspicion): Finding {
  const { stream, seq, partition, offset } = place
  const common = { violation, hop: topic.name, stream, ranges: [seq, seq], partition, offset }
  if (fault !== null) {
    const { field, expected, actual, difference = null, rule = null } = fault
    return { ...common, field, expected, actual, difference, rule }
  }
  switch (violation) {
    case 'late':
      return { ...common, expected: `within ${topic.hop.deliverWithinMs} ms`, actual: `after ${Math.round(latencyMs ?? 0)} ms` }
    case 'reordered':
      return { ...common, expected: `before later canaries of stream ${stream}`, actual: 'after a later one' }
    default:
      return { ...common, expected: 'once', actual: 'again' }
  }
}
