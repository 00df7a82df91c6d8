import { connectKafka, connectProducer, sendRecords, type OutgoingRecord } from '../kafka.ts'
import type { Log } from '../log.ts'
import { FEED_SUBJECT, connectNats, openPublisher } from '../nats.ts'
import { RAW_TOPIC } from '../trade.ts'

/** Where trades go. `send` ends when they are stored there. */
export type Destination = { send: (records: readonly OutgoingRecord[]) => Promise<void>; close: () => Promise<void> }

const CLIENT = 'market-feed'

export async function toKafka(bootstrap: string, log: Log): Promise<Destination> {
  const producer = await connectProducer(connectKafka(CLIENT, bootstrap, log))
  return { send: (records) => sendRecords(producer, RAW_TOPIC, records), close: () => producer.disconnect() }
}

/** As a venue would, to the gateway's stream: one subject a symbol, the record as it will stand in the topic. */
export async function toNats(url: string, token: string | undefined, log: Log): Promise<Destination> {
  const connection = await connectNats(CLIENT, { PIPELINE_NATS_URL: url, PIPELINE_NATS_TOKEN: token }, log)
  const publish = openPublisher(connection)
  return {
    send: async (records) => {
      await Promise.all(records.map(({ key, value, headers }) => publish(`${FEED_SUBJECT}.${key}`, value, headers)))
    },
    close: () => connection.drain(),
  }
}
