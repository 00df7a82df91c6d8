import type { LatencySketchWire, ViolationKind } from '../../schemas/parts.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import { keepNewest } from '../../shared/core/bounded.ts'
import type { BusEffect, BusEvent } from '../../shared/core/bus-events.ts'
import { intendedAtMs, type SendClock } from '../../shared/core/canary.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import type { Evidence } from '../../shared/core/evidence.ts'
import { traceIdOf } from '../../shared/core/identity.ts'
import { countsOf } from '../../shared/core/latency-sketch.ts'
import { sizeOf } from '../../shared/core/range-set.ts'
import { isRunFact, type RunState } from '../../shared/core/run-book.ts'
import { production, sendClock, type RunWorks } from '../../shared/core/run-work.ts'
import { isWatched, watchedDefects } from '../../shared/core/watcher.ts'
import type { CountedValue, Metrics, TracedValue } from '../../shared/runtime/metrics.ts'
import { faultKinds } from '../../topology/plan.ts'
import { hopName, SOURCE_HOP, type Topology } from '../../topology/topology.ts'
import { inconclusiveReasonOf } from './inconclusive-reasons.ts'

type Sink = Pick<Metrics, 'add' | 'set' | 'observeMany'>

/** What of a run under way says how fresh and how complete each hop is, and which facts were counted. */
interface Live {
  ratePerSecond: number
  isProducing: boolean
  /** Intended time of its newest canary, and how many: by hop, those that the plan watches. */
  readonly hops: Map<string, { sighted: number; newestMs: number }>
  /** Sizes of the evidence after the last fact of a kind: a repeat leaves it as it was. */
  readonly sizes: Map<string, number>
  /** Canaries told as violations and not corrected, by hop and kind. */
  readonly standing: Map<string, number>
}

const RUNS_MAX = 64
const JUDGED_KEPT = 256
const FAULTS_KEPT = 256
/** p95: looking up one record, and computing over the records of a window. */
const ANSWER_WITHIN_SECONDS = { canary: 0.05, window: 0.1 } as const
const VERDICTS = ['pass', 'fail', 'inconclusive'] as const

/**
 * Shows as metrics what the results topic says, while it says it. Counters count from the moment on from which this
 * process has caught up: replayed history is no increase. A fact that comes twice counts once.
 */
export class LiveMetrics {
  readonly #metrics: Sink
  readonly #hops: ReadonlySet<string>
  readonly #storing: readonly string[]
  readonly #runs = new Map<string, Live>()
  readonly #judgedRuns = new Set<string>()
  readonly #faults = new Map<string, string>()
  #caughtUp = false
  #newestMs = 0
  /** The verdict that the gauges show. */
  #shown: Pick<Fact<'run-judged'>, 'runId' | 'revision'> | null = null

  constructor(topology: Topology, metrics: Sink) {
    this.#metrics = metrics
    this.#hops = new Set([SOURCE_HOP, ...topology.hops.map(hopName)])
    this.#storing = [SOURCE_HOP, ...topology.hops.filter(({ kind }) => kind !== 'api').map(hopName)]
    for (const hop of topology.hops) {
      if (hop.kind === 'api') metrics.set('assay_hop_answer_within_seconds', ANSWER_WITHIN_SECONDS[hop.per], { hop: hopName(hop) })
      else metrics.set('assay_hop_deliver_within_seconds', hop.deliverWithinMs / 1000, { hop: hopName(hop) })
    }
  }

  /** After a step of the core: `works` is what it knows by now. */
  onStep(event: { readonly type: string }, effects: readonly { readonly type: string }[], works: RunWorks): void {
    if (isHeard(event)) this.#hear(event.fact, works)
    if (event.type === 'caught-up') this.#caughtUp = true
    // A verdict shows when it is given, even while the topic is away; heard again it is known.
    for (const effect of effects) if (isSaid(effect) && effect.fact.kind === 'run-judged') this.#judged(effect.fact, works)
  }

