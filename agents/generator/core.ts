import type { LatencySketchWire, OffsetRange } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import { placeOf } from '../../shared/core/canary.ts'
import { isOver, type RunState } from '../../shared/core/run-book.ts'
import { stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/stage-rules.ts'
import {
  evidenceOf,
  foldWorks,
  headOf,
  initWorks,
  isMyRun,
  ofMyRuns,
  production,
  recordHops,
  say,
  sayEnded,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { Ranges } from '../../shared/core/range-set.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { hearIntent, letGoOfWritten, newClaims, takeWritable, type Claims } from './claims.ts'
import { chunkSize, nextChunk, type Chunk } from './pace.ts'

/** Outcome of the writes of one chunk: every canary of it is in exactly one of the three. */
export interface ChunkOutcome {
  readonly acknowledged: readonly { readonly stream: number; readonly ranges: Ranges }[]
  readonly unknown: readonly { readonly stream: number; readonly ranges: Ranges }[]
  readonly failed: readonly { readonly stream: number; readonly ranges: Ranges }[]
  readonly offsets: readonly OffsetRange[]
  readonly latency: LatencySketchWire
  /** The longest a canary waited in this process beyond its intended send time; waiting for the broker aside. */
  readonly heldBackMs: number
  readonly reason: string | null
}

export type GeneratorEvent =
  BusEvent | { readonly type: 'chunk-written'; readonly runId: string; readonly chunk: Chunk; readonly outcome: ChunkOutcome }

export type GeneratorEffect =
  | BusEffect
  /** Publishes the intent: once it is heard it stands on the results topic, and what it says may be written. */
  | {
      readonly type: 'keep-intent'
      readonly runId: string
      readonly chunk: Chunk
      readonly fact: Extract<BusEffect, { type: 'publish' }>['fact']
    }
  /** Writes the canaries of the chunk, each at its intended time, and answers chunk-written. */
  | {
      readonly type: 'write-chunk'
      readonly runId: string
      readonly chunk: Chunk
      readonly epochMs: number
      readonly resolved: ResolvedRun
    }
  /** The run is over: what is kept to write its canaries is not needed any more. */
  | { readonly type: 'forget-run'; readonly runId: string }

interface GeneratorWork {
  readonly stage: string
  readonly epochMs: number
  /** How late the plan runs because this generator was down. */
  readonly shiftMs: number
  /** First place of the next chunk, in the order of intended sends. */
  nextPlace: number
  lastReason: string | null
}

export interface GeneratorState {
  readonly works: RunWorks
  readonly active: Map<string, GeneratorWork>
  /** By run, as long as it is under way. */
  readonly claims: Map<string, Claims>
  caughtUpMs: number
}

/** Chunks in flight: intents may run ahead of writes by this many, and no more. */
const CHUNKS_IN_FLIGHT_MAX = 4
/** From stage start to the first intended send: time for the first intent to be kept. */
const LEAD_MS = 500

export const generatorCore: AgentCore<AgentBaseConfig, GeneratorState, GeneratorEvent, GeneratorEffect> = {
  name: 'generator',
  init: (config) => ({ works: initWorks(config), active: new Map(), claims: new Map(), caughtUpMs: Infinity }),
  step(state, event): Step<GeneratorState, GeneratorEffect> {
    if (!isBusEvent(event)) return { state, effects: [...vouch(state, event), ...advance(state, event.runId)] }
    const effects: GeneratorEffect[] = foldWorks(state.works, event)
    if (event.type === 'caught-up') state.caughtUpMs = event.atMs
    if (event.type === 'fact' && event.fact.kind === 'canaries-intended') effects.push(...onIntent(state, event.fact))
    if (event.type === 'tick' && state.works.base.caughtUp) effects.push(...onTick(state))
    return { state, effects }
  },
}

function onIntent(state: GeneratorState, fact: Fact<'canaries-intended'>): GeneratorEffect[] {
  const { base } = state.works
  const run = base.book.runs.get(fact.runId)
  if (run === undefined) return []
  hearIntent(claimsOf(state, fact.runId), fact, {
    load: run.resolved.plan.load,
    epochMs: production(run)?.epochMs ?? fact.atMs,
    isNamesake: fact.instance === base.config.speaker.instance,
    caughtUpMs: state.caughtUpMs,
  })
  return base.caughtUp ? writeWhatMay(state, run) : []
}

function claimsOf({ claims }: GeneratorState, runId: string): Claims {
  const known = claims.get(runId) ?? newClaims()
  claims.set(runId, known)
  return known
}

/** Hands over what is ours to write; of a chunk that others were faster with, nothing is left. */
function writeWhatMay(state: GeneratorState, run: RunState): GeneratorEffect[] {
  const claims = claimsOf(state, run.runId)
  const effects: GeneratorEffect[] = []
  const produced = production(run)
  if (produced === null || produced.ended !== null) return effects
  for (let next = takeWritable(claims); next !== null; next = takeWritable(claims)) {
    const { chunk, shiftMs } = next
    if (chunk.canaries.length === 0) continue
    claims.writing++
    effects.push({ type: 'write-chunk', runId: run.runId, chunk, epochMs: produced.epochMs + shiftMs, resolved: run.resolved })
  }
  return effects
}

function onTick(state: GeneratorState): GeneratorEffect[] {
  const { works, active, claims } = state
  const { book, nowMs } = works.base
  const effects: GeneratorEffect[] = []
  for (const due of ofMyRuns(works, stagesToStart(book, generatorCore.name, nowMs)))
    effects.push(sayStarted(works, { runId: due.run.runId, stage: due.stage.stage }, { epochMs: nowMs + LEAD_MS }))
  for (const { run } of stagesUnderWay(book, generatorCore.name, nowMs)) {
    letGoOfWritten(claimsOf(state, run.runId), evidenceOf(works, run.runId), nowMs)
    effects.push(...writeWhatMay(state, run))
  }
  for (const due of ofMyRuns(works, stagesUnderWay(book, generatorCore.name, nowMs))) {
    const { run, stage } = due
    // While others may be writing they are waited for, and what they did not come to is taken up as after a crash.
    if (!isBehindOthers(state, run.runId) && !active.has(run.runId)) active.set(run.runId, resume(state, due))
    const stop = stopReason(works, run, stage)
    if (stop !== null) effects.push(sayEnded(works, { runId: run.runId, stage: stage.stage }, stop))
    else effects.push(...advance(state, run.runId))
  }
  for (const runId of active.keys()) {
    const run = book.runs.get(runId)
    const isOut = run === undefined || isOver(book, run, nowMs) || run.stages.get(active.get(runId)?.stage ?? '')?.ended !== null
    if (isOut || !isMyRun(works, runId) || isBehindOthers(state, runId)) active.delete(runId)
  }
  for (const runId of claims.keys()) {
    const run = book.runs.get(runId)
    if (run !== undefined && !isOver(book, run, nowMs)) continue
    claims.delete(runId)
    effects.push({ type: 'forget-run', runId })
  }
  return effects
}

const isBehindOthers = (state: GeneratorState, runId: string) => claimsOf(state, runId).open.length > 0

/**
 * After a crash, what was intended and not vouched for is unknown: it stays out of the ledger, and writing goes on
 * behind it. Nothing is ever written twice.
 */
function resume({ works }: GeneratorState, { run, stage }: DueStage): GeneratorWork {
  const { intended, shifts } = evidenceOf(works, run.runId)
  const { load } = run.resolved.plan
  const places = intended.streams().map((stream) => placeOf(load, stream, intended.last(stream)) + 1)
  const { nowMs } = works.base
  const epochMs = run.stages.get(stage.stage)?.started?.epochMs ?? nowMs
  const nextPlace = Math.max(0, ...places)
  const shiftMs = shifts.at(-1)?.shiftMs ?? 0
  const dueMs = epochMs + (nextPlace * 1000) / load.ratePerSecond + shiftMs
  return {
    stage: stage.stage,
    epochMs,
    shiftMs: dueMs < nowMs ? shiftMs + Math.ceil(nowMs + LEAD_MS - dueMs) : shiftMs,
    nextPlace,
    lastReason: null,
  }
}

/** Intends and starts as many chunks as may be in flight; ends the stage once all are vouched for. */
function advance(state: GeneratorState, runId: string): GeneratorEffect[] {
  const { works, active } = state
  const run = works.base.book.runs.get(runId)
  const work = active.get(runId)
  const hop = run === undefined ? undefined : recordHops(run)[0]
  if (run === undefined || work === undefined || hop === undefined) return []
  const progress = run.stages.get(work.stage)
  if (progress?.ended !== null) return []
  const { load } = run.resolved.plan
  const effects: GeneratorEffect[] = []
  const claims = claimsOf(state, runId)
  const underWay = () => claims.intended.length + claims.writing
  if (claims.open.length > 0) return effects
  while (underWay() < CHUNKS_IN_FLIGHT_MAX && work.nextPlace < load.canaries) {
    const chunk = nextChunk(load, work.nextPlace)
    // Open loop: chunks are intended by the clock, whatever became of those before.
    if (work.epochMs + work.shiftMs + (chunk.placeFirst * 1000) / load.ratePerSecond > works.base.nowMs + chunkSize(load).leadMs) break
    work.nextPlace = chunk.placeEnd
    const canaries = wire(chunk.canaries)
    const fact = {
      kind: 'canaries-intended',
      ...headOf(works, runId),
      hop: hop.name,
      canaries,
      placeFirst: chunk.placeFirst,
      shiftMs: work.shiftMs,
    } as const
    claims.intended.push({ chunk, shiftMs: work.shiftMs, atMs: fact.atMs, isHeard: false })
    effects.push({ type: 'keep-intent', runId, chunk, fact })
    foldWorks(works, { type: 'fact', fact })
  }
  if (underWay() > 0 || work.nextPlace < load.canaries) return effects
  // A source that acknowledges nothing leaves it to its hop what is owed.
  const isTold = hop.hop.kind === 'source' && hop.hop.delivery === 'at-most-once'
  const end =
    evidenceOf(works, runId).acknowledged.size > 0 || isTold
      ? ({ outcome: 'ok' } as const)
      : ({
          outcome: 'inconclusive',
          reason: `no canary was acknowledged${work.lastReason === null ? '' : `: ${work.lastReason}`}`,
        } as const)
  return [...effects, sayEnded(works, { runId, stage: work.stage }, end)]
}

/** As facts have them. */
const wire = (canaries: Chunk['canaries']) => canaries.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] }))

/** Whoever goes on with the run: what we have written we vouch for. */
function vouch(state: GeneratorState, { runId, outcome }: Extract<GeneratorEvent, { type: 'chunk-written' }>): GeneratorEffect[] {
  const { works, active } = state
  const claims = state.claims.get(runId)
  const run = works.base.book.runs.get(runId)
  const hop = run === undefined ? undefined : recordHops(run)[0]
  if (claims === undefined || hop === undefined) return []
  claims.writing--
  const work = active.get(runId)
  if (work !== undefined && outcome.reason !== null) work.lastReason = outcome.reason
  return [
    say(works, {
      kind: 'canaries-produced',
      ...headOf(works, runId),
      hop: hop.name,
      acknowledged: wire(outcome.acknowledged),
      unknown: wire(outcome.unknown),
      failed: wire(outcome.failed),
      offsets: outcome.offsets.map((range) => ({ ...range })),
      latency: outcome.latency,
      heldBackMs: outcome.heldBackMs,
    }),
  ]
}
