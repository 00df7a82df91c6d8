import { describe, expect, it } from 'vitest'
import { REORDER_WAIT_MS, initDefects, nextDueAtMs, parseDefects, plantDefects, releaseAll } from './defects.ts'
import type { DefectSettings, DefectState, Passing } from './defects.ts'

const NOW_MS = 1_000
const price = 73_125_400n
const quantity = 20_000n

function record(offset: number, sourceKey = 'aapl', rawPartition = 0): Passing {
  const trade = {
    trade_id: `t-${offset}`,
    symbol: sourceKey.toUpperCase(),
    venue: 'XNAS',
    side: 'BUY',
    price,
    quantity,
    notional: price * quantity,
    traded_at: 0n,
    note: null,
    attributes: {},
  }
  return { trade, sourceKey, rawPartition, rawOffset: BigInt(offset), headers: { session: 's' } }
}

function settings(names: string, every = 3): DefectSettings {
  return { defects: parseDefects(names) ?? [], every, delayMs: 500 }
}

function plant(defect: string, records: readonly Passing[], from: DefectState<Passing> = initDefects()) {
  return plantDefects(from, { records, nowMs: NOW_MS }, settings(defect))
}

const ids = (records: readonly Passing[]) => records.map(({ trade }) => trade.trade_id).join(' ')
const five = [1, 2, 3, 4, 5].map((offset) => record(offset))

describe('every third record', () => {
  it.each([
    ['none', 't-1 t-2 t-3 t-4 t-5', 0],
    ['skip', 't-1 t-2 t-4 t-5', 1],
    ['double', 't-1 t-2 t-3 t-3 t-4 t-5', 1],
    ['change', 't-1 t-2 t-3 t-4 t-5', 1],
    ['cut-decimals', 't-1 t-2 t-3 t-4 t-5', 1],
    ['drop-headers', 't-1 t-2 t-3 t-4 t-5', 1],
    ['reorder', 't-1 t-2 t-4 t-3 t-5', 1],
    ['delay', 't-1 t-2 t-4 t-5', 0],
  ] as const)('under %s leaves %s', (defect, emitted, effects) => {
    const planted = plant(defect, five)
    expect(ids(planted.emitted)).toBe(emitted)
    expect(planted.effects.map(({ tradeId }) => tradeId)).toEqual(effects === 1 ? ['t-3'] : [])
  })

  it('is harmed by several defects in turn', () => {
    const { emitted, effects } = plant(
      'double,reorder,skip',
      Array.from({ length: 10 }, (_, at) => record(at + 1)),
    )
    expect(ids(emitted)).toBe('t-1 t-2 t-4 t-3 t-5 t-7 t-8 t-9 t-9 t-10')
    expect(effects.map(({ defect, tradeId }) => `${defect} ${tradeId}`)).toEqual(['reorder t-3', 'skip t-6', 'double t-9'])
  })

  it('has names that are refused when nobody knows them', () => {
    expect([parseDefects('none'), parseDefects('skip,delay'), parseDefects('skip,slip')]).toEqual([[], ['skip', 'delay'], null])
  })

  it('is counted on from batch to batch', () => {
    const first = plant('skip', five.slice(0, 2))
    expect(ids(plant('skip', five.slice(2), first.state).emitted)).toBe('t-4 t-5')
  })
})

describe('a changed record', () => {
  it('has one more in quantity, and the notional of that', () => {
    const { emitted, effects } = plant('change', five)
    expect(emitted[2]?.trade).toMatchObject({ quantity: quantity + 10_000n, notional: price * (quantity + 10_000n) })
    expect(effects[0]).toMatchObject({ fields: ['quantity', 'notional'], before: { quantity: '2.0000' }, after: { quantity: '3.0000' } })
  })

  it('has one less where one more would not fit the column', () => {
    const extreme = record(3)
    const full = { ...extreme, trade: { ...extreme.trade, quantity: 10n ** 18n - 1n } }
    const { emitted } = plant('change', [record(1), record(2), full])
    expect(emitted[2]?.trade.quantity).toBe(10n ** 18n - 1n - 10_000n)
  })

  it('loses decimals of the price only, and is not logged when it has none to lose', () => {
    expect(plant('cut-decimals', five).emitted[2]?.trade).toMatchObject({ price: 73_120_000n, notional: price * quantity })
    const even = record(3)
    const round = { ...even, trade: { ...even.trade, price: 73_120_000n } }
    expect(plant('cut-decimals', [record(1), record(2), round]).effects).toEqual([])
  })

  it('loses its headers, and is not logged when it had none', () => {
    expect(plant('drop-headers', five).emitted[2]?.headers).toEqual({})
    expect(plant('drop-headers', [record(1), record(2), { ...record(3), headers: {} }]).effects).toEqual([])
  })
})

describe('a held record', () => {
  it('waits for the next of its own partition and key', () => {
    const others = [record(1), record(2), record(3), record(4, 'msft'), record(5, 'aapl', 1)]
    const held = plant('reorder', others)
    expect(ids(held.emitted)).toBe('t-1 t-2 t-4 t-5')
    expect(ids(plant('reorder', [record(6)], held.state).emitted)).toBe('t-6 t-3')
  })

  it('comes back unharmed and unlogged when nothing comes to swap with', () => {
    const held = plant('reorder', five.slice(0, 3))
    expect(nextDueAtMs(held.state)).toBe(NOW_MS + REORDER_WAIT_MS)
    const due = plantDefects(held.state, { records: [], nowMs: NOW_MS + REORDER_WAIT_MS }, settings('reorder'))
    expect([ids(due.emitted), due.effects, due.state.held]).toEqual(['t-3', [], []])
  })

  it('comes back when its delay is over, and is logged then', () => {
    const held = plant('delay', five)
    const early = plantDefects(held.state, { records: [record(6)], nowMs: NOW_MS + 499 }, settings('delay', 100))
    expect(ids(early.emitted)).toBe('t-6')
    const due = plantDefects(early.state, { records: [record(7)], nowMs: NOW_MS + 500 }, settings('delay', 100))
    expect(ids(due.emitted)).toBe('t-3 t-7')
    expect(due.effects).toMatchObject([{ defect: 'delay', tradeId: 't-3', rawOffset: '3' }])
  })

  it('is given back at a stop', () => {
    const stopped = releaseAll(plant('delay', five).state)
    expect([ids(stopped.emitted), stopped.state.held]).toEqual(['t-3', []])
  })
})
