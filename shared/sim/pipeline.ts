import type { Prng } from '../core/prng.ts'
import type { SimClock } from './clock.ts'
import { SimPartition, newPartitions, type SimRecord } from './partition.ts'
import type { PlantedDefect } from './planted-defects.ts'
import { SimTable, type SimRow, type SimSnapshot } from './table.ts'
import type { SimTransactions } from './transaction.ts'

export interface Planted {
  readonly stream: number
  readonly seq: number
}

export const DELAY_MS = 7_000
/** Records that change places do so within this time: who is kept back for longer is late, and not out of order. */
export const SWAP_WITHIN_MS = 1_000
const DEFECT_ONE_IN = 12
/** A transaction stays open for less. */
const TRANSACTION_MS = 1_000
/** Records of others keep offsets moving, as they do in a live topic. */
const OTHERS_EVERY_MS = 400

/** The pipeline under test in miniature: two topics, a normaliser, a sink. It errs where it is told to, and remembers it. */
export class SimPipeline {
  /** One partition where canaries go in outside of Kafka, else none. */
  readonly source: readonly SimPartition[]
  /** The first offset of the source that the gateway has not acknowledged. */
  acknowledged = 0
  readonly raw: SimPartition[] = newPartitions()
  readonly normalised: SimPartition[] = newPartitions()
  /** How often each topic was made. */
  readonly made = { source: 1, raw: 1, normalised: 1 }
  /** What the normaliser has committed, by partition. */
  readonly processed = new Map(this.raw.map((_, partition) => [partition, 0]))
  readonly table = new SimTable()
  readonly planted: Planted[] = []
  /** Faults in the pipeline, as a journal on disk would hold them. */
  readonly leases = new Map<string, { readonly injectedAtMs: number; readonly healedAtMs: number | null }>()
  /** Questions the API has failed to answer, once each. */
  readonly hiccups = new Set<string>()
  readonly #miscounted = new Set<string>()
  readonly #clock: SimClock
  #isClosed = false
  /** In which the normaliser writes; null where it writes without. */
  transactions: SimTransactions | null = null
  readonly #prng: Prng
  readonly #defect: PlantedDefect | 'none'
  readonly sunk = new Map(this.normalised.map((_, partition) => [partition, 0]))
  readonly #held = new Map<number, SimRecord>()
  #doubledLater: SimRow[] = []
  #rewrites: { readonly lost: readonly SimRow[]; readonly doubled: readonly SimRow[] } = { lost: [], doubled: [] }
  #sinkPaused = false
  #leftOut: { records: SimRecord[]; rows: SimRow[] } = { records: [], rows: [] }

