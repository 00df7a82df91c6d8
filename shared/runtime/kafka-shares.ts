import { openAdmin } from './kafka-admin.ts'
import { leaveGroup } from './kafka-group.ts'
import type { Consumer, KafkaLink } from './kafka.ts'
import { kafkaErrorText } from './kafka.ts'
import type { Log } from './log.ts'

export interface ShareOptions {
  readonly link: KafkaLink
  /** Its partitions are the slots: the topic is there already, and every agent may read it. Nothing is read of it here. */
  readonly topic: string
  readonly log: Log
  readonly onShares: (shares: { readonly of: number; readonly held: readonly number[] }) => void
}

export interface SharedWork {
  close(): Promise<void>
}

const SESSION_TIMEOUT_MS = 10_000
const HEARTBEAT_INTERVAL_MS = 2_000
const REBALANCE_TIMEOUT_MS = 10_000
const IDLE_WAIT_MS = 500
const REOPEN_DELAY_MS = 1_000
const CLOSE_TIMEOUT_MS = 5_000
const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2, retries: 5 }

/**
 * Takes part in the consumer group that all instances of an agent form, for nothing but its assignment: Kafka deals the slots
 * out, and anew when an instance comes, leaves or is silent for ten seconds. Who loses the cluster keeps what it had: then another
 * may do the same work for a while, and facts that are said twice fold to one.
 */
export function shareWork(options: ShareOptions): SharedWork {
  return new GroupMember(options)
}

/**
 * The instances of an agent, by the client id of their link to the bus and by their results topic: another Assay on the same cluster has
 * one of its own, and would be dealt slots of which it knows nothing.
 */
export const shareGroup = ({ clientId }: Pick<KafkaLink, 'clientId'>, resultsTopic: string) => `${clientId}.shares.${resultsTopic}`

class GroupMember implements SharedWork {
  readonly #options: ShareOptions
  #consumer: Consumer | null = null
  #joining: Promise<void>
  #reopening: NodeJS.Timeout | null = null
  #closing = false

  constructor(options: ShareOptions) {
    this.#options = options
    this.#joining = this.#open()
  }

  async close(): Promise<void> {
    this.#closing = true
    if (this.#reopening !== null) clearTimeout(this.#reopening)
    await Promise.race([this.#discard(), new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())])
    const admin = openAdmin(this.#options.link)
    // The last one out; while others are in, the broker refuses.
    await admin.deleteGroups([shareGroup(this.#options.link, this.#options.topic)]).catch(() => undefined)
    await admin.close()
  }

  async #open(): Promise<void> {
    const { link, topic, onShares, log } = this.#options
    const groupId = shareGroup(link, topic)
    const consumer = link.client.consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      maxWaitTimeInMs: IDLE_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
    })
    this.#consumer = consumer
    try {
      const of = await this.#slots()
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        if (this.#consumer !== consumer) return
        const held = [...(payload.memberAssignment[topic] ?? [])].sort((a, b) => a - b)
        // Nothing is fetched: who shares out work reads no records.
        if (held.length > 0) consumer.pause([{ topic, partitions: held }])
        log.info({ groupId, of, held }, 'the work is shared out')
        onShares({ of, held })
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        this.#reopen(consumer, payload.error)
      })
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: false })
      if (this.#consumer !== consumer) return
      await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() })
    } catch (error) {
      this.#reopen(consumer, error)
    }
  }

  async #slots(): Promise<number> {
    const admin = openAdmin(this.#options.link)
    try {
      return (await admin.topicOffsets(this.#options.topic)).length
    } finally {
      await admin.close()
    }
  }

  #reopen(consumer: Consumer, error: unknown): void {
    if (this.#closing || this.#consumer !== consumer) return
    this.#options.log.warn(
      { code: 'BUS_UNAVAILABLE', reason: kafkaErrorText(error) },
      'the group that shares the work is left, and joined again',
    )
    void this.#discard()
    this.#reopening = setTimeout(() => {
      this.#joining = this.#open()
    }, REOPEN_DELAY_MS)
  }

  async #discard(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    // Its trouble has been told, or we are leaving: nothing it says now matters.
    await leaveGroup(consumer, this.#joining)
  }
}
