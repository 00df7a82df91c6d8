import type { ControlMessage } from '../../schemas/control.ts'
import type { Fact } from '../../schemas/results.ts'
import { loadPlan, problemText } from '../../topology/load.ts'
import { agentOfTask, type Plan } from '../../topology/plan.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { Hop, Topology } from '../../topology/topology.ts'
import { agentNames, type AgentName } from './agent.ts'
import { keepNewest } from './bounded.ts'
import type { BusEffect, BusEvent } from './bus-events.ts'
import { canaryContent } from './canary.ts'
import { AssayError } from './errors.ts'
import { noteBeat, type ClockSamples } from './clocks.ts'
import { fnv1a } from './prng.ts'
import { readRecordSchema } from './record-schema.ts'
import { emptyRunBook, foldRunBook, type PendingRequest, type RunBook } from './run-book.ts'
import { dropPastRequests, windowsToRequest } from './schedule.ts'
import { isOfEndedSeries } from './series.ts'
import { keyProblems, shapeProblems } from './shape-problems.ts'
import { everything, nothing, SILENT_MS, type Shares } from './shares.ts'

export interface Speaker {
  readonly agent: AgentName
  readonly instance: string
}

/** What an agent needs to turn requests into runs. */
export interface AgentBaseConfig {
  readonly speaker: Speaker
  /** Plan texts by name. */
  readonly plans: ReadonlyMap<string, string>
  readonly topology: Topology
  /** Avro schema of the record at the source, as JSON text. */
  readonly recordSchema: string
}

/** The part of every core that folds both topics and answers requests. */
export interface AgentBase {
  readonly config: AgentBaseConfig
  readonly book: RunBook
  readonly unreadable: Map<number, { readonly problems: readonly string[]; readonly excerpt: string }>
  /** When this agent first knew of a request, by control offset. */
  readonly knownSinceMs: Map<number, number>
  /** When this agent asked for a window or said the end of a series, by kind and run id. */
  readonly askedFor: Map<string, number>
  caughtUp: boolean
  nowMs: number
  /** What of the agent's work is this instance's. */
  shares: Shares
  /** When another instance of this agent was last heard. */
  otherHeardMs: number
  /** By agent and instance. */
  readonly clocks: Map<string, ClockSamples>
  isSharing: boolean
}

/** How long an agent lets the ones before it in `agentNames` answer a request: one answer is enough, six do no harm. */
export const ANSWER_TURN_MS = 700
/** Forgetting what was long ago costs an answer twice, which is harmless. */
const KNOWN_KEPT_MAX = 10_000
const ASKED_KEPT_MAX = 256
const ASK_AGAIN_AFTER_MS = 10_000
const EXCERPT_CHARS = 200
/** Two agents ask for each window of a series: either may be down. */
const schedulers: ReadonlySet<AgentName> = new Set(['generator', 'reporter'])

export const initBase = (config: AgentBaseConfig): AgentBase => ({
  config,
  book: emptyRunBook(),
  unreadable: new Map(),
  knownSinceMs: new Map(),
  askedFor: new Map(),
  caughtUp: false,
  nowMs: 0,
  shares: everything,
  otherHeardMs: -Infinity,
  clocks: new Map(),
  isSharing: false,
})

/** Folds an event into the base; on a tick, answers the requests whose turn it is. */
export function foldBase(base: AgentBase, event: BusEvent): BusEffect[] {
  foldRunBook(base.book, event)
  switch (event.type) {
    case 'control-unreadable':
      if (!base.book.refusedOffsets.has(event.offset)) base.unreadable.set(event.offset, event)
      return []
    case 'fact':
      if (event.fact.kind === 'request-refused') base.unreadable.delete(event.fact.controlOffset)
      if (event.fact.kind === 'agent-heartbeat') {
        noteOther(base, event.fact)
        if (base.caughtUp) noteBeat(base.clocks, event.fact, base.nowMs)
      }
      return []
    case 'caught-up':
      base.caughtUp = true
      base.nowMs = event.atMs
      // Who comes later takes nothing of the work before Kafka has shared it out.
      if (knowsOther(base)) base.shares = nothing
      return []
    case 'tick':
      base.nowMs = event.atMs
      return base.caughtUp ? [...shareWork(base), ...answers(base)] : []
    case 'shares-changed':
      base.shares = { of: event.of, held: new Set(event.held) }
      return []
    case 'control':
      return []
    default:
      return event satisfies never
  }
}

