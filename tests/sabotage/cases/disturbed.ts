import { setTimeout as sleep } from 'node:timers/promises'
import type { SabotageCase } from '../case.ts'
import { asAdmin, type Flow } from '../flow.ts'
import { clock, until } from '../wait.ts'
import { halfway, innocent } from './innocent.ts'

const ofTopic = { of: 'topic' } as const

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
async function replayResults(flow: Flow): Promise<void> {
  const { kafka, environment } = flow.pipeline
  const topic = environment['ASSAY_RESULTS_TOPIC'] ?? ''
  const ends = await asAdmin(flow, (admin) => admin.fetchTopicOffsets(topic))
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

const stepped = (name: string, clockOffMs: number) =>
  innocent(
    name,
    async (flow) => {
      const placed = await flow.produce(flow.records, clockOffMs)
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed)
    },
    ofTopic,
  )

/** What happens to the servers, to the groups and to Assay's own two topics, and is nothing wrong with the data. */
export const disturbedCases: readonly SabotageCase[] = [
  halfway('a rebalance of the sink', rebalance),
  halfway('the request for the run published again', (flow) => flow.askAgain(), ofTopic),
  halfway('every result published again', replayResults, ofTopic),
  stepped("the normaliser's clock 5 s ahead", 5_000),
  stepped("the normaliser's clock 5 s behind", -5_000),
  halfway('the catalog paused', paused('catalog'), { alone: true }),
  halfway('the catalog restarted', restarted('catalog'), { alone: true }),
  halfway('the object store paused', paused('s3'), { alone: true }),
  halfway('the registry paused', paused('registry'), { ...ofTopic, alone: true }),
  halfway('the broker paused', paused('kafka'), { ...ofTopic, alone: true }),
  halfway('the broker restarted, and its partitions without a leader meanwhile', restarted('kafka'), { ...ofTopic, alone: true }),
]
