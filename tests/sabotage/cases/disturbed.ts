import { setTimeout as sleep } from 'node:timers/promises'
import { silent, type SabotageCase } from '../case.ts'
import type { Flow, Placed } from '../flow.ts'
import { clock, until } from '../wait.ts'

/** Half of the rows are in the table when it happens. */
const halfway = (name: string, disturb: (flow: Flow) => Promise<unknown>, options: Partial<SabotageCase> = {}): SabotageCase => ({
  name,
  kind: 'innocent',
  of: 'topic',
  ...options,
  async act(flow) {
    const placed = await flow.produce(flow.records)
    await flow.normaliserDone()
    await flow.append(placed.slice(0, 120))
    await disturb(flow)
    await flow.append(placed.slice(120))
    await flow.sinkDone()
    return silent
  },
})

const PAUSE_MS = 4_000

const paused = (service: string) => async (flow: Flow) => {
  const { stack } = flow.pipeline
  stack.kill(service, 'SIGSTOP')
  try {
    await sleep(PAUSE_MS)
  } finally {
    stack.kill(service, 'SIGCONT')
  }
}

const restarted = (service: string) => (flow: Flow) => flow.pipeline.stack.restart(service)

/** One more member comes into a group of the pipeline, is given partitions, and goes again. */
async function rebalance({ pipeline: { kafka, groups, names } }: Flow): Promise<void> {
  const consumer = kafka.consumer({ groupId: groups.sink })
  let hasJoined = false
  consumer.on('consumer.group_join', () => {
    hasJoined = true
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [names.topic] })
  await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() })
  await until(
    () => 'joined the group of the sink',
    () => hasJoined,
  )
  await consumer.disconnect()
}

/** Everything that was said so far, said again. */
async function replayResults({ pipeline: { kafka, environment } }: Flow): Promise<void> {
  const topic = environment['ASSAY_RESULTS_TOPIC'] ?? ''
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const wanted = ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0)
  const read: { key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer | string>; partition: number }[] = []
  const consumer = kafka.consumer({ groupId: `replay-${topic}-${clock.nowMs()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ partition, message: { key, value, headers = {} } }) => {
      read.push({ key, value, partition, headers: headers as Record<string, Buffer | string> })
      return Promise.resolve()
    },
  })
  await until(
    () => `read ${read.length} of ${wanted} facts`,
    () => read.length >= wanted,
  )
  await consumer.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: read.slice(0, wanted), acks: -1 })
  await producer.disconnect()
}

/** By a producer whose clock is off by so much. */
async function produceAt({ pipeline: { kafka, names, encode }, records }: Flow, offMs: number): Promise<Placed[]> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const placed: Placed[] = []
  for (const partition of new Set(records.map(({ stream }) => stream % 4))) {
    const of = records.filter(({ stream }) => stream % 4 === partition)
    const timestamp = String(clock.nowMs() + offMs)
    const messages = of.map(({ key, trade, headers }) => ({ key, value: encode(trade), headers, partition, timestamp }))
    const [first] = await producer.send({ topic: names.topic, messages, acks: -1 })
    placed.push(...of.map((record, at) => ({ ...record, partition, offset: Number(first?.baseOffset) + at })))
  }
  await producer.disconnect()
  return placed
}

const stepped = (name: string, offMs: number): SabotageCase => ({
  name,
  kind: 'innocent',
  of: 'topic',
  async act(flow) {
    const placed = await produceAt(flow, offMs)
    await flow.normaliserDone()
    await flow.sinkFaithfully(placed)
    return silent
  },
})

/** What happens to the servers, to the groups and to Assay's own two topics, and is nothing wrong with the data. */
export const disturbedCases: readonly SabotageCase[] = [
  halfway('a rebalance of the sink', rebalance, { of: 'table' }),
  halfway('the request for the run published again', (flow) => flow.askAgain()),
  halfway('every result published again', replayResults),
  stepped("the normaliser's clock 5 s ahead", 5_000),
  stepped("the normaliser's clock 5 s behind", -5_000),
  halfway('the catalog paused', paused('catalog'), { of: 'table', alone: true }),
  halfway('the catalog restarted', restarted('catalog'), { of: 'table', alone: true }),
  halfway('the object store paused', paused('s3'), { of: 'table', alone: true }),
  halfway('the registry paused', paused('registry'), { alone: true }),
  halfway('the broker paused', paused('kafka'), { alone: true }),
  halfway('the broker restarted, and its partitions without a leader meanwhile', restarted('kafka'), { alone: true }),
]
