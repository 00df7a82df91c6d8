import type { LatencySketchWire, OffsetRange } from '../../schemas/parts.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import type { AgentCore, Step } from '../../shared/core/agent.ts'
import { unreachable } from '../../shared/core/assert.ts'
import { isBusEvent, type BusEffect, type BusEvent } from '../../shared/core/bus-events.ts'
import { placeOf } from '../../shared/core/canary.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { isOver, stagesToStart, stagesUnderWay, type DueStage } from '../../shared/core/run-book.ts'
import {
  evidenceOf,
  foldWorks,
  headOf,
  initWorks,
  recordHops,
  say,
  sayEnded,
  sayStarted,
  stopReason,
  type RunWorks,
} from '../../shared/core/run-work.ts'
import type { Ranges } from '../../shared/core/range-set.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
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
  | BusEvent
  /** The intent of a chunk stands on the results topic: now it may be written. */
  | { readonly type: 'intent-kept'; readonly runId: string; readonly chunk: Chunk }
  | { readonly type: 'chunk-written'; readonly runId: string; readonly chunk: Chunk; readonly outcome: ChunkOutcome }

export type GeneratorEffect =
  | BusEffect
  /** Publishes the intent, and answers intent-kept once the broker has it. */
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

interface GeneratorWork {
  readonly stage: string
  readonly epochMs: number
  /** How late the plan runs because this generator was down. */
  readonly shiftMs: number
  /** First place of the next chunk, in the order of intended sends. */
  nextPlace: number
  writing: number
  acknowledged: number
  lastReason: string | null
}

export interface GeneratorState {
  readonly works: RunWorks
  readonly active: Map<string, GeneratorWork>
}

/** Chunks in flight: intents may run ahead of writes by this many, and no more. */
const CHUNKS_IN_FLIGHT_MAX = 4
/** From stage start to the first intended send: time for the first intent to be kept. */
const LEAD_MS = 500

export const generatorCore: AgentCore<AgentBaseConfig, GeneratorState, GeneratorEvent, GeneratorEffect> = {
  name: 'generator',
  init: (config) => ({ works: initWorks(config), active: new Map() }),
  step(state, event): Step<GeneratorState, GeneratorEffect> {
    if (isBusEvent(event)) {
      const effects: GeneratorEffect[] = foldWorks(state.works, event)
      return { state, effects: event.type === 'tick' && state.works.base.caughtUp ? [...effects, ...onTick(state)] : effects }
    }
    const work = state.active.get(event.runId)
    if (work === undefined) return { state, effects: [] }
    switch (event.type) {
      case 'intent-kept': {
        const resolved = state.works.base.book.runs.get(event.runId)?.resolved
        if (resolved === undefined) return { state, effects: [] }
        return {
          state,
          effects: [{ type: 'write-chunk', runId: event.runId, chunk: event.chunk, epochMs: work.epochMs + work.shiftMs, resolved }],
        }
      }
      case 'chunk-written':
        return { state, effects: [...vouch(state, work, event), ...advance(state, event.runId)] }
      default:
        return unreachable(event)
    }
  },
}

function onTick(state: GeneratorState): GeneratorEffect[] {
  const { works, active } = state
  const { book, nowMs } = works.base
  const effects: GeneratorEffect[] = []
  for (const due of stagesToStart(book, generatorCore.name, nowMs))
    effects.push(sayStarted(works, { runId: due.run.runId, stage: due.stage.stage }, { epochMs: nowMs + LEAD_MS }))
  for (const due of stagesUnderWay(book, generatorCore.name, nowMs)) {
    const { run, stage } = due
    if (!active.has(run.runId)) active.set(run.runId, resume(state, due))
    const stop = stopReason(works, run, stage)
    if (stop !== null) effects.push(sayEnded(works, { runId: run.runId, stage: stage.stage }, stop))
    else effects.push(...advance(state, run.runId))
  }
  for (const runId of active.keys()) {
    const run = book.runs.get(runId)
    if (run === undefined || isOver(book, run, nowMs) || run.stages.get(active.get(runId)?.stage ?? '')?.ended !== null)
      active.delete(runId)
  }
  return effects
}

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
    writing: 0,
    acknowledged: evidenceOf(works, run.runId).acknowledged.size,
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
  while (work.writing < CHUNKS_IN_FLIGHT_MAX && work.nextPlace < load.canaries) {
    const chunk = nextChunk(load, work.nextPlace)
    // Open loop: chunks are intended by the clock, whatever became of those before.
    if (work.epochMs + work.shiftMs + (chunk.placeFirst * 1000) / load.ratePerSecond > works.base.nowMs + chunkSize(load).leadMs) break
    work.nextPlace = chunk.placeEnd
    work.writing++
    const canaries = chunk.canaries.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] }))
    const fact = {
      kind: 'canaries-intended',
      ...headOf(works, runId),
      hop: hop.name,
      canaries,
      placeFirst: chunk.placeFirst,
      shiftMs: work.shiftMs,
    } as const
    effects.push({ type: 'keep-intent', runId, chunk, fact })
    foldWorks(works, { type: 'fact', fact })
  }
  if (work.writing > 0 || work.nextPlace < load.canaries) return effects
  // A source that acknowledges nothing leaves it to its hop what is owed.
  const isTold = hop.hop.kind === 'source' && hop.hop.delivery === 'at-most-once'
  const end =
    work.acknowledged > 0 || isTold
      ? ({ outcome: 'ok' } as const)
      : ({
          outcome: 'inconclusive',
          reason: `no canary was acknowledged${work.lastReason === null ? '' : `: ${work.lastReason}`}`,
        } as const)
  return [...effects, sayEnded(works, { runId, stage: work.stage }, end)]
}

function vouch(
  state: GeneratorState,
  work: GeneratorWork,
  { runId, outcome }: Extract<GeneratorEvent, { type: 'chunk-written' }>,
): GeneratorEffect[] {
  const { works } = state
  work.writing--
  work.acknowledged += CanarySet.of(outcome.acknowledged.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] }))).size
  if (outcome.reason !== null) work.lastReason = outcome.reason
  const wire = (sets: ChunkOutcome['failed']) => sets.map(({ stream, ranges }) => ({ stream, ranges: [...ranges] }))
  const run = works.base.book.runs.get(runId)
  const hop = run === undefined ? undefined : recordHops(run)[0]
  return [
    say(works, {
      kind: 'canaries-produced',
      ...headOf(works, runId),
      hop: hop?.name ?? '',
      acknowledged: wire(outcome.acknowledged),
      unknown: wire(outcome.unknown),
      failed: wire(outcome.failed),
      offsets: outcome.offsets.map((range) => ({ ...range })),
      latency: outcome.latency,
      heldBackMs: outcome.heldBackMs,
    }),
  ]
}
