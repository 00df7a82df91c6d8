import type { Located, OffsetRange, StreamRanges } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { raiseLast, segmentOf, type HopEvidence } from '../../shared/core/evidence.ts'
import type { Timed } from '../../shared/core/clocks.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'

/** One canary as the shell read and compared it. */
export interface SightedRecord {
  readonly stream: number
  readonly seq: number
  readonly offset: number
  readonly appendedAtMs: number
  readonly faults: readonly RecordFault[]
  /** Fields that should be compared, and are of an Avro type that cannot be, with that type; left out where there are none. */
  readonly opaque?: readonly (readonly [field: string, avroType: string])[]
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
  /** What was removed just before `offsetFirst`, and never read. */
  readonly removed?: OffsetRange
  /** Set once offsets were passed over that hold no record any more. */
  readonly skipped?: true
}

/** Something to judge once the hop before has been read that far. */
export interface Suspicion {
  readonly violation: ViolationKind
  readonly place: Located
  readonly fault: RecordFault | null
  /** Of one that came too late. */
  readonly latencyMs?: number
  /** Of one out of order: the later canary that came before it. */
  readonly behind?: number
}

/** Read before its intent was heard: nobody knows yet when it was due. */
export interface Untimed {
  readonly place: Located
  readonly appendedAtMs: number
  /** The later canary that came before it, or null. */
  readonly behind: number | null
}

/** What was read at a hop and is not told yet. */
export interface Pending {
  /** By partition, in order; more than one where something between was removed before it was read. */
  readonly covered: Map<number, OffsetRange[]>
  /** The last seq by partition and stream. */
  readonly lasts: Map<string, number>
  readonly canaries: CanarySet
  readonly repeats: Located[]
  readonly disordered: Located[]
  readonly late: CanarySet
  readonly latency: LatencySketch
  otherRecords: number
  /** Fields of canaries that were compared with nothing, and their Avro types. */
  readonly opaque: Map<string, string>
  /** Canary records held to the contract, and by term how many broke it, or were produced to. */
  readonly contract: { rows: number; readonly broken: Map<string, number>; readonly exempt: Map<string, number> }
}

