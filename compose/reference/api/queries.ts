import { NOTIONAL_SCALE, QUANTITY_SCALE, decimalFromText, decimalToText, divideHalfUp } from '../decimal.ts'
import type { Bindings, DatabaseConnection, Row } from '../lake.ts'

export type Trade = {
  tradeId: string
  symbol: string
  venue: string
  side: string
  price: string
  quantity: string
  notional: string
  tradedAtMicros: string
  note: string | null
  attributes: Record<string, string>
}

export type Stats = { symbol: string; count: number; vwap: string | null; notional: string; quantity: string }
export type Pinned<T> = { snapshotId: string; answer: T }
/** What of a connection the queries need. */
export type Queries = Pick<DatabaseConnection, 'rows'>
export type Window = { symbol: string; from: bigint; to: bigint }

const VWAP_SCALE = 10

const TRADE_COLUMNS = `trade_id, symbol, venue, side, price::VARCHAR AS price, quantity::VARCHAR AS quantity, notional::VARCHAR AS notional,
  traded_at::VARCHAR AS traded_at, note, to_json(attributes)::VARCHAR AS attributes`

// Each query is one statement over the rows and `head`, and so sees one snapshot.
const BY_ID = `SELECT head.snapshot_id::VARCHAR AS snapshot_id, ${TRADE_COLUMNS} FROM head LEFT JOIN (
  SELECT * FROM trades WHERE trade_id = $tradeId ORDER BY source_partition, source_offset LIMIT 1) t ON true`

// Texts are made of the few rows chosen, not of all the symbol has.
const LATEST = `SELECT head.snapshot_id::VARCHAR AS snapshot_id, ${TRADE_COLUMNS} FROM head LEFT JOIN (
  SELECT * FROM trades WHERE symbol = $symbol ORDER BY traded_at DESC, source_partition, source_offset DESC LIMIT $limit) t ON true
  ORDER BY t.traded_at DESC, source_partition, source_offset DESC`

// A sum of DECIMAL(38,10) overflows with a few hundred extreme trades; whole and broken parts apart do not.
const STATS = `SELECT (SELECT snapshot_id FROM head)::VARCHAR AS snapshot_id, count(*)::INTEGER AS count,
  coalesce(sum(quantity), 0)::VARCHAR AS quantity,
  coalesce(sum(trunc(notional)::HUGEINT), 0)::VARCHAR AS notional_whole,
  coalesce(sum(notional - trunc(notional)), 0)::VARCHAR AS notional_part
  FROM trades WHERE symbol = $symbol AND traded_at >= $from AND traded_at < $to`

export async function tradeById(connection: Queries, tradeId: string): Promise<Pinned<Trade | undefined>> {
  const found = await pinned(connection, BY_ID, { tradeId })
  return { snapshotId: found.snapshotId, answer: found.rows.map(tradeOf)[0] }
}

export async function latestTrades(connection: Queries, symbol: string, limit: number): Promise<Pinned<readonly Trade[]>> {
  const found = await pinned(connection, LATEST, { symbol, limit })
  return { snapshotId: found.snapshotId, answer: found.rows.map(tradeOf) }
}

export async function windowStats(connection: Queries, { symbol, from, to }: Window): Promise<Pinned<Stats>> {
  const [row] = await connection.rows(STATS, { symbol, from, to })
  if (row === undefined) throw new Error('an aggregate without rows')
  const quantity = decimalFromText(text(row, 'quantity'), QUANTITY_SCALE)
  const part = decimalFromText(text(row, 'notional_part'), NOTIONAL_SCALE)
  const notional = BigInt(text(row, 'notional_whole')) * 10n ** BigInt(NOTIONAL_SCALE) + part
  return { snapshotId: text(row, 'snapshot_id'), answer: statsOf(symbol, Number(row['count']), { notional, quantity }) }
}

/** VWAP is null where it is not defined: without trades, or with a quantity of zero in all. */
export function statsOf(symbol: string, count: number, { notional, quantity }: { notional: bigint; quantity: bigint }): Stats {
  const dividend = notional * 10n ** BigInt(VWAP_SCALE + QUANTITY_SCALE - NOTIONAL_SCALE)
  return {
    symbol,
    count,
    vwap: quantity === 0n ? null : decimalToText(divideHalfUp(dividend, quantity), VWAP_SCALE),
    notional: decimalToText(notional, NOTIONAL_SCALE),
    quantity: decimalToText(quantity, QUANTITY_SCALE),
  }
}

async function pinned(connection: Queries, sql: string, bindings: Bindings): Promise<{ snapshotId: string; rows: Row[] }> {
  const rows = await connection.rows(sql, bindings)
  const [first] = rows
  if (first === undefined) throw new Error('head holds no snapshot id')
  return { snapshotId: text(first, 'snapshot_id'), rows: rows.filter((row) => row['trade_id'] !== null) }
}

function tradeOf(row: Row): Trade {
  return {
    tradeId: text(row, 'trade_id'),
    symbol: text(row, 'symbol'),
    venue: text(row, 'venue'),
    side: text(row, 'side'),
    price: text(row, 'price'),
    quantity: text(row, 'quantity'),
    notional: text(row, 'notional'),
    tradedAtMicros: text(row, 'traded_at'),
    note: row['note'] === null ? null : text(row, 'note'),
    attributes: JSON.parse(text(row, 'attributes')) as Record<string, string>,
  }
}

function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`column ${column}: expected text, found ${typeof value}`)
  return value
}
