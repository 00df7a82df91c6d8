import type { OffsetRange } from '../../schemas/parts.ts'
import type { AuditPrint, DoubtfulPart } from '../../schemas/results/audit-window.ts'

/** Up to so many parts of a window are told apart: a hundred thousand offsets are narrowed to single ones in three looks. */
export const PARTS_MAX = 100

/** An interval of offsets, and how many of them make a part of it. */
export interface AuditInterval extends OffsetRange {
  readonly step: number
}

export const spanOf = ({ offsetFirst, offsetLast }: Pick<OffsetRange, 'offsetFirst' | 'offsetLast'>) => offsetLast - offsetFirst + 1

export const withParts = (range: OffsetRange): AuditInterval => ({ ...range, step: Math.ceil(spanOf(range) / PARTS_MAX) })
export const inOnePart = (range: OffsetRange): AuditInterval => ({ ...range, step: spanOf(range) })

export const partCount = (interval: AuditInterval) => Math.ceil(spanOf(interval) / interval.step)

/** The offsets of part `index`; the last may be shorter. */
export function partOf({ partition, offsetFirst, offsetLast, step }: AuditInterval, index: number): OffsetRange {
  const first = offsetFirst + index * step
  return { partition, offsetFirst: first, offsetLast: Math.min(offsetLast, first + step - 1) }
}

const WORD = 64
const LOW = 2 ** 32
/** So many sums of 32 bits are exact as a number. */
const ADDED_MAX = 2 ** 20

export const printText = (value: bigint) => BigInt.asUintN(WORD, value).toString(16)
export const emptyPrint = (): AuditPrint => ({ count: 0, sum: '0', xor: '0' })
const numberOf = (text: string) => BigInt(`0x${text}`)

/** Of two disjoint sets together. */
export const addPrints = (a: AuditPrint, b: AuditPrint): AuditPrint => ({
  count: a.count + b.count,
  sum: printText(numberOf(a.sum) + numberOf(b.sum)),
  xor: printText(numberOf(a.xor) ^ numberOf(b.xor)),
})

export const isSamePrint = (a: AuditPrint, b: AuditPrint) => a.count === b.count && a.sum === b.sum && a.xor === b.xor

/** Takes 64-bit hashes in two halves: bigints a record would cost more than the hash. */
export class PrintSum {
  #count = 0
  #sum = 0n
  #low = 0
  #high = 0
  #xorLow = 0
  #xorHigh = 0

  add(low: number, high: number): void {
    this.#low += low
    this.#high += high
    this.#xorLow ^= low
    this.#xorHigh ^= high
    if (++this.#count % ADDED_MAX === 0) this.#carry()
  }

  toWire(): AuditPrint {
    this.#carry()
    const xor = (BigInt(this.#xorHigh >>> 0) << 32n) | BigInt(this.#xorLow >>> 0)
    return { count: this.#count, sum: printText(this.#sum), xor: printText(xor) }
  }

  #carry(): void {
    this.#sum = BigInt.asUintN(WORD, this.#sum + BigInt(this.#low) + BigInt(this.#high) * BigInt(LOW))
    this.#low = 0
    this.#high = 0
  }
}

/** A print for each part of an interval. */
export class IntervalPrints {
  readonly interval: AuditInterval
  readonly #sums: PrintSum[]
  readonly #doubtful = new Map<number, DoubtfulPart>()
  lastRecord: number | null = null

  constructor(interval: AuditInterval) {
    this.interval = interval
    this.#sums = Array.from({ length: partCount(interval) }, () => new PrintSum())
  }

  add(offset: number, low: number, high: number): void {
    this.#sums[this.#partAt(offset)]?.add(low, high)
    this.lastRecord = Math.max(this.lastRecord ?? offset, offset)
  }

  /** Of a record that was added: that it may differ from its row, and prove nothing by it. */
  doubt(offset: number, why: 'unreadable' | 'foreign'): void {
    const part = this.#partAt(offset)
    const known = this.#doubtful.get(part) ?? { part, unreadable: 0, foreign: 0 }
    this.#doubtful.set(part, { ...known, [why]: known[why] + 1 })
  }

  doubtful(): DoubtfulPart[] {
    return [...this.#doubtful.values()]
  }

  toWire(): AuditPrint[] {
    return this.#sums.map((sum) => sum.toWire())
  }

  #partAt(offset: number): number {
    const { offsetFirst, step } = this.interval
    return Math.floor((offset - offsetFirst) / step)
  }
}
