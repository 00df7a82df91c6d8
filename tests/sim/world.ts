import type { ControlMessage } from '../../schemas/control.ts'
import type { Fact, ResultMessage, RunFact } from '../../schemas/results.ts'
import type { AgentName } from '../../shared/core/agent.ts'
import { judgeFromTopics } from '../../shared/core/judge-again.ts'
import type { Judgement } from '../../shared/core/judge.ts'
import { members } from '../../shared/core/range-set.ts'
import { createPrng, type Prng } from '../../shared/core/prng.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { createSimClock, type SimClock } from '../../shared/sim/clock.ts'
import type { OtherDefect } from '../../shared/sim/all-traffic.ts'
import { SimPipeline, type Planted } from '../../shared/sim/pipeline.ts'
import type { PlantedDefect } from '../../shared/sim/planted-defects.ts'
import { createTopicLog } from '../../shared/sim/topic-log.ts'
import { SimTransactions } from '../../shared/sim/transaction.ts'
import type { CanarySet } from '../../shared/core/canary-set.ts'
import { emptyEvidence, standingViolations, type Evidence } from '../../shared/core/evidence.ts'
import { untoldOf } from '../../shared/core/own-delay.ts'
import { checker, generator, reporter } from './agents.ts'
import { reconciler } from './reconciler-agent.ts'
import { injector, prober } from './outer-agents.ts'
import { startCrew, type Crew } from './crew.ts'
import { createProcess, type Deaf, type World } from './host.ts'
import { simTopology, sourceTopology } from './topology.ts'

export interface Scenario {
  readonly seed: number
  readonly defect: PlantedDefect | 'none'
  /** An agent that is killed in mid-run and started again. */
  readonly crash?: AgentName | undefined
  /** How long after its start it is killed; left out, the seed decides. */
  readonly crashAfterMs?: number | undefined
  /** How long it stays down; left out, some seconds, and with Infinity for ever. */
  readonly downMs?: number | undefined
  /** An agent of which there are several instances. */
  readonly crew?: Crew | undefined
  /** An agent that hears late for a while what others say. */
  readonly deaf?: AgentName | undefined
  /** For how long; left out, the seed decides. */
  readonly deafForMs?: number | undefined
  /** An agent that is never started. */
  readonly absent?: AgentName | undefined
  /** Whether the normaliser writes in transactions, of which it aborts some. */
  readonly transacts?: boolean
  /** Whether the run pauses the sink for a while. */
  readonly pauses?: boolean
  /** A sink that was paused never goes on. */
  readonly staysPaused?: boolean
  /** Whether canaries go in outside of Kafka, by way of a gateway. */
  readonly source?: boolean
  readonly generatorLagMs?: number
  /** What somebody does to topics and table in mid-run. */
  readonly disturb?: ((pipeline: SimPipeline, later: SimClock['later']) => void) | undefined
  /** When; left out, the seed decides. */
  readonly disturbAtMs?: number
  /** Left out, the seed decides. */
  readonly load?: { readonly canaries: number; readonly ratePerSecond: number }
  /** How often each defect is planted on a mirror stream; left out, there is none. */
  readonly mirror?: number
  /** Facts that agents say and nobody hears: an agent with a mistake that does not see something. */
  readonly hides?: (fact: ResultMessage) => boolean
  /** Whether the plan audits all traffic. */
  readonly audits?: boolean
  /** What the sink does wrong to records that are no canaries. */
  readonly otherDefect?: OtherDefect | 'none'
}

export interface SimReport {
  readonly verdict: Fact<'run-judged'>
  readonly recomputed: Judgement | null
  /** `violation hop stream/seq`, sorted. */
  readonly found: readonly string[]
  readonly planted: readonly Planted[]
  /** What the ledger says: a generator that died vouches for less than it wrote. */
  readonly ledger: { readonly acknowledged: CanarySet; readonly failed: CanarySet; readonly untold: CanarySet }
  readonly facts: readonly RunFact[]
  readonly trace: string
  readonly pipeline: SimPipeline
}

const START_MS = 1_700_000_000_000
const STEPS_MAX = 400_000
const RUN_ID = '018bcfe5-6800-7000-8000-000000000001'

const FAULT_STAGES = `  - { stage: pause, task: inject-fault, needsStarted: [produce], target: sink, fault: pause, durationMs: 3000, leaseMs: 6000, recoverWithinMs: 20000, timeoutMs: 60000 }
  - { stage: heal, task: heal, needs: [pause], always: true, timeoutMs: 60000 }
`

const AUDIT_STAGES = `  - { stage: audit-tables, task: audit-tables, timeoutMs: 80000 }
  - { stage: audit-topics, task: audit-topics, needsStarted: [audit-tables], windowOffsets: 150, timeoutMs: 80000 }
`

export function simPlan(
  canaries: number,
  ratePerSecond: number,
  { pauses = false, mirror = 0, audits = false }: Pick<Scenario, 'pauses' | 'mirror' | 'audits'> = {},
): string {
  const stages = `${pauses ? FAULT_STAGES : ''}${audits ? AUDIT_STAGES : ''}`
  return `
version: 1
name: sim
timeoutMs: 90000
load: { canaries: ${canaries}, ratePerSecond: ${ratePerSecond}, streams: 4, edgeValuesEvery: 0${mirror > 0 ? `, mirror: { each: ${mirror} }` : ''} }
stages:
  - { stage: sight, task: sight-topics, timeoutMs: 70000 }
  - { stage: reconcile, task: reconcile-table, timeoutMs: 80000 }
  - { stage: produce, task: produce, needsStarted: [sight, reconcile], timeoutMs: 60000 }
  - { stage: probe, task: probe-api, needsStarted: [produce], timeoutMs: 80000, requestsPerSecond: 10 }
${stages}`
}

