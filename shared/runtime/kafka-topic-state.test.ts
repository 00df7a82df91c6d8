import { afterEach, expect, test } from 'vitest'
import { openAdmin } from './kafka-admin.ts'
import { openTopicStates } from './kafka-topic-state.ts'
import { startWireBroker, type WireBroker } from './kafka-wire.fixture.ts'
import { connectKafka } from './kafka.ts'

const topic = { topic: 'raw', topicId: '00112233445566778899aabbccddeeff', low: 2, stableEnd: 5, end: 7, metadataVersion: 12 }
let broker: WireBroker
let close: () => Promise<void> = () => Promise.resolve()
afterEach(async () => {
  await close()
  await broker.close()
})

async function connected(metadataVersion: number) {
  broker = await startWireBroker({ ...topic, metadataVersion })
  const link = connectKafka({ brokers: [broker.bootstrap], clientId: 'assay.test' })
  const [states, admin] = [openTopicStates(link), openAdmin(link)]
  close = async () => {
    await states.close()
    await admin.close()
  }
  return { states, admin }
}

test('a topic is described with its id, and with what open transactions hold back', async () => {
  const { states, admin } = await connected(12)
  const described = { topicId: '00112233-4455-6677-8899-aabbccddeeff', partitions: [{ partition: 0, low: 2, end: 7 }] }
  expect(await states.of('raw')).toEqual(described)
  expect(await states.of('raw')).toEqual(described)
  // The admin tells how far one can read.
  expect(await admin.topicOffsets('raw')).toEqual([{ partition: 0, low: 2, high: 5 }])
})

test('a broker that tells no ids is not asked for one', async () => {
  const { states } = await connected(6)
  expect(await states.of('raw')).toEqual({ topicId: null, partitions: [{ partition: 0, low: 2, end: 7 }] })
})

test('a cluster that is away is said to be', async () => {
  const { states } = await connected(12)
  await broker.close()
  await expect(states.of('raw')).rejects.toThrow('read the state of topic raw at 127.0.0.1')
})
