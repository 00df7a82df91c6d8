import { encodeFramed, framedSchemaId, parseSchema } from '../../../compose/reference/avro.ts'
import { Registry, schemaText } from '../../../compose/reference/registry.ts'
import type { NormalisedTrade } from '../../../compose/reference/trade.ts'
import { connectKafka, TOPIC_CONFIG } from '../../../shared/runtime/kafka.ts'
import { createReader } from '../../../shared/runtime/kafka-reader.ts'
import { silent, type SabotageCase } from '../case.ts'
import { asAdmin, type Flow, type Outgoing, type Placed, type Row } from '../flow.ts'
import { clock, until } from '../wait.ts'
import { isEarly } from './changed-topics.ts'

type Field = Readonly<Record<string, unknown>> & { readonly name: string }

interface NextSchema {
  readonly fields: (fields: readonly Field[]) => readonly Field[]
  /** Whether the registry is asked if readers of it can read what was written before. */
  readonly isChecked: boolean
}

/** Frames records by another version of the second topic's schema. */
async function encoderOf({ pipeline, runId }: Flow, { fields, isChecked }: NextSchema): Promise<(trade: object) => Buffer> {
  const registry = new Registry(pipeline.environment['PIPELINE_REGISTRY_URL'] ?? '')
  const subject = `${pipeline.names.topic}.${runId}-value`
  const first = schemaText('NormalisedTrade')
  const shape = JSON.parse(first) as { readonly fields: readonly Field[] }
  const text = JSON.stringify({ ...shape, fields: fields(shape.fields) })
  const before = isChecked ? await registry.register(subject, first) : null
  const schemaId = await registry.register(subject, text)
  if (schemaId === before) throw new Error(`schema ${schemaId} is no new one`)
  const type = parseSchema(text)
  return (trade) => encodeFramed(type, schemaId, trade)
}

/** In the old shape up to the middle of each stream, then in the new one. */
async function passReshaped(flow: Flow, late: readonly Outgoing[], { encode, row }: { encode: (trade: object) => Buffer; row: Row }) {
  const of = ({ trade }: Outgoing): NormalisedTrade & { remark: string; amount: bigint } => ({
    ...trade,
    remark: 'new',
    amount: trade.quantity,
  })
  const records = flow.records.map((record) => (late.includes(record) ? { ...record, value: encode(of(record)) } : record))
  const ids = new Set(records.flatMap(({ value }) => (value === undefined ? [] : [framedSchemaId(value)])))
  if (ids.has(framedSchemaId(flow.pipeline.encode((flow.records[0] as Outgoing).trade))))
    throw new Error('the new schema has the id of the old')
  const placed = await flow.produce(records)
  await flow.normaliserDone()
  const isLate = ({ id }: Placed) => late.some((record) => record.id === id)
  await flow.pipeline.writer.do('append', { rows: placed.map((one) => flow.row(one, isLate(one) ? row : {})) })
  await flow.sinkDone()
}

const heardAll = (flow: Flow, topic: string) =>
  flow.heard(`all of ${topic}`, ({ evidence }) => (evidence.hops.get(`topic:${topic}`)?.sighted.size ?? 0) >= flow.records.length)

const setTopic = (flow: Flow, topic: string, settings: Readonly<Record<string, string>>) =>
  asAdmin(flow, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: TOPIC_CONFIG, name: topic, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) }],
    }),
  )

const EVIDENCE_GONE_MAX_MS = 60_000

/** Until the broker has removed all of what stands in the topics, by itself. */
async function retained(flow: Flow, topics: readonly string[]): Promise<void> {
  for (const topic of topics) await setTopic(flow, topic, { 'retention.ms': '500', 'segment.ms': '500' })
  const endMs = clock.nowMs() + EVIDENCE_GONE_MAX_MS
  for (const topic of topics) {
    for (;;) {
      const left = await asAdmin(flow, (admin) => admin.fetchTopicOffsets(topic))
      if (left.every(({ low, high }) => low === high)) break
      if (clock.nowMs() > endMs) throw new Error(`retention left ${JSON.stringify(left)} of ${topic}`)
      await flow.pause(200)
    }
    await setTopic(flow, topic, {})
  }
}

