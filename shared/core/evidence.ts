import type { OffsetRange, StreamRanges, ViolationKind } from '../../schemas/parts.ts'
import type { Fact, RunFact } from '../../schemas/results.ts'
import { LatencySketch } from './latency-sketch.ts'
import { CanarySet, OffsetCover } from './canary-set.ts'
import { noteDoubled } from './doubled.ts'
import { foldProbe, type ProbeEvidence } from './probe-evidence.ts'
import { foldRules, type RuleEvidence } from './rule-evidence.ts'
import { foldAudit, isAuditFact, type Audit } from './audit.ts'
import { foldShift, type SendShift } from './send-shifts.ts'
import { RangeSet, difference, intersection, type Ranges } from './range-set.ts'

/** What one fact says of an interval, kept so that a canary can be placed between two offsets without storing each. */
export interface Segment {
  readonly covered: readonly OffsetRange[]
  readonly canaries: readonly StreamRanges[]
  readonly atMs: number
}

export interface HopEvidence {
  readonly sighted: CanarySet
  readonly late: CanarySet
  /** Told by who read them to be there more than once. */
  readonly repeats: CanarySet
  readonly doubled: CanarySet
  /** Lost ones that came: known before the sighting that says where they stand. */
  readonly takenBack: CanarySet
  readonly disordered: CanarySet
  readonly latency: LatencySketch
  readonly cover: OffsetCover
  readonly segments: Segment[]
  /** The last seq by partition and stream (`partition/stream`). */
  readonly lasts: Map<string, number>
  otherRecords: number
}

export interface Violation extends Fact<'violation-found'> {
  /** Canaries of it that were not taken back. */
  readonly standing: RangeSet
  /** When the last of it was taken back; what is said of the same later stands anew. */
  readonly takenBackAtMs?: number
}

/** A generator that hands over later than this cannot tell a late pipeline from itself. */
const HELD_BACK_MAX_MS = 500

/** All that the two topics say about one run's data. A pure fold: every agent that needs it builds the same. */
export interface Evidence {
  readonly intended: CanarySet
  readonly shifts: SendShift[]
  readonly acknowledged: CanarySet
  readonly unknown: CanarySet
  readonly failed: CanarySet
  readonly produceLatency: LatencySketch
  readonly ledgerFacts: Set<string>
  readonly ledger: Segment[]
  /** Canaries that the generator itself sent late, and how late at most. */
  readonly heldBack: { readonly canaries: CanarySet; longestMs: number }
  readonly hops: Map<string, HopEvidence>
  readonly probes: Map<string, ProbeEvidence>
  readonly snapshots: Fact<'snapshot-reconciled'>[]
  readonly violations: Map<string, Violation>
  /** What was found of canaries that are defective on purpose. */
  readonly mirror: Map<string, Fact<'mirror-defect-seen'>>
  readonly faults: Fact<'fault-changed'>[]
  readonly missing: Fact<'evidence-missing'>[]
  /** Rules and terms of contracts, by hop and name. */
  readonly rules: Map<string, RuleEvidence>
  /** By table, where all traffic is compared. */
  readonly audits: Map<string, Audit>
  /** Facts folded, the reporter's own aside. */
  heard: number
}

export const emptyEvidence = (): Evidence => ({
  intended: new CanarySet(),
  shifts: [],
  acknowledged: new CanarySet(),
  unknown: new CanarySet(),
  failed: new CanarySet(),
  produceLatency: new LatencySketch(),
  ledgerFacts: new Set(),
  ledger: [],
  heldBack: { canaries: new CanarySet(), longestMs: 0 },
  hops: new Map(),
  probes: new Map(),
  snapshots: [],
  violations: new Map(),
  mirror: new Map(),
  faults: [],
  missing: [],
  rules: new Map(),
  audits: new Map(),
  heard: 0,
})

export function hopEvidence(evidence: Evidence, hop: string): HopEvidence {
  let found = evidence.hops.get(hop)
  if (found === undefined) {
    found = {
      sighted: new CanarySet(),
      late: new CanarySet(),
      repeats: new CanarySet(),
      doubled: new CanarySet(),
      takenBack: new CanarySet(),
      disordered: new CanarySet(),
      latency: new LatencySketch(),
      cover: new OffsetCover(),
      segments: [],
      lasts: new Map(),
      otherRecords: 0,
    }
    evidence.hops.set(hop, found)
  }
  return found
}

