import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker, until } from './broker.fixture.ts'
import type { Broker } from './broker.fixture.ts'
import { openAdmin } from './kafka-admin.ts'
import type { KafkaAdmin } from './kafka-admin.ts'
import { lookAgain } from './kafka-look-again.ts'
import { readSpans, spansLeft } from './kafka-spans.ts'
import { createReader } from './kafka-reader.ts'
import type { ReadBatch, ReaderTrouble } from './kafka-reader.ts'
import { createWriter } from './kafka-writer.ts'
import type { RecordOutcome } from './kafka-writer.ts'
import { connectKafka } from './kafka.ts'
import type { KafkaLink } from './kafka.ts'

let broker: Broker
let link: KafkaLink
let admin: KafkaAdmin
let topics = 0

beforeAll(async () => {
  broker = await startBroker()
  link = connectKafka({ brokers: broker.bootstrap.split(','), clientId: 'assay.test', unavailable: 'PIPELINE_KAFKA_UNAVAILABLE' })
  admin = openAdmin(link)
})
afterAll(async () => {
  await admin.close()
  await broker.stop()
})

async function newTopic(partitions: number): Promise<string> {
  const topic = `runtime.${++topics}.${Date.now()}`
  expect(await admin.ensureTopics([{ topic, partitions, retentionMs: 3_600_000 }])).toEqual([])
  return topic
}

const zeros = (partitions: number) => new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]))

test('topics are created, verified, and differences named', async () => {
  const topic = await newTopic(2)
  expect(await admin.ensureTopics([{ topic, partitions: 3, retentionMs: 1_000 }])).toEqual([
    `topic ${topic}: expected 3 partitions, has 2`,
    `topic ${topic}: expected retention.ms=1000, has 3600000`,
  ])
  expect(await admin.describeTopics([topic, 'runtime.none'])).toMatchObject([
    { topic, topicId: null, partitions: [{ partition: 0 }, { partition: 1 }] },
  ])
  expect(await admin.groupOffsets('runtime.no.group', topic)).toEqual([
    { partition: 0, offset: null },
    { partition: 1, offset: null },
  ])
})

test('each record is told its outcome, partition and offset', async () => {
  const topic = await newTopic(4)
  const writer = createWriter(link)
  const count = 60_000
  const value = (n: number) => Buffer.from(String(n).padEnd(300, '.'))
  const outcomes: RecordOutcome[] = []
  for (let from = 0; from < count; from += 4_000) {
    const records = Array.from({ length: 4_000 }, (_, at) => ({ partition: (from + at) % 4, key: 'k', value: value(from + at) }))
    outcomes.push(...(await writer.write(topic, records)))
  }
  const read = new Map<string, string>()
  const reader = createReader(link, {
    topics: [{ topic, positions: zeros(4) }],
    onBatch: ({ partition, records }) => {
      for (const record of records) read.set(`${partition}/${record.offset}`, String(record.value?.toString().replace(/\.+$/, '')))
    },
    onTrouble: () => undefined,
  })
  await until(() => read.size === count, 30_000)
  await reader.close()
  await writer.close()
  const wrong = outcomes.filter(
    (outcome, n) => outcome.outcome !== 'acknowledged' || read.get(`${outcome.partition}/${outcome.offset}`) !== String(n),
  )
  expect(wrong).toEqual([])
})

test('definite refusals are failed, and nothing of them is in the topic', async () => {
  const topic = await newTopic(1)
  const writer = createWriter(link)
  const value = Buffer.from('v')
  const outcomes = [
    ...(await writer.write('runtime.none', [{ key: 'k', value }])),
    ...(await writer.write('runtime.none', [{ key: 'k', value, partition: 0 }])),
    ...(await writer.write(topic, [{ key: 'k', value, partition: 9 }])),
    ...(await writer.write(topic, [{ key: 'k', value: Buffer.alloc(3_000_000), partition: 0 }])),
    ...(await writer.write(topic, [{ key: 'k', value }])),
  ]
  await writer.close()
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'failed', 'acknowledged'])
  expect(await admin.topicOffsets(topic)).toEqual([{ partition: 0, low: 0, high: 1 }])
})

test('a reader that is closed before it has joined leaves no member behind', async () => {
  const topic = await newTopic(1)
  const own = connectKafka({ brokers: [broker.bootstrap], clientId: 'assay.leaver', unavailable: 'PIPELINE_KAFKA_UNAVAILABLE' })
  for (const waitMs of [0, 5, 20, 50]) {
    const reader = createReader(own, { topics: [{ topic, positions: zeros(1) }], onBatch: () => undefined, onTrouble: () => undefined })
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    await reader.close()
  }
  // As long as one that joined on would need, and longer.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const raw = link.client.admin()
  await raw.connect()
  const { groups } = await raw.listGroups()
  await raw.disconnect()
  expect(groups.map(({ groupId }) => groupId).filter((group) => group.startsWith('assay.leaver.'))).toEqual([])
})