  constructor({ clock, prng, defect, source }: { clock: SimClock; prng: Prng; defect: PlantedDefect | 'none'; source: boolean }) {
    // Timers of a pipeline that is closed do nothing.
    this.#clock = {
      ...clock,
      later: (delayMs, run) => {
        clock.later(delayMs, () => {
          if (!this.#isClosed) run()
        })
      },
    }
    this.#prng = prng
    this.#defect = defect
    this.source = source ? [new SimPartition()] : []
    if (source)
      this.#clock.later(1, () => {
        this.#runGateway()
      })
    this.#clock.later(1, () => {
      this.#runNormaliser()
    })
    this.#clock.later(1, () => {
      this.#runSink()
      this.#runOthers()
    })
  }

  get snapshots(): readonly SimSnapshot[] {
    return this.table.snapshots
  }

  /** Stands still for good. */
  close(): void {
    this.#isClosed = true
  }

  /** Canaries an erring API counts twice: planted when they are in the table. */
  readonly isMiscounted = (stream: number, seq: number): boolean => this.#miscounted.has(`${stream}/${seq}`)

  /** Once; what comes after finds it ended. */
  endLease(stage: string, atMs: number): void {
    const lease = this.leases.get(stage)
    if (lease === undefined || lease.healedAtMs !== null) return
    this.leases.set(stage, { ...lease, healedAtMs: atMs })
    this.pauseSink(false)
  }

  /** Whoever reads behind a topic has read all of it. */
  settle(topic: 'raw' | 'normalised'): void {
    if (topic === 'raw') this.#normaliseAll()
    else this.#sinkAll()
  }

  pauseSink(paused: boolean): void {
    this.#sinkPaused = paused
  }

  /** What was left out comes after all. Gives how much it was. */
  deliverLeftOut(): number {
    const { records, rows } = this.#leftOut
    this.#leftOut = { records: [], rows: [] }
    for (const record of records) this.#emit(record)
    if (rows.length > 0) this.commit({ operation: 'append', rows, removed: [] })
    return records.length + rows.length
  }

  /** Writes one canary; the broker refuses a few for certain, and leaves a few in doubt. */
  write(record: SimRecord): { outcome: 'acknowledged' | 'failed' | 'unknown'; partition: number; offset: number } {
    const { stream, seq } = record
    const [source] = this.source
    const partition = source === undefined ? this.#partitionOf(stream) : 0
    const log = source ?? (this.raw[partition] as SimPartition)
    const draw = this.#prng.below(40)
    if (draw === 0) {
      if (this.#defect === 'resurrect-failed') {
        this.planted.push({ stream, seq })
        log.append(record, this.#clock.nowMs())
      }
      return { outcome: 'failed', partition, offset: -1 }
    }
    if (draw === 1) {
      if (this.#prng.chance(1, 2)) log.append(record, this.#clock.nowMs())
      return { outcome: 'unknown', partition, offset: -1 }
    }
    if (!this.#errs('skip-raw', record)) {
      const fault = this.#errs('garble-raw', record) ? 'undecodable' : record.fault
      return { outcome: 'acknowledged', partition, offset: log.append({ ...record, fault }, this.#clock.nowMs()) }
    }
    const offset = log.end
    log.appendOther()
    return { outcome: 'acknowledged', partition, offset }
  }

  /** Never near the end: a swap needs a later record, a proof of progress something that passes. */
  #errs(kind: PlantedDefect, record: SimRecord): boolean {
    if (!this.#isDrawn(kind, record)) return false
    this.planted.push({ stream: record.stream, seq: record.seq })
    return true
  }

  #isDrawn(kind: PlantedDefect, { seq }: SimRecord): boolean {
    return this.#defect === kind && seq <= 6 && this.#prng.chance(1, DEFECT_ONE_IN)
  }

  #partitionOf(stream: number): number {
    return stream % this.raw.length
  }

  #emit(record: SimRecord): void {
    ;(this.normalised[this.#partitionOf(record.stream)] as SimPartition).append(record, this.#clock.nowMs())
  }

  #normalise(record: SimRecord): void {
    if (this.#errs('skip', record)) {
      this.#leftOut.records.push(record)
      return
    }
    if (this.#errs('delay', record)) {
      this.#clock.later(DELAY_MS, () => {
        this.#emit(record)
      })
      return
    }
    if (!this.#held.has(record.stream) && this.#isDrawn('reorder', record)) {
      this.#hold(record)
      return
    }
    const unreadable = this.#errs('garble', record) ? 'undecodable' : this.#errs('entomb', record) ? 'tombstone' : null
    if (unreadable !== null) {
      this.#emit({ ...record, fault: unreadable })
      return
    }
    const fault = this.#errs('change', record)
      ? 'corrupted'
      : this.#errs('cut-decimals', record)
        ? 'precision-lost'
        : this.#errs('drop-headers', record)
          ? 'header-lost'
          : record.fault
    this.#emit({ ...record, fault })
    if (this.#errs('double', record)) this.#emit(record)
    const swapped = this.#held.get(record.stream)
    if (swapped === undefined) return
    this.#held.delete(record.stream)
    this.planted.push({ stream: swapped.stream, seq: swapped.seq })
    this.#emit(swapped)
  }

  /** Until the next of its stream has gone before it. Where none comes, its writer being gone, it keeps its place, and nothing is planted. */
  #hold(record: SimRecord): void {
    this.#held.set(record.stream, record)
    this.#clock.later(SWAP_WITHIN_MS, () => {
      if (this.#held.get(record.stream) !== record) return
      this.#held.delete(record.stream)
      this.#emit(record)
    })
  }

  /** Writes on, and acknowledges a moment later what it wrote. */
  #runGateway(): void {
    const [log] = this.source as [SimPartition]
    const from = this.acknowledged
    for (const { stream, seq, fault: given } of log.legible(from)) {
      const record: SimRecord = { stream, seq, fault: given }
      if (this.#errs('gateway-skip', record)) continue
      const fault = this.#errs('gateway-change', record) ? 'corrupted' : this.#errs('gateway-drop-headers', record) ? 'header-lost' : given
      const topic = this.raw[this.#partitionOf(stream)] as SimPartition
      topic.append({ ...record, fault }, this.#clock.nowMs())
      if (this.#errs('gateway-double', record)) topic.append({ ...record, fault }, this.#clock.nowMs())
    }
    const end = log.end
    this.#clock.later(5 + this.#prng.below(20), () => {
      this.acknowledged = end
      this.#clock.later(20 + this.#prng.below(150), () => {
        this.#runGateway()
      })
    })
  }

  #runNormaliser(): void {
    const normalise = () => {
      this.#normaliseAll()
    }
    const end = this.transactions?.begin({ logs: this.normalised, read: this.processed }, normalise)
    if (end === undefined) normalise()
    this.#clock.later(20 + this.#prng.below(end === undefined ? 150 : TRANSACTION_MS), () => {
      end?.()
      this.#runNormaliser()
    })
  }

  #normaliseAll(): void {
    for (const [partition, log] of this.raw.entries()) {
      const from = this.processed.get(partition) ?? 0
      for (const { stream, seq, fault } of log.legible(from)) this.#normalise({ stream, seq, fault })
      this.processed.set(partition, log.end)
      ;(this.normalised[partition] as SimPartition).appendOther()
    }
  }

  #runSink(): void {
    this.#clock.later(500 + this.#prng.below(900), () => {
      this.#runSink()
    })
    if (!this.#sinkPaused) this.#sinkAll()
  }

  #sinkAll(): void {
    const rows = this.#doubledLater
    this.#doubledLater = []
    for (const [partition, log] of this.normalised.entries()) {
      const from = this.sunk.get(partition) ?? 0
      for (const { stream, seq, fault, offset } of log.legible(from)) rows.push(...this.#sink({ stream, seq, fault, partition, offset }))
      this.sunk.set(partition, log.stableEnd)
    }
    const { lost, doubled } = this.#rewrites
    const erring = (defect: PlantedDefect) => rows.filter((row) => this.#errs(defect, row))
    this.#rewrites = { lost: erring('overwrite-loses'), doubled: erring('compaction-doubles') }
    this.commit({ operation: 'append', rows, removed: [] })
    if (this.#prng.chance(1, 4) || lost.length > 0) this.commit({ operation: 'overwrite', rows: [], removed: lost })
    if (this.#prng.chance(1, 4) || doubled.length > 0) this.commit({ operation: 'replace', rows: doubled, removed: [] })
  }

  commit(change: Pick<SimSnapshot, 'operation' | 'rows' | 'removed'>): void {
    this.table.commit({ committedAtMs: this.#clock.nowMs(), sunk: [...this.sunk.values()], ...change })
  }

  #sink(row: SimRow): SimRow[] {
    if (this.#errs('sink-skip', row)) {
      this.#leftOut.rows.push(row)
      return []
    }
    if (this.#errs('api-miscount', row)) this.#miscounted.add(`${row.stream}/${row.seq}`)
    const fault = this.#errs('sink-change', row) ? 'corrupted' : this.#errs('sink-breaks-rule', row) ? 'rule-broken' : row.fault
    const rows: SimRow[] = [{ ...row, fault }]
    if (this.#errs('sink-double', row)) rows.push(row)
    if (this.#errs('sink-double-later', row)) this.#doubledLater.push(row)
    return rows
  }

  #runOthers(): void {
    for (const log of [...this.source, ...this.raw]) log.appendOther()
    this.#clock.later(OTHERS_EVERY_MS, () => {
      this.#runOthers()
    })
  }
}
