import { unreachable } from '../../shared/core/assert.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { intersection, type Ranges } from '../../shared/core/range-set.ts'
import { evidenceOf, sayMissing, sayMissingOnce, type RunWorks } from '../../shared/core/run-work.ts'
import type { Answer, ProberEffect, ProberEvent } from './events.ts'
import { isExcused, recoveringUntilMs } from './excused.ts'
import { drop, openQuestions, type HopContext, type HopWork, type OpenQuestion, type ProbeContext } from './probe-work.ts'
import { askableAt, haveEnded } from './probes/askable.ts'
import { accuse, accuseChecks, accuseWrong, close, spanOf } from './verdicts.ts'

/** Before accusing, a second look; until the API has moved on, a short wait. */
const AGAIN_AFTER_MS = 300
const RETRY_AFTER_MS = 500
/** Without one good answer for so long, in the final pass, the endpoint is down. */
const DOWN_AFTER_MS = 20_000
const FAILURES_MAX = 2
const WRONGS_MAX = 2
/** More samples than this are not kept for another try. */
const AGAIN_MAX = 100
const LOOK_AFTER_MS = 1_500
const LOOK_EVERY_MS = 2_000
const LOOKS_FAILED_MAX = 5

interface Answered extends HopContext {
  readonly open: OpenQuestion
  readonly answer: Answer
}

export function foldAnswer(
  works: RunWorks,
  { run, work }: ProbeContext,
  event: Extract<ProberEvent, { type: 'answered' }>,
): ProberEffect[] {
  const open = work.asked.get(event.id)
  const hop = open === undefined ? undefined : work.hops.get(open.hop)
  if (open === undefined || hop === undefined) return []
  work.asked.delete(open.id)
  const { answer } = event
  const answered: Answered = { run, work, hop, open, answer }
  if (open.question.kind === 'no-credentials' || open.question.kind === 'unknown-id') return judgeCheck(works, answered)
  hop.pending.requests++
  hop.pending.latency.add(answer.latencyMs)
  // An id the API does not know may be a wrong answer; it is an answer.
  const isAnswer = answer.status === 200 || (answer.status === 404 && open.question.kind === 'canary')
  if (!isAnswer) {
    hop.pending.errors++
    return foldFailure(works, answered)
  }
  noteGood(hop, answer)
  return judge(works, answered)
}

function noteGood(hop: HopWork, { atMs, snapshotId }: Answer): void {
  hop.lastGoodMs = Math.max(hop.lastGoodMs, atMs)
  hop.failingSinceMs = null
  if (snapshotId === null) return
  hop.pending.snapshotId = snapshotId
  if (hop.named.has(snapshotId)) return
  hop.named.add(snapshotId)
  hop.untimed.push({ from: snapshotId, atMs })
}

function judge(works: RunWorks, answered: Answered): ProberEffect[] {
  const { run, work, hop, open, answer } = answered
  const needed = neededSnapshot(works, answered)
  if (needed === null || hop.hop.snapshot === null || (answer.snapshotId === null && answer.status !== 200))
    return judgeUnpinned(works, answered)
  if (answer.snapshotId === null) return judgeWrong(works, answered, 'snapshot')
  const relation = work.lineage.relate(answer.snapshotId, needed.snapshotId)
  switch (relation) {
    case 'older':
      return judgeOlder(works, answered, needed.snapshotId)
    case 'unknown':
      if (work.lookedAtMs >= answer.atMs) return judgeUnrelated(works, answered, { named: answer.snapshotId, needed: needed.snapshotId })
      return waitFor(answered, lookAtLineage(works, answered))
    case 'holds': {
      if (isRight(answer)) return close(works, answered, 'right')
      const told = evidenceOf(works, run.runId).snapshots.some(({ snapshotId }) => snapshotId === answer.snapshotId)
      // A snapshot not told yet may hold a second row of a canary: that would not be the API's doing.
      if (!told && !haveEnded(run, 'reconcile-table')) return waitFor(answered, [])
      return isStillClean(works, { run, hop }, open) ? judgeWrong(works, answered, 'content') : close(works, answered, 'left-out')
    }
    default:
      return unreachable(relation)
  }
}

