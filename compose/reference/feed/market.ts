import { decimalFromText, PRICE_SCALE, QUANTITY_SCALE } from '../decimal.ts'
import type { RawTrade } from '../trade.ts'

type Listing = { symbol: string; venue: 'XNAS' | 'XNYS' | 'XLON'; openPrice: string; lot: number }

/** Symbols arrive as the venues write them, in mixed case. */
const listings: readonly Listing[] = [
  { symbol: 'aapl', venue: 'XNAS', openPrice: '231.42', lot: 100 },
  { symbol: 'msft', venue: 'XNAS', openPrice: '428.15', lot: 100 },
  { symbol: 'Nvda', venue: 'XNAS', openPrice: '138.07', lot: 100 },
  { symbol: 'GOOGL', venue: 'XNAS', openPrice: '176.9', lot: 50 },
  { symbol: 'ibm', venue: 'XNYS', openPrice: '224.8', lot: 50 },
  { symbol: 'Ko', venue: 'XNYS', openPrice: '63.71', lot: 200 },
  { symbol: 'BRK.b', venue: 'XNYS', openPrice: '468.22', lot: 10 },
  { symbol: 'VOD.l', venue: 'XLON', openPrice: '0.7334', lot: 1000 },
  { symbol: 'bp.L', venue: 'XLON', openPrice: '3.8815', lot: 500 },
  { symbol: 'AZN.l', venue: 'XLON', openPrice: '104.36', lot: 20 },
]

const STEP_PARTS = 20_000n
const NOTES = ['late report', 'block', 'cross', 'auction'] as const

export type Market = { next: (tradedAtMicros: bigint) => RawTrade }

/** A random walk per symbol. `random` gives numbers in [0, 1). */
export function openMarket(sessionId: string, random: () => number): Market {
  const below = (limit: number) => Math.floor(random() * limit)
  const prices = listings.map(({ openPrice }) => decimalFromText(openPrice, PRICE_SCALE))
  let count = 0
  return {
    next(tradedAtMicros) {
      const at = below(listings.length)
      const listing = listings[at]
      const price = prices[at]
      if (listing === undefined || price === undefined) throw new Error(`no listing ${at} of ${listings.length}`)
      const moved = price + (price * BigInt(below(21) - 10)) / STEP_PARTS
      // Sub-penny prices to four decimals; never down to nothing.
      const rounded = moved - (moved % 100n)
      prices[at] = rounded > 1_000n ? rounded : price
      const fractional = below(10) === 0 ? below(10 ** QUANTITY_SCALE) : 0
      count += 1
      return {
        trade_id: `${sessionId}-${String(count).padStart(9, '0')}`,
        symbol: listing.symbol,
        venue: listing.venue,
        side: below(2) === 0 ? 'BUY' : 'SELL',
        price: prices[at] ?? price,
        quantity: decimalFromText(String((1 + below(20)) * listing.lot), QUANTITY_SCALE) + BigInt(fractional),
        traded_at: tradedAtMicros,
        note: below(20) === 0 ? (NOTES[below(NOTES.length)] ?? null) : null,
        attributes: { session: sessionId, condition: below(8) === 0 ? 'odd-lot' : 'regular' },
      }
    },
  }
}