  /** Sets what is a matter of the moment. Called when somebody looks. */
  refresh(nowMs: number): void {
    const runs = [...this.#runs.values()]
    const producing = runs.filter(({ isProducing }) => isProducing)
    this.#metrics.set(
      'assay_load_asked_canaries_per_second',
      producing.reduce((sum, { ratePerSecond }) => sum + ratePerSecond, 0),
    )
    for (const hop of this.#storing) {
      const ages = producing.map(({ hops }) => nowMs - (hops.get(hop)?.newestMs ?? nowMs))
      const lags = runs.map(({ hops }) => (hops.get(SOURCE_HOP)?.sighted ?? 0) - (hops.get(hop)?.sighted ?? Infinity))
      const lag = lags.reduce((sum, behind) => sum + Math.max(0, behind), 0)
      this.#metrics.set('assay_hop_freshness_seconds', Math.max(0, ...ages) / 1000, { hop })
      this.#metrics.set('assay_hop_lag_canaries', lag, { hop })
    }
  }

  #hear(fact: ResultMessage, works: RunWorks): void {
    if (this.#caughtUp) this.#metrics.add('assay_reporter_facts_total', 1, { kind: fact.kind })
    if (fact.kind === 'agent-heartbeat') {
      this.#metrics.set('assay_agent_heartbeat_timestamp_seconds', fact.atMs / 1000, { agent: fact.agent })
      this.#metrics.set('assay_agent_resident_bytes', fact.residentBytes, { agent: fact.agent })
    } else if (fact.kind === 'run-judged') this.#judged(fact, works)
    else if (isRunFact(fact)) this.#hearOfRun(fact, works)
  }

  #hearOfRun(fact: RunFact, works: RunWorks): void {
    if (fact.kind === 'fault-changed') this.#fault(fact)
    const run = works.base.book.runs.get(fact.runId)
    const evidence = works.evidence.get(fact.runId)
    if (run?.judged !== null || evidence === undefined || this.#judgedRuns.has(fact.runId)) return
    const live = this.#liveOf(run)
    const produced = production(run)
    live.isProducing = produced?.ended === null
    const clock = sendClock(works, run)
    if (clock !== null) this.#place(live, { fact, run, evidence, clock })
    this.#count(live, fact, evidence)
  }

  #liveOf(run: RunState): Live {
    let live = this.#runs.get(run.runId)
    if (live === undefined) {
      live = {
        ratePerSecond: run.resolved.plan.load.ratePerSecond,
        isProducing: false,
        hops: new Map(),
        sizes: new Map(),
        standing: new Map(),
      }
      this.#runs.set(run.runId, live)
    }
    keepNewest(this.#runs, RUNS_MAX)
    return live
  }

