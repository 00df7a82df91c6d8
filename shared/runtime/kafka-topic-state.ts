import type { KafkaLink } from './kafka.ts'
import { kafkaUnavailable } from './kafka.ts'
import { TOPIC_ID_VERSION, encodeTopicQuestion, topicIdIn } from './kafka-topic-id.ts'

export interface TopicState {
  /** Other after the topic was deleted and made again; null where the broker tells none. */
  readonly topicId: string | null
  readonly partitions: readonly {
    readonly partition: number
    /** The first offset that is left. */
    readonly low: number
    /** The offset the next record will get, what open transactions hold back included. */
    readonly end: number
  }[]
}

export interface TopicStates {
  /** Throws with the code of the cluster. */
  of(topic: string): Promise<TopicState>
  close(): Promise<void>
}

/**
 * What kafkajs' admin does not tell: the id of a topic, which needs a version of the metadata exchange that it does not speak,
 * and where a partition ends for one who reads uncommitted records. Both go through a cluster object of kafkajs' own, as its client
 * makes them for producers and consumers, so that TLS, SASL and the finding of brokers stay its affair. Release 2.2.4 is the last
 * one and pinned; should the client make no such object, the state cannot be had, and that is said.
 */
export function openTopicStates(link: KafkaLink): TopicStates {
  let cluster: Promise<Cluster> | null = null
  const close = async () => {
    const open = cluster
    cluster = null
    // A connection that never came up has nothing to close.
    await open?.then((connected) => connected.disconnect()).catch(() => undefined)
  }
  return {
    async of(topic) {
      try {
        cluster ??= connect(link)
        return await stateOf(await cluster, topic)
      } catch (error) {
        await close()
        throw kafkaUnavailable(link, `read the state of topic ${topic}`, error)
      }
    },
    close,
  }
}

/** The part of kafkajs' cluster that is used here. */
interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  refreshMetadata(): Promise<void>
  findControllerBroker(): Promise<Broker>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[]
  fetchTopicsOffset(
    topics: readonly {
      readonly topic: string
      readonly fromBeginning: boolean
      readonly partitions: readonly { readonly partition: number }[]
    }[],
  ): Promise<readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>
}

interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>> | null
  readonly connectionPool: { send(exchange: object): Promise<unknown> }
}

type MakeCluster = (options: { allowAutoTopicCreation: boolean; isolationLevel: number }) => Cluster

const MAKES_CLUSTERS = 'private:Kafka:createCluster'
const READ_UNCOMMITTED = 0
const METADATA = 3

async function connect({ client }: KafkaLink): Promise<Cluster> {
  const name = Object.getOwnPropertySymbols(client).find(({ description }) => description === MAKES_CLUSTERS)
  if (name === undefined) throw new Error(`expected kafkajs 2.2.4, whose client has ${MAKES_CLUSTERS}`)
  const make = Reflect.get(client, name) as MakeCluster
  const cluster = make({ allowAutoTopicCreation: false, isolationLevel: READ_UNCOMMITTED })
  await cluster.connect()
  return cluster
}

async function stateOf(cluster: Cluster, topic: string): Promise<TopicState> {
  await cluster.addTargetTopic(topic)
  await cluster.refreshMetadata()
  const topicId = await topicIdOf(await cluster.findControllerBroker(), topic)
  const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }))
  const offsets = async (fromBeginning: boolean) => {
    const [found] = await cluster.fetchTopicsOffset([{ topic, fromBeginning, partitions }])
    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
  }
  const low = await offsets(true)
  const ends = await offsets(false)
  return {
    topicId,
    partitions: [...ends]
      .map(([partition, end]) => ({ partition, low: low.get(partition) ?? 0, end }))
      .sort((a, b) => a.partition - b.partition),
  }
}

async function topicIdOf({ versions, connectionPool }: Broker, topic: string): Promise<string | null> {
  const spoken = versions === null ? undefined : versions[METADATA]
  if (spoken === undefined || spoken.maxVersion < TOPIC_ID_VERSION) return null
  const question = encodeTopicQuestion(topic)
  const answer = await connectionPool.send({
    request: {
      apiKey: METADATA,
      apiVersion: TOPIC_ID_VERSION,
      apiName: 'Metadata',
      // What kafkajs asks of an encoder when it writes a request.
      encode: () => Promise.resolve({ buf: question, buffer: question, size: () => question.length }),
    },
    response: { decode: (raw: Buffer) => Promise.resolve(raw), parse: (raw: Buffer) => Promise.resolve(topicIdIn(raw, topic)) },
  })
  return answer as string | null
}
