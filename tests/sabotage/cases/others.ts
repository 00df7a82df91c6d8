import { cutDecimals, decimalToText, PRICE_SCALE } from '../../../compose/reference/decimal.ts'
import { streamOfPartition } from '../../../shared/core/audit-findings.ts'
import type { Expected, SabotageCase } from '../case.ts'
import { asOther, type Flow, type Outgoing, type Placed, type Row } from '../flow.ts'

const OTHERS = 160

interface Told {
  readonly canaries: readonly Placed[]
  readonly others: readonly Placed[]
  /** Of the others: some, of several partitions, and the last of none: behind that no row would prove it lost. */
  readonly chosen: readonly Placed[]
}

/** Canaries and records of others are in the second topic; then `act` is the sink. All of them are compared. */
const amongOthers = (
  name: string,
  act: (flow: Flow, told: Told) => Promise<readonly Expected[]>,
  options: Partial<SabotageCase> = {},
): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'others',
  audits: true,
  ...options,
  async act(flow) {
    const canaries = await flow.produce(flow.records)
    const others = await flow.produceOthers(OTHERS)
    await flow.normaliserDone()
    const isLast = (one: Placed) => others.findLast(({ partition }) => partition === one.partition) === one
    const chosen = others.filter((one, at) => at % 36 === 11 && !isLast(one))
    return { expected: await act(flow, { canaries, others, chosen }) }
  },
})

const rowsOf = (flow: Flow, placed: readonly Placed[], change: (one: Placed) => Row = () => ({})) =>
  placed.map((one) => flow.row(one, change(one)))

async function sink(flow: Flow, rows: readonly Row[]): Promise<void> {
  await flow.pipeline.writer.do('append', { rows })
  await flow.sinkDone()
}

const cutPrice = ({ trade }: Pick<Outgoing, 'trade'>) => cutDecimals(trade.price, PRICE_SCALE, 2)

/** Records of others in a transaction that is aborted: they have offsets, and nobody who reads what is committed sees them. */
async function abortedOthers({ pipeline, some }: Flow, count: number): Promise<Placed[]> {
  const { kafka, names, encode } = pipeline
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `${names.topic}-somebody-else` })
  await producer.connect()
  const transaction = await producer.transaction()
  const placed: Placed[] = []
  for (const record of some(count).map(asOther)) {
    const partition = record.stream % 4
    const messages = [{ key: record.key, value: encode(record.trade), partition }]
    const [told] = await transaction.send({ topic: names.topic, messages, acks: -1 })
    const offset = Number(told?.baseOffset)
    placed.push({ ...record, partition, offset, stream: streamOfPartition(partition), seq: offset })
  }
  await transaction.abort()
  await producer.disconnect()
  return placed
}

/** So many, one after the other, at the end of one partition. */
const MANY = 300
/** Beyond these it is told which offsets differ, and not in what. */
const NAMED = 200

const isHeldBack = ({ partition }: Placed) => partition === 3

/** A partition is held back until windows of others have been compared: then comes `more` with it. */
async function sinkInTwo(flow: Flow, { canaries, others }: Told, more: () => Promise<readonly Row[]>): Promise<void> {
  const all = [...canaries, ...others]
  await flow.append(all.filter((one) => !isHeldBack(one)))
  await flow.heard('windows compared', ({ evidence }) =>
    [...evidence.audits.values()].some(({ nodes }) => [...nodes.values()].some(({ table }) => table !== null)),
  )
  await sink(flow, [...rowsOf(flow, all.filter(isHeldBack)), ...(await more())])
}