/** A sink that is paused once stays so. */
function neverGoesOn(pipeline: SimPipeline): void {
  const pause = pipeline.pauseSink.bind(pipeline)
  pipeline.pauseSink = (paused) => {
    if (paused) pause(true)
  }
}

/** Looks at each entry once. */
function firstVerdict(entries: World['results']['entries']): () => Fact<'run-judged'> | null {
  let looked = 0
  let verdict: Fact<'run-judged'> | null = null
  return () => {
    for (; verdict === null && looked < entries.length; looked++) {
      const message = entries[looked]?.message
      if (message?.kind === 'run-judged') verdict = message
    }
    return verdict
  }
}

function planOf({ load, ...scenario }: Scenario, size: Prng): string {
  const drawn = { canaries: 40 + size.below(80), ratePerSecond: 20 + size.below(60) }
  const { canaries, ratePerSecond } = load ?? drawn
  return simPlan(canaries, ratePerSecond, scenario)
}

/** From about when canaries begin to be sent. */
function deafOf({ deaf, deafForMs }: Scenario, prng: Prng): Deaf | undefined {
  if (deaf === undefined) return undefined
  const draw = prng.stream('deaf')
  const fromMs = START_MS + 1_500 + draw.below(4_000)
  return { agent: deaf, fromMs, untilMs: fromMs + (deafForMs ?? 6_000 + draw.below(10_000)) }
}

/** Every agent in its own time; one of them may die in between. */
function startProcesses(world: World, { crash, crashAfterMs, downMs, absent, crew }: Scenario): Prng {
  const { clock } = world
  const processes = [
    createProcess(world, generator),
    createProcess(world, checker),
    createProcess(world, reconciler),
    createProcess(world, prober),
    createProcess(world, injector),
    createProcess(world, reporter),
  ]
  if (crew !== undefined) startCrewOf(world, crew)
  const start = world.prng.stream('start')
  for (const process of processes) {
    if (process.name === absent || process.name === crew?.agent) continue
    clock.later(start.below(1_500), process.start)
    if (process.name !== crash) continue
    const killAtMs = crashAfterMs ?? 1_500 + start.below(9_000)
    clock.later(killAtMs, process.kill)
    const backAfterMs = downMs ?? 200 + start.below(4_000)
    if (backAfterMs < Infinity) clock.later(killAtMs + backAfterMs, process.start)
  }
  return start
}

function startCrewOf(world: World, crew: Crew): void {
  const { agent } = crew
  if (agent === 'generator') startCrew(world, generator, crew)
  if (agent === 'ingestion-checker') startCrew(world, checker, crew)
  if (agent === 'storage-reconciler') startCrew(world, reconciler, crew)
  if (agent === 'query-prober') startCrew(world, prober, crew)
  if (agent === 'chaos-injector') startCrew(world, injector, crew)
  if (agent === 'reporter') startCrew(world, reporter, crew)
}

const foundIn = (evidence: Evidence) =>
  standingViolations(evidence).flatMap(({ violation, hop, stream, standing }) =>
    [...members(standing.ranges)].map((seq) => `${violation} ${hop} ${stream}/${seq}`),
  )

/** Runs every real core on one virtual clock. The scenario decides everything; nothing else does. */
export function simulate(scenario: Scenario): SimReport {
  const { seed, defect, staysPaused = false, source = false, generatorLagMs = 0, hides = () => false, otherDefect = 'none' } = scenario
  const prng = createPrng(seed)
  const clock = createSimClock(START_MS)
  const lines: string[] = []
  const plans = new Map([['sim', planOf(scenario, prng.stream('size'))]])
  const pipeline = new SimPipeline({ clock, prng: prng.stream('pipeline'), defect, source })
  if (staysPaused) neverGoesOn(pipeline)
  if (scenario.transacts === true) pipeline.transactions = new SimTransactions(prng.stream('transactions'))
  const disturbAtMs = scenario.disturbAtMs ?? 2_500 + prng.stream('disturb').below(3_000)
  clock.later(disturbAtMs, () => {
    scenario.disturb?.(pipeline, clock.later)
  })
  const world: World = {
    clock,
    prng,
    pipelineOf: () => pipeline,
    topology: source ? sourceTopology : simTopology,
    control: createTopicLog<ControlMessage>(clock, prng.stream('control'), { repeats: true }),
    results: createTopicLog<ResultMessage>(clock, prng.stream('results'), { repeats: true }),
    plans,
    hides,
    generatorLagMs,
    otherDefect,
    deaf: deafOf(scenario, prng),
    trace: (line) => {
      lines.push(line)
    },
  }
  const start = startProcesses(world, scenario)
  clock.later(start.below(2_000), () => {
    world.control.append({ kind: 'run-requested', runId: RUN_ID, plan: 'sim', parameters: {}, window: null, requestedBy: 'sim' })
  })
  const judged = firstVerdict(world.results.entries)
  clock.runUntil(() => judged() !== null, STEPS_MAX)
  const facts = world.results.entries.map(({ message }) => message).filter(isRunFact)
  const recomputed = judgeFromTopics(facts)
  const evidence = recomputed?.evidence ?? emptyEvidence()
  return {
    verdict: judged() as Fact<'run-judged'>,
    recomputed: recomputed?.judgement ?? null,
    found: [...new Set(foundIn(evidence))].sort(),
    planted: pipeline.planted,
    facts,
    ledger: { acknowledged: evidence.acknowledged, failed: evidence.failed, untold: untoldOf(evidence) },
    trace: lines.join('\n'),
    pipeline,
  }
}
