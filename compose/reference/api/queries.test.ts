import { beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../lake.ts'
import type { DatabaseConnection } from '../lake.ts'
import { latestTrades, statsOf, tradeById, windowStats } from './queries.ts'

const SNAPSHOT = 9_223_372_036_854_775_807n
const EXTREME = '99999999999999999999999999.9999999999'
let connection: DatabaseConnection

beforeAll(async () => {
  connection = await (await Database.open({ threads: 1, memoryMb: 128 })).connect()
  await connection.run(`CREATE TABLE head AS SELECT ${SNAPSHOT}::BIGINT AS snapshot_id`)
  await connection.run(`CREATE TABLE trades AS SELECT 't-' || i AS trade_id, CASE WHEN i < 1000 THEN 'BIG' ELSE 'AAPL' END AS symbol, 'XNAS' AS venue,
    'BUY' AS side, 2.5::DECIMAL(38,6) AS price, 3::DECIMAL(38,4) AS quantity,
    CASE WHEN i < 1000 THEN ${EXTREME} ELSE 7.5 END::DECIMAL(38,10) AS notional, i::BIGINT AS traded_at, NULL::VARCHAR AS note,
    MAP {'desk': 'Zürich'} AS attributes, 0 AS source_partition, i AS source_offset FROM range(1010) r(i)`)
})

describe('queries', () => {
  it('name the snapshot whole, found or not', async () => {
    const found = await tradeById(connection, 't-1005')
    expect(found.snapshotId).toBe(SNAPSHOT.toString())
    expect(found.answer).toMatchObject({
      symbol: 'AAPL',
      price: '2.500000',
      tradedAtMicros: '1005',
      note: null,
      attributes: { desk: 'Zürich' },
    })
    expect(await tradeById(connection, 'none')).toEqual({ snapshotId: SNAPSHOT.toString(), answer: undefined })
  })

  it('give the latest trades first', async () => {
    const { answer } = await latestTrades(connection, 'AAPL', 2)
    expect(answer.map(({ tradeId }) => tradeId)).toEqual(['t-1009', 't-1008'])
  })

  it('take the window from its first microsecond to before its last', async () => {
    const { answer } = await windowStats(connection, { symbol: 'AAPL', from: 1000n, to: 1002n })
    expect(answer).toEqual({ symbol: 'AAPL', count: 2, vwap: '2.5000000000', notional: '15.0000000000', quantity: '6.0000' })
  })

  it('add up extreme notionals exactly, beyond what DECIMAL(38,10) holds', async () => {
    const { answer } = await windowStats(connection, { symbol: 'BIG', from: 0n, to: 2n ** 62n })
    expect(answer.notional).toBe('99999999999999999999999999999.9999999000')
  })
})

describe('VWAP', () => {
  it.each([
    [10_000_000_000n, 30_000n, '0.3333333333'],
    [20_000_000_000n, 30_000n, '0.6666666667'],
    [0n, 0n, null],
  ])('of %s over %s is %s', (notional, quantity, vwap) => {
    expect(statsOf('A', 1, { notional, quantity }).vwap).toBe(vwap)
  })
})