/** The snapshot that is named and the one that is needed are in no lineage: the API's fault, unless the table itself was set back. */
function judgeUnrelated(works: RunWorks, answered: Answered, { named, needed }: { named: string; needed: string }): ProberEffect[] {
  const { run, work, hop, open } = answered
  if (!isStillClean(works, { run, hop }, open)) return close(works, answered, 'left-out')
  const told = evidenceOf(works, run.runId).snapshots.filter((snapshot) => snapshot.hop === hop.table)
  const isTold = told.some(({ snapshotId }) => snapshotId === named)
  // The catalog has it: what the table stands on, the reconciler will tell.
  if (!isTold && work.lineage.get(named) !== undefined && !haveEnded(run, 'reconcile-table')) return waitFor(answered, [])
  const newest = told.at(-1)?.snapshotId ?? ''
  const isSetBack = work.lineage.relate(newest, named) === 'holds' && work.lineage.relate(newest, needed) !== 'holds'
  return isSetBack ? close(works, answered, 'left-out') : judgeWrong(works, answered, 'snapshot')
}

const isRight = ({ status, mismatches }: Answer) => status === 200 && mismatches.length === 0

/** The newest snapshot that brought one of the canaries asked for. */
function neededSnapshot(works: RunWorks, { run, hop, open }: Answered): { snapshotId: string; committedAtMs: number } | null {
  const { stream, first, last } = spanOf(open.question)
  const touches = (ranges: readonly number[]) =>
    ranges.some((start, i) => i % 2 === 0 && start <= last && (ranges[i + 1] as number) >= first)
  return (
    evidenceOf(works, run.runId).snapshots.findLast(
      (snapshot) =>
        snapshot.hop === hop.table && snapshot.canaries.some((canaries) => canaries.stream === stream && touches(canaries.ranges)),
    ) ?? null
  )
}

/** An answer that names no snapshot: what it should hold must have been there for longer than the API may take. */
function judgeUnpinned(works: RunWorks, answered: Answered): ProberEffect[] {
  const { run, hop, open, answer } = answered
  if (isRight(answer)) return close(works, answered, 'right')
  if (!isStillClean(works, { run, hop }, open)) return close(works, answered, 'left-out')
  const committedAtMs = neededSnapshot(works, answered)?.committedAtMs ?? answer.atMs
  if (answer.atMs - committedAtMs <= hop.hop.staleAfterMs) return askAgain(works, answered, AGAIN_AFTER_MS)
  return judgeWrong(works, answered, 'content')
}

function judgeOlder(works: RunWorks, answered: Answered, needed: string): ProberEffect[] {
  const { run, work, hop, open, answer } = answered
  if (!isStillClean(works, { run, hop }, open)) return close(works, answered, 'left-out')
  const named = answer.snapshotId ?? ''
  const supersededAtMs = work.lineage.supersededAtMs(named, needed)
  const behindMs = supersededAtMs === null ? 0 : answer.atMs - supersededAtMs
  if (behindMs <= hop.hop.staleAfterMs) return askAgain(works, answered, AGAIN_AFTER_MS)
  if (open.stales++ === 0) return askAgain(works, answered, AGAIN_AFTER_MS)
  // While canaries arrive, one accusation a snapshot tells enough; in the end, what could not be compared is named.
  if (work.settledSinceMs === null && hop.staleTold.has(named)) return close(works, answered, 'left-out')
  const ranges = hiddenFrom(works, answered, named)
  // What a fault of ours may explain, so late in the run, is asked until the pipeline's time to recover is over.
  const { stream } = spanOf(open.question)
  if (work.settledSinceMs !== null && isExcused(works, { run, hop }, { stream, ranges, atMs: works.base.nowMs }))
    return askOnceRecovered(works, answered)
  hop.staleTold.add(named)
  return accuse(works, answered, {
    violation: 'stale',
    ranges,
    field: hop.hop.snapshot,
    expected: `snapshot ${needed} or a later one, at most ${hop.hop.staleAfterMs} ms after its commit`,
    actual: `snapshot ${named}, superseded ${Math.round(behindMs)} ms ago`,
    snapshotId: named,
  })
}