export const emptyPending = (): Pending => ({
  covered: new Map(),
  lasts: new Map(),
  canaries: new CanarySet(),
  repeats: [],
  disordered: [],
  late: new CanarySet(),
  latency: new LatencySketch(),
  otherRecords: 0,
  opaque: new Map(),
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
  /** The last seq sighted by partition and stream, told or not. */
  readonly lasts: Map<string, number>
  readonly deliverWithinMs: number
  /** How old the newest canary of a batch may be when it is appended; null where nothing is said. */
  readonly freshness?: FreshnessTerm | null
  /** Null while that is not known. */
  readonly intendedAtMs: (stream: number, seq: number) => number | null
  readonly untimed: Untimed[]
  /** What a latency is at least, whatever the clocks. */
  readonly latencyAtLeastMs: (timed: Timed) => number
  /** Whether latencies of the stream are the pipeline's; left out: all are. */
  readonly isTimed?: (stream: number) => boolean
}

/** Folds a batch; a batch or a part of one that was folded before changes nothing. */
export function foldBatch(context: SightContext, batch: ReadBatch): Suspicion[] {
  const { pending, positions } = context
  const position = positions.get(batch.partition) ?? batch.offsetFirst
  if (batch.offsetLast < position) return []
  const suspicions: Suspicion[] = []
  // What another instance read as well, and has told before us.
  const toldTo = context.told.cover.end(batch.partition, 0)
  for (const record of batch.records) {
    if (record.offset < position) continue
    if (record.offset < toldTo && context.told.cover.has(batch.partition, record.offset)) passOver(context, batch.partition, record)
    else suspicions.push(...foldRecord(context, batch.partition, record))
  }
  suspicions.push(...staleness(context, batch, position))
  positions.set(batch.partition, batch.offsetLast + 1)
  const from = Math.max(position, batch.offsetFirst)
  cover(pending, { partition: batch.partition, offsetFirst: from, offsetLast: batch.offsetLast })
  for (const offset of batch.otherOffsets) if (offset >= position) pending.otherRecords++
  return suspicions
}

/** It was told, with what is wrong with it; what comes behind it is held against it all the same. */
const passOver = (context: SightContext, partition: number, { stream, seq }: SightedRecord) =>
  raiseLast(context.lasts, `${partition}/${stream}`, seq)

function cover({ covered }: Pending, range: OffsetRange): void {
  const ranges = covered.get(range.partition) ?? []
  const last = ranges.at(-1)
  if (last?.offsetLast === range.offsetFirst - 1) ranges[ranges.length - 1] = { ...last, offsetLast: range.offsetLast }
  else covered.set(range.partition, [...ranges, range])
}

/** The newest canary of what was appended together, where it is older than may be. */
function staleness({ pending, freshness, intendedAtMs, latencyAtLeastMs }: SightContext, batch: ReadBatch, position: number): Suspicion[] {
  if (freshness == null) return []
  const read = batch.records.filter(({ offset }) => offset >= position)
  const due = read.map((record) => ({ record, dueMs: intendedAtMs(record.stream, record.seq) }))
  const timed = due.filter((one): one is { record: SightedRecord; dueMs: number } => one.dueMs !== null)
  const [one] = timed
  // The newest may be one of those of which nobody knows it.
  if (one === undefined || timed.length < due.length) return []
  const { record: newest, dueMs } = timed.reduce((left, right) => (right.dueMs > left.dueMs ? right : left), one)
  const latencyMs = latencyAtLeastMs({ atMs: newest.appendedAtMs, dueMs })
  const { rule, field, expected, withinMs } = freshness
  if (latencyMs <= withinMs) return []
  count(pending.contract.broken, rule, read.length)
  const fault: RecordFault = { violation: 'late', rule, field, expected, actual: `the newest was ${Math.round(latencyMs)} ms old` }
  const place = { stream: newest.stream, seq: newest.seq, partition: batch.partition, offset: newest.offset }
  return [{ violation: 'late', place, fault }]
}

const count = (counts: Map<string, number>, name: string, more = 1) => counts.set(name, (counts.get(name) ?? 0) + more)

function foldRecord(context: SightContext, partition: number, record: SightedRecord): Suspicion[] {
  const { told, pending, lasts } = context
  const { stream, seq, offset, appendedAtMs } = record
  const place: Located = { stream, seq, partition, offset }
  for (const [field, avroType] of record.opaque ?? []) pending.opaque.set(field, avroType)
  pending.contract.rows++
  for (const name of record.contract?.broken ?? []) count(pending.contract.broken, name)
  for (const name of record.contract?.exempt ?? []) count(pending.contract.exempt, name)
  const suspicions: Suspicion[] = record.faults.map((fault) => ({ violation: fault.violation, place, fault }))
  if (isTold(told, stream, seq) || !pending.canaries.add(stream, seq)) {
    pending.repeats.push(place)
    return [...suspicions, { violation: 'duplicated', place, fault: null }]
  }
  // Order holds within a partition: who reads two of them reads in any order, and a key moves when partitions are added.
  const behind = raiseLast(lasts, `${partition}/${stream}`, seq)
  const disordered = behind > seq
  raiseLast(pending.lasts, `${partition}/${stream}`, seq)
  if (disordered) pending.disordered.push(place)
  return [...suspicions, ...time(context, { place, appendedAtMs, behind: disordered ? behind : null })]
}

/** What was never sent waits for its intent to the end. */
const UNTIMED_MAX = 20_000

type TimeContext = Pick<SightContext, 'pending' | 'deliverWithinMs' | 'intendedAtMs' | 'untimed' | 'latencyAtLeastMs' | 'isTimed'>

function time({ pending, deliverWithinMs, intendedAtMs, untimed, latencyAtLeastMs, isTimed }: TimeContext, one: Untimed): Suspicion[] {
  const { place, appendedAtMs, behind } = one
  const dueMs = intendedAtMs(place.stream, place.seq)
  if (dueMs === null) {
    if (untimed.length < UNTIMED_MAX) untimed.push(one)
    return []
  }
  if (isTimed?.(place.stream) ?? true) pending.latency.add(appendedAtMs - dueMs)
  const latencyMs = latencyAtLeastMs({ atMs: appendedAtMs, dueMs })
  if (latencyMs <= deliverWithinMs) return behind === null ? [] : [{ violation: 'reordered', place, fault: null, behind }]
  pending.late.add(place.stream, place.seq)
  // A late one comes out of order by nature: late says it all.
  return [{ violation: 'late', place, fault: null, latencyMs }]
}

/** What those that waited turn out to be; who is still not known waits on. */
export const timeWhatWaited = (context: TimeContext): Suspicion[] => context.untimed.splice(0).flatMap((one) => time(context, one))

/** Of one that was taken back as lost, another instance may have told that it came, and not yet where. */
const isTold = ({ sighted, takenBack, segments }: HopEvidence, stream: number, seq: number) =>
  sighted.has(stream, seq) && (!takenBack.has(stream, seq) || segmentOf(segments, stream, seq) !== null)

export const hasNews = (pending: Pending) => pending.covered.size > 0

export function sightingOf(hop: string, pending: Pending): Omit<Fact<'hop-sighted'>, 'kind' | 'runId' | 'agent' | 'instance' | 'atMs'> {
  const wire = (set: CanarySet): StreamRanges[] => set.toWire()
  return {
    hop,
    covered: [...pending.covered.values()].flat().sort((a, b) => a.partition - b.partition || a.offsetFirst - b.offsetFirst),
    canaries: wire(pending.canaries),
    repeats: pending.repeats,
    disordered: pending.disordered,
    late: wire(pending.late),
    latency: pending.latency.toWire(),
    lasts: [...pending.lasts].map(([place, seq]) => {
      const [partition, stream] = place.split('/').map(Number) as [number, number]
      return { partition, stream, seq }
    }),
    otherRecords: pending.otherRecords,
  }
}
