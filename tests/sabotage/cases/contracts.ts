import type { Expected, SabotageCase } from '../case.ts'
import type { Flow, Placed, Row } from '../flow.ts'
import { clock } from '../wait.ts'
import { rowsWith } from './table-content.ts'
import { atTable } from './table.ts'

type Declared = NonNullable<SabotageCase['topology']>

/** Some rows are changed against what the topology declares of the table. */
const against = (
  name: string,
  {
    declared,
    change,
    findings,
  }: { declared?: Declared; change: (one: Placed) => Row; findings: readonly Omit<Expected, 'at' | 'canaries'>[] },
): SabotageCase =>
  atTable(
    name,
    async (flow, placed, chosen) => {
      await flow.pipeline.writer.do('append', { rows: rowsWith(flow, placed, { chosen, change }) })
      await flow.sinkDone()
      return findings.map((finding): Expected => ({ at: 'table', canaries: chosen, ...finding }))
    },
    { of: 'content', ...(declared === undefined ? {} : { topology: declared }) },
  )

const declares = (topology: Declared): Partial<SabotageCase> => ({ of: 'content', topology })

const FRESH_WITHIN_MS = 9_000

/** Until what was sent is as old as this. */
async function untilSent(flow: Flow, agoMs: number): Promise<void> {
  let sentAtMs = Infinity
  await flow.heard('what was sent', ({ evidence: { ledger } }) => {
    sentAtMs = Math.max(...ledger.map(({ atMs }) => atMs))
    return ledger.length > 0
  })
  await flow.pause(Math.max(0, sentAtMs + agoMs - clock.nowMs()))
}

const newestOf = (placed: readonly Placed[]) => placed.toSorted((a, b) => a.seq - b.seq || a.stream - b.stream).at(-1) as Placed

const WARNING = 'when it was received is known'

export const contractCases: readonly SabotageCase[] = [
  against('no side where a contract wants one', {
    change: () => ({ side: null }),
    findings: [
      { violation: 'corrupted', field: 'side', says: 'actual null' },
      { violation: 'schema-violated', field: 'side', says: 'a value, not null' },
    ],
  }),
  against('prices out of the range of a contract', {
    declared: { contract: { columns: { price: { type: 'decimal(18, 6)', range: ['0.01', '4999.999999'] } } } },
    change: () => ({ price: '5000.000001' }),
    findings: [
      { violation: 'corrupted', field: 'price' },
      { violation: 'rule-broken', field: 'price', says: 'from 0.01 to 4999.999999' },
    ],
  }),
  atTable(
    'a column of another type than a contract says',
    async (flow, placed) => {
      await flow.sinkFaithfully(placed)
      return [{ violation: 'schema-violated', at: 'table', canaries: placed, field: 'price', says: 'a column of type decimal(18, 6)' }]
    },
    declares({ contract: { columns: { price: { type: 'decimal(20, 6)' } } } }),
  ),
  atTable(
    'two rows with the source offset of one, against a contract',
    async (flow, placed, chosen) => {
      const [one, other] = chosen as [Placed, Placed]
      const change = () => ({ _kafka_metadata_partition: one.partition, _kafka_metadata_offset: one.offset })
      await flow.pipeline.writer.do('append', { rows: rowsWith(flow, placed, { chosen: [other], change }) })
      await flow.sinkDone()
      return [{ violation: 'rule-broken', at: 'table', canaries: [one, other], says: 'no other record with the same' }]
    },
    declares({ contract: { unique: [['_kafka_metadata_partition', '_kafka_metadata_offset']] } }),
  ),
  atTable(
    'a commit of which the newest is older than a contract allows',
    async (flow, placed) => {
      await untilSent(flow, FRESH_WITHIN_MS + 1_000)
      await flow.append(placed)
      await flow.sinkDone()
      return [{ violation: 'late', at: 'table', canaries: [newestOf(placed)], field: 'traded_at', says: 'the newest was' }]
    },
    declares({ contract: { freshness: { withinMs: FRESH_WITHIN_MS } } }),
  ),
  against('amounts that a SELECT finds', {
    declared: {
      rules: [{ name: 'amounts are right', sql: 'SELECT trade_id, notional FROM rows WHERE notional <> price * quantity' }],
    },
    change: () => ({ notional: '1.0000000000' }),
    findings: [
      { violation: 'corrupted', field: 'notional' },
      { violation: 'rule-broken', says: 'no row of SELECT trade_id, notional' },
    ],
  }),
  atTable(
    'every row against a rule that only warns',
    async (flow, placed) => {
      await flow.sinkFaithfully(placed)
      // Every row breaks it, and that is told; nobody is accused of it.
      await flow.heard('that all break it', ({ evidence }) =>
        [...evidence.rules.values()].some(({ name, broken }) => name === WARNING && broken === placed.length),
      )
      return []
    },
    { kind: 'innocent', ...declares({ rules: [{ name: WARNING, each: '_kafka_metadata_timestamp > 0', severity: 'warning' }] }) },
  ),
  atTable(
    'rows of others that break a rule for all rows',
    async (flow, placed) => {
      const others = await flow.produceOthers(20)
      const wrong = others.slice(5, 10)
      const rows = [...placed, ...others].map((one) => flow.row(one, wrong.includes(one) ? { symbol: one.trade.symbol.toLowerCase() } : {}))
      await flow.pipeline.writer.do('append', { rows })
      await flow.sinkDone()
      // Of rows that are no canaries the file is told, and how many.
      return [{ violation: 'rule-broken', at: 'table', canaries: [{ stream: 0, seq: 0 }], says: '5 of 20 rows of others in the file' }]
    },
    declares({ rules: [{ name: 'all symbols are upper case', each: 'symbol = upper(symbol)', rows: 'all' }] }),
  ),
]
