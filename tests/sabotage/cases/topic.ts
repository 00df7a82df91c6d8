import { cutDecimals, NOTIONAL_SCALE, PRICE_SCALE } from '../../../compose/reference/decimal.ts'
import type { NormalisedTrade } from '../../../compose/reference/trade.ts'
import type { Expected, Planted, SabotageCase } from '../case.ts'
import type { Flow, Outgoing } from '../flow.ts'
import { DELIVER_WITHIN_MS } from '../pipeline.ts'

type Move = (records: readonly Outgoing[], chosen: readonly Outgoing[]) => readonly Outgoing[]
type Finding = Omit<Expected, 'at' | 'canaries'>

/** What is done to a few records on their way into the second topic. */
const done = (name: string, { count, move }: { readonly count: number; readonly move: Move }, finding: Finding): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'topic',
  async act(flow): Promise<Planted> {
    const canaries = flow.some(count)
    await flow.passFaithfully(move(flow.records, canaries))
    return { expected: [{ at: 'topic', canaries, ...finding }] }
  },
})

const without: Move = (records, chosen) => records.filter((record) => !chosen.includes(record))
const replaced =
  (change: (record: Outgoing) => readonly Outgoing[]): Move =>
  (records, chosen) =>
    records.flatMap((record) => (chosen.includes(record) ? change(record) : [record]))

const changed = (
  field: keyof NormalisedTrade,
  of: (trade: NormalisedTrade) => Partial<NormalisedTrade>,
  how: Pick<Expected, 'difference'> = {},
): SabotageCase => ({
  ...done(
    `${field} changed in the topic`,
    { count: 5, move: replaced((record) => [{ ...record, trade: { ...record.trade, ...of(record.trade) } }]) },
    { violation: 'corrupted', field, ...how },
  ),
  of: 'content',
})

type Note = NormalisedTrade['note']
interface NoteChange {
  readonly from: (note: Note) => boolean
  readonly to: (note: Note) => Note
}

const noteChanged = (name: string, { from, to }: NoteChange, how: Required<Pick<Expected, 'difference'>>): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'content',
  // An empty text is an edge value: one of several, of one field of several.
  canaries: 480,
  edgeValuesEvery: 1,
  async act(flow) {
    const canaries = flow.records.filter(({ trade }) => from(trade.note)).slice(0, 5)
    if (canaries.length === 0) throw new Error('no canary has such a note')
    const move = replaced((record) => [{ ...record, trade: { ...record.trade, note: to(record.trade.note) } }])
    await flow.passFaithfully(move(flow.records, canaries))
    return { expected: [{ violation: 'corrupted', at: 'topic', canaries, field: 'note', ...how }] }
  },
})

const neighbours = (flow: Flow, record: Outgoing) => {
  const next = flow.records.find(({ stream, seq }) => stream === record.stream && seq === record.seq + 1)
  if (next === undefined) throw new Error(`${record.id} has no next`)
  return [record, next] as const
}

const movedBy =
  (places: number): Move =>
  (records, chosen) => {
    const order = [...records]
    for (const record of chosen) {
      order.splice(order.indexOf(record), 1)
      const after = order.findIndex(({ stream, seq }) => stream === record.stream && seq === record.seq + places)
      order.splice(after + 1, 0, record)
    }
    return order
  }

/** Ordinary prices have decimals to lose; edge values may have none. */
const withDecimals = ({ trade }: Outgoing) => cutDecimals(trade.price, PRICE_SCALE, 2) !== trade.price

