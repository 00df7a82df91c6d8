import { decimalToText, PRICE_SCALE, QUANTITY_SCALE } from '../../../compose/reference/decimal.ts'
import type { ValueDifference } from '../../../schemas/parts.ts'
import type { Expected, SabotageCase } from '../case.ts'
import type { Flow, Placed, Row } from '../flow.ts'
import { RULE } from '../pipeline.ts'
import { atTable } from './table.ts'

const COUNT = 5

/** `placed` as rows, those of `chosen` changed. */
export const rowsWith = (
  flow: Flow,
  placed: readonly Placed[],
  { chosen, change }: { chosen: readonly Placed[]; change: (one: Placed) => Row },
) => placed.map((one) => flow.row(one, chosen.includes(one) ? change(one) : {}))

interface Finding extends Pick<Expected, 'violation' | 'field' | 'says'> {
  /** By which word it must be told how the values differ. */
  readonly difference?: ValueDifference
}

/** Of which canaries some are changed: by default of any. */
interface Change {
  readonly of?: (one: Placed) => boolean
  readonly to: (one: Placed) => Row
}

const changedRow = (what: string, finding: Finding | readonly Finding[], { of, to }: Change): SabotageCase =>
  atTable(
    `${what} in the table`,
    async (flow, placed, some) => {
      const able = placed.filter((one) => of?.(one) ?? true)
      const chosen = of === undefined ? some : able.slice(able.length >> 1).slice(0, COUNT)
      if (chosen.length < COUNT) throw new Error(`expected ${COUNT} canaries to change, got ${chosen.length}`)
      await flow.pipeline.writer.do('append', { rows: rowsWith(flow, placed, { chosen, change: to }) })
      await flow.sinkDone()
      for (const { difference, field } of [finding].flat()) if (difference !== undefined) await heardOf(flow, { difference, field, chosen })
      return [finding].flat().map(({ violation, field, says }): Expected => {
        const named = { ...(field === undefined ? {} : { field }), ...(says === undefined ? {} : { says }) }
        return { violation, at: 'table', canaries: chosen, ...named }
      })
    },
    { of: 'content' },
  )

const heardOf = (
  flow: Flow,
  { difference, field, chosen }: { difference: ValueDifference; field: string | undefined; chosen: readonly Placed[] },
): Promise<void> =>
  flow.heard(`a difference of ${difference} in ${field ?? 'no field'}`, ({ evidence }) => {
    const told = [...evidence.violations.values()].filter((one) => one.field === field && one.difference === difference)
    return chosen.every(({ stream, seq }) => told.some((one) => one.stream === stream && one.standing.has(seq)))
  })

const price = ({ trade }: Placed) => trade.price
const CENTS = 10_000n

export const tableContentCases: readonly SabotageCase[] = [
  changedRow(
    'quantity changed',
    { violation: 'corrupted', field: 'quantity', difference: 'value' },
    { to: ({ trade }) => ({ quantity: decimalToText(trade.quantity === 1n ? 2n : 1n, QUANTITY_SCALE) }) },
  ),
  changedRow(
    'price in cents',
    { violation: 'corrupted', field: 'price', difference: 'unit' },
    { to: (one) => ({ price: decimalToText(price(one) * 100n, PRICE_SCALE) }) },
  ),
  changedRow(
    'decimals cut',
    { violation: 'precision-lost', field: 'price', difference: 'precision' },
    {
      of: (one) => price(one) % CENTS !== 0n,
      to: (one) => ({ price: decimalToText(price(one) - (price(one) % CENTS), PRICE_SCALE) }),
    },
  ),
  changedRow(
    'symbol in lower case, against a rule,',
    [
      { violation: 'corrupted', field: 'symbol', difference: 'value' },
      { violation: 'rule-broken', says: RULE },
    ],
    { to: ({ trade }) => ({ symbol: trade.symbol.toLowerCase() }) },
  ),
  changedRow(
    'side in lower case, against a contract,',
    [
      { violation: 'corrupted', field: 'side', difference: 'enum' },
      { violation: 'rule-broken', field: 'side', says: 'one of BUY, SELL' },
    ],
    { to: ({ trade }) => ({ side: trade.side.toLowerCase() }) },
  ),
  changedRow(
    'note lost',
    { violation: 'corrupted', field: 'note' },
    { to: ({ trade }) => ({ note: trade.note === null ? 'a note' : null }) },
  ),
  changedRow(
    'an empty note where there was none',
    { violation: 'corrupted', field: 'note', difference: 'null-versus-empty' },
    { of: ({ trade }) => trade.note === null, to: () => ({ note: '' }) },
  ),
  changedRow(
    'a note in another normal form',
    { violation: 'corrupted', field: 'note', difference: 'normal-form' },
    {
      of: ({ trade }) => trade.note !== null && trade.note.normalize('NFD') !== trade.note,
      to: ({ trade }) => ({ note: trade.note?.normalize('NFD') }),
    },
  ),
  changedRow(
    'attributes emptied',
    { violation: 'corrupted', field: 'attributes' },
    { to: ({ trade }) => ({ attributes: Object.keys(trade.attributes).length === 0 ? { more: 'yes' } : {} }) },
  ),
  changedRow(
    'event time in milliseconds',
    { violation: 'corrupted', field: 'traded_at', difference: 'unit' },
    { to: ({ trade }) => ({ traded_at: (trade.traded_at / 1000n).toString() }) },
  ),
  changedRow(
    'event time an hour ahead',
    { violation: 'corrupted', field: 'traded_at', difference: 'time-zone' },
    { to: ({ trade }) => ({ traded_at: (trade.traded_at + 3_600_000_000n).toString() }) },
  ),
]
