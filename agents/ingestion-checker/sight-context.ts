import { intendedAtMs } from '../../shared/core/canary.ts'
import { latencyAtLeastMs } from '../../shared/core/clocks.ts'
import { hopEvidence } from '../../shared/core/evidence.ts'
import { isMirror } from '../../shared/core/mirror.ts'
import { termsAt, termsOf } from '../../shared/core/rules.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, sendClock, type RunWorks } from '../../shared/core/run-work.ts'
import type { FreshnessTerm, SightContext } from './sighting.ts'
import type { TopicContext, TopicWork } from './topic-work.ts'

/** What is known of a run that its records at a hop are held against. */
export function sightContext(works: RunWorks, { run, topic }: Omit<TopicContext, 'work'>): SightContext {
  const evidence = evidenceOf(works, run.runId)
  const clock = sendClock(works, run)
  return {
    told: hopEvidence(evidence, topic.name),
    pending: topic.pending,
    positions: topic.positions,
    lasts: topic.lasts,
    deliverWithinMs: topic.hop.deliverWithinMs,
    isTimed: (stream) => !isMirror(run.resolved.plan.load, stream),
    freshness: freshnessOf(run, topic),
    // The intent says how far the clock had moved.
    intendedAtMs: (stream, seq) => (clock !== null && evidence.intended.has(stream, seq) ? intendedAtMs(clock, stream, seq) : null),
    untimed: topic.untimed,
    latencyAtLeastMs: (timed) => latencyAtLeastMs(works.base, timed),
  }
}

const freshnessOf = (run: RunState, { hop }: TopicWork): FreshnessTerm | null =>
  termsAt(termsOf(hop), 'commit').map(({ name, expected, check }) => ({
    ...{ rule: name, expected, withinMs: check.withinMs },
    field: run.resolved.record.eventTime,
  }))[0] ?? null
