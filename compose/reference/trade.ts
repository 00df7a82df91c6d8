/** The records of this market: shapes follow schemas/*.avsc, decimals are unscaled. */

export const RAW_TOPIC = 'market.trades.raw'
export const TRADES_TOPIC = 'market.trades'
export const TOPIC_PARTITIONS = 4

export type RawTrade = {
  trade_id: string
  symbol: string
  venue: string
  side: string
  price: bigint
  quantity: bigint
  /** Epoch microseconds; may be beyond what a number holds. */
  traded_at: bigint
  note: string | null
  attributes: Record<string, string>
}

export type NormalisedTrade = RawTrade & { notional: bigint }

/** The scales add up (6 + 4 = 10), so the product of the unscaled values is the unscaled notional. */
export function notionalOf(price: bigint, quantity: bigint): bigint {
  return price * quantity
}

export function normalise(raw: RawTrade): NormalisedTrade {
  return {
    trade_id: raw.trade_id,
    symbol: raw.symbol.toUpperCase(),
    venue: raw.venue,
    side: raw.side,
    price: raw.price,
    quantity: raw.quantity,
    notional: notionalOf(raw.price, raw.quantity),
    traded_at: raw.traded_at,
    note: raw.note,
    attributes: raw.attributes,
  }
}