/** Of the canaries asked for, those that the named snapshot cannot show. */
function hiddenFrom(works: RunWorks, { run, work, hop, open }: Answered, named: string): Ranges {
  const { stream, first, last } = spanOf(open.question)
  const hidden = new CanarySet()
  for (const snapshot of evidenceOf(works, run.runId).snapshots) {
    if (snapshot.hop === hop.table && work.lineage.relate(named, snapshot.snapshotId) !== 'holds') hidden.addAll(snapshot.canaries)
  }
  return intersection(hidden.ranges(stream), [first, last])
}

function judgeWrong(works: RunWorks, answered: Answered, what: 'content' | 'snapshot'): ProberEffect[] {
  answered.open.wrongs++
  return answered.open.wrongs < WRONGS_MAX ? askAgain(works, answered, AGAIN_AFTER_MS) : accuseWrong(works, answered, what)
}

function isStillClean(works: RunWorks, { run, hop }: Pick<HopContext, 'run' | 'hop'>, open: OpenQuestion): boolean {
  const { stream, first, last } = spanOf(open.question)
  const { ranges } = askableAt(evidenceOf(works, run.runId), run, hop.name).clean.stream(stream)
  return ranges.some((start, i) => i % 2 === 0 && start <= first && last <= (ranges[i + 1] as number))
}

function foldFailure(works: RunWorks, answered: Answered): ProberEffect[] {
  const { run, work, hop, open, answer } = answered
  hop.failingSinceMs ??= answer.atMs
  if (recoveringUntilMs(works, run) >= works.base.nowMs) open.failuresWhileHealthy = 0
  else if (open.lastFailedMs !== null && hop.lastGoodMs > open.lastFailedMs) open.failuresWhileHealthy++
  open.lastFailedMs = answer.atMs
  if (open.failuresWhileHealthy >= FAILURES_MAX) {
    const actual = answer.error ?? `status ${answer.status}`
    return accuse(works, answered, {
      violation: 'unavailable',
      expected: 'an answer with status 200',
      actual: `${actual}, again and again`,
    })
  }
  // Samples: a few are kept for another try, so that an outage leaves no backlog.
  if (open.isPassing && (work.settledSinceMs !== null || work.again.length >= AGAIN_MAX)) return []
  return askAgain(works, answered, RETRY_AFTER_MS)
}

function judgeCheck(works: RunWorks, answered: Answered): ProberEffect[] {
  const { hop, open, answer } = answered
  if (answer.status === null || answer.status >= 500) return foldFailure(works, answered)
  const isFine =
    open.question.kind === 'no-credentials' ? answer.status === 401 || answer.status === 403 : answer.status === 404 && answer.isJson
  if (isFine) {
    noteGood(hop, answer)
    return close(works, answered, 'right')
  }
  open.wrongs++
  return open.wrongs < WRONGS_MAX ? askAgain(works, answered, AGAIN_AFTER_MS) : accuseChecks(works, answered)
}

function askAgain(works: RunWorks, { work, open }: Answered, afterMs: number): ProberEffect[] {
  open.notBeforeMs = works.base.nowMs + afterMs
  work.again.push(open)
  return []
}

function askOnceRecovered(works: RunWorks, answered: Answered): ProberEffect[] {
  answered.open.waitsForRecovery = true
  return askAgain(works, answered, RETRY_AFTER_MS)
}

function waitFor({ work, open, answer }: Answered, effects: ProberEffect[]): ProberEffect[] {
  work.waiting.push({ open, answer })
  return effects
}