/** Records that stand in a topic, read to its end. */
async function recordsIn({ pipeline: { names, environment } }: Flow, ends: ReadonlyMap<number, number>): Promise<number> {
  const link = connectKafka({ brokers: [environment['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'saboteur' })
  let read = 0
  const reader = createReader(link, {
    topics: [{ topic: names.topic, positions: new Map([...ends.keys()].map((partition) => [partition, 0])) }],
    onBatch: ({ records }) => {
      read += records.length
    },
    onTrouble: () => undefined,
  })
  const next = () => reader.positions().get(names.topic)
  try {
    await until(
      () => `${names.topic} read to its end`,
      () => [...ends].every(([partition, end]) => (next()?.get(partition) ?? 0) >= end),
    )
  } finally {
    await reader.close()
  }
  return read
}

const COMPACTED = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.01' }

/** Of each key the last record is left: canaries of a stream have one key, and eight streams eight of them. */
async function compacted(flow: Flow): Promise<void> {
  const { names } = flow.pipeline
  const of = new Map(flow.records.map((record) => [record.stream % 4, record]))
  await setTopic(flow, names.topic, COMPACTED)
  await flow.pause(200)
  // What is written last is not compacted: it goes into a segment of its own.
  const rolling = [...of.values()].map((record) => ({ ...record, key: 'roll', value: Buffer.from('roll'), headers: {} }))
  await flow.produce(rolling)
  const high = await asAdmin(flow, (admin) => admin.fetchTopicOffsets(names.topic))
  const ends = new Map(high.map((one) => [one.partition, Number(one.high)]))
  const streams = new Set(flow.records.map(({ stream }) => stream)).size
  const endMs = clock.nowMs() + EVIDENCE_GONE_MAX_MS
  for (;;) {
    const left = await recordsIn(flow, ends)
    if (left === streams + rolling.length) return
    if (clock.nowMs() > endMs) throw new Error(`compaction left ${left} records`)
    await flow.pause(500)
  }
}

/** The second topic in another shape, and topics of which the broker itself removes what was written. */
export const reshapedTopicCases: readonly SabotageCase[] = [
  {
    name: 'a field added to the schema in mid-run',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const remark = { name: 'remark', type: ['null', 'string'], default: null }
      const encode = await encoderOf(flow, { fields: (fields) => [...fields, remark], isChecked: true })
      const late = flow.records.filter((record) => !isEarly(flow, record))
      await passReshaped(flow, late, { encode, row: {} })
      return silent
    },
  },
  {
    name: 'a field renamed in the schema in mid-run',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const renamed = (field: Field) => (field.name === 'quantity' ? { ...field, name: 'amount' } : field)
      const encode = await encoderOf(flow, { fields: (fields) => fields.map(renamed), isChecked: false })
      const late = flow.records.filter((record) => !isEarly(flow, record))
      // The sink finds no quantity in them.
      await passReshaped(flow, late, { encode, row: { quantity: null } })
      return { expected: [{ violation: 'schema-violated', at: 'topic', canaries: late, field: 'quantity' }] }
    },
  },
  {
    name: 'retention of both topics once they were read',
    kind: 'innocent',
    of: 'topic',
    async act(flow) {
      const { names } = flow.pipeline
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed.slice(0, 120))
      await heardAll(flow, names.raw)
      await heardAll(flow, names.topic)
      await retained(flow, [names.raw, names.topic])
      await flow.append(placed.slice(120))
      await flow.sinkDone()
      return silent
    },
  },
  {
    name: 'compaction of the topic once it was read',
    kind: 'innocent',
    of: 'topic',
    spoils: true,
    async act(flow) {
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.append(placed.slice(0, 120))
      await heardAll(flow, flow.pipeline.names.topic)
      await compacted(flow)
      await flow.append(placed.slice(120))
      await flow.sinkDone()
      return silent
    },
  },
  {
    name: 'compaction of the topic before it was read',
    kind: 'innocent',
    of: 'topic',
    spoils: true,
    timeoutMs: 90_000,
    async act(flow) {
      const { names, stack, agents } = flow.pipeline
      const checker = `ingestion-checker.${names.topic}`
      await heardAll(flow, names.raw)
      await stack.stopProcess(checker, 'SIGKILL')
      const placed = await flow.produce(flow.records)
      await flow.normaliserDone()
      await flow.sinkFaithfully(placed)
      await compacted(flow)
      await agents.startAgent(checker)
      return { expected: [], verdict: 'inconclusive', reason: /the topic is compacted, and .* what stood there cannot be told/ }
    },
  },
]