  /** How far each hop is. Before its first canary a hop is as old as the production. */
  #place(live: Live, { fact, run, evidence, clock }: { fact: RunFact; run: RunState; evidence: Evidence; clock: SendClock }): void {
    if (live.hops.size === 0) {
      const watched = run.resolved.hops.filter((hop) => hop.kind !== 'api' && isWatched(run, hop)).map(hopName)
      for (const hop of [SOURCE_HOP, ...watched]) live.hops.set(hop, { sighted: 0, newestMs: clock.epochMs })
    }
    const [hop, set, said] = sightingOf(fact, evidence) ?? []
    const at = live.hops.get(hop ?? '')
    if (at === undefined || set === undefined || said === undefined) return
    at.sighted = set.size
    for (const { stream } of said) {
      const last = set.last(stream)
      if (last >= 0) at.newestMs = Math.max(at.newestMs, intendedAtMs(clock, stream, last))
    }
  }

  /** What adds up, of facts that are no repeats. */
  #count(live: Live, fact: RunFact, evidence: Evidence): void {
    const isNews = this.#isNews(live, fact, evidence)
    switch (fact.kind) {
      case 'violation-found':
        if (isNews) this.#stand(live, fact, { value: sizeOf(fact.ranges), traceId: fact.traceId })
        return
      case 'correction':
        this.#correct(live, fact, evidence)
        return
      case 'canaries-produced':
        if (isNews) this.#latencies(SOURCE_HOP, fact.latency)
        return
      case 'hop-sighted':
      case 'snapshot-reconciled':
      case 'probe-answered':
        if (isNews) this.#latencies(fact.hop, fact.latency)
        return
      default:
        return
    }
  }

  #isNews({ sizes }: Live, fact: RunFact, evidence: Evidence): boolean {
    const size = grownBy(fact, evidence)
    if (size === null) return true
    const key =
      fact.kind === 'violation-found' || fact.kind === 'correction' ? 'violations' : `${fact.kind} ${'hop' in fact ? fact.hop : ''}`
    const before = sizes.get(key) ?? 0
    sizes.set(key, size)
    return size > before
  }

  #stand({ standing }: Live, { hop, violation }: { hop: string; violation: ViolationKind }, canaries: TracedValue): void {
    standing.set(`${hop} ${violation}`, (standing.get(`${hop} ${violation}`) ?? 0) + canaries.value)
    if (this.#caughtUp && this.#hops.has(hop)) this.#metrics.add('assay_hop_violations_total', canaries, { hop, violation })
  }

  #correct(live: Live, fact: Fact<'correction'>, evidence: Evidence): void {
    const { hop, violation, becomes } = fact
    const key = `${hop} ${violation}`
    let left = 0
    for (const known of evidence.violations.values()) if (known.hop === hop && known.violation === violation) left += known.standing.size
    const taken = (live.standing.get(key) ?? 0) - left
    if (taken <= 0) return
    live.standing.set(key, left)
    if (this.#caughtUp && this.#hops.has(hop)) this.#metrics.add('assay_hop_corrections_total', taken, { hop, violation })
    if (becomes !== null) this.#stand(live, { hop, violation: becomes }, { value: taken, traceId: firstTraceOf(fact) })
  }

  #latencies(hop: string, sketch: LatencySketchWire): void {
    if (!this.#caughtUp || !this.#hops.has(hop)) return
    const values = countsOf(sketch).map(({ ms, count }): CountedValue => ({ value: ms / 1000, count }))
    this.#metrics.observeMany('assay_hop_latency_seconds', values, { hop })
  }

  /** A verdict ends no fault: one of a run that was judged stands until somebody says that it was healed. */
  #fault({ runId, stage, fault, phase }: Fact<'fault-changed'>): void {
    const key = `${runId} ${stage}`
    if (phase === 'injected') this.#faults.set(key, fault)
    if (phase === 'healed' || phase === 'void') this.#faults.delete(key)
    keepNewest(this.#faults, FAULTS_KEPT)
    const standing = [...this.#faults.values()]
    for (const kind of faultKinds)
      this.#metrics.set('assay_fault_active', standing.filter((other) => other === kind).length, { fault: kind })
  }

  #show(fact: Fact<'run-judged'>): void {
    this.#shown = fact
    showVerdict(fact, this.#metrics, this.#hops)
  }

  #judged(fact: Fact<'run-judged'>, { base, judgedEvidence }: RunWorks): void {
    if (this.#judgedRuns.has(fact.runId)) {
      // Amended: what is shown follows, what is counted stays.
      if (fact.runId === this.#shown?.runId && fact.revision > this.#shown.revision) this.#show(fact)
      return
    }
    this.#judgedRuns.add(fact.runId)
    keepNewest(this.#judgedRuns, JUDGED_KEPT)
    this.#runs.delete(fact.runId)
    // Read again, runs of several partitions come in any order.
    if (fact.atMs >= this.#newestMs) this.#show(fact)
    this.#newestMs = Math.max(this.#newestMs, fact.atMs)
    if (!this.#caughtUp) return
    countVerdict(fact, this.#metrics, this.#hops)
    const run = base.book.runs.get(fact.runId)
    const evidence = judgedEvidence.get(fact.runId)
    if (run === undefined || evidence === undefined) return
    for (const { hop, defect, unseen } of watchedDefects(run, evidence))
      if (this.#hops.has(hop)) this.#metrics.add('assay_watcher_blind_total', unseen.length, { hop, defect })
  }
}

function showVerdict(fact: Fact<'run-judged'>, metrics: Sink, hops: ReadonlySet<string>): void {
  metrics.set('assay_run_last_judged_timestamp_seconds', fact.atMs / 1000)
  for (const verdict of VERDICTS) metrics.set('assay_run_last_verdict', verdict === fact.verdict ? 1 : 0, { verdict })
  for (const { hop, fidelity, p95Ms } of fact.hops) {
    if (!hops.has(hop)) continue
    metrics.set('assay_hop_fidelity_ratio', fidelity ?? Number.NaN, { hop })
    metrics.set('assay_hop_latency_p95_seconds', p95Ms === null ? Number.NaN : p95Ms / 1000, { hop })
  }
  for (const { recoveryMs } of fact.recoveries) if (recoveryMs !== null) metrics.set('assay_fault_recovery_seconds', recoveryMs / 1000)
}

function countVerdict(fact: Fact<'run-judged'>, metrics: Sink, hops: ReadonlySet<string>): void {
  metrics.add('assay_runs_total', 1, { verdict: fact.verdict })
  if (fact.verdict === 'inconclusive')
    metrics.add('assay_runs_inconclusive_total', 1, { reason: inconclusiveReasonOf(fact.reasons[0] ?? '') })
  for (const { hop, expected, sighted, fidelity } of fact.hops) {
    if (!hops.has(hop)) continue
    metrics.add('assay_hop_canaries_expected_total', expected, { hop })
    metrics.add('assay_hop_canaries_sighted_total', sighted, { hop })
    metrics.add('assay_hop_canaries_bad_total', fidelity === null ? 0 : Math.round((1 - fidelity) * expected), { hop })
  }
}

/** Each of them has its trace: that of the first. */
const firstTraceOf = ({ runId, stream, ranges }: Fact<'correction'>) => traceIdOf({ runId, stream, seq: ranges[0] ?? 0 })

/** Where a fact sighted which canaries, and all that were sighted there. */
function sightingOf(fact: RunFact, evidence: Evidence): readonly [string, CanarySet | undefined, readonly { stream: number }[]] | null {
  switch (fact.kind) {
    case 'canaries-produced':
      return [SOURCE_HOP, evidence.acknowledged, fact.acknowledged]
    case 'hop-sighted':
    case 'snapshot-reconciled':
      return [fact.hop, evidence.hops.get(fact.hop)?.sighted, fact.canaries]
    default:
      return null
  }
}

/** The size of what a fact makes grow unless it is a repeat; null where that does not matter. */
function grownBy(fact: RunFact, evidence: Evidence): number | null {
  switch (fact.kind) {
    case 'canaries-produced':
      return evidence.ledgerFacts.size
    case 'hop-sighted':
      return evidence.hops.get(fact.hop)?.segments.length ?? 0
    case 'snapshot-reconciled':
      return evidence.snapshots.length
    case 'probe-answered':
      return evidence.probes.get(fact.hop)?.batches.size ?? 0
    case 'violation-found':
    case 'correction':
      return evidence.violations.size
    default:
      return null
  }
}

const isHeard = (event: { readonly type: string }): event is Extract<BusEvent, { type: 'fact' }> => event.type === 'fact'
const isSaid = (effect: { readonly type: string }): effect is Extract<BusEffect, { type: 'publish' }> => effect.type === 'publish'
