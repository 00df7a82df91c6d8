import { consumeBatches, type SourceBatch } from '../../compose/reference/kafka.ts'
import { Decoder, Registry } from '../../compose/reference/registry.ts'
import type { NormalisedTrade } from '../../compose/reference/trade.ts'
import { parseCanaryId } from '../../shared/core/identity.ts'
import type { Flow, InTopic } from './flow.ts'

/** A living member of the sink's group. */
export interface SinkMember {
  /** Rows that it brought into the table. */
  rows(): number
  leave(): Promise<void>
}

/** What it reads is in the table before it commits, and committed before it gives a partition up: each row is written by one member, once. */
export async function joinSink(flow: Flow): Promise<SinkMember> {
  const { kafka, groups, names, environment } = flow.pipeline
  const decoder = new Decoder(new Registry(environment['PIPELINE_REGISTRY_URL'] ?? ''), 'NormalisedTrade')
  const { promise: joined, resolve } = Promise.withResolvers<Awaited<ReturnType<typeof consumeBatches>>>()
  let rows = 0
  let crash: Error | null = null
  let isLeaving = false as boolean
  let underWay: Promise<unknown> = Promise.resolve()
  const take = async ({ partition, records, nextOffset }: SourceBatch) => {
    await decoder.learn(records.map(({ value }) => value))
    const placed = records.flatMap(({ value, offset }): InTopic[] => {
      // The reader's schema is NormalisedTrade's, so what it reads has its shape.
      const trade = decoder.decode(value) as NormalisedTrade
      return parseCanaryId(trade.trade_id)?.runId === flow.runId ? [{ trade, partition, offset: Number(offset) }] : []
    })
    if (placed.length > 0) await flow.append(placed)
    await (await joined).commitOffsets([{ topic: names.topic, partition, offset: String(nextOffset) }])
    rows += placed.length
  }
  const settings = { groupId: groups.sink, topic: names.topic, concurrency: 1 }
  const consumer = await consumeBatches(kafka, settings, {
    take: async (batch) => {
      if (isLeaving) return
      underWay = take(batch)
      await underWay
    },
    crashed: (error) => {
      crash = error
    },
  })
  resolve(consumer)
  return {
    rows() {
      if (crash !== null) throw new Error('a member of the group of the sink crashed', { cause: crash })
      return rows
    },
    // A consumer that is about to leave commits no more, and says nothing of it.
    async leave() {
      isLeaving = true
      await underWay.catch(() => undefined)
      await consumer.disconnect()
    },
  }
}
