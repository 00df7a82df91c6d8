import { CanarySet } from '../../shared/core/canary-set.ts'
import type { AfterLook } from '../../shared/core/after-looks.ts'
import { takeBackInherited } from '../../shared/core/corrections.ts'
import { doubledAt } from '../../shared/core/doubled.ts'
import { hopEvidence, type Evidence, type Segment, lostAt, missedAt } from '../../shared/core/evidence.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import { unreadableAt } from '../../shared/core/unaccounted.ts'
import { withSkipped } from '../../shared/core/mirror.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, hopBefore, production, sayMissing, sayMissingOnce, type RunWorks } from '../../shared/core/run-work.ts'
import { holdsAll } from '../../shared/core/shares.ts'
import { unexpectedAt } from '../../shared/core/unexpected.ts'
import type { Finding } from '../../shared/core/violations.ts'
import type { CheckerWork } from './core.ts'
import type { CheckerEffect, LookOutcome } from './events.ts'
import { adoptProgress, searchFrom, stillMissing, suspectsOf, type Suspects } from './loss.ts'
import { closeBrokenLog, sayBroken } from './log-judging.ts'
import { doubtOf, renamedOf, type UnreadableCanary } from './log-watch.ts'
import { readTo, sayPart } from './sharing.ts'
import { flush, isProcessed, type TopicContext, type TopicWork } from './topic-work.ts'

/** After so many looks that failed, what they looked for stays unproven and is said to be. */
const LOOKS_FAILED_MAX = 5

/** Asks for a second look at what progress proves should be here and is not. */
export function judgeLoss(works: RunWorks, { run, work, topic }: TopicContext): CheckerEffect[] {
  const evidence = evidenceOf(works, run.runId)
  const before = hopBefore(run, topic.name)
  const broken = brokenAt(work, topic, before)
  if (broken !== null) return closeBrokenLog(works, { run, topic, segments: segmentsBefore(evidence, before) }, broken)
  const read = readTo(works, { run, topic })
  if (isProcessed(topic.hop)) adoptProgress(topic.loss, read)
  if (topic.loss.looking.length > 0) return []
  const suspects = suspectsOf(topic.loss, segmentsBefore(evidence, before), {
    passed: isProcessed(topic.hop) ? topic.loss.proven : read,
    inParts: isProcessed(topic.hop),
    sighted: sightedHere(evidence, topic),
    told: toldAt(evidence, topic.name),
    load: run.resolved.plan.load,
  })
  if (suspects.length === 0) return []
  topic.loss.looking = suspects
  topic.loss.lookedAtMs = works.base.nowMs
  return [
    {
      type: 'look-again',
      runId: run.runId,
      hop: topic.name,
      askedAtMs: topic.loss.lookedAtMs,
      suspects: suspects.flatMap(({ canaries }) => canaries.members()),
      searchFrom: searchFrom(hopEvidence(evidence, topic.name), topic.baseline, suspects),
      origin: before === null ? null : { hop: before, covered: suspects.flatMap(({ segment }) => [...segment.covered]) },
    },
  ]
}

/** Why nothing can be proven here any more. */
const brokenAt = (work: CheckerWork, topic: TopicWork, before: string | null): string | null =>
  topic.log.broken ?? (before === null ? null : (work.topics.get(before)?.log.broken ?? null))

const segmentsBefore = (evidence: Evidence, before: string | null): readonly Segment[] =>
  before === null ? evidence.ledger : hopEvidence(evidence, before).segments

/** Said to be missing, or to be here in a form that nobody can read. */
function toldAt(evidence: Evidence, hop: string): CanarySet {
  const told = missedAt(evidence, hop)
  told.addAll(unreadableAt(evidence, hop).toWire())
  return told
}

/** What progress has passed in part is looked at on, as it passes the rest. */
function clear(topic: TopicWork, { segment, isPart }: Suspects): void {
  if (!isPart) topic.loss.cleared.add(segment)
}

function sightedHere(evidence: Evidence, topic: TopicWork): CanarySet {
  const sighted = CanarySet.of(hopEvidence(evidence, topic.name).sighted.toWire())
  sighted.addAll(topic.pending.canaries.toWire())
  return sighted
}