test('a reader starts at the very positions it is given, moves over aborted records, and leaves no group', async () => {
  const topic = await newTopic(2)
  const producer = link.client.producer({ transactionalId: `runtime-${topic}`, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const end of ['commit', 'abort', 'commit', 'abort'] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: Array.from({ length: 5 }, (_, n) => ({ partition: 0, value: `${end} ${n}` })) })
    await transaction[end]()
  }
  await producer.disconnect()
  const batches: ReadBatch[] = []
  const reader = createReader(link, {
    topics: [{ topic, positions: new Map([[0, 3]]) }],
    reads: (partition) => partition === 0,
    onBatch: (batch) => void batches.push(batch),
    onTrouble: () => undefined,
  })
  // 4 × (5 records + 1 marker): the last 6 are never delivered.
  await until(() => reader.positions().get(topic)?.get(0) === 24, 10_000)
  await reader.close()
  expect(batches.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual([3, 4, 12, 13, 14, 15, 16])
  const raw = link.client.admin()
  await raw.connect()
  const { groups } = await raw.listGroups()
  await raw.disconnect()
  expect(groups.filter(({ groupId }) => groupId.startsWith('assay.test'))).toEqual([])

  const seen: number[] = []
  const look = {
    topic,
    partition: 0,
    timeoutMs: 10_000,
    onRecords: (records: readonly { offset: number }[]) => void seen.push(...records.map(({ offset }) => offset)),
  }
  expect(await lookAgain(link, { ...look, offsetFirst: 4, offsetLast: 13 })).toMatchObject({ complete: true })
  expect(seen).toEqual([4, 12, 13])
  expect(await lookAgain(link, { ...look, offsetFirst: 500, offsetLast: 501 })).toMatchObject({ complete: true })
  expect(await lookAgain(link, { ...look, partition: 7, offsetFirst: 0, offsetLast: 1 })).toMatchObject({ complete: false })

  const spans = await spansLeft(link, topic, [
    { partition: 0, offsetFirst: 14, offsetLast: 500 },
    { partition: 1, offsetFirst: 0, offsetLast: 3 },
  ])
  expect(spans).toEqual([{ partition: 0, offsetFirst: 14, offsetLast: 23 }])
  const again: number[] = []
  await readSpans(link, {
    ...{ topic, spans, timeoutMs: 10_000 },
    onRecords: (_, records) => Promise.resolve(void again.push(...records.map(({ offset }) => offset))),
  })
  expect(again).toEqual([14, 15, 16])
  await expect(spansLeft(link, topic, [{ partition: 7, offsetFirst: 0, offsetLast: 1 }])).rejects.toThrow(
    `topic ${topic} has no partition 7`,
  )
})

test('after kill -9 of the broker and its return, nothing acknowledged is missing, nothing comes twice, and outcomes hold', async () => {
  const topic = await newTopic(4)
  const writer = createWriter(link)
  const read = new Map<string, string>()
  let repeats = 0
  const troubles: ReaderTrouble[] = []
  const reader = createReader(link, {
    topics: [{ topic, positions: zeros(4) }],
    onBatch: ({ partition, records }) => {
      for (const record of records) {
        const at = `${partition}/${record.offset}`
        if (read.has(at)) repeats++
        read.set(at, String(record.value))
      }
    },
    onTrouble: (trouble) => troubles.push(trouble),
  })
  await reader.ready
  const outcomes: { value: string; outcome: RecordOutcome }[] = []
  const writes: Promise<void>[] = []
  const ending = new AbortController()
  const writing = (async () => {
    for (let n = 0; !ending.signal.aborted; n++) {
      const values = Array.from({ length: 20 }, (_, at) => `${n}.${at}`)
      const records = values.map((value) => ({ key: value, value: Buffer.from(value) }))
      writes.push(
        writer.write(topic, records).then((found) => {
          found.forEach((outcome, at) => outcomes.push({ value: values[at] as string, outcome }))
        }),
      )
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  broker.kill()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await broker.startAgain()
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  ending.abort()
  await writing
  await Promise.all(writes)
  await until(async () => {
    const positions = reader.positions().get(topic)
    return (await admin.topicOffsets(topic)).every(({ partition, high }) => (positions?.get(partition) ?? 0) >= high)
  }, 30_000)
  await reader.close()
  await writer.close()
  const values = [...read.values()]
  const isRead = new Set(values)
  const wrong = outcomes.filter(({ value, outcome }) =>
    outcome.outcome === 'acknowledged'
      ? read.get(`${outcome.partition}/${outcome.offset}`) !== value
      : outcome.outcome === 'failed' && isRead.has(value),
  )
  const count = (wanted: RecordOutcome['outcome']) => outcomes.filter(({ outcome }) => outcome.outcome === wanted).length
  console.log(`acknowledged ${count('acknowledged')}, unknown ${count('unknown')}, failed ${count('failed')}`)
  expect(troubles.length).toBeGreaterThan(0)
  expect(wrong).toEqual([])
  expect(repeats).toBe(0)
  expect(values.length).toBe(isRead.size)
  expect(read.size).toBeGreaterThanOrEqual(count('acknowledged'))
})
