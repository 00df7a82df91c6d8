export interface SimRecord {
  readonly stream: number
  readonly seq: number
  readonly fault: 'corrupted' | 'precision-lost' | 'header-lost' | 'rule-broken' | null
}

export interface SimEntry extends SimRecord {
  readonly offset: number
  readonly atMs: number
}

export const PARTITIONS = 2

/** One partition of a topic: offsets, and what is left at them. */
export class SimPartition {
  readonly entries: SimEntry[] = []
  #next = 0
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
  }
  get end(): number {
    return this.#next
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
