import { setTimeout as sleep } from 'node:timers/promises'
import { TransactionalWriter } from '../../compose/reference/kafka.ts'
import { createLog } from '../../compose/reference/log.ts'
import { asAdmin, followRaw, type Flow, type Outgoing, type Placed } from './flow.ts'
import type { Pipeline } from './pipeline.ts'
import { insist, until } from './wait.ts'

/** Normaliser and sink of a faithful pipeline in one, while canaries are produced: what comes is passed on as it comes, each once. */
export interface Relay {
  /** Canaries that are in the table by now. */
  passed(): number
  /** Until production has ended, and all that it left in the raw topic has been passed on. */
  finish(): Promise<void>
  close(): Promise<void>
}

const TURN_MS = 200
const PRODUCTION_MAX_MS = 60_000

export async function startRelay(flow: Flow): Promise<Relay> {
  const { pipeline, runId } = flow
  const { kafka, names, groups } = pipeline
  const ends = (of: 'low' | 'high') =>
    insist(() =>
      asAdmin(flow, async (admin) => new Map((await admin.fetchTopicOffsets(names.raw)).map((one) => [one.partition, Number(one[of])]))),
    )
  const waiting: Outgoing[] = []
  const reader = followRaw(pipeline, { runId, from: await ends('low') }, (record) => waiting.push(record))
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const normaliser = await committer(pipeline, { groupId: groups.normaliser, sourceTopic: names.raw })
  const sink = await committer(pipeline, { groupId: groups.sink, sourceTopic: names.topic })
  let passed = 0
  let isEnding = false as boolean
  const positions = (): ReadonlyMap<number, number> => new Map(reader.positions().get(names.raw))
  const turn = async () => {
    // In this order: what stands before these positions was handed over.
    const next = positions()
    const records = waiting.splice(0)
    if (records.length === 0) return
    const placed: Placed[] = []
    for (const [partition, of] of Map.groupBy(records, ({ stream }) => stream % PARTITIONS))
      placed.push(...(await send(producer, { pipeline, partition }, of)))
    await normaliser.commit(next)
    await flow.append(placed)
    await sink.commit(new Map(placed.map(({ partition, offset }) => [partition, offset + 1])))
    passed += placed.length
  }
  const turning = (async () => {
    while (!isEnding) {
      await turn()
      await sleep(TURN_MS)
    }
    await turn()
    await normaliser.commit(positions())
  })()
  let failure: unknown = null
  turning.catch((error: unknown) => {
    failure = error
  })
  return {
    passed() {
      if (failure !== null) throw new Error('the relay broke off', { cause: failure })
      return passed
    },
    async finish() {
      await until(
        () => 'production ended',
        () => !flow.isProducing(),
        PRODUCTION_MAX_MS,
      )
      const high = await ends('high')
      await until(
        () => `all of ${names.raw} read`,
        () => [...high].every(([partition, end]) => (positions().get(partition) ?? 0) >= end),
      )
      isEnding = true
      await turning
    },
    async close() {
      isEnding = true
      await turning.catch(() => undefined)
      await Promise.all([producer.disconnect(), normaliser.close(), sink.close(), reader.close()])
    },
  }
}

interface Committer {
  /** By partition the first offset that was not read. */
  commit(next: ReadonlyMap<number, number>): Promise<void>
  close(): Promise<void>
}

/** Commits for a group without being a member of it: who leaves in the midst of a restart would be waited for. */
async function committer({ kafka }: Pipeline, of: { readonly groupId: string; readonly sourceTopic: string }): Promise<Committer> {
  const writer = new TransactionalWriter(kafka, { transactionalId: `${of.groupId}-relay`, ...of }, createLog('relay', 'silent'))
  await writer.connect()
  return {
    commit: (next) =>
      insist(() => {
        const sourceOffsets = new Map([...next].map(([partition, offset]) => [partition, BigInt(offset)]))
        return writer.write({ topic: of.sourceTopic, records: [], sourceOffsets })
      }),
    close: () => writer.disconnect(),
  }
}

const PARTITIONS = 4
const LEADERLESS_TURN_MS = 100

type Producer = ReturnType<Flow['pipeline']['kafka']['producer']>

async function send(
  producer: Producer,
  { pipeline: { names, encode }, partition }: Pick<Flow, 'pipeline'> & { readonly partition: number },
  records: readonly Outgoing[],
): Promise<Placed[]> {
  const messages = records.map(({ key, trade, headers }) => ({ key, value: encode(trade), headers, partition }))
  for (;;) {
    // One whose answer was missed is repeated with its sequence number, and the broker drops what it has. The client itself gives up
    // where metadata cannot be had for some seconds, whatever retries a producer is given.
    const [first] = await insist(() => producer.send({ topic: names.topic, messages, acks: -1 }))
    // To a partition without a leader the client sends nothing, and says nothing.
    if (first?.baseOffset !== undefined)
      return records.map((record, at) => ({ ...record, partition, offset: Number(first.baseOffset) + at }))
    await sleep(LEADERLESS_TURN_MS)
  }
}
