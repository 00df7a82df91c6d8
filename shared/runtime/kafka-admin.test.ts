import { describe, expect, it } from 'vitest'
import { openAdmin } from './kafka-admin.ts'
import { connectKafka } from './kafka.ts'

const unreached = { brokers: ['127.0.0.1:1'], clientId: 'test', security: { ssl: false, sasl: null } } as const

const spec = { topic: 'assay.results', partitions: 1, retentionMs: 1_000 }
const fine = {
  connect: () => Promise.resolve(),
  disconnect: () => Promise.resolve(),
  fetchTopicMetadata: () => Promise.resolve({ topics: [{ name: spec.topic, partitions: [{ partitionId: 0, leader: 1, replicas: [1] }] }] }),
  describeConfigs: () =>
    Promise.resolve({
      resources: [{ resourceName: spec.topic, configEntries: [{ configName: 'retention.ms', configValue: '1000' }] }],
    }),
}

/** An admin client whose topics cannot be made at first. */
function failingAtFirst(type: string, times: number) {
  let made = 0
  const listTopics = () => Promise.resolve(made > times ? [spec.topic] : [])
  const createTopics = () => (++made > times ? Promise.resolve(true) : Promise.reject(Object.assign(new Error(type), { type })))
  const link = connectKafka(unreached)
  const client = Object.assign(link.client, {
    admin: () => Object.assign(connectKafka(unreached).client.admin(), { ...fine, listTopics, createTopics }),
  })
  const admin = openAdmin({ ...link, client })
  return { admin, made: () => made }
}

describe('ensureTopics', () => {
  it('asks again while a topic that was just made is not known to every broker', async () => {
    const { admin, made } = failingAtFirst('UNKNOWN_TOPIC_OR_PARTITION', 2)
    expect(await admin.ensureTopics([spec])).toEqual([])
    expect(made()).toBe(3)
  })

  it('does not ask again where that changes nothing', async () => {
    const { admin, made } = failingAtFirst('TOPIC_AUTHORIZATION_FAILED', 2)
    await expect(admin.ensureTopics([spec])).rejects.toThrow('TOPIC_AUTHORIZATION_FAILED')
    expect(made()).toBe(1)
  })
})