export function foldLook(
  works: RunWorks,
  { run, work, topic }: TopicContext,
  { askedAtMs, result }: { readonly askedAtMs: number; readonly result: LookOutcome },
): CheckerEffect[] {
  if (askedAtMs !== topic.loss.lookedAtMs) return []
  const suspects = topic.loss.looking
  topic.loss.looking = []
  if (!result.ok) {
    topic.loss.looksFailed++
    topic.trouble = result.reason
    const unproven = suspects.filter(({ isPart }) => !isPart)
    if (topic.loss.looksFailed < LOOKS_FAILED_MAX || unproven.length === 0) return []
    for (const { segment } of unproven) topic.loss.cleared.add(segment)
    return [
      sayMissing(
        works,
        { runId: run.runId, hop: topic.name },
        `no second look at ${unproven.reduce((n, { canaries }) => n + canaries.size, 0)} canaries: ${result.reason}`,
      ),
    ]
  }
  topic.loss.looksFailed = 0
  for (const { hop, topicId } of result.limits.topicIds) {
    const other = work.topics.get(hop)
    const broken = other === undefined ? null : renamedOf(other.log, topicId)
    if (other !== undefined && broken !== null) return sayBroken(works, { run, work, topic: other }, broken)
  }
  const evidence = evidenceOf(works, run.runId)
  const sighted = sightedHere(evidence, topic)
  const isFirst = hopBefore(run, topic.name) === null
  const findings: Finding[] = []
  const doubts = new Set<string>()
  for (const suspect of suspects) {
    const missing = stillMissing([suspect], result, topic.loss.proven).filter(({ stream, seq }) => !sighted.has(stream, seq))
    if (missing.length === 0) continue
    const unreadable = new Map(result.limits.unreadable.map((record) => [`${record.stream}/${record.seq}`, record]))
    const isUnreadable = ({ stream, seq }: { stream: number; seq: number }) => unreadable.has(`${stream}/${seq}`)
    const records = missing.filter(isUnreadable)
    if (records.length > 0) clear(topic, suspect)
    findings.push(...records.map(({ stream, seq }) => unreadableFinding(topic, unreadable.get(`${stream}/${seq}`) as UnreadableCanary)))
    const absent = missing.filter((one) => !isUnreadable(one))
    if (absent.length === 0) continue
    const doubt = doubtOf(topic.log, result.limits, { segment: suspect.segment, isFirst })
    if (doubt === null) findings.push(...absent.map((one) => lostFinding(run, topic, one)))
    else {
      clear(topic, suspect)
      doubts.add(doubt)
    }
  }
  return [
    ...sayFindings(works, { run, budget: topic.budget }, findings),
    // Of a part it may have been said before.
    ...[...doubts].flatMap((reason) => sayMissingOnce(works, { runId: run.runId, hop: topic.name }, reason)),
  ]
}

/** Known by its trace: it is here, and no use to anyone. */
const unreadableFinding = (topic: TopicWork, { stream, seq, partition, offset, reason }: UnreadableCanary): Finding => ({
  violation: 'schema-violated',
  hop: topic.name,
  stream,
  ranges: [seq, seq],
  expected: 'a record that can be decoded',
  actual: reason,
  partition,
  offset,
})

function lostFinding(
  run: RunState,
  topic: TopicWork,
  { stream, seq, origin }: { stream: number; seq: number; origin: { partition: number; offset: number } | null },
): Finding {
  const before = hopBefore(run, topic.name)
  const seen = before === null ? 'it was acknowledged' : `it was seen in ${before}`
  return {
    violation: 'lost',
    hop: topic.name,
    stream,
    ranges: [seq, seq],
    expected:
      origin === null
        ? `here: ${seen}`
        : `here: it is in ${before ?? 'the source'} at partition ${origin.partition} offset ${origin.offset}`,
    actual: 'passed by, and not found by a second reader',
    partition: origin?.partition ?? null,
    offset: origin?.offset ?? null,
  }
}

/** From where the run began to read; what turns up is told as a correction of its verdict. */
export function lookAfter(askedAtMs: number, { run, hop, lost }: AfterLook): CheckerEffect {
  const started = run.resolved.plan.stages.find(({ task }) => task === 'sight-topics')
  const positions = (started === undefined ? null : run.stages.get(started.stage)?.started?.positions) ?? []
  const from = new Map(positions.filter((position) => position.hop === hop).map(({ partition, offset }) => [partition, offset]))
  return { type: 'look-again', runId: run.runId, hop, askedAtMs, suspects: lost.members(), searchFrom: from, origin: null }
}

