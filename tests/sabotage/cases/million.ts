import { streamOfPartition } from '../../../shared/core/audit-findings.ts'
import { spanOf } from '../../../shared/core/audit-print.ts'
import { auditState } from '../../../shared/core/audit-state.ts'
import type { Afterwards, SabotageCase } from '../case.ts'
import type { Found } from '../compare.ts'
import { within } from '../pipeline.ts'
import { asAdmin, asOther, type Flow, type Outgoing, type Placed } from '../flow.ts'

const MILLION = 1_000_000
const PARTITION = 1
/** Below what the broker takes at once. */
const A_SEND = 4_000
/** Of the million. */
const CHANGED = 614_233

/** The record with a number: its identity ends in it, and its time is so much later. */
const numbered = (record: Outgoing, number: number): Outgoing => {
  const { trade } = record
  const id = `${record.id}${number}`
  return { ...record, id, trade: { ...trade, trade_id: id, traded_at: trade.traded_at + BigInt(number) } }
}

/** A million records of others at the end of one partition; gives the first, at its place. */
async function produceMillion(flow: Flow): Promise<Placed> {
  const { kafka, names, encode } = flow.pipeline
  const [record] = flow.records.map(asOther) as [Outgoing]
  const ends = await asAdmin(flow, (admin) => admin.fetchTopicOffsets(names.topic))
  const offset = Number(ends.find(({ partition }) => partition === PARTITION)?.high)
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    for (let number = 0; number < MILLION; number += A_SEND) {
      const messages = Array.from({ length: A_SEND }, (_, at) => ({
        key: record.key,
        value: encode(numbered(record, number + at).trade),
        partition: PARTITION,
      }))
      const [told] = await producer.send({ topic: names.topic, messages, acks: -1 })
      if (Number(told?.baseOffset) !== offset + number)
        throw new Error(`expected offset ${offset + number}, was ${told?.baseOffset ?? 'none'}`)
    }
  } finally {
    await producer.disconnect()
  }
  return { ...record, partition: PARTITION, offset, stream: streamOfPartition(PARTITION), seq: offset }
}

/** That all of them were held against the table, in one window. */
function inOneWindow({ pipeline: { hops } }: Flow, { evidence }: Found): Afterwards {
  const audit = evidence.audits.get(hops.table)
  const spans = [...(audit?.due.values() ?? [])].map(spanOf)
  const compared = audit === undefined ? 0 : auditState(audit).compared
  return {
    found: 0,
    missed: [
      ...(spans.includes(MILLION) ? [] : [`a window of ${MILLION} offsets, was of ${spans.join(', ')}`]),
      ...(compared > MILLION ? [] : [`more than ${MILLION} records compared, was ${compared}`]),
    ],
  }
}

export const millionCases: readonly SabotageCase[] = [
  {
    name: 'a field changed in one of a million records of others in a window',
    kind: 'defect',
    of: 'others',
    alone: true,
    audits: true,
    windowOffsets: MILLION,
    deliverWithinMs: within(20),
    timeoutMs: 300_000,
    async act(flow) {
      const first = await produceMillion(flow)
      const canaries = await flow.produce(flow.records)
      await flow.normaliserDone()
      const seq = first.offset + CHANGED
      const right: Placed = { ...first, ...numbered(first, CHANGED), stream: first.stream, seq, offset: seq }
      const changed = flow.row(right, { side: right.trade.side === 'BUY' ? 'SELL' : 'BUY' })
      await flow.append(canaries)
      await flow.pipeline.writer.do('append-many', { row: flow.row(first), count: MILLION, changed: [changed] })
      await flow.sinkDone()
      return { expected: [{ violation: 'corrupted', at: 'table', canaries: [{ stream: first.stream, seq }], field: 'side' }] }
    },
    after: (flow, found) => Promise.resolve(inOneWindow(flow, found)),
  },
]
