import { setTimeout as sleep } from 'node:timers/promises'
import type { SabotageCase } from '../case.ts'
import { asAdmin, type Flow } from '../flow.ts'
import { joinSink } from '../sink-member.ts'
import { within } from '../pipeline.ts'
import { clock, until } from '../wait.ts'
import { halfway, innocent } from './innocent.ts'

const ofTopic = { of: 'topic' } as const

const PAUSE_MS = 4_000

export const paused = (service: string) => async (flow: Flow) => {
  const { stack } = flow.pipeline
  stack.kill(service, 'SIGSTOP')
  try {
    await sleep(PAUSE_MS)
  } finally {
    stack.kill(service, 'SIGCONT')
  }
}

export const restarted = (service: string) => (flow: Flow) => flow.pipeline.stack.restart(service)

/** Of each stream the canaries from one part of it to another, in twelfths. */
const twelfths = ({ records }: Flow, first: number, end: number) => {
  const length = Math.max(...records.map(({ seq }) => seq)) + 1
  return records.filter(({ seq }) => seq >= (length * first) / 12 && seq < (length * end) / 12)
}

/** While a member of the sink's group moves records, another comes, takes partitions over, moves records of its own, and goes again. */
async function rebalanced(flow: Flow): Promise<void> {
  const first = await joinSink(flow)
  const rowsOf = (what: string, rows: () => number, wanted: number) =>
    until(
      () => `${rows()} of ${wanted} rows by ${what}`,
      () => rows() >= wanted,
    )
  try {
    await flow.produce(twelfths(flow, 0, 4))
    await rowsOf('the first member', first.rows, 1)
    const second = await joinSink(flow)
    try {
      for (let part = 4; part < 8; part++) await flow.produce(twelfths(flow, part, part + 1))
      await rowsOf('the second member', second.rows, 1)
      await flow.produce(twelfths(flow, 8, 10))
    } finally {
      await second.leave()
    }
    const rows = second.rows()
    await flow.produce(twelfths(flow, 10, 12))
    await flow.normaliserDone()
    await rowsOf('both members', () => first.rows() + rows, flow.records.length)
  } finally {
    await first.leave()
  }
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

/** More than any hop may take, so that it must be told from lateness; heartbeats of the generator tell it within so long. */
const CLOCK_OFF_MS = 20_000
const KNOWN_MS = 16_000

const wrongClock = (agent: string, ms: number) =>
  innocent(`the clock of the ${agent} ${Math.abs(ms) / 1_000} s ${ms < 0 ? 'behind' : 'ahead'}`, (flow) => flow.passFaithfully(), {
    clockOff: { agent, ms },
    ...(agent === 'generator' ? { before: () => sleep(KNOWN_MS) } : {}),
  })

/** What happens to the servers, to the groups and to Assay's own two topics, and is nothing wrong with the data. */
export const disturbedCases: readonly SabotageCase[] = [
  innocent('a rebalance of the sink', rebalanced, { deliverWithinMs: within(5) }),
  halfway('the request for the run published again', (flow) => flow.askAgain(), ofTopic),
  halfway('every result published again', replayResults, ofTopic),
  stepped("the normaliser's clock 5 s ahead", 5_000),
  stepped("the normaliser's clock 5 s behind", -5_000),
  wrongClock('generator', -CLOCK_OFF_MS),
  wrongClock('generator', CLOCK_OFF_MS),
  wrongClock('ingestion-checker', -CLOCK_OFF_MS),
  wrongClock('ingestion-checker', CLOCK_OFF_MS),
  wrongClock('storage-reconciler', -CLOCK_OFF_MS),
  wrongClock('storage-reconciler', CLOCK_OFF_MS),
  wrongClock('reporter', CLOCK_OFF_MS),
  stepped("the normaliser's clock 20 s ahead", CLOCK_OFF_MS),
  halfway('the catalog restarted', restarted('catalog'), { alone: true }),
  halfway('the broker restarted, and its partitions without a leader meanwhile', restarted('kafka'), {
    ...ofTopic,
    alone: true,
    deliverWithinMs: within(3),
  }),
]
