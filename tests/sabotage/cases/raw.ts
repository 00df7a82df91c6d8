import { encodeFramed, framedSchemaId, parseSchema } from '../../../compose/reference/avro.ts'
import { schemaText } from '../../../compose/reference/registry.ts'
import { normalise, type RawTrade } from '../../../compose/reference/trade.ts'
import type { SabotageCase } from '../case.ts'
import type { Flow, Outgoing } from '../flow.ts'

/** Into the raw topic, by somebody who is not the generator. */
async function intrude({ pipeline: { kafka, names } }: Flow, records: readonly Outgoing[]): Promise<void> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    const messages = records.map(({ raw: { key, value, partition }, headers }) => ({ key, value, headers, partition }))
    await producer.send({ topic: names.raw, messages, acks: -1 })
  } finally {
    await producer.disconnect()
  }
}

const rawTrade = parseSchema(schemaText('RawTrade'))
const FRAME_BYTES = 5

/** The record with something else in it, and what a faithful normaliser makes of that. */
function rewritten(record: Outgoing, change: (trade: RawTrade) => Partial<RawTrade>): Outgoing {
  const { raw } = record
  const before = rawTrade.fromBuffer((raw.value as Buffer).subarray(FRAME_BYTES)) as RawTrade
  const trade = { ...before, ...change(before) }
  return { ...record, raw: { ...raw, value: encodeFramed(rawTrade, framedSchemaId(raw.value), trade) }, trade: normalise(trade) }
}

/** The same record under an id that no canary was sent by. */
function asStranger(record: Outgoing): Outgoing {
  const seq = record.seq + 1_000_000
  const id = `${record.id.slice(0, -12)}${String(seq).padStart(12, '0')}`
  return { ...rewritten(record, () => ({ trade_id: id })), seq, id }
}

/**
 * What is wrong at the first hop already, and carried on faithfully behind it. Canaries that are gone from it before they were read
 * are not told from what retention takes, and one that the generator wrote cannot be moved.
 */
export const rawCases: readonly SabotageCase[] = [
  {
    name: 'canaries written to the raw topic once more by somebody else',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(5)
      await intrude(flow, canaries)
      await flow.passFaithfully([...flow.records, ...canaries])
      return { expected: [{ violation: 'duplicated', at: 'raw', canaries }] }
    },
  },
  {
    name: 'canaries written to the raw topic once more by somebody else, with another price',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(5)
      const others = canaries.map((record) => rewritten(record, ({ price }) => ({ price: -price - 1n })))
      await intrude(flow, others)
      await flow.passFaithfully([...flow.records, ...others])
      return {
        expected: [
          { violation: 'duplicated', at: 'raw', canaries },
          { violation: 'corrupted', at: 'raw', canaries, field: 'price' },
        ],
      }
    },
  },
  {
    name: 'canaries in the raw topic that were never sent',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const strangers = flow.some(3).map(asStranger)
      await intrude(flow, strangers)
      await flow.passFaithfully([...flow.records, ...strangers])
      // Their content and their trace are those of others, which is true to say as well.
      const besides = { canaries: strangers, optional: true } as const
      return {
        expected: [
          { violation: 'unexpected', at: 'raw', canaries: strangers },
          { violation: 'header-lost', at: 'raw', ...besides },
          { violation: 'corrupted', at: 'raw', ...besides },
          { violation: 'corrupted', at: 'table', ...besides },
        ],
      }
    },
  },
]