/** The reconciler will tell most snapshots soon: the catalog is asked for those it does not, and seldom. */
function lookAtLineage(works: RunWorks, { run, work, hop, answer }: Answered): ProberEffect[] {
  const { nowMs } = works.base
  if (hop.table === null || (nowMs - answer.atMs < LOOK_AFTER_MS && !haveEnded(run, 'reconcile-table'))) return []
  if (work.lookAskedMs !== null && nowMs - work.lookAskedMs < LOOK_EVERY_MS) return []
  work.lookAskedMs = nowMs
  return [{ type: 'look-at-lineage', runId: run.runId, hop: hop.table }]
}

/** Judges again what waited for the lineage or for the reconciler. */
export function judgeWaiting(works: RunWorks, { run, work }: ProbeContext): ProberEffect[] {
  return work.waiting.splice(0).flatMap(({ open, answer }) => {
    const hop = work.hops.get(open.hop)
    return hop === undefined ? [] : judge(works, { run, work, hop, open, answer })
  })
}

type LookEvent = Extract<ProberEvent, { type: 'lineage-seen' | 'lineage-unseen' }>

export function foldLineage(works: RunWorks, { run, work }: ProbeContext, event: LookEvent): ProberEffect[] {
  if (event.type === 'lineage-seen') {
    for (const snapshot of event.snapshots) work.lineage.add(snapshot)
    work.lookedAtMs = Math.max(work.lookedAtMs, event.atMs)
    work.looksFailed = 0
    return judgeWaiting(works, { run, work })
  }
  if (++work.looksFailed < LOOKS_FAILED_MAX) return []
  work.looksFailed = 0
  const left = work.waiting.splice(0)
  const reason = `no second look at the catalog for ${left.length} answers: ${event.reason}`
  return [...left.flatMap(({ open }) => leave(works, { run, work }, open)), sayMissing(works, { runId: run.runId, hop: event.hop }, reason)]
}

export function foldUnanswerable(
  works: RunWorks,
  { run, work }: ProbeContext,
  event: Extract<ProberEvent, { type: 'unanswerable' }>,
): ProberEffect[] {
  const open = work.asked.get(event.id)
  if (open === undefined) return []
  work.asked.delete(open.id)
  return [...leave(works, { run, work }, open), ...sayMissingOnce(works, { runId: run.runId, hop: open.hop }, event.reason)]
}

/** Our own trouble: the question is given up, and what it asked for stays unchecked, which makes the run inconclusive. */
function leave(works: RunWorks, { run, work }: ProbeContext, open: OpenQuestion): ProberEffect[] {
  const hop = work.hops.get(open.hop)
  return hop === undefined ? [] : close(works, { run, work, hop, open }, 'given-up')
}

/** In the final pass, an endpoint that answers nothing for long is accused of all that is left to ask; while our own faults may explain it, nobody is. */
export function accuseDown(works: RunWorks, { run, work }: ProbeContext): ProberEffect[] {
  const { nowMs } = works.base
  const { settledSinceMs } = work
  if (settledSinceMs === null) return []
  const fromMs = Math.max(settledSinceMs, recoveringUntilMs(works, run))
  return [...work.hops.values()].flatMap((hop) => {
    if (hop.failingSinceMs === null || nowMs - Math.max(hop.failingSinceMs, fromMs) <= DOWN_AFTER_MS) return []
    const left = openQuestions(work).filter((open) => open.hop === hop.name)
    return left.flatMap((open) => {
      if (open.isPassing) {
        drop(work, open)
        return []
      }
      // What the windows or look-ups tell already.
      if (open.question.kind === 'no-credentials' || open.question.kind === 'unknown-id')
        return close(works, { run, work, hop, open }, 'given-up')
      const actual = `no good answer for ${Math.round((nowMs - hop.lastGoodMs) / 1000)} s`
      return accuse(works, { run, work, hop, open }, { violation: 'unavailable', expected: 'an answer with status 200', actual })
    })
  })
}
