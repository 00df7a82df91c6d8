import type { OutgoingRecord, TransactionWork } from '../kafka.ts'
import { sleep } from '../lifetime.ts'
import type { Log } from '../log.ts'
import { consumerAt, headersOf, onDisconnect } from '../nats.ts'
import type { JsMsg, NatsConnection } from '../nats.ts'
import { RAW_TOPIC } from '../trade.ts'
import type { RawTrade } from '../trade.ts'
import type { GatewayMetrics } from './metrics.ts'
import { beginOrder, placeDelivery } from './order.ts'

export type SessionPorts = {
  nats: NatsConnection
  /** Makes `decode` ready for these values; throws while the registry is down. */
  learn: (values: readonly Buffer[]) => Promise<void>
  decode: (value: Buffer) => RawTrade
  write: (work: TransactionWork) => Promise<void>
  metrics: GatewayMetrics
  log: Log
}

export const DURABLE = 'market-gateway'
/** A topic of no records: the offset of its one partition that the gateway's group commits is the next message of the stream. */
export const POSITIONS_TOPIC = 'market.gateway.positions'
const POSITIONS_PARTITION = 0

const BATCH_MAX = 1_000
const PENDING_MAX = 5_000
const PULL_EXPIRES_MS = 5_000
const GATHER_MS = 10
const DEAD_LETTER_CHARS_MAX = 2_000

export const positionIn = (committed: ReadonlyMap<number, bigint>): number | null => {
  const next = committed.get(POSITIONS_PARTITION)
  return next === undefined || next < 1n ? null : Number(next)
}

/**
 * Moves messages from the stream to the topic until the order of deliveries cannot be relied on any more: then the next
 * session begins at the position that Kafka holds. That position is written in the transaction of the records, so a message
 * is written once, whenever this process or either server dies; only then is it acknowledged to the stream.
 */
export class Session {
  private readonly ports: SessionPorts
  private readonly queue: JsMsg[] = []
  private wake: () => void = () => undefined
  private ending: string | null = null

  constructor(ports: SessionPorts) {
    this.ports = ports
  }

  /** Takes no more; what is being written is written. */
  end(reason: string): void {
    this.ending ??= reason
    this.wake()
  }

  /** Resolves to why it ended. Rejects when Kafka, the registry or the stream refuse. */
  async run(first: number): Promise<string> {
    const { nats } = this.ports
    const off = onDisconnect(nats, () => {
      this.end('the connection to NATS ended')
    })
    const order = beginOrder(first)
    const consumer = await consumerAt(nats, DURABLE, { first, pendingMax: PENDING_MAX })
    const messages = await consumer.consume({
      max_messages: BATCH_MAX,
      expires: PULL_EXPIRES_MS,
      abort_on_missing_resource: true,
      callback: (message) => {
        if (this.ending !== null) return
        const place = placeDelivery(order, message.info)
        if (place === 'gap') this.end('a delivery was lost on its way')
        if (place === 'take') this.queue.push(message)
        this.wake()
      },
    })
    void messages.closed().then((error) => {
      this.end(`the consumer ended${error === undefined ? '' : `: ${error.message}`}`)
    })
    try {
      while (this.ending === null) await this.turn()
    } finally {
      off()
      messages.stop()
    }
    return this.ending
  }

  private async turn(): Promise<void> {
    if (this.queue.length === 0) await new Promise<void>((resolve) => (this.wake = resolve))
    if (this.ending !== null) return
    await sleep(GATHER_MS)
    const batch = this.queue.splice(0, BATCH_MAX)
    const last = batch.at(-1)
    if (last === undefined) return
    const { metrics, log } = this.ports
    const values = batch.map(({ data }) => Buffer.from(data))
    await this.ports.learn(values)
    const records = batch.flatMap((message, index) => this.read(message, values[index] as Buffer))
    const sourceOffsets = new Map([[POSITIONS_PARTITION, BigInt(last.seq) + 1n]])
    await this.ports.write({ topic: RAW_TOPIC, records, sourceOffsets })
    for (const message of batch) message.ack()
    metrics.moved({ records: records.length, deadLetters: batch.length - records.length, position: last.seq + 1 })
    log.debug({ records: records.length, position: last.seq + 1 }, 'moved')
  }

  private read(message: JsMsg, value: Buffer): OutgoingRecord[] {
    try {
      return [{ key: this.ports.decode(value).symbol, value, headers: headersOf(message) }]
    } catch (err) {
      const head = value.toString('base64').slice(0, DEAD_LETTER_CHARS_MAX)
      this.ports.log.error(
        { err, deadLetter: true, sequence: message.seq, subject: message.subject, value: head },
        'a message cannot be decoded and is left out',
      )
      return []
    }
  }
}
