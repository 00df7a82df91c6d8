type LegibleFault = 'corrupted' | 'precision-lost' | 'header-lost' | 'rule-broken'

export interface SimRecord {
  readonly stream: number
  readonly seq: number
  readonly fault: LegibleFault | 'undecodable' | 'tombstone' | null
}

export interface SimEntry extends SimRecord {
  readonly offset: number
  readonly atMs: number
}

export interface LegibleEntry extends SimEntry {
  readonly fault: LegibleFault | null
}

/** Whether a reader can tell which record it is. */
export const isLegible = (entry: SimEntry): entry is LegibleEntry => entry.fault !== 'undecodable' && entry.fault !== 'tombstone'

export const PARTITIONS = 2

/** One partition of a topic: offsets, and what is left at them. */
export class SimPartition {
  readonly entries: SimEntry[] = []
  #next = 0
  /** Where a transaction began that is open. */
  #openFrom: number | null = null
  /** The first offset that is left. */
  low = 0
  /** Takes away what stands in it; offsets go on. */
  trim(): void {
    this.entries.length = 0
    this.low = this.#next
  }
  /** Deleted and made again: from offset zero on. */
  makeAgain(): void {
    this.entries.length = 0
    this.low = 0
    this.#next = 0
    this.#openFrom = null
  }
  get end(): number {
    return this.#next
  }
  /** How far a reader of committed records comes. */
  get stableEnd(): number {
    return this.#openFrom ?? this.#next
  }
  /** What a reader of committed records makes out, from an offset on. */
  legible(from: number): LegibleEntry[] {
    const end = this.stableEnd
    return this.entries.filter(isLegible).filter(({ offset }) => offset >= from && offset < end)
  }
  begin(): void {
    this.#openFrom = this.#next
  }
  /** Leaves a marker behind; gives how many records of an aborted transaction nobody will see. */
  endTransaction(isCommitted: boolean): number {
    const kept = this.entries.filter(({ offset }) => isCommitted || offset < this.stableEnd)
    const aborted = this.entries.length - kept.length
    this.entries.splice(0, this.entries.length, ...kept)
    this.#openFrom = null
    this.#next++
    return aborted
  }
  append(record: SimRecord, atMs: number): number {
    this.entries.push({ ...record, offset: this.#next, atMs })
    return this.#next++
  }
  /** A transaction marker or somebody else's record: an offset without a canary. */
  appendOther(): void {
    this.#next++
  }
}

export const newPartitions = () => Array.from({ length: PARTITIONS }, () => new SimPartition())