function noteOther(base: AgentBase, { agent, instance, atMs }: Fact<'agent-heartbeat'>): void {
  const { speaker } = base.config
  // What is heard as it is said needs no clock of another machine.
  const heardMs = base.caughtUp ? base.nowMs : atMs
  if (agent === speaker.agent && instance !== speaker.instance) base.otherHeardMs = Math.max(base.otherHeardMs, heardMs)
}

const knowsOther = ({ nowMs, otherHeardMs }: AgentBase) => nowMs - otherHeardMs < SILENT_MS

/** An instance that is alone asks nobody for its work, and waits for nobody. */
function shareWork(base: AgentBase): BusEffect[] {
  if (base.isSharing || !knowsOther(base)) return []
  base.isSharing = true
  return [{ type: 'share-work' }]
}

function answers(base: AgentBase): BusEffect[] {
  const effects: BusEffect[] = []
  const isScheduler = schedulers.has(base.config.speaker.agent)
  for (const [controlOffset, { problems, excerpt }] of base.unreadable) {
    if (isMyTurn(base, controlOffset)) effects.push(publish(refusal(base, { controlOffset, problems, excerpt })))
  }
  dropPastRequests(base.book, base.nowMs)
  for (const request of base.book.requests.values()) {
    const isEnded = isOfEndedSeries(base.book, request.message)
    if (isEnded && isScheduler) effects.push(...askOnce(base, endAgain(request)))
    if (isMyTurn(base, request.controlOffset)) effects.push(publish(isEnded ? ended(base, request) : answer(base, request)))
  }
  if (isScheduler) for (const message of windowsToRequest(base.book, base.nowMs)) effects.push(...askOnce(base, message))
  // What was answered is folded at once, so that the next tick does not answer again.
  for (const effect of effects) if (effect.type === 'publish') foldBase(base, { type: 'fact', fact: effect.fact })
  return effects
}

/** Once in a while: what was asked may have been lost with the broker, and asking twice makes one run. */
function askOnce(base: AgentBase, message: ControlMessage): BusEffect[] {
  const key = `${message.kind}/${message.runId ?? ''}`
  const askedMs = base.askedFor.get(key)
  if (askedMs !== undefined && base.nowMs - askedMs < ASK_AGAIN_AFTER_MS) return []
  base.askedFor.delete(key)
  base.askedFor.set(key, base.nowMs)
  keepNewest(base.askedFor, ASKED_KEPT_MAX)
  return [{ type: 'request', message }]
}

/** A window asked for by one who had not heard of the end: said again behind it, so that the end outlives it on the topic. */
function endAgain({ message: { window } }: PendingRequest): ControlMessage {
  const runId = window?.series ?? ''
  return { kind: 'run-cancelled', runId, requestedBy: `series ${runId}`, reason: 'the series was cancelled' }
}

function ended(base: AgentBase, { controlOffset, message }: PendingRequest): Fact<'request-refused'> {
  const problems = [`window.series: ${message.window?.series ?? ''} was cancelled`]
  return refusal(base, { controlOffset, problems, excerpt: JSON.stringify(message).slice(0, EXCERPT_CHARS) })
}

function isMyTurn(base: AgentBase, controlOffset: number): boolean {
  const since = base.knownSinceMs.get(controlOffset)
  if (since === undefined) {
    base.knownSinceMs.set(controlOffset, base.nowMs)
    keepNewest(base.knownSinceMs, KNOWN_KEPT_MAX)
  }
  return base.nowMs - (since ?? base.nowMs) >= agentNames.indexOf(base.config.speaker.agent) * ANSWER_TURN_MS
}

function answer(base: AgentBase, request: PendingRequest): Fact<'run-accepted' | 'request-refused'> {
  const resolved = resolveRequest(base.config, request)
  if ('problems' in resolved) {
    return refusal(base, {
      controlOffset: request.controlOffset,
      problems: resolved.problems,
      excerpt: JSON.stringify(request.message).slice(0, EXCERPT_CHARS),
    })
  }
  const { message, controlOffset, atMs, runId } = request
  return {
    kind: 'run-accepted',
    runId,
    ...base.config.speaker,
    atMs: base.nowMs,
    controlOffset,
    requestedAtMs: atMs,
    requestedBy: message.requestedBy,
    window: message.window,
    planName: resolved.run.plan.name,
    resolved: JSON.stringify(resolved.run),
  }
}