/** Folds one fact; the same fact twice changes nothing. */
export function foldEvidence(evidence: Evidence, fact: RunFact): void {
  if (fact.agent !== 'reporter') evidence.heard++
  if (isAuditFact(fact)) {
    foldAudit(evidence.audits, fact)
    return
  }
  switch (fact.kind) {
    case 'canaries-intended':
      // Who is heard second writes none of it: it is sent when the first has said.
      if (CanarySet.of(fact.canaries).minus(evidence.intended).size > 0) foldShift(evidence.shifts, fact)
      evidence.intended.addAll(fact.canaries)
      return
    case 'canaries-produced':
      foldLedger(evidence, fact)
      return
    case 'hop-sighted':
      foldSighting(evidence, fact)
      return
    case 'snapshot-reconciled':
      foldSnapshot(evidence, fact)
      return
    case 'probe-answered':
      foldProbe(evidence.probes, fact)
      return
    case 'violation-found': {
      const key = violationKey(fact)
      const known = evidence.violations.get(key)
      if (known === undefined || fact.atMs > (known.takenBackAtMs ?? Infinity))
        evidence.violations.set(key, { ...fact, standing: RangeSet.of(fact.ranges) })
      return
    }
    case 'mirror-defect-seen': {
      const key = `${fact.violation}|${fact.hop}|${fact.stream}/${fact.seq}`
      if (!evidence.mirror.has(key)) evidence.mirror.set(key, fact)
      return
    }
    case 'correction':
      foldCorrection(evidence, fact)
      return
    case 'rules-checked':
      foldRules(evidence.rules, fact)
      return
    case 'fault-changed':
      if (!evidence.faults.some((known) => known.stage === fact.stage && known.phase === fact.phase)) evidence.faults.push(fact)
      return
    case 'evidence-missing':
      if (!evidence.missing.some((known) => known.hop === fact.hop && known.reason === fact.reason)) evidence.missing.push(fact)
      return
    case 'run-accepted':
    case 'stage-started':
    case 'stage-ended':
    case 'part-ended':
    case 'run-failing':
    case 'run-judged':
    case 'log-told':
      return
    default:
      fact satisfies never
  }
}

const violationKey = (fact: {
  violation: ViolationKind
  hop: string
  stream: number
  ranges: Ranges
  field: string | null
  rule?: string | null
  file?: string | null
  snapshotId?: string | null
  atMs: number
}) => {
  const place = `${fact.violation}|${fact.hop}|${fact.stream}|${fact.ranges.join(',')}|${fact.field ?? ''}`
  // A fault may excuse the one, and not the other that was answered later.
  const key = fact.violation === 'stale' ? `${place}|${fact.atMs}` : place
  if (fact.rule == null) return key
  // Rows of others are told by the file they are in: what each snapshot brings of them is a finding of its own.
  return `${key}|${fact.rule}|${fact.file == null ? '' : (fact.snapshotId ?? '')}`
}

function foldLedger(evidence: Evidence, fact: Fact<'canaries-produced'>): void {
  const key = JSON.stringify([fact.acknowledged, fact.unknown, fact.failed])
  if (evidence.ledgerFacts.has(key)) return
  evidence.ledgerFacts.add(key)
  evidence.acknowledged.addAll(fact.acknowledged)
  evidence.unknown.addAll(fact.unknown)
  evidence.failed.addAll(fact.failed)
  evidence.produceLatency.merge(fact.latency)
  if (fact.heldBackMs > HELD_BACK_MAX_MS) {
    const { heldBack } = evidence
    heldBack.canaries.addAll([...fact.acknowledged, ...fact.unknown])
    heldBack.longestMs = Math.max(heldBack.longestMs, fact.heldBackMs)
  }
  evidence.ledger.push({ covered: fact.offsets, canaries: fact.acknowledged, atMs: fact.atMs })
}

