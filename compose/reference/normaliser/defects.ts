import { cutDecimals, decimalToText, NOTIONAL_SCALE, PRICE_SCALE, QUANTITY_SCALE } from '../decimal.ts'
import { notionalOf } from '../trade.ts'
import type { NormalisedTrade } from '../trade.ts'

export const defects = ['skip', 'double', 'change', 'cut-decimals', 'drop-headers', 'reorder', 'delay'] as const
export type Defect = (typeof defects)[number]

/** Every n-th record consumed is harmed, by the defects in turn. */
export type DefectSettings = { defects: readonly Defect[]; every: number; delayMs: number }

/** `none`, one name, or several with commas between. Null where a name is none of a defect. */
export function parseDefects(text: string): Defect[] | null {
  if (text === 'none') return []
  const names = text.split(',').map((name) => defects.find((known) => known === name))
  return names.includes(undefined) ? null : (names as Defect[])
}

/** What the defects need of a record; `sourceKey` is the raw record's key, whose order a consumer may rely on. */
export type Passing = {
  trade: NormalisedTrade
  sourceKey: string
  rawPartition: number
  rawOffset: bigint
  headers: Readonly<Record<string, unknown>>
}

export type Effect = {
  defect: Defect
  tradeId: string
  symbol: string
  rawPartition: number
  rawOffset: string
  fields?: readonly string[]
  before?: Readonly<Record<string, string>>
  after?: Readonly<Record<string, string>>
}

export type Held<R extends Passing> = { defect: 'reorder' | 'delay'; record: R; heldAtMs: number; dueAtMs: number }

/** Kept from batch to batch, and adopted only when the batch's transaction was committed. */
export type DefectState<R extends Passing> = { consumed: number; held: readonly Held<R>[] }

export type Planted<R extends Passing> = { state: DefectState<R>; emitted: readonly R[]; effects: readonly Effect[] }

export const REORDER_WAIT_MS = 2_000
/** A record that would be held beyond this many passes unharmed. */
export const HELD_MAX = 10_000

const QUANTITY_MAX = 10n ** 18n - 1n
const QUANTITY_ONE = 10n ** BigInt(QUANTITY_SCALE)
const KEPT_DECIMALS = 2

export function initDefects<R extends Passing>(): DefectState<R> {
  return { consumed: 0, held: [] }
}

/** Records in consumed order in; what is to be produced, in order, out. Every n-th record consumed is harmed. */
export function plantDefects<R extends Passing>(
  state: DefectState<R>,
  { records, nowMs }: { records: readonly R[]; nowMs: number },
  settings: DefectSettings,
): Planted<R> {
  if (settings.defects.length === 0)
    return { state: { ...state, consumed: state.consumed + records.length }, emitted: records, effects: [] }
  const batch: Batch<R> = { held: [...state.held], emitted: [], effects: [] }
  releaseDue(batch, nowMs)
  let consumed = state.consumed
  for (const record of records) {
    consumed += 1
    const defect = consumed % settings.every === 0 ? settings.defects[(consumed / settings.every) % settings.defects.length] : undefined
    if (swap(batch, record)) continue
    if (defect === undefined) batch.emitted.push(record)
    else if (defect === 'reorder') holdForSwap(batch, record, nowMs)
    else harm(batch, record, { settings, defect, nowMs })
  }
  return { state: { consumed, held: batch.held }, emitted: batch.emitted, effects: batch.effects }
}

export function nextDueAtMs<R extends Passing>(state: DefectState<R>): number | undefined {
  return state.held.length === 0 ? undefined : Math.min(...state.held.map(({ dueAtMs }) => dueAtMs))
}

/** Gives back all that is held, as if it were due: for a graceful stop. */
export function releaseAll<R extends Passing>(state: DefectState<R>): Planted<R> {
  const batch: Batch<R> = { held: [...state.held], emitted: [], effects: [] }
  releaseDue(batch, Number.POSITIVE_INFINITY)
  return { state: { ...state, held: [] }, emitted: batch.emitted, effects: batch.effects }
}

type Batch<R extends Passing> = { held: Held<R>[]; emitted: R[]; effects: Effect[] }
type Simple = Exclude<Defect, 'reorder'>

