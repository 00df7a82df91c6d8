import type { SimClock } from './clock.ts'
import { SimPartition } from './partition.ts'
import type { SimPipeline } from './pipeline.ts'
import { isOf, rowsOf, type SimRow } from './table.ts'

type Topic = 'raw' | 'normalised'

const SET_BACK_MS = 2_000

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

/** As an operator does, who sets the table back by so many snapshots. Gives the rows that nobody writes anew. */
export function rollBack({ table }: SimPipeline, count: number): SimRow[] {
  const undone = table.rollBack(count).flatMap(({ rows }) => rows)
  const left = rowsOf(table.snapshots)
  return undone.filter((row) => !left.some(isOf(row)))
}

/** The table is set back, and forward again before the sink commits. */
export function rollBackAndForward(pipeline: SimPipeline, count: number, later: SimClock['later']): void {
  pipeline.pauseSink(true)
  pipeline.table.rollBack(count)
  later(SET_BACK_MS, () => {
    pipeline.table.rollForward()
    pipeline.pauseSink(false)
  })
}

/** One row of so many is deleted, whatever snapshot brought it. Gives these. */
export function deleteRows(pipeline: SimPipeline, oneIn: number): SimRow[] {
  const removed = rowsOf(pipeline.table.snapshots).filter((_, index) => index % oneIn === 0)
  pipeline.commit({ operation: 'delete', rows: [], removed })
  return removed
}
