import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker, until, type Broker } from './broker.fixture.ts'
import { openAdmin, type KafkaAdmin } from './kafka-admin.ts'
import { createReader, type ReadBatch, type ReaderTrouble } from './kafka-reader.ts'
import { openTopicStates, type TopicStates } from './kafka-topic-state.ts'
import { COMPRESSION, connectKafka, type KafkaLink } from './kafka.ts'

let broker: Broker
let link: KafkaLink
let admin: KafkaAdmin
let states: TopicStates
let topics = 0

beforeAll(async () => {
  broker = await startBroker()
  link = connectKafka({ brokers: broker.bootstrap.split(','), clientId: 'assay.test', unavailable: 'PIPELINE_KAFKA_UNAVAILABLE' })
  admin = openAdmin(link)
  states = openTopicStates(link)
})
afterAll(async () => {
  await states.close()
  await admin.close()
  await broker.stop()
})

async function newTopic(partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<string> {
  const topic = `topics.${++topics}.${Date.now()}`
  expect(await admin.ensureTopics([{ topic, partitions, retentionMs: 3_600_000, configs }])).toEqual([])
  return topic
}

async function asRoot<T>(exchange: (raw: ReturnType<KafkaLink['client']['admin']>) => Promise<T>): Promise<T> {
  const raw = link.client.admin()
  await raw.connect()
  try {
    return await exchange(raw)
  } finally {
    await raw.disconnect()
  }
}

async function produce(topic: string, values: readonly string[], said: { partition?: number; compression?: number; key?: string } = {}) {
  const { partition = 0, compression = COMPRESSION.None, key = 'k' } = said
  const producer = link.client.producer()
  await producer.connect()
  await producer.send({ topic, compression, messages: values.map((value) => ({ key, value, partition })) })
  await producer.disconnect()
}

/** Reads a topic from these positions on. */
function reading(topic: string, positions: ReadonlyMap<number, number>) {
  const batches: ReadBatch[] = []
  const troubles: ReaderTrouble[] = []
  const reader = createReader(link, {
    topics: [{ topic, positions }],
    onBatch: (batch) => void batches.push(batch),
    onTrouble: (trouble) => troubles.push(trouble),
  })
  const values = () => batches.flatMap(({ records }) => records.map(({ value }) => String(value)))
  return { reader, batches, troubles, values }
}

test('batches are read in whatever codec they were written', async () => {
  const topic = await newTopic(1)
  const wanted: string[] = []
  for (const [name, compression] of Object.entries(COMPRESSION).filter(([, code]) => typeof code === 'number')) {
    const values = Array.from({ length: 200 }, (_, at) => `${name} ${at} ${'abc'.repeat(at)}`)
    wanted.push(...values)
    await produce(topic, values, { compression: compression as number })
  }
  const { reader, values, troubles } = reading(topic, new Map([[0, 0]]))
  await until(() => values().length >= wanted.length, 20_000)
  await reader.close()
  expect([values(), troubles]).toEqual([wanted, []])
})

test('a topic that was deleted and made again has another id', async () => {
  const topic = await newTopic(2)
  const before = await states.of(topic)
  expect(before).toMatchObject({
    topicId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    partitions: [
      { low: 0, end: 0 },
      { low: 0, end: 0 },
    ],
  })
  expect((await states.of(topic)).topicId).toBe(before.topicId)
  await asRoot((raw) => raw.deleteTopics({ topics: [topic] }))
  await until(async () => (await admin.describeTopics([topic])).length === 0, 10_000)
  await admin.ensureTopics([{ topic, partitions: 2, retentionMs: 3_600_000 }])
  const after = await states.of(topic)
  expect(after.topicId).not.toBeNull()
  expect(after.topicId).not.toBe(before.topicId)
})

test('what an open transaction holds back counts for where a topic ends, and not for how far one can read', async () => {
  const topic = await newTopic(1)
  await produce(topic, ['before'])
  const producer = link.client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value: 'open', partition: 0 }] })
  await produce(topic, ['behind'])
  const { reader, values } = reading(topic, new Map([[0, 0]]))
  await until(() => values().length === 1, 10_000)
  expect((await states.of(topic)).partitions).toEqual([{ partition: 0, low: 0, end: 3 }])
  expect(await admin.topicOffsets(topic)).toEqual([{ partition: 0, low: 0, high: 1 }])
  expect(reader.positions().get(topic)?.get(0)).toBe(1)
  await transaction.abort()
  await producer.disconnect()
  await until(() => values().length === 2, 10_000)
  await reader.close()
  expect([values(), reader.skipped()]).toEqual([['before', 'behind'], 0])
})

test('partitions that are added are read from their first record on', async () => {
  const topic = await newTopic(1)
  const { reader, values } = reading(topic, new Map([[0, 0]]))
  await reader.ready
  await asRoot((raw) => raw.createPartitions({ topicPartitions: [{ topic, count: 3 }] }))
  await produce(topic, ['first', 'second'], { partition: 2 })
  await until(() => values().length === 2, 30_000)
  await reader.close()
  expect(values()).toEqual(['first', 'second'])
})

test('what was removed before it was read is told with the batch behind it', async () => {
  const topic = await newTopic(1)
  await produce(topic, ['a', 'b', 'c', 'd'])
  await asRoot(async (raw) => {
    // kafkajs knows the leaders of a topic only once it was asked something about it.
    await raw.fetchTopicOffsets(topic)
    await raw.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] })
  })
  const { reader, batches, values } = reading(topic, new Map([[0, 1]]))
  await until(() => values().length === 1, 20_000)
  await reader.close()
  expect(batches[0]).toMatchObject({ removed: { offsetFirst: 1, offsetLast: 2 }, records: [{ offset: 3 }] })
  expect((await states.of(topic)).partitions).toEqual([{ partition: 0, low: 3, end: 4 }])
})

test('a compacted topic says that it is one, and its gaps are counted', async () => {
  const plain = await newTopic(1)
  const compacted = await newTopic(1, {
    'cleanup.policy': 'compact',
    'segment.ms': '500',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '500',
  })
  expect([await admin.isCompacted(plain), await admin.isCompacted(compacted)]).toEqual([false, true])
  await produce(compacted, ['1', '2', '3'], { key: 'same' })
  // The cleaner goes over rolled segments only, and runs every quarter of a minute.
  await until(async () => {
    await produce(compacted, ['x'], { key: 'other' })
    const { reader, values } = reading(compacted, new Map([[0, 0]]))
    await until(() => values().includes('x'), 10_000)
    const skipped = reader.skipped()
    await reader.close()
    return skipped >= 2
  }, 120_000)
})
