import type { Prng } from '../../shared/core/prng.ts'
import { createPrng } from '../../shared/core/prng.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopsOfKind, say, type RunWorks } from '../../shared/core/run-work.ts'
import { ViolationBudget } from '../../shared/core/violations.ts'
import { hopName, type ApiHop, type Topology } from '../../topology/topology.ts'
import type { Answer, ProberEffect, Question } from './events.ts'
import type { AnswerMismatch } from './probes/compare.ts'
import { tableOf } from './probes/askable.ts'
import { Lineage } from './probes/lineage.ts'

/** A question from its first asking until it is decided. */
export interface OpenQuestion {
  readonly id: number
  readonly hop: string
  readonly question: Question
  /** Half of a window that was answered wrong. */
  readonly half: Halving | null
  /** Asked while canaries arrive: a sample, which the final pass makes up for. */
  readonly isPassing: boolean
  notBeforeMs: number
  wrongs: number
  stales: number
  /** Failures between which the endpoint answered something else well. */
  failuresWhileHealthy: number
  lastFailedMs: number | null
  /** Answered stale, and excused by a fault of ours: others are asked before. */
  waitsForRecovery: boolean
}

/** A window answered wrong twice, while its halves are asked to see where it is wrong. */
export interface Halving {
  readonly whole: OpenQuestion
  readonly mismatches: readonly AnswerMismatch[]
  readonly snapshotId: string | null
  halvesLeft: number
  /** A half was accused, or left out for a reason of its own. */
  explained: boolean
}

export interface Pending {
  requests: number
  errors: number
  readonly latency: LatencySketch
  readonly compared: CanarySet
  readonly covered: CanarySet
  readonly unchecked: CanarySet
  snapshotId: string | null
}

/** One api hop of one run. */
export interface HopWork {
  readonly name: string
  readonly hop: ApiHop
  readonly table: string | null
  readonly budget: ViolationBudget
  pending: Pending
  flushedMs: number
  lastGoodMs: number
  /** Since the first failure behind the last good answer; null while it answers. */
  failingSinceMs: number | null
  /** What the final pass need not ask again; also what another process has asked, before this one was there. */
  readonly covered: CanarySet
  readonly checksLeft: Set<'no-credentials' | 'unknown-id'>
  /** Snapshots that answers have named. */
  readonly named: Set<string>
  /** For time to visibility: a name, and all behind it that was not visible before, as far as it is not told yet. */
  readonly untimed: { readonly from: string; readonly atMs: number }[]
  readonly timed: Set<string>
  readonly staleTold: Set<string>
  halvingsLeft: number
}

export interface ProbeWork {
  readonly runId: string
  readonly stage: string
  readonly beganMs: number
  readonly prng: Prng
  readonly hops: Map<string, HopWork>
  readonly lineage: Lineage
  lineageSize: number
  /** Asked, and not answered yet. */
  readonly asked: Map<number, OpenQuestion>
  readonly again: OpenQuestion[]
  /** Answered, while what it takes to judge is not known yet. */
  readonly waiting: { readonly open: OpenQuestion; readonly answer: Answer }[]
  readonly todo: OpenQuestion[]
  nextId: number
  nextAskMs: number
  settledSinceMs: number | null
  lookAskedMs: number | null
  lookedAtMs: number
  looksFailed: number
}

export interface ProbeContext {
  readonly run: RunState
  readonly work: ProbeWork
}

export interface HopContext extends ProbeContext {
  readonly hop: HopWork
}

const FLUSH_EVERY_MS = 2_000
/** So many wrong windows are taken apart; beyond, a window is accused as a whole. */
const HALVINGS_MAX = 400

export function newProbeWork(works: RunWorks, run: RunState, stage: string): ProbeWork {
  const { base } = works
  const { probes } = evidenceOf(works, run.runId)
  const hops = hopsOfKind(run, 'api').map(({ name, hop }) => {
    const covered = CanarySet.of(probes.get(name)?.covered.toWire() ?? [])
    return newHopWork({ name, hop, table: tableOf(run, name), covered }, base.config.topology, base.nowMs)
  })
  return {
    runId: run.runId,
    stage,
    beganMs: base.nowMs,
    prng: createPrng(run.resolved.seed).stream('query-prober'),
    hops: new Map(hops.map((hop) => [hop.name, hop])),
    lineage: new Lineage(),
    lineageSize: 0,
    asked: new Map(),
    again: [],
    waiting: [],
    todo: [],
    nextId: 1,
    nextAskMs: base.nowMs,
    settledSinceMs: null,
    lookAskedMs: null,
    lookedAtMs: -1,
    looksFailed: 0,
  }
}

