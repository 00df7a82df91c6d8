import { TIME_STREAM } from '../../../shared/core/audit-findings.ts'
import type { Expected, Planted, SabotageCase } from '../case.ts'
import { asOther, type Flow, type Outgoing, type Placed, type Row } from '../flow.ts'
import { clock } from '../wait.ts'

const OTHERS = 160
/** Others spread over so many windows, each some seconds from the next. */
const WINDOWS = 8
const APART_MICROS = 5_000_000n
const MICROS_PER_S = 1_000_000n
/** Until it was seen how far the sink has come. */
const SEEN_MS = 5_000

interface Told {
  readonly canaries: readonly Placed[]
  readonly others: readonly Placed[]
}

const later = (record: Outgoing, at: number): Outgoing => ({
  ...record,
  trade: { ...record.trade, traded_at: record.trade.traded_at + BigInt(at % WINDOWS) * APART_MICROS },
})

/** Canaries and records of others are in the second topic; then `act` is the sink of a table that stores no offsets. */
const counted = (name: string, act: (flow: Flow, told: Told) => Promise<Planted>, options: Partial<SabotageCase> = {}): SabotageCase => ({
  name,
  kind: 'defect',
  of: 'others',
  audits: true,
  byEventTime: true,
  ...options,
  async act(flow) {
    const canaries = await flow.produce(flow.records)
    const others = await flow.produce(flow.records.slice(0, OTHERS).map(asOther).map(later))
    await flow.normaliserDone()
    return act(flow, { canaries, others })
  },
})

const rowsOf = (flow: Flow, placed: readonly Placed[]): Row[] => placed.map((one) => flow.row(one))

/** The sink is done, and later rows of its come: what is not there by then will not come. */
async function sink(flow: Flow, rows: readonly Row[]): Promise<void> {
  const { writer } = flow.pipeline
  await writer.do('append', { rows })
  await flow.sinkDone()
  await flow.pause(SEEN_MS)
  await writer.do('append', { rows: [beside] })
}

const beside: Row = { trade_id: 'T-beside', symbol: 'BESIDE', venue: 'XNAS', side: 'BUY' }

const windowsOf = (placed: readonly Placed[]): Expected => {
  const seconds = new Set(placed.map(({ trade }) => Number(trade.traded_at / MICROS_PER_S)))
  return { violation: 'lost', at: 'table', canaries: [...seconds].map((seq) => ({ stream: TIME_STREAM, seq })) }
}

/** Rows that are older than the run, of the very seconds that it counts. */
const olderRows: Pick<SabotageCase, 'before'> = {
  before: async ({ writer }) => {
    const nowS = Math.floor(clock.nowMs() / 1_000)
    const rows = Array.from({ length: 20 }, (_, at) => ({ ...beside, trade_id: `T-old-${at}`, traded_at: String((nowS + at) * 1_000_000) }))
    await writer.do('append', { rows })
  },
}

export const eventTimeCases: readonly SabotageCase[] = [
  counted('rows missing in seconds of event time', async (flow, { canaries, others }) => {
    const missing = others.filter((_, at) => at % WINDOWS === 3 || at % 40 === 6)
    const [canary] = flow.some(1)
    const kept = canaries.filter(({ id }) => id !== canary?.id)
    const lost = canaries.filter((one) => !kept.includes(one))
    await sink(flow, rowsOf(flow, [...kept, ...others.filter((one) => !missing.includes(one))]))
    return { expected: [windowsOf([...missing, ...lost]), { violation: 'lost', at: 'table', canaries: lost }] }
  }),
  counted(
    'every row in its second of event time, and the table rewritten',
    async (flow, { canaries, others }) => {
      await flow.append(canaries)
      await flow.pipeline.writer.do('rewrite')
      await sink(flow, rowsOf(flow, others))
      return { expected: [] }
    },
    { kind: 'innocent', ...olderRows },
  ),
  counted(
    'more rows than records in seconds of event time',
    async (flow, { canaries, others }) => {
      await sink(flow, rowsOf(flow, [...canaries, ...others, ...others.slice(0, 3)]))
      return { expected: [], verdict: 'inconclusive', reason: /more by counts alone accuse nobody/ }
    },
    { kind: 'innocent' },
  ),
]
