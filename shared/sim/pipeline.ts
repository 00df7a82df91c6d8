import type { Prng } from '../core/prng.ts'
import type { SimClock } from './clock.ts'

/** Defects one can plant, and the hop at which each shows first. */
export const plantedDefects = {
  'skip-raw': { violation: 'lost', hop: 'raw' },
  skip: { violation: 'lost', hop: 'normalised' },
  double: { violation: 'duplicated', hop: 'normalised' },
  change: { violation: 'corrupted', hop: 'normalised' },
  'cut-decimals': { violation: 'precision-lost', hop: 'normalised' },
  'drop-headers': { violation: 'header-lost', hop: 'normalised' },
  reorder: { violation: 'reordered', hop: 'normalised' },
  delay: { violation: 'late', hop: 'normalised' },
  'resurrect-failed': { violation: 'unexpected', hop: 'raw' },
  'sink-skip': { violation: 'lost', hop: 'table' },
  'sink-double': { violation: 'duplicated', hop: 'table' },
  'sink-double-later': { violation: 'duplicated', hop: 'table' },
  'sink-change': { violation: 'corrupted', hop: 'table' },
} as const
export type PlantedDefect = keyof typeof plantedDefects

export interface SimRecord {
  readonly stream: number
  readonly seq: number
  readonly fault: 'corrupted' | 'precision-lost' | 'header-lost' | null
}

export interface SimEntry extends SimRecord {
  readonly offset: number
  readonly atMs: number
}

export interface SimRow extends SimRecord {
  readonly partition: number
  readonly offset: number
}

export interface SimSnapshot {
  readonly snapshotId: string
  readonly parentId: string | null
  readonly committedAtMs: number
  readonly rows: readonly SimRow[]
}

export interface Planted {
  readonly stream: number
  readonly seq: number
}

export const PARTITIONS = 2
export const DELAY_MS = 7_000
const DEFECT_ONE_IN = 12
/** Records of others keep offsets moving, as they do in a live topic. */
const OTHERS_EVERY_MS = 400

class SimPartition {
  readonly entries: SimEntry[] = []
  #next = 0
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

/** The pipeline under test in miniature: two topics, a normaliser, a sink. It errs where it is told to, and remembers it. */
export function createSimPipeline({ clock, prng, defect }: { clock: SimClock; prng: Prng; defect: PlantedDefect | 'none' }) {
  const partitions = () => Array.from({ length: PARTITIONS }, () => new SimPartition())
  const raw = partitions()
  const normalised = partitions()
  const processed = new Map(raw.map((_, partition) => [partition, 0]))
  const snapshots: SimSnapshot[] = []
  const planted: Planted[] = []
  const sunk = new Map(normalised.map((_, partition) => [partition, 0]))
  let doubledLater: SimRow[] = []
  let sinkPaused = false
  // Never near the end: a swap needs a later record, a proof of progress something that passes.
  const errs = (kind: PlantedDefect, record: SimRecord) => {
    if (defect !== kind || record.seq > 6 || !prng.chance(1, DEFECT_ONE_IN)) return false
    planted.push({ stream: record.stream, seq: record.seq })
    return true
  }
  const partitionOf = (stream: number) => stream % PARTITIONS
  const emit = (record: SimRecord) => (normalised[partitionOf(record.stream)] as SimPartition).append(record, clock.nowMs())

  const held = new Map<number, SimRecord>()
  function normalise(record: SimRecord): void {
    if (errs('skip', record)) return
    if (errs('delay', record)) {
      clock.later(DELAY_MS, () => emit(record))
      return
    }
    if (!held.has(record.stream) && errs('reorder', record)) {
      held.set(record.stream, record)
      return
    }
    emit(
      errs('change', record)
        ? { ...record, fault: 'corrupted' }
        : errs('cut-decimals', record)
          ? { ...record, fault: 'precision-lost' }
          : errs('drop-headers', record)
            ? { ...record, fault: 'header-lost' }
            : record,
    )
    if (errs('double', record)) emit(record)
    const swapped = held.get(record.stream)
    if (swapped === undefined) return
    held.delete(record.stream)
    emit(swapped)
  }

  function runNormaliser(): void {
    for (const [partition, log] of raw.entries()) {
      const from = processed.get(partition) ?? 0
      for (const entry of log.entries) if (entry.offset >= from) normalise({ stream: entry.stream, seq: entry.seq, fault: entry.fault })
      processed.set(partition, log.end)
      ;(normalised[partition] as SimPartition).appendOther()
    }
    clock.later(20 + prng.below(150), runNormaliser)
  }

  function runSink(): void {
    clock.later(500 + prng.below(900), runSink)
    if (sinkPaused) return
    const rows: SimRow[] = doubledLater
    doubledLater = []
    for (const [partition, log] of normalised.entries()) {
      const from = sunk.get(partition) ?? 0
      for (const entry of log.entries) {
        if (entry.offset < from) continue
        const row: SimRow = { stream: entry.stream, seq: entry.seq, fault: entry.fault, partition, offset: entry.offset }
        if (errs('sink-skip', row)) continue
        rows.push(errs('sink-change', row) ? { ...row, fault: 'corrupted' } : row)
        if (errs('sink-double', row)) rows.push(row)
        if (errs('sink-double-later', row)) doubledLater.push(row)
      }
      sunk.set(partition, log.end)
    }
    const parentId = snapshots.at(-1)?.snapshotId ?? null
    snapshots.push({ snapshotId: String(snapshots.length + 1), parentId, committedAtMs: clock.nowMs(), rows })
  }

  function runOthers(): void {
    for (const log of raw) log.appendOther()
    clock.later(OTHERS_EVERY_MS, runOthers)
  }

  clock.later(1, runNormaliser)
  clock.later(1, runSink)
  clock.later(1, runOthers)

  return {
    raw: raw as readonly SimPartition[],
    normalised: normalised as readonly SimPartition[],
    processed: processed as ReadonlyMap<number, number>,
    snapshots: snapshots as readonly SimSnapshot[],
    planted: planted as readonly Planted[],
    storedEnds: sunk as ReadonlyMap<number, number>,
    pauseSink(paused: boolean) {
      sinkPaused = paused
    },
    /** Writes one canary; the broker refuses a few for certain, and leaves a few in doubt. */
    write(stream: number, seq: number): { outcome: 'acknowledged' | 'failed' | 'unknown'; partition: number; offset: number } {
      const partition = partitionOf(stream)
      const log = raw[partition] as SimPartition
      const record: SimRecord = { stream, seq, fault: null }
      const draw = prng.below(40)
      if (draw === 0) {
        if (defect === 'resurrect-failed') {
          planted.push({ stream, seq })
          log.append(record, clock.nowMs())
        }
        return { outcome: 'failed', partition, offset: -1 }
      }
      if (draw === 1) {
        if (prng.chance(1, 2)) log.append(record, clock.nowMs())
        return { outcome: 'unknown', partition, offset: -1 }
      }
      if (errs('skip-raw', record)) {
        const offset = log.end
        log.appendOther()
        return { outcome: 'acknowledged', partition, offset }
      }
      return { outcome: 'acknowledged', partition, offset: log.append(record, clock.nowMs()) }
    },
  }
}

export type SimPipeline = ReturnType<typeof createSimPipeline>
