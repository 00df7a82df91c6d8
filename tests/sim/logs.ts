import type { CheckerEffect } from '../../agents/ingestion-checker/events.ts'
import type { LogState, LookLimits } from '../../agents/ingestion-checker/log-watch.ts'
import type { Located } from '../../schemas/parts.ts'
import type { SimEntry } from '../../shared/sim/partition.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import { RAW_HOP, SOURCE_HOP } from './topology.ts'

type Topic = 'source' | 'raw' | 'normalised'
export const topicOf = (hop: string): Topic => (hop === SOURCE_HOP ? 'source' : hop === RAW_HOP ? 'raw' : 'normalised')

export const topicIdAt = (pipeline: SimPipeline, hop: string) => ({ hop, topicId: String(pipeline.made[topicOf(hop)]) })

/** How the topic of a hop stands at this moment. */
export function logStateAt(pipeline: SimPipeline, hop: string): LogState {
  const { topicId } = topicIdAt(pipeline, hop)
  return { topicId, partitions: pipeline[topicOf(hop)].map(({ low, end }, partition) => ({ partition, low, end, stableEnd: end })) }
}

export function limitsOf(pipeline: SimPipeline, { hop, origin, searchFrom }: Extract<CheckerEffect, { type: 'look-again' }>): LookLimits {
  const removed = pipeline[topicOf(hop)].flatMap(({ low }, partition) => {
    const from = searchFrom.get(partition) ?? 0
    return low > from ? [{ partition, offsetFirst: from, offsetLast: low - 1 }] : []
  })
  const topicIds = [hop, ...(origin === null ? [] : [origin.hop])].map((name) => topicIdAt(pipeline, name))
  return { topicIds, removed, compacted: false, unreadable: [] }
}

export const located = (entries: readonly SimEntry[], partition: number): Located[] =>
  entries.map(({ stream, seq, offset }) => ({ stream, seq, partition, offset }))