export const topicCases: readonly SabotageCase[] = [
  done('one record lost before the topic', { count: 1, move: without }, { violation: 'lost' }),
  done('twenty records lost before the topic', { count: 20, move: without }, { violation: 'lost' }),
  {
    name: 'the first and the last record of a stream lost before the topic',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const last = Math.max(...flow.records.filter(({ stream }) => stream === 2).map(({ seq }) => seq))
      const canaries = flow.records.filter(({ stream, seq }) => stream === 2 && (seq === 0 || seq === last))
      await flow.passFaithfully(without(flow.records, canaries))
      return { expected: [{ violation: 'lost', at: 'topic', canaries }] }
    },
  },
  {
    name: 'a whole stream lost before the topic',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.records.filter(({ stream }) => stream === 3)
      await flow.passFaithfully(without(flow.records, canaries))
      return { expected: [{ violation: 'lost', at: 'topic', canaries }] }
    },
  },
  done('records doubled at once in the topic', { count: 5, move: replaced((record) => [record, record]) }, { violation: 'duplicated' }),
  {
    name: 'records doubled a while later in the topic',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(5)
      const placed = await flow.produce(flow.records)
      await flow.pause(1_500)
      const again = await flow.produce(canaries)
      await flow.normaliserDone()
      await flow.sinkFaithfully([...placed, ...again])
      return { expected: [{ violation: 'duplicated', at: 'topic', canaries }] }
    },
  },
  {
    name: 'a record three times in the topic',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(1)
      await flow.passFaithfully(replaced((record) => [record, record, record])(flow.records, canaries))
      return { expected: [{ violation: 'duplicated', at: 'topic', canaries }] }
    },
  },
  {
    name: 'one lost and another doubled, so that counts agree',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const [lost, doubled] = flow.some(2) as [Outgoing, Outgoing]
      await flow.passFaithfully(flow.records.flatMap((record) => (record === lost ? [] : record === doubled ? [record, record] : [record])))
      return {
        expected: [
          { violation: 'lost', at: 'topic', canaries: [lost] },
          { violation: 'duplicated', at: 'topic', canaries: [doubled] },
        ],
      }
    },
  },
  done('neighbours swapped in the topic', { count: 5, move: movedBy(1) }, { violation: 'reordered' }),
  done('records moved back by four places in the topic', { count: 3, move: movedBy(4) }, { violation: 'reordered' }),
  {
    name: 'records held back beyond their time',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.records.filter(({ stream, seq }) => stream === 1 && seq >= 27)
      await flow.append(await flow.produce(without(flow.records, canaries)))
      await flow.pause(DELIVER_WITHIN_MS.topic + 500)
      const later = await flow.produce(canaries)
      await flow.normaliserDone()
      await flow.append(later)
      await flow.sinkDone()
      // What is late in the topic may be late in the table too, which is then no finding of its own.
      return { expected: [{ violation: 'late', at: 'topic', canaries }] }
    },
  },
  {
    name: 'records that were lost, and then came',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.records.filter(({ stream, seq }) => stream === 1 && seq >= 27)
      const placed = await flow.produce(without(flow.records, canaries))
      await flow.append(placed)
      await flow.normaliserDone()
      await flow.heard('lost', ({ evidence }) => [...evidence.violations.values()].some(({ violation }) => violation === 'lost'))
      await flow.pause(DELIVER_WITHIN_MS.topic)
      const later = await flow.produce(canaries)
      await flow.append(later)
      await flow.sinkDone()
      return { expected: [{ violation: 'late', at: 'topic', canaries }] }
    },
  },
  done(
    'keys changed in the topic',
    { count: 5, move: replaced((record) => [{ ...record, key: `${record.key}-OTHER` }]) },
    { violation: 'corrupted', field: '(key)' },
  ),
  done(
    'headers dropped',
    { count: 5, move: replaced((record) => [{ ...record, headers: {} }]) },
    { violation: 'header-lost', field: 'traceparent' },
  ),
  done(
    'trace header of another record',
    { count: 5, move: replaced((record) => [{ ...record, headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } }]) },
    { violation: 'header-lost', field: 'traceparent' },
  ),
  {
    name: 'canaries that were never sent',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const strangers = flow.some(3).map((record) => {
        const seq = record.seq + 1_000_000
        const id = `${record.id.slice(0, -12)}${String(seq).padStart(12, '0')}`
        return { ...record, seq, id, trade: { ...record.trade, trade_id: id } }
      })
      await flow.passFaithfully([...flow.records, ...strangers])
      // Their content is that of others, which is true to say as well, wherever it is seen.
      const besides = { canaries: strangers, optional: true } as const
      return {
        expected: [
          { violation: 'unexpected', at: 'topic', canaries: strangers },
          { violation: 'header-lost', at: 'topic', ...besides },
          { violation: 'corrupted', at: 'topic', ...besides },
          { violation: 'corrupted', at: 'table', ...besides },
        ],
      }
    },
  },
  {
    name: 'records written in a transaction that was aborted',
    kind: 'defect',
    of: 'topic',
    async act(flow) {
      const canaries = flow.some(6)
      await abort(flow, canaries)
      await flow.passFaithfully(without(flow.records, canaries))
      return { expected: [{ violation: 'lost', at: 'topic', canaries }] }
    },
  },
  changed('quantity', ({ quantity }) => ({ quantity: quantity === 1n ? 2n : 1n })),
  // Not by its last digit: what ends in a nought then may be rounded.
  changed('notional', ({ notional }) => ({ notional: notional + 10n ** BigInt(NOTIONAL_SCALE) + 1n })),
  changed('price', ({ price }) => ({ price: -price - 1n })),
  changed('side', ({ side }) => ({ side: side === 'BUY' ? 'SELL' : 'BUY' }), { difference: 'enum' }),
  changed('symbol', ({ symbol }) => ({ symbol: `${symbol}X` }), { difference: 'value' }),
  changed('traded_at', ({ traded_at }) => ({ traded_at: traded_at + 3_600_000_000n }), { difference: 'time-zone' }),
  changed('note', ({ note }) => ({ note: `${note ?? ''} ` }), { difference: 'value' }),
  changed('attributes', ({ attributes }) => ({ attributes: { ...attributes, added: 'yes' } }), { difference: 'value' }),
  noteChanged(
    'a note that is null made an empty text in the topic',
    { from: (note) => note === null, to: () => '' },
    { difference: 'null-versus-empty' },
  ),
  noteChanged(
    'a note that is an empty text made null in the topic',
    { from: (note) => note === '', to: () => null },
    { difference: 'null-versus-empty' },
  ),
  noteChanged(
    'a note in another Unicode normal form in the topic',
    { from: (note) => note === 'naïve café', to: (note) => note?.normalize('NFD') ?? null },
    { difference: 'normal-form' },
  ),
  {
    name: 'decimals cut in the topic',
    kind: 'defect',
    of: 'content',
    async act(flow) {
      const canaries = flow.records.filter(withDecimals).slice(20, 25)
      const cut = replaced((record) => {
        const price = cutDecimals(record.trade.price, PRICE_SCALE, 2)
        return [{ ...record, trade: { ...record.trade, price } }]
      })
      await flow.passFaithfully(cut(flow.records, canaries))
      return { expected: [{ violation: 'precision-lost', at: 'topic', canaries, field: 'price', difference: 'precision' }] }
    },
  },
  {
    name: 'the amounts of two records exchanged',
    kind: 'defect',
    of: 'content',
    async act(flow) {
      const [record] = flow.some(1) as [Outgoing]
      const [one, other] = neighbours(flow, record)
      const withAmounts = (into: Outgoing, { trade: { price, quantity, notional } }: Outgoing): Outgoing => ({
        ...into,
        trade: { ...into.trade, price, quantity, notional },
      })
      await flow.passFaithfully(
        flow.records.map((each) => (each === one ? withAmounts(one, other) : each === other ? withAmounts(other, one) : each)),
      )
      const fields = ['price', 'quantity', 'notional'] as const
      return { expected: fields.map((field) => ({ violation: 'corrupted', at: 'topic', canaries: [one, other], field })) }
    },
  },
]

export async function abort({ pipeline }: Flow, records: readonly Outgoing[]): Promise<void> {
  const { kafka, names, encode } = pipeline
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `${names.topic}-saboteur` })
  await producer.connect()
  const transaction = await producer.transaction()
  const messages = records.map(({ key, trade, headers, stream }) => ({ key, value: encode(trade), headers, partition: stream % 4 }))
  await transaction.send({ topic: names.topic, messages, acks: -1 })
  await transaction.abort()
  await producer.disconnect()
}