function foldSighting(evidence: Evidence, fact: Fact<'hop-sighted'>): void {
  const hop = hopEvidence(evidence, fact.hop)
  // Two instances may overlap: sets and located repeats fold to the same; only the sketch and the count of others do not.
  const known = hop.cover.includes(fact.covered)
  if (!known) noteDoubled(hop, fact)
  foldSets(hop, fact)
  for (const { stream, seq } of fact.disordered) hop.disordered.add(stream, seq)
  for (const { partition, stream, seq } of fact.lasts) raiseLast(hop.lasts, `${partition}/${stream}`, seq)
  if (known) return
  hop.cover.add(fact.covered)
  hop.latency.merge(fact.latency)
  hop.otherRecords += fact.otherRecords
  hop.segments.push({ covered: fact.covered, canaries: fact.canaries, atMs: fact.atMs })
}

function foldSnapshot(evidence: Evidence, fact: Fact<'snapshot-reconciled'>): void {
  const hop = hopEvidence(evidence, fact.hop)
  foldSets(hop, fact)
  if (evidence.snapshots.some((known) => known.snapshotId === fact.snapshotId && known.hop === fact.hop)) return
  evidence.snapshots.push(fact)
  hop.latency.merge(fact.latency)
  hop.cover.add(fact.sourceOffsets)
  hop.segments.push({ covered: fact.sourceOffsets, canaries: fact.canaries, atMs: fact.committedAtMs })
}

function foldSets(hop: HopEvidence, fact: Pick<Fact<'hop-sighted'>, 'canaries' | 'late' | 'repeats'>): void {
  hop.sighted.addAll(fact.canaries)
  hop.late.addAll(fact.late)
  for (const { stream, seq } of fact.repeats) hop.repeats.add(stream, seq)
}

/** Gives the last one before; -1 for none. */
export function raiseLast(lasts: Map<string, number>, place: string, seq: number): number {
  const last = lasts.get(place) ?? -1
  if (seq > last) lasts.set(place, seq)
  return last
}

function foldCorrection(evidence: Evidence, fact: Fact<'correction'>): void {
  for (const violation of [...evidence.violations.values()]) {
    if (violation.violation !== fact.violation || violation.hop !== fact.hop || violation.stream !== fact.stream) continue
    const taken = intersection(violation.standing.ranges, fact.ranges)
    if (taken.length === 0) continue
    const rest = difference(violation.standing.ranges, taken)
    evidence.violations.set(violationKey(violation), { ...violation, standing: RangeSet.of(rest), takenBackAtMs: fact.atMs })
    // Who takes back a loss has seen the canary.
    const { sighted, takenBack } = hopEvidence(evidence, fact.hop)
    if (fact.violation === 'lost' && fact.stream >= 0)
      for (const known of [sighted, takenBack]) known.addAll([{ stream: fact.stream, ranges: taken }])
    if (fact.becomes === null) continue
    if (fact.becomes === 'late') hopEvidence(evidence, fact.hop).late.addAll([{ stream: fact.stream, ranges: taken }])
    const instead = { ...violation, violation: fact.becomes, ranges: taken, actual: fact.reason }
    const key = violationKey(instead)
    if (!evidence.violations.has(key)) evidence.violations.set(key, { ...instead, standing: RangeSet.of(taken) })
  }
}

/** What stands as lost at a hop: canaries, or records that are none, by offset. */
export function lostAt(evidence: Evidence, hop: string, of: 'canaries' | 'others' = 'canaries'): CanarySet {
  const lost = new CanarySet()
  for (const { violation, hop: at, stream, standing } of evidence.violations.values()) {
    if (violation === 'lost' && at === hop && stream < 0 === (of === 'others')) lost.addAll([{ stream, ranges: [...standing.ranges] }])
  }
  return lost
}

/** The same with those of the mirror stream: all that need not be looked for again. */
export function missedAt(evidence: Evidence, hop: string): CanarySet {
  const missed = lostAt(evidence, hop)
  for (const { violation, hop: at, stream, seq } of evidence.mirror.values())
    if (violation === 'lost' && at === hop) missed.add(stream, seq)
  return missed
}

export function standingViolations(evidence: Evidence): Violation[] {
  return [...evidence.violations.values()].filter(({ standing }) => !standing.isEmpty)
}

/** The segment in which a canary was sighted, or null. */
export function segmentOf(segments: readonly Segment[], stream: number, seq: number): Segment | null {
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] as Segment
    const ranges = segment.canaries.find((canaries) => canaries.stream === stream)?.ranges ?? []
    for (let r = 0; r < ranges.length; r += 2) if ((ranges[r] as number) <= seq && seq <= (ranges[r + 1] as number)) return segment
  }
  return null
}
