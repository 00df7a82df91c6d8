import { CONNECTOR } from '../../compose/services/settings.ts'
import { TRADES_TOPIC } from '../../compose/reference/trade.ts'
import { openAdmin } from '../../shared/runtime/kafka-admin.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { insist } from '../sabotage/wait.ts'
import type { LiveStack } from './live-stack.ts'

/** Offsets `from` up to, and without, `to`. */
export interface Stretch {
  readonly partition: number
  readonly from: number
  readonly to: number
}

const SINK_GROUP = `connect-${CONNECTOR}`

/**
 * Stops the sink, and has it go on behind so many offsets that it has not read: what an operator might do by Connect's REST API,
 * and should not. The partition is the one in which most waits: that is where canaries are.
 */
export async function passOver({ stack }: LiveStack, count: number): Promise<Stretch> {
  const connector = `${stack.env['PIPELINE_CONNECT_URL'] ?? ''}/connectors/${CONNECTOR}`
  await call(`${connector}/stop`, 'PUT')
  await insist(async () => {
    const { connector: worker, tasks } = (await call(`${connector}/status`, 'GET')) as { connector: { state: string }; tasks: unknown[] }
    if (worker.state !== 'STOPPED' || tasks.length > 0) throw new Error(`${connector} is ${worker.state}, with ${tasks.length} tasks`)
  })
  const brokers = [stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '']
  const admin = openAdmin(connectKafka({ brokers, clientId: 'passer', security: { ssl: false, sasl: null } }))
  try {
    const committed = await admin.groupOffsets(SINK_GROUP, TRADES_TOPIC)
    const { partition, from } = await insist(async () => {
      const ends = new Map((await admin.topicOffsets(TRADES_TOPIC)).map(({ partition, high }) => [partition, high]))
      const [most] = committed
        .flatMap(({ partition, offset }) =>
          offset === null ? [] : [{ partition, from: offset, waiting: (ends.get(partition) ?? 0) - offset }],
        )
        .sort((a, b) => b.waiting - a.waiting)
      // Moved beyond the end of the topic, the sink would read it from the start.
      if (most === undefined || most.waiting < 2 * count)
        throw new Error(`${most?.waiting ?? 0} of ${2 * count} records wait for ${SINK_GROUP}`)
      return most
    })
    const to = from + count
    const place = { kafka_topic: TRADES_TOPIC, kafka_partition: partition }
    await call(`${connector}/offsets`, 'PATCH', { offsets: [{ partition: place, offset: { kafka_offset: to } }] })
    await call(`${connector}/resume`, 'PUT')
    return { partition, from, to }
  } finally {
    await admin.close()
  }
}

async function call(url: string, method: 'GET' | 'PUT' | 'PATCH', body?: object): Promise<unknown> {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}
