import type { CheckerEffect } from '../../agents/ingestion-checker/events.ts'
import type { LogState, LookLimits } from '../../agents/ingestion-checker/log-watch.ts'
import type { Located } from '../../schemas/parts.ts'
import type { SimPartition } from '../../shared/sim/partition.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import { isOf } from '../../shared/sim/table.ts'
import { RAW_HOP, SOURCE_HOP } from './topology.ts'

type Topic = 'source' | 'raw' | 'normalised'
export const topicOf = (hop: string): Topic => (hop === SOURCE_HOP ? 'source' : hop === RAW_HOP ? 'raw' : 'normalised')

export const topicIdAt = (pipeline: SimPipeline, hop: string) => ({ hop, topicId: String(pipeline.made[topicOf(hop)]) })

/** How the topic of a hop stands at this moment. */
export function logStateAt(pipeline: SimPipeline, hop: string): LogState {
  const { topicId } = topicIdAt(pipeline, hop)
  return { topicId, partitions: pipeline[topicOf(hop)].map(({ low, end, stableEnd }, partition) => ({ partition, low, end, stableEnd })) }
}

export function limitsOf(
  pipeline: SimPipeline,
  { hop, origin, searchFrom, suspects }: Extract<CheckerEffect, { type: 'look-again' }>,
): LookLimits {
  const logs = pipeline[topicOf(hop)]
  const removed = logs.flatMap(({ low }, partition) => {
    const from = searchFrom.get(partition) ?? 0
    return low > from ? [{ partition, offsetFirst: from, offsetLast: low - 1 }] : []
  })
  const topicIds = [hop, ...(origin === null ? [] : [origin.hop])].map((name) => topicIdAt(pipeline, name))
  // Known by their traces.
  const unreadable = logs.flatMap((log, partition) =>
    log.entries
      .filter((entry) => entry.fault === 'undecodable' && suspects.some(isOf(entry)))
      .map(({ stream, seq, offset }) => ({ stream, seq, partition, offset, reason: 'its schema is not known' })),
  )
  return { topicIds, removed, compacted: false, unreadable }
}

/** Where the wanted stand that a reader of committed records can make out. */
export const locatedIn = (logs: readonly SimPartition[], wanted: ReadonlySet<string>): Located[] =>
  logs.flatMap((log, partition) =>
    log
      .legible(0)
      .filter(({ stream, seq }) => wanted.has(`${stream}/${seq}`))
      .map(({ stream, seq, offset }) => ({ stream, seq, partition, offset })),
  )
