import type { Admin, KafkaLink } from './kafka.ts'
import { kafkaErrorType, kafkaUnavailable, TOPIC_CONFIG } from './kafka.ts'

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  readonly retentionMs: number
  /** Further settings by Kafka's own names. */
  readonly configs?: Readonly<Record<string, string>>
  /** Left out: the broker's default. */
  readonly replicationFactor?: number
}

export interface TopicDescription {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly leader: number; readonly replicas: number }[]
  /** kafkajs speaks no metadata version that carries it, so it is null here: kafka-topic-state.ts asks for it. */
  readonly topicId: string | null
}

export interface KafkaAdmin {
  /** Creates what is missing; returns how what exists differs from what is asked for, as text. Changes nothing that exists. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<readonly string[]>
  /** Sorted by partition; `high` is the offset the next record will get. */
  topicOffsets(topic: string): Promise<readonly { readonly partition: number; readonly low: number; readonly high: number }[]>
  /** The first offset at or after a time; the end of the partition where there is none. */
  offsetsByTime(topic: string, atMs: number): Promise<ReadonlyMap<number, number>>
  /** Committed offsets of a group; null where it has none. */
  groupOffsets(group: string, topic: string): Promise<readonly { readonly partition: number; readonly offset: number | null }[]>
  /** Topics that do not exist are left out. */
  describeTopics(topics: readonly string[]): Promise<readonly TopicDescription[]>
  /** Whether the topic keeps only the last record of each key; null where the broker does not say. */
  isCompacted(topic: string): Promise<boolean | null>
  deleteGroups(groups: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** Connects at the first use, and again after trouble. Errors carry the code of the cluster. */
export function openAdmin(link: KafkaLink): KafkaAdmin {
  const session = new AdminSession(link)
  return {
    ensureTopics: (specs) => session.do('verify topics', (admin) => ensureTopics(admin, specs), isSpreading),
    topicOffsets: (topic) => session.do(`read offsets of topic ${topic}`, (admin) => topicOffsets(admin, topic)),
    offsetsByTime: (topic, atMs) =>
      session.do(`read offsets by time of topic ${topic}`, async (admin) => {
        const found = await admin.fetchTopicOffsetsByTimestamp(topic, atMs)
        return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
      }),
    groupOffsets: (group, topic) => session.do(`read offsets of group ${group}`, (admin) => groupOffsets(admin, group, topic)),
    describeTopics: (topics) => session.do(`describe topics ${topics.join(', ')}`, (admin) => describeTopics(admin, topics)),
    isCompacted: (topic) => session.do(`read the settings of topic ${topic}`, (admin) => isCompacted(admin, topic)),
    deleteGroups: (groups) =>
      session.do(`delete groups ${groups.join(', ')}`, async (admin) => {
        await admin.deleteGroups([...groups])
      }),
    close: () => session.close(),
  }
}

class AdminSession {
  readonly #link: KafkaLink
  #admin: Promise<Admin> | null = null

  constructor(link: KafkaLink) {
    this.#link = link
  }

  async do<T>(doing: string, exchange: (admin: Admin) => Promise<T>, passes = passesByItself): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#admin ??= connect(this.#link)
        return await exchange(await this.#admin)
      } catch (error) {
        await this.close()
        if (attempt >= ATTEMPTS_MAX || !passes(error)) throw kafkaUnavailable(this.#link, doing, error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS))
      }
    }
  }

  async close(): Promise<void> {
    const admin = this.#admin
    this.#admin = null
    // A connection that never came up has nothing to close.
    await admin?.then((connected) => connected.disconnect()).catch(() => undefined)
  }
}

const ATTEMPTS_MAX = 5
const RETRY_DELAY_MS = 500

/** A group's coordinator that is just moving or loading; kafkajs repeats the other exchanges by itself, not these. */
const passesByItself = (error: unknown) => /COORDINATOR|GROUP_LOAD_IN_PROGRESS/.test(kafkaErrorType(error))

/** A topic that was just made, of which not every broker has heard. */
const isSpreading = (error: unknown) => passesByItself(error) || kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION'

async function connect(link: KafkaLink): Promise<Admin> {
  const admin = link.client.admin()
  await admin.connect()
  return admin
}

const BROKER_DEFAULT = -1
const CREATE_TIMEOUT_MS = 15_000

async function ensureTopics(admin: Admin, specs: readonly TopicSpec[]): Promise<readonly string[]> {
  const existing = new Set(await admin.listTopics())
  const missing = specs.filter(({ topic }) => !existing.has(topic))
  if (missing.length > 0) {
    const topics = missing.map((spec) => ({
      topic: spec.topic,
      numPartitions: spec.partitions,
      replicationFactor: spec.replicationFactor ?? BROKER_DEFAULT,
      configEntries: Object.entries(configsOf(spec)).map(([name, value]) => ({ name, value })),
    }))
    // False when another agent created one of them in the meantime; the check below sees how.
    await admin.createTopics({ topics, waitForLeaders: true, timeout: CREATE_TIMEOUT_MS })
  }
  const described = await describeTopics(
    admin,
    specs.map(({ topic }) => topic),
  )
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map((spec) => ({ type: TOPIC_CONFIG, name: spec.topic, configNames: Object.keys(configsOf(spec)) })),
  })
  return specs.flatMap((spec) => {
    const partitions = described.find(({ topic }) => topic === spec.topic)?.partitions.length ?? 0
    const entries = resources.find(({ resourceName }) => resourceName === spec.topic)?.configEntries
    const actual = new Map(entries?.map(({ configName, configValue }) => [configName, configValue]))
    return differencesOf({ spec, partitions, actual })
  })
}