function refusal(
  base: AgentBase,
  refused: Pick<Fact<'request-refused'>, 'controlOffset' | 'excerpt'> & { problems: readonly string[] },
): Fact<'request-refused'> {
  return { kind: 'request-refused', ...base.config.speaker, atMs: base.nowMs, ...refused, problems: [...refused.problems] }
}

const publish = (fact: Fact<'run-accepted' | 'request-refused'>): BusEffect => ({ type: 'publish', fact })

/** The plan with its parameters, the hops and the seed; or every reason why the request cannot be carried out. */
export function resolveRequest(config: AgentBaseConfig, request: PendingRequest): { run: ResolvedRun } | { problems: string[] } {
  const { message } = request
  const inline = message.plan.trimStart().startsWith('{')
  const text = inline ? message.plan : config.plans.get(message.plan)
  if (text === undefined) return { problems: [`plan: no plan is named ${message.plan}; there are ${[...config.plans.keys()].join(', ')}`] }
  const loaded = loadPlan(inline ? 'inline plan' : `${message.plan}.yaml`, text, message.parameters)
  if (!loaded.ok) return { problems: loaded.problems.map(problemText) }
  const plan = loaded.value
  const run: ResolvedRun = {
    plan,
    topology: config.topology.name,
    record: config.topology.record,
    recordSchema: config.recordSchema,
    hops: config.topology.hops.map(withoutSecrets),
    chaosTargets: Object.keys(config.topology.chaos.targets),
    seed: fnv1a(request.runId),
  }
  const problems = [...targetProblems(plan, config.topology), ...contentProblems(run, request.runId)]
  return problems.length > 0 ? { problems } : { run }
}

function targetProblems(plan: Plan, topology: Topology): string[] {
  return plan.stages.flatMap((stage) => {
    if (stage.task !== 'inject-fault') return []
    const target = topology.chaos.targets[stage.target]
    const opted = Object.keys(topology.chaos.targets).join(', ') || 'none'
    if (target === undefined)
      return [`stages.${stage.stage}.target: ${stage.target} is not opted in for chaos by topology ${topology.name} (opted in: ${opted})`]
    if (!target.faults.includes(stage.fault))
      return [`stages.${stage.stage}.fault: ${stage.fault} is not allowed on ${stage.target} (allowed: ${target.faults.join(', ')})`]
    if (stage.leaseMs > target.leaseMsMax)
      return [`stages.${stage.stage}.leaseMs: ${stage.leaseMs} is more than the ${target.leaseMsMax} that ${stage.target} allows`]
    if (stage.durationMs > stage.leaseMs)
      return [`stages.${stage.stage}.durationMs: ${stage.durationMs} does not fit the lease of ${stage.leaseMs}`]
    return []
  })
}

/** A topology that names what the record's schema has not shows when the first canary is made: make one. What it holds must fit, too. */
function contentProblems(run: ResolvedRun, runId: string): string[] {
  try {
    const fields = readRecordSchema(run.recordSchema)
    canaryContent({ runId, seed: run.seed, load: run.plan.load, record: run.record, fields })(0, 0)
    return [...shapeProblems(run.record, fields), ...keyProblems(run.hops, fields)]
  } catch (error) {
    if (error instanceof AssayError && error.code === 'INPUT_INVALID') return [error.message]
    throw error
  }
}

/** Addresses and request headers hold credentials; they stay in each agent's own topology. */
export function withoutSecrets(hop: Hop): Hop {
  return hop.kind === 'api' ? { ...hop, url: hop.url.replace(/^https?:\/\/[^/]*/, ''), headers: {} } : hop
}

/** Agents that answer for a task, for messages such as "stage probe needs query-prober". */
export const agentOfStage = (run: ResolvedRun, stage: string): AgentName | null => {
  const found = run.plan.stages.find((candidate) => candidate.stage === stage)
  return found === undefined ? null : agentOfTask[found.task]
}