function newHopWork(
  { name, hop, table, covered }: Pick<HopWork, 'name' | 'hop' | 'table' | 'covered'>,
  topology: Topology,
  nowMs: number,
): HopWork {
  // The run's own hops carry no headers: whether some are needed stands in this agent's topology alone.
  const own = topology.hops.find((candidate) => hopName(candidate) === name)
  const checksLeft = new Set<'no-credentials' | 'unknown-id'>()
  if (own?.kind === 'api' && Object.keys(own.headers).length > 0) checksLeft.add('no-credentials')
  if (hop.per === 'canary') checksLeft.add('unknown-id')
  return {
    name,
    hop,
    table,
    budget: new ViolationBudget(),
    pending: emptyPending(),
    flushedMs: nowMs,
    lastGoodMs: nowMs,
    failingSinceMs: null,
    covered,
    checksLeft,
    named: new Set(),
    untimed: [],
    timed: new Set(),
    staleTold: new Set(),
    halvingsLeft: HALVINGS_MAX,
  }
}

const emptyPending = (): Pending => ({
  requests: 0,
  errors: 0,
  latency: new LatencySketch(),
  compared: new CanarySet(),
  covered: new CanarySet(),
  unchecked: new CanarySet(),
  snapshotId: null,
})

interface Asking extends Pick<OpenQuestion, 'hop' | 'question'> {
  readonly half?: Halving | null
}

export function newQuestion(work: ProbeWork, { hop, question, half = null }: Asking): OpenQuestion {
  const isPassing = work.settledSinceMs === null && half === null
  return {
    id: work.nextId++,
    hop,
    question,
    half,
    isPassing,
    notBeforeMs: 0,
    wrongs: 0,
    stales: 0,
    failuresWhileHealthy: 0,
    lastFailedMs: null,
    waitsForRecovery: false,
  }
}
export const openQuestions = (work: ProbeWork): OpenQuestion[] => [
  ...work.asked.values(),
  ...work.again,
  ...work.waiting.map(({ open }) => open),
  ...work.todo,
]

/** Takes a decided question out of wherever it stands. */
export function drop(work: ProbeWork, open: OpenQuestion): void {
  work.asked.delete(open.id)
  for (const list of [work.again, work.todo]) {
    const at = list.indexOf(open)
    if (at >= 0) list.splice(at, 1)
  }
  const at = work.waiting.findIndex((waiting) => waiting.open === open)
  if (at >= 0) work.waiting.splice(at, 1)
}

/** Folds the snapshots told so far into the lineage. */
export function followLineage(works: RunWorks, { run, work }: ProbeContext): void {
  const { snapshots } = evidenceOf(works, run.runId)
  for (; work.lineageSize < snapshots.length; work.lineageSize++) {
    const told = snapshots[work.lineageSize]
    if (told !== undefined) work.lineage.add(told)
  }
}

/** Tells what was answered since the last time. */
export function flush(works: RunWorks, { run, work, hop }: HopContext, force: 'all' | 'due' = 'due'): ProberEffect[] {
  const { nowMs } = works.base
  if (force === 'due' && nowMs - hop.flushedMs < FLUSH_EVERY_MS) return []
  hop.flushedMs = nowMs
  const effects = tellVisibility(works, { run, work, hop })
  const { pending } = hop
  if (pending.requests === 0 && [pending.unchecked, pending.compared, pending.covered].every(({ size }) => size === 0)) return effects
  hop.pending = emptyPending()
  return [...effects, sayAnswered(works, { run, hop: hop.name, probe: hop.hop.per }, pending)]
}

/** Time to visibility: from a snapshot's commit until the API first names it, or one that follows it. */
function tellVisibility(works: RunWorks, { run, work, hop }: HopContext): ProberEffect[] {
  const pending = emptyPending()
  for (const named of hop.untimed.splice(0)) {
    const left = timeFrom({ work, hop, pending }, named)
    if (left !== null) hop.untimed.push({ ...named, from: left })
  }
  return pending.requests === 0 ? [] : [sayAnswered(works, { run, hop: `visibility:${hop.hop.name}`, probe: 'visibility' }, pending)]
}

/** Back through what a name shows, to what was visible before. Gives the snapshot that is not told yet, or null. */
function timeFrom(
  { work, hop, pending }: { work: ProbeWork; hop: HopWork; pending: Pending },
  { from, atMs }: HopWork['untimed'][number],
): string | null {
  for (let at: string | null = from; at !== null && !hop.timed.has(at);) {
    const snapshot = work.lineage.get(at)
    if (snapshot === undefined) return at
    hop.timed.add(at)
    // What was committed before this process watched was perhaps named before, too.
    if (snapshot.committedAtMs < work.beganMs) return null
    pending.requests++
    pending.latency.add(atMs - snapshot.committedAtMs)
    pending.snapshotId = at
    at = snapshot.parentId
  }
  return null
}

function sayAnswered(works: RunWorks, at: { run: RunState; hop: string; probe: string }, pending: Pending): ProberEffect {
  const { runId } = at.run
  return say(works, {
    kind: 'probe-answered',
    ...headOf(works, runId),
    hop: at.hop,
    probe: at.probe,
    // Numbers go on after a restart: those told before stand on the results topic.
    batch: evidenceOf(works, runId).probes.get(at.hop)?.batches.size ?? 0,
    requests: pending.requests,
    errors: pending.errors,
    latency: pending.latency.toWire(),
    canaries: pending.compared.toWire(),
    covered: pending.covered.toWire(),
    unchecked: pending.unchecked.toWire(),
    snapshotId: pending.snapshotId,
  })
}
