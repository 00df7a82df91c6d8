import { SimPartition } from './partition.ts'
import type { SimPipeline } from './pipeline.ts'

type Topic = 'raw' | 'normalised'

/** As retention does, or an operator who deletes records; whoever reads behind it has read them. */
export function trim(pipeline: SimPipeline, topic: Topic): void {
  pipeline.settle(topic)
  for (const log of pipeline[topic]) log.trim()
}

/** Deleted, once whoever reads behind it has read it, and made again. */
export function makeAgain(pipeline: SimPipeline, topic: Topic): void {
  pipeline.settle(topic)
  pipeline.made[topic]++
  for (const log of pipeline[topic]) log.makeAgain()
  const read = topic === 'raw' ? pipeline.processed : pipeline.sunk
  for (const partition of read.keys()) read.set(partition, 0)
}

/** Streams move to other partitions by it, in the middle of their order. */
export function addPartition({ raw, normalised, processed, sunk }: SimPipeline): void {
  processed.set(raw.length, 0)
  sunk.set(normalised.length, 0)
  raw.push(new SimPartition())
  normalised.push(new SimPartition())
}
