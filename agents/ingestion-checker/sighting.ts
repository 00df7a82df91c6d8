import type { Located, OffsetRange, StreamRanges } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { type HopEvidence } from '../../shared/core/evidence.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'

/** One canary as the shell read and compared it. */
export interface SightedRecord {
  readonly stream: number
  readonly seq: number
  readonly offset: number
  readonly appendedAtMs: number
  readonly faults: readonly RecordFault[]
  /** Of the hop's contract; left out where nothing of it is broken. */
  readonly contract?: { readonly broken: readonly string[]; readonly exempt: readonly string[] }
}

export interface RecordFault {
  readonly violation: Extract<ViolationKind, 'corrupted' | 'precision-lost' | 'header-lost' | 'schema-violated' | 'rule-broken' | 'late'>
  readonly difference?: ValueDifference
  /** The term of the hop's contract that is broken. */
  readonly rule?: string
  readonly field: string | null
  readonly expected: string
  readonly actual: string
}

/** A contiguous piece of one partition, as read. `offsetLast` includes markers and aborted records. */
export interface ReadBatch {
  readonly partition: number
  readonly offsetFirst: number
  readonly offsetLast: number
  readonly records: readonly SightedRecord[]
  /** Of records that are no canaries of the run. */
  readonly otherOffsets: readonly number[]
}

/** Something to judge once the hop before has been read that far. */
export interface Suspicion {
  readonly violation: ViolationKind
  readonly place: Located
  readonly fault: RecordFault | null
  readonly latencyMs: number
}

/** What was read at a hop and is not told yet. */
export interface Pending {
  readonly covered: Map<number, OffsetRange>
  readonly canaries: CanarySet
  readonly repeats: Located[]
  readonly disordered: Located[]
  readonly late: CanarySet
  readonly latency: LatencySketch
  otherRecords: number
  /** Canary records held to the contract, and by term how many broke it, or were produced to. */
  readonly contract: { rows: number; readonly broken: Map<string, number>; readonly exempt: Map<string, number> }
}

export const emptyPending = (): Pending => ({
  covered: new Map(),
  canaries: new CanarySet(),
  repeats: [],
  disordered: [],
  late: new CanarySet(),
  latency: new LatencySketch(),
  otherRecords: 0,
  contract: { rows: 0, broken: new Map(), exempt: new Map() },
})

export interface FreshnessTerm {
  readonly rule: string
  readonly field: string | null
  readonly expected: string
  readonly withinMs: number
}

export interface SightContext {
  readonly told: HopEvidence
  readonly pending: Pending
  /** First offset not folded yet, by partition. */
  readonly positions: Map<number, number>
  readonly deliverWithinMs: number
  /** How old the newest canary of a batch may be when it is appended; null where nothing is said. */
  readonly freshness?: FreshnessTerm | null
  readonly intendedAtMs: (stream: number, seq: number) => number
}

/** Folds a batch; a batch or a part of one that was folded before changes nothing. */
export function foldBatch(context: SightContext, batch: ReadBatch): Suspicion[] {
  const { pending, positions } = context
  const position = positions.get(batch.partition) ?? batch.offsetFirst
  if (batch.offsetLast < position) return []
  const suspicions: Suspicion[] = []
  for (const record of batch.records) if (record.offset >= position) suspicions.push(...foldRecord(context, batch.partition, record))
  suspicions.push(...staleness(context, batch, position))
  positions.set(batch.partition, batch.offsetLast + 1)
  const from = Math.max(position, batch.offsetFirst)
  const covered = pending.covered.get(batch.partition)
  pending.covered.set(batch.partition, {
    partition: batch.partition,
    offsetFirst: covered?.offsetFirst ?? from,
    offsetLast: batch.offsetLast,
  })
  for (const offset of batch.otherOffsets) if (offset >= position) pending.otherRecords++
  return suspicions
}

/** The newest canary of what was appended together, where it is older than may be. */
function staleness({ pending, freshness, intendedAtMs }: SightContext, batch: ReadBatch, position: number): Suspicion[] {
  if (freshness == null) return []
  const read = batch.records.filter(({ offset }) => offset >= position)
  const [first] = read
  if (first === undefined) return []
  const dueMs = ({ stream, seq }: SightedRecord) => intendedAtMs(stream, seq)
  const newest = read.reduce((left, right) => (dueMs(right) > dueMs(left) ? right : left), first)
  const latencyMs = newest.appendedAtMs - dueMs(newest)
  const { rule, field, expected, withinMs } = freshness
  if (latencyMs <= withinMs) return []
  count(pending.contract.broken, rule, read.length)
  const fault: RecordFault = { violation: 'late', rule, field, expected, actual: `the newest was ${Math.round(latencyMs)} ms old` }
  const place = { stream: newest.stream, seq: newest.seq, partition: batch.partition, offset: newest.offset }
  return [{ violation: 'late', place, fault, latencyMs }]
}

const count = (counts: Map<string, number>, name: string, more = 1) => counts.set(name, (counts.get(name) ?? 0) + more)

function foldRecord({ told, pending, deliverWithinMs, intendedAtMs }: SightContext, partition: number, record: SightedRecord): Suspicion[] {
  const { stream, seq, offset } = record
  const place: Located = { stream, seq, partition, offset }
  const latencyMs = record.appendedAtMs - intendedAtMs(stream, seq)
  pending.contract.rows++
  for (const name of record.contract?.broken ?? []) count(pending.contract.broken, name)
  for (const name of record.contract?.exempt ?? []) count(pending.contract.exempt, name)
  const suspicions: Suspicion[] = record.faults.map((fault) => ({ violation: fault.violation, place, fault, latencyMs }))
  if (told.sighted.has(stream, seq) || !pending.canaries.add(stream, seq)) {
    pending.repeats.push(place)
    return [...suspicions, { violation: 'duplicated', place, fault: null, latencyMs }]
  }
  pending.latency.add(latencyMs)
  const late = latencyMs > deliverWithinMs
  if (late) pending.late.add(stream, seq)
  // `pending` holds this canary already, so "a later one came first" is a last seq beyond it.
  const disordered = Math.max(told.sighted.last(stream), pending.canaries.last(stream)) > seq
  if (disordered) pending.disordered.push(place)
  // A late one comes out of order by nature: late says it all.
  if (late) suspicions.push({ violation: 'late', place, fault: null, latencyMs })
  else if (disordered) suspicions.push({ violation: 'reordered', place, fault: null, latencyMs })
  return suspicions
}

export const hasNews = (pending: Pending) => pending.covered.size > 0

export function sightingOf(hop: string, pending: Pending): Omit<Fact<'hop-sighted'>, 'kind' | 'runId' | 'agent' | 'instance' | 'atMs'> {
  const wire = (set: CanarySet): StreamRanges[] => set.toWire()
  return {
    hop,
    covered: [...pending.covered.values()].sort((a, b) => a.partition - b.partition),
    canaries: wire(pending.canaries),
    repeats: pending.repeats,
    disordered: pending.disordered,
    late: wire(pending.late),
    latency: pending.latency.toWire(),
    otherRecords: pending.otherRecords,
  }
}
