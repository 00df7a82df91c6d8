import { isOfLoad } from '../../shared/core/canary.ts'
import { evidenceOf, production, sayMissingOnce, type RunWorks } from '../../shared/core/run-work.ts'
import type { CheckerEffect } from './events.ts'
import { noteRemoved } from './log-watch.ts'
import type { Offsets } from './loss.ts'
import { sightContext } from './sight-context.ts'
import { foldBatch, timeWhatWaited, type ReadBatch } from './sighting.ts'
import type { TopicContext, TopicWork } from './topic-work.ts'

/** What was read and is not folded yet, in order. */
export interface Backlog {
  readonly batches: { readonly batch: ReadBatch; readonly sinceMs: number }[]
  canaries: number
  /** When the newest was said that was heard of the run, by the clock of who said it. */
  heardMs: number
}

export const emptyBacklog = (): Backlog => ({ batches: [], canaries: 0, heardMs: -Infinity })

/** What was said so long after a batch was read was said after it, by whatever clock. */
const CLOCKS_APART_MS = 10_000
/** Beyond this what is read goes on without its times, and that is said. */
const HELD_BACK_MAX_MS = 300_000
const HELD_BACK_CANARIES_MAX = 200_000

const NOT_TIMED = 'the intents to write canaries that were read here were not heard in time: whether these came late is not known'

type At = Omit<TopicContext, 'work'>

export function keepBatch(works: RunWorks, { backlog }: TopicWork, batch: ReadBatch): void {
  backlog.batches.push({ batch, sinceMs: works.base.nowMs })
  backlog.canaries += batch.records.length
}

/**
 * Folds the batches whose canaries' intents have been heard: without them nobody knows when they were due, or whether at all.
 * What is not folded is not covered, and whoever reads on, after a crash or when partitions change hands, reads it again. Once
 * folded it is never read again, and a late one whose time nobody knew would be found late by the next hop alone, as that
 * one's doing. `all`: whether they were heard or not.
 */
export function foldBacklog(works: RunWorks, { run, topic }: At, force: 'all' | 'heard' = 'heard'): CheckerEffect[] {
  const context = sightContext(works, { run, topic })
  topic.suspicions.push(...timeWhatWaited(context))
  const { backlog } = topic
  let givenUp = false
  for (let next = backlog.batches[0]; next !== undefined; next = backlog.batches[0]) {
    if (force === 'heard' && isIntentToCome(works, { run, topic }, next)) {
      if (works.base.nowMs - next.sinceMs < HELD_BACK_MAX_MS && backlog.canaries <= HELD_BACK_CANARIES_MAX) break
      givenUp = true
    }
    const { batch } = next
    backlog.batches.shift()
    backlog.canaries -= batch.records.length
    if (batch.removed !== undefined) noteRemoved(topic.log, batch.removed)
    topic.log.skipped ||= batch.skipped === true
    topic.suspicions.push(...foldBatch(context, batch))
  }
  return givenUp ? sayMissingOnce(works, { runId: run.runId, hop: topic.name }, NOT_TIMED) : []
}

/**
 * Whether the intent of a canary may still be heard. It stood on the results topic before the canary was written, and what is
 * said of one run is heard in order: not once something is heard that was said after the canary was read. Nor of what the run
 * does not have, or when its production has ended: canaries that nobody intended hold up nothing for long.
 */
function isIntentToCome(works: RunWorks, { run, topic }: At, { batch, sinceMs }: Backlog['batches'][number]): boolean {
  if (topic.backlog.heardMs >= sinceMs + CLOCKS_APART_MS || production(run)?.ended != null) return false
  const { intended } = evidenceOf(works, run.runId)
  return batch.records.some((record) => !intended.has(record.stream, record.seq) && isOfLoad(run.resolved.plan.load, record))
}

export function noteHeard({ backlog }: TopicWork, atMs: number): void {
  backlog.heardMs = Math.max(backlog.heardMs, atMs)
}

/** Whether what was read of the hop until then is still held back. */
export const isHeldBack = (topic: TopicWork | undefined, untilMs: number) => (topic?.backlog.batches[0]?.sinceMs ?? Infinity) <= untilMs

/** How far was read, folded or not. */
export function readAhead({ positions, backlog }: TopicWork): Offsets {
  if (backlog.batches.length === 0) return positions
  const to = new Map(positions)
  for (const { batch } of backlog.batches) to.set(batch.partition, Math.max(to.get(batch.partition) ?? 0, batch.offsetLast + 1))
  return to
}