/** Tells what is left to tell; `done` once everything there was to see has been seen and judged. */
export function finishWhenDone(
  works: RunWorks,
  { run, work }: { run: RunState; work: CheckerWork },
): { effects: CheckerEffect[]; done: boolean } {
  const produced = production(run)
  if (produced === null || produced.ended === null) return { effects: [], done: false }
  const effects: CheckerEffect[] = []
  let done = true
  for (const topic of work.topics.values()) {
    effects.push(...flush(works, { run, work, topic }))
    done &&= isTopicDone(works, { run, work, topic }, produced.ended.atMs)
  }
  const topics = [...work.topics.values()]
  if (!topics.every(({ share }) => holdsAll(share.shares)))
    return {
      effects: [...effects, ...endParts(works, { run, work }, produced.ended.atMs)],
      done: topics.every(({ name }) => hasPart(run, work, name)),
    }
  if (done) effects.push(...topics.flatMap((topic) => atTheEnd(works, { run, topic })))
  return { effects, done }
}

const hasPart = (run: RunState, work: CheckerWork, hop: string) => run.stages.get(work.stage)?.parts.has(hop) === true

/** Hops are done one behind the other, each said by whoever judges it: what a hop must hold is known once the one before is done. */
function endParts(works: RunWorks, { run, work }: { run: RunState; work: CheckerWork }, producedMs: number): CheckerEffect[] {
  return [...work.topics.values()].flatMap((topic) => {
    const before = hopBefore(run, topic.name)
    if (!topic.share.isJudge || hasPart(run, work, topic.name) || (before !== null && !hasPart(run, work, before))) return []
    if (!isTopicDone(works, { run, work, topic }, producedMs)) return []
    return [...atTheEnd(works, { run, topic }), sayPart(works, { run, work, topic })]
  })
}

function isTopicDone(works: RunWorks, { run, work, topic }: TopicContext, producedMs: number): boolean {
  const evidence = evidenceOf(works, run.runId)
  const before = hopBefore(run, topic.name)
  if (topic.pending.covered.size + topic.suspicions.length + topic.backlog.batches.length + topic.loss.looking.length > 0) return false
  // A topic that was made again at the very end would pass for a whole one.
  if (topic.hop.kind === 'topic' && topic.logSeenMs < producedMs) return false
  const lost = lostAt(evidence, topic.name)
  const segments = segmentsBefore(evidence, before)
  const told = toldAt(evidence, topic.name)
  const open = segments.some(
    (segment) =>
      !topic.loss.cleared.has(segment) && withSkipped(run.resolved.plan.load, CanarySet.of(segment.canaries)).minus(told).size > 0,
  )
  if (open) return false
  if (lost.size === 0) return true
  // A lost one may still turn up: whoever closes too early calls the late lost. So does who closes before all that came in this
  // time was read: for a while nobody may have read its partition.
  const openUntilMs = producedMs + topic.hop.giveUpAfterMs
  const isReadOn = isProcessed(topic.hop) && brokenAt(work, topic, before) === null
  return (isReadOn ? topic.loss.provenAskedMs : works.base.nowMs) > openUntilMs
}

/**
 * Canaries that must not be (their write failed for certain, or was never meant), and those that two instances saw: at the first hop
 * that has them. All that was seen at the hop before is known by now, and with it what was told here and came from there.
 */
function atTheEnd(works: RunWorks, { run, topic }: Pick<TopicContext, 'run' | 'topic'>): CheckerEffect[] {
  const evidence = evidenceOf(works, run.runId)
  const hop = topic.name
  const before = hopBefore(run, hop)
  const doubled = doubledAt(hop, {
    load: run.resolved.plan.load,
    here: hopEvidence(evidence, hop),
    before: before === null ? null : hopEvidence(evidence, before),
  })
  return [
    ...sayFindings(works, { run, budget: topic.budget }, [...unexpectedAt(evidence, { hop, before }), ...doubled]),
    ...(before === null ? [] : takeBackInherited(works, { runId: run.runId, hop, before })),
  ]
}