function harm<R extends Passing>(
  batch: Batch<R>,
  record: R,
  { settings, defect, nowMs }: { settings: DefectSettings; defect: Simple; nowMs: number },
): void {
  switch (defect) {
    case 'skip':
      batch.effects.push(effectOn(record, defect))
      return
    case 'double':
      batch.emitted.push(record, record)
      batch.effects.push(effectOn(record, defect))
      return
    case 'change':
      change(batch, record)
      return
    case 'cut-decimals':
      cutPrice(batch, record)
      return
    case 'drop-headers':
      dropHeaders(batch, record)
      return
    case 'delay':
      if (batch.held.length < HELD_MAX) batch.held.push({ defect, record, heldAtMs: nowMs, dueAtMs: nowMs + settings.delayMs })
      else batch.emitted.push(record)
      return
    default:
      return unreachable(defect)
  }
}

/** Notional follows the changed quantity, so that only a comparison with the source shows the change. */
function change<R extends Passing>(batch: Batch<R>, record: R): void {
  const { trade } = record
  const step = trade.quantity + QUANTITY_ONE > QUANTITY_MAX ? -QUANTITY_ONE : QUANTITY_ONE
  const quantity = trade.quantity + step
  const changed = { ...trade, quantity, notional: notionalOf(trade.price, quantity) }
  batch.emitted.push({ ...record, trade: changed })
  const fields = changed.notional === trade.notional ? ['quantity'] : ['quantity', 'notional']
  batch.effects.push({ ...effectOn(record, 'change'), fields, before: amounts(trade), after: amounts(changed) })
}

function amounts(trade: NormalisedTrade): Record<string, string> {
  return { quantity: decimalToText(trade.quantity, QUANTITY_SCALE), notional: decimalToText(trade.notional, NOTIONAL_SCALE) }
}

/** Notional stays that of the whole price: precision went on the way out. */
function cutPrice<R extends Passing>(batch: Batch<R>, record: R): void {
  const { trade } = record
  const price = cutDecimals(trade.price, PRICE_SCALE, KEPT_DECIMALS)
  batch.emitted.push({ ...record, trade: { ...trade, price } })
  if (price === trade.price) return
  batch.effects.push({
    ...effectOn(record, 'cut-decimals'),
    fields: ['price'],
    before: { price: decimalToText(trade.price, PRICE_SCALE) },
    after: { price: decimalToText(price, PRICE_SCALE) },
  })
}

function dropHeaders<R extends Passing>(batch: Batch<R>, record: R): void {
  const fields = Object.keys(record.headers)
  batch.emitted.push({ ...record, headers: {} })
  if (fields.length > 0) batch.effects.push({ ...effectOn(record, 'drop-headers'), fields })
}

/** A swap is one of two neighbours of the same raw partition and key: across those, Kafka promises no order. */
function swap<R extends Passing>(batch: Batch<R>, record: R): boolean {
  const at = batch.held.findIndex(
    ({ defect, record: held }) => defect === 'reorder' && held.rawPartition === record.rawPartition && held.sourceKey === record.sourceKey,
  )
  const [held] = at < 0 ? [] : batch.held.splice(at, 1)
  if (held === undefined) return false
  batch.emitted.push(record, held.record)
  const after = { tradeId: record.trade.trade_id, rawOffset: record.rawOffset.toString() }
  batch.effects.push({ ...effectOn(held.record, 'reorder'), after })
  return true
}

function holdForSwap<R extends Passing>(batch: Batch<R>, record: R, nowMs: number): void {
  if (batch.held.length < HELD_MAX) batch.held.push({ defect: 'reorder', record, heldAtMs: nowMs, dueAtMs: nowMs + REORDER_WAIT_MS })
  else batch.emitted.push(record)
}

/** Only a delay holds with an effect of its own; a record held for a swap that did not come was not harmed. */
function releaseDue<R extends Passing>(batch: Batch<R>, nowMs: number): void {
  const due = batch.held.filter(({ dueAtMs }) => dueAtMs <= nowMs)
  batch.held = batch.held.filter(({ dueAtMs }) => dueAtMs > nowMs)
  for (const { defect, record, heldAtMs, dueAtMs } of due) {
    batch.emitted.push(record)
    if (defect === 'reorder') continue
    batch.effects.push({ ...effectOn(record, defect), before: { heldAtMs: String(heldAtMs) }, after: { dueAtMs: String(dueAtMs) } })
  }
}

function effectOn(record: Passing, defect: Effect['defect']): Effect {
  const { trade, rawPartition, rawOffset } = record
  return { defect, tradeId: trade.trade_id, symbol: trade.symbol, rawPartition, rawOffset: rawOffset.toString() }
}

function unreachable(value: never): never {
  throw new Error(`no such defect: ${String(value)}`)
}
