import { at, type Mutant } from './mutant.ts'

const log = at('agents/ingestion-checker/log-watch.ts')
const logJudging = at('agents/ingestion-checker/log-judging.ts')
const topic = at('agents/ingestion-checker/topic-work.ts')
const inherited = at('agents/ingestion-checker/inherited.ts')
const backlog = at('agents/ingestion-checker/backlog.ts')
const judging = at('agents/ingestion-checker/judging.ts')
const sightContext = at('agents/ingestion-checker/sight-context.ts')
const sighting = at('agents/ingestion-checker/sighting.ts')

/** Mistakes in what is said of topics that change under a run. */
export const topicMutants: readonly Mutant[] = [
  log('an id that nobody told is another one', 'if (was === null || is === null || was === is) return null', 'if (was === is) return null'),
  log('one look is enough for a log to be cut off', 'if (wasCutOff && end', 'if (end'),
  log('one look is enough for offsets to be gone', 'Math.min(low, before) > position', 'low > position'),
  log('what was removed elsewhere is a doubt at the first hop', 'const hit = isFirst ?', 'const hit = watch.skipped ?'),
  log(
    'gaps of a topic that is not compacted are a doubt',
    'if (!watch.skipped || limits.compacted === false) return null',
    'if (!watch.skipped) return null',
  ),
  log(
    'compaction alone is a doubt',
    'if (!watch.skipped || limits.compacted === false) return null',
    'if (limits.compacted === false) return null',
  ),
  log('what was gone before a restart is forgotten', 'watch.removed.add(rangesOf(', 'void (rangesOf('),
  logJudging(
    'a log must end behind what was read since it was looked at',
    'partitions: ours } })',
    'partitions: ours }, asked: topic.positions })',
  ),
  logJudging(
    'a log that was asked for before production ended ends a run',
    'Math.max(topic.logSeenMs, seen.askedAtMs)',
    'works.base.nowMs',
  ),
  logJudging('what is gone is not told', 'topic.log.untold = []', 'untold.length = 0'),
  logJudging('a topic that was made again is told again and again', 'if (isTold) return effects', ''),
  logJudging('a topic that was made again is read on', 'topic.log.broken = actual', ''),
  topic('partitions that were added are read again after a restart', ', ...told.cover.partitions()]', ']'),
  topic('the order of before a restart is forgotten', 'lasts: new Map(told.lasts)', 'lasts: new Map()'),
  inherited('a stream that moved must keep its order all the same', 'seq <= last && last < behind', 'seq > last && last > behind'),
  judging(
    'a second look at another topic accuses',
    'if (other !== undefined && broken !== null) return',
    'if (other === undefined && broken !== null) return',
  ),
  judging('an answer to an earlier look is taken for this one', 'askedAtMs !== topic.loss.lookedAtMs', 'askedAtMs < 0'),
  judging('a stage ends before its topics were looked at once more', 'topic.logSeenMs < producedMs', 'topic.logSeenMs < 0'),
  judging(
    'a lost one is done with, though nobody has read on',
    '(isReadOn ? topic.loss.provenAskedMs : works.base.nowMs)',
    'works.base.nowMs',
  ),
  judging('a topic that was made again is waited for', ' && brokenAt(work, topic, before) === null', ''),
  judging('what nobody can read is lost', 'const records = missing.filter(isUnreadable)', 'const records = missing.filter(() => false)'),
  sightContext(
    'what nobody knows the time of is held against the acceptance',
    'intendedAtMs(clock, stream, seq) : null',
    'intendedAtMs(clock, stream, seq) : run.accepted.atMs',
  ),
  backlog('what was read before its intent is never timed', 'topic.suspicions.push(...timeWhatWaited(context))', ''),
  backlog('what was read before its intent counts as read', '< HELD_BACK_MAX_MS', '< 5_000'),
  topic('a hop is accused of what is held back before it', ' || isHeldBack(work.topics.get(before), topic.heldSinceMs)', ''),
  sighting('order holds across partitions', 'const behind = raiseLast(lasts, `${partition}/', 'const behind = raiseLast(lasts, `0/'),
]