export const otherCases: readonly SabotageCase[] = [
  amongOthers('records of others lost on the way into the table', async (flow, { canaries, others, chosen }) => {
    await sink(flow, rowsOf(flow, [...canaries, ...others.filter((one) => !chosen.includes(one))]))
    return [{ violation: 'lost', at: 'table', canaries: chosen }]
  }),
  amongOthers('records of others twice in the table', async (flow, { canaries, others, chosen }) => {
    await sink(flow, rowsOf(flow, [...canaries, ...others, ...chosen]))
    return [{ violation: 'duplicated', at: 'table', canaries: chosen }]
  }),
  amongOthers('records of others again in a later commit', async (flow, told) => {
    const again = told.chosen.filter((one) => !isHeldBack(one))
    await sinkInTwo(flow, told, () => Promise.resolve(rowsOf(flow, again)))
    return [
      { violation: 'duplicated', at: 'table', canaries: again },
      { violation: 'metadata-broken', at: 'table', says: 'source offsets stored once' },
    ]
  }),
  amongOthers('a field changed in records of others', async (flow, { canaries, others, chosen }) => {
    const changed = rowsOf(flow, chosen, ({ trade }) => ({ side: trade.side === 'BUY' ? 'SELL' : 'BUY' }))
    await sink(flow, [...rowsOf(flow, [...canaries, ...others.filter((one) => !chosen.includes(one))]), ...changed])
    return [{ violation: 'corrupted', at: 'table', canaries: chosen, field: 'side' }]
  }),
  {
    name: 'keys changed in records of others',
    kind: 'defect',
    of: 'others',
    audits: true,
    async act(flow) {
      const canaries = await flow.produce(flow.records)
      const records = flow.records.slice(0, OTHERS).map(asOther)
      const sent = await flow.produce(records.map((one, at) => (at % 36 === 11 ? { ...one, key: `${one.key}-OTHER` } : one)))
      const others = sent.map((one) => ({ ...one, stream: streamOfPartition(one.partition), seq: one.offset }))
      await flow.normaliserDone()
      await sink(flow, rowsOf(flow, [...canaries, ...others]))
      const changed = others.filter(({ key, trade }) => key !== trade.symbol)
      return { expected: [{ violation: 'corrupted', at: 'table', canaries: changed, field: '(key)' }] }
    },
  },
  amongOthers('decimals cut in records of others', async (flow, { canaries, others }) => {
    const cut = others.filter((one) => cutPrice(one) !== one.trade.price).filter((_, at) => at % 30 === 7)
    const rows = rowsOf(flow, others, (one) => (cut.includes(one) ? { price: decimalToText(cutPrice(one), PRICE_SCALE) } : {}))
    await sink(flow, [...rowsOf(flow, canaries), ...rows])
    return [{ violation: 'precision-lost', at: 'table', canaries: cut, field: 'price' }]
  }),
  {
    name: 'rows of others that were aborted in the topic',
    kind: 'defect',
    of: 'others',
    audits: true,
    async act(flow) {
      const canaries = await flow.produce(flow.records)
      const aborted = await abortedOthers(flow, 12)
      const others = await flow.produceOthers(OTHERS)
      await flow.normaliserDone()
      await sink(flow, rowsOf(flow, [...canaries, ...others, ...aborted]))
      return { expected: [{ violation: 'unexpected', at: 'table', canaries: aborted }] }
    },
  },
  {
    name: 'more records of others changed than are named one by one',
    kind: 'defect',
    of: 'others',
    audits: true,
    windowOffsets: 1_000,
    timeoutMs: 120_000,
    async act(flow) {
      const canaries = await flow.produce(flow.records)
      const others: Placed[] = []
      for (let turn = 0; turn < 6; turn++) others.push(...(await flow.produceOthers(flow.records.length)))
      await flow.normaliserDone()
      const changed = others.filter(({ partition }) => partition === 1).slice(-MANY)
      const rows = rowsOf(flow, others, (one) => (changed.includes(one) ? { side: one.trade.side === 'BUY' ? 'SELL' : 'BUY' } : {}))
      await sink(flow, [...rowsOf(flow, canaries), ...rows])
      return {
        expected: [
          { violation: 'corrupted', at: 'table', canaries: changed.slice(0, NAMED), field: 'side' },
          { violation: 'corrupted', at: 'table', canaries: changed.slice(NAMED), says: 'not named one by one' },
        ],
      }
    },
  },
  amongOthers(
    'records of others, and every one is in the table',
    async (flow, { canaries, others }) => {
      await sink(flow, rowsOf(flow, [...canaries, ...others]))
      return []
    },
    { kind: 'innocent' },
  ),
  amongOthers(
    'records of others, compacted after they were compared',
    async (flow, told) => {
      await sinkInTwo(flow, told, async () => {
        await flow.pipeline.writer.do('rewrite')
        return []
      })
      return []
    },
    { kind: 'innocent' },
  ),
]
