import { setTimeout as sleep } from 'node:timers/promises'
import { COMPRESSION } from '../../../shared/runtime/kafka.ts'
import { silent, type SabotageCase } from '../case.ts'
import { asAdmin, type Flow, type Outgoing, type Placed } from '../flow.ts'

const UNKNOWN_SCHEMA_ID = 999_999

/** One batch, in one codec. */
async function produceIn(
  { pipeline: { kafka, names, encode } }: Flow,
  records: readonly Outgoing[],
  { partition, compression }: { readonly partition: number; readonly compression: number },
): Promise<Placed[]> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    const messages = records.map(({ key, trade, headers }) => ({ key, value: encode(trade), headers, partition }))
    const [first] = await producer.send({ topic: names.topic, messages, compression, acks: -1 })
    return records.map((record, at) => ({ ...record, partition, offset: Number(first?.baseOffset) + at }))
  } finally {
    await producer.disconnect()
  }
}

const ofStream = (records: readonly Outgoing[], stream: number) => records.filter((record) => record.stream === stream)
const streamsOf = (records: readonly Outgoing[]) => [...new Set(records.map(({ stream }) => stream))]
export const isEarly = (flow: Flow, record: Outgoing) => {
  const all = ofStream(flow.records, record.stream)
  return all.indexOf(record) < all.length / 2
}

const unknownSchema = (value: Buffer): Buffer => {
  const other = Buffer.from(value)
  other.writeUInt32BE(UNKNOWN_SCHEMA_ID, 1)
  return other
}

const spoilt = (name: string, spoil: (value: Buffer) => Buffer): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'topic',
  async act(flow) {
    const canaries = flow.some(3)
    const valueOf = ({ trade }: Outgoing) => spoil(flow.pipeline.encode(trade))
    await flow.passFaithfully(flow.records.map((record) => (canaries.includes(record) ? { ...record, value: valueOf(record) } : record)))
    return { expected: [{ violation: 'schema-violated', at: 'topic', canaries }] }
  },
})

export const changedTopicCases: readonly SabotageCase[] = [
  {
    name: 'the topic deleted and made again',
    kind: 'defect',
    of: 'topic',
    spoils: true,
    async act(flow) {
      const { names } = flow.pipeline
      const early = flow.records.filter((record) => isEarly(flow, record))
      const placed = await flow.produce(early)
      await flow.heard('half of it', ({ evidence }) => (evidence.hops.get(`topic:${names.topic}`)?.sighted.size ?? 0) >= early.length)
      await flow.append(placed)
      await flow.sinkDone()
      await asAdmin(flow, async (admin) => {
        await admin.deleteTopics({ topics: [names.topic] })
        // The broker takes its time, and refuses the name until then.
        for (let made = false; !made;) {
          await sleep(200)
          made = await admin.createTopics({ topics: [{ topic: names.topic, numPartitions: 4, replicationFactor: 1 }] }).catch(() => false)
        }
      })
      await flow.pause(12_000)
      await flow.normaliserDone()
      return { expected: [{ violation: 'metadata-broken', at: 'topic', says: 'made again' }] }
    },
  },
  spoilt('records framed with a schema that nobody knows', unknownSchema),
  spoilt('records cut in the middle', (value) => value.subarray(0, Math.floor(value.length / 2))),
  {
    name: 'tombstones in place of records',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(3)
      const placed = await flow.produce(flow.records.map((record) => (canaries.includes(record) ? { ...record, value: null } : record)))
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed.filter(({ value }) => value !== null))
      return { expected: [{ violation: 'lost', at: 'topic', canaries }] }
    },
  },
  {
    name: 'tombstones between the canaries',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const tombstones = flow.some(5).map((record) => ({ ...record, value: null, headers: {} }))
      const placed = await flow.produce([...flow.records, ...tombstones])
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed.filter(({ value }) => value !== null))
      return silent
    },
  },
  {
    name: 'batches in gzip, snappy, lz4 and zstd',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const codecs = [COMPRESSION.GZIP, COMPRESSION.Snappy, COMPRESSION.LZ4, COMPRESSION.ZSTD]
      const placed: Placed[] = []
      for (const stream of streamsOf(flow.records)) {
        const compression = codecs[stream % codecs.length] as number
        placed.push(...(await produceIn(flow, ofStream(flow.records, stream), { partition: stream % 4, compression })))
      }
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed)
      return silent
    },
  },
  {
    name: 'partitions added in mid-run',
    kind: 'innocent',
    of: 'topic',
    spoils: true,
    async act(flow) {
      const early = await flow.produce(flow.records.filter((record) => isEarly(flow, record)))
      await asAdmin(flow, (admin) => admin.createPartitions({ topicPartitions: [{ topic: flow.pipeline.names.topic, count: 6 }] }))
      const late: Placed[] = []
      for (const stream of streamsOf(flow.records)) {
        const records = ofStream(flow.records, stream).filter((record) => !isEarly(flow, record))
        late.push(...(await produceIn(flow, records, { partition: (stream + 4) % 6, compression: COMPRESSION.None })))
      }
      await flow.normaliserDone()
      await flow.sinkFaithfully([...early, ...late])
      return silent
    },
  },
  {
    name: 'an open transaction of somebody else, for a while',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const { kafka, names } = flow.pipeline
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `${names.topic}-idler` })
      await producer.connect()
      const transaction = await producer.transaction()
      const messages = [0, 1, 2, 3].map((partition) => ({ key: 'idle', value: 'nothing', partition }))
      await transaction.send({ topic: names.topic, messages, acks: -1 })
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed)
      await flow.sinkDone()
      await flow.pause(6_000)
      await transaction.abort()
      await producer.disconnect()
      return silent
    },
  },
  {
    name: 'the topic trimmed before it was read',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const { names, stack, agents } = flow.pipeline
      const checker = `ingestion-checker.${names.topic}`
      await flow.heard(
        'the raw topic',
        ({ evidence }) => (evidence.hops.get(`topic:${names.raw}`)?.sighted.size ?? 0) >= flow.records.length,
      )
      await stack.stopProcess(checker, 'SIGKILL')
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed)
      await asAdmin(flow, async (admin) => {
        const partitions = (await admin.fetchTopicOffsets(names.topic)).map(({ partition, high }) => ({ partition, offset: high }))
        await admin.deleteTopicRecords({ topic: names.topic, partitions })
      })
      await agents.startAgent(checker)
      return { expected: [], verdict: 'inconclusive', reason: /were removed before they were read/ }
    },
  },
]