function configsOf(spec: TopicSpec): Readonly<Record<string, string>> {
  return { 'retention.ms': String(spec.retentionMs), ...spec.configs }
}

export function differencesOf({
  spec,
  partitions,
  actual,
}: {
  spec: TopicSpec
  partitions: number
  actual: ReadonlyMap<string, string>
}): readonly string[] {
  const differences: string[] = []
  if (partitions !== spec.partitions) differences.push(`topic ${spec.topic}: expected ${spec.partitions} partitions, has ${partitions}`)
  for (const [name, expected] of Object.entries(configsOf(spec))) {
    const found = actual.get(name)
    if (found !== expected) differences.push(`topic ${spec.topic}: expected ${name}=${expected}, has ${found ?? 'none'}`)
  }
  return differences
}

async function isCompacted(admin: Admin, topic: string): Promise<boolean | null> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_CONFIG, name: topic, configNames: ['cleanup.policy'] }],
    })
    return resources[0]?.configEntries.some(({ configValue }) => configValue.includes('compact')) ?? null
  } catch (error) {
    // To read is one right, to see settings another.
    if (/AUTHORIZATION_FAILED/.test(kafkaErrorType(error))) return null
    throw error
  }
}

async function topicOffsets(admin: Admin, topic: string) {
  const found = await admin.fetchTopicOffsets(topic)
  return found
    .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
    .sort((a, b) => a.partition - b.partition)
}

async function groupOffsets(admin: Admin, groupId: string, topic: string) {
  const found = await admin.fetchOffsets({ groupId, topics: [topic] })
  return (found[0]?.partitions ?? [])
    .map(({ partition, offset }) => ({ partition, offset: Number(offset) < 0 ? null : Number(offset) }))
    .sort((a, b) => a.partition - b.partition)
}

async function describeTopics(admin: Admin, topics: readonly string[]): Promise<readonly TopicDescription[]> {
  const existing = new Set(await admin.listTopics())
  const wanted = topics.filter((topic) => existing.has(topic))
  if (wanted.length === 0) return []
  const { topics: found } = await admin.fetchTopicMetadata({ topics: wanted })
  return found.map(({ name, partitions }) => ({
    topic: name,
    topicId: null,
    partitions: partitions
      .map(({ partitionId, leader, replicas }) => ({ partition: partitionId, leader, replicas: replicas.length }))
      .sort((a, b) => a.partition - b.partition),
  }))
}
