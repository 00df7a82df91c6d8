import { setTimeout as sleep } from 'node:timers/promises'
import { canaryContent, sendAtMs, type SendClock } from '../../shared/core/canary.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import { isMirror } from '../../shared/core/mirror.ts'
import { members } from '../../shared/core/range-set.ts'
import type { RecordOutcome } from '../../shared/runtime/kafka-writer.ts'
import { recordCodec } from '../../shared/runtime/record-codec.ts'
import type { Registry } from '../../shared/runtime/registry.ts'
import type { AgentPorts } from '../../shared/runtime/run-agent.ts'
import type { Shell } from '../../shared/runtime/agent-loop.ts'
import { createCanarySpans, type CanarySpans } from '../../shared/runtime/canary-spans.ts'
import { outcomeDetail } from '../../shared/runtime/hop-spans.ts'
import type { Sighting } from '../../shared/runtime/recent-sightings.ts'
import { createTracedLatencies, type TracedLatencies } from '../../shared/runtime/traced-latency.ts'
import { SOURCE_HOP, type Topology } from '../../topology/topology.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import type { OffsetRange } from '../../schemas/parts.ts'
import type { CanaryWriter } from './canary-writers.ts'
import type { ChunkOutcome, GeneratorEffect, GeneratorEvent } from './core.ts'
import { TRACED } from './metrics.ts'
import type { Chunk } from './pace.ts'
import { makeCanary, type MadeCanary, type RunSource } from './outgoing.ts'
import { fieldToChange, jointOutcome, turnOf } from './planting.ts'

export interface GeneratorPorts {
  readonly agent: Pick<AgentPorts, 'clock' | 'log' | 'metrics' | 'bus' | 'tracing'>
  readonly topology: Pick<Topology, 'hops'>
  /** The shell's own: closed with it. */
  readonly writer: CanaryWriter
  readonly registry: Pick<Registry, 'idOf'>
}

type Send = (event: GeneratorEvent) => void
type Effect<Type extends GeneratorEffect['type']> = Extract<GeneratorEffect, { type: Type }>

const INTENT_FLUSH_MS = 5_000
/** Canaries due within one turn of this length are sent together. */
const TURN_MS = 10
/** A generator that is behind sends many small turns: one large one would hold a whole chunk's records in memory at once. */
const TURN_CANARIES_MAX = 2_000
/** Over all chunks and runs: this bounds the records in memory, however slow the broker is. */
const TURNS_UNDER_WAY_MAX = 4

/** Writes canaries when they are due, and says of each what the broker said. */
export class GeneratorShell implements Shell<GeneratorEvent, GeneratorEffect> {
  readonly #ports: GeneratorPorts
  readonly #spans: CanarySpans
  readonly #traced: TracedLatencies
  readonly #sources = new Map<string, Promise<RunSource>>()
  /** By run: resolved once the last chunk's canaries are handed over in order. */
  readonly #written = new Map<string, Promise<void>>()
  readonly #underWay = new Set<Promise<void>>()
  #closing = false

  constructor(ports: GeneratorPorts) {
    this.#ports = ports
    this.#spans = createCanarySpans({ tracing: ports.agent.tracing, agent: 'generator', hops: ports.topology.hops })
    this.#traced = createTracedLatencies({ name: TRACED, hops: [SOURCE_HOP], ...ports.agent })
  }

  perform(effect: GeneratorEffect, send: Send): void {
    switch (effect.type) {
      case 'keep-intent':
        void this.#keepIntent(effect)
        return
      case 'write-chunk': {
        // One chunk at a time: streams go on from chunk to chunk, and must not overtake themselves.
        const before = this.#written.get(effect.runId) ?? Promise.resolve()
        this.#written.set(
          effect.runId,
          before.then(() => this.#writeChunk(effect, send)),
        )
        return
      }
      case 'forget-run':
        this.#forget(effect.runId)
        return
      case 'publish':
      case 'request':
      case 'share-work':
        return
      default:
        effect satisfies never
    }
  }

  onStep(event: GeneratorEvent, effects: readonly GeneratorEffect[]): void {
    this.#spans.onStep(event, effects)
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#spans.close()
    await this.#ports.writer.close()
  }

  /** An intent that cannot be kept is not heard, and keeps the chunk back: nothing is written that was not intended. */
  async #keepIntent({ runId, chunk, fact }: Effect<'keep-intent'>): Promise<void> {
    const { bus, log } = this.#ports.agent
    bus.publish(fact)
    while (!(await bus.flush(INTENT_FLUSH_MS))) {
      if (this.#closing) return
      log.warn({ runId, placeFirst: chunk.placeFirst }, 'the intent is not on the results topic yet: nothing is written before')
    }
  }

  async #writeChunk({ runId, chunk, epochMs, resolved }: Effect<'write-chunk'>, send: Send): Promise<void> {
    const { clock, log } = this.#ports.agent
    const tally = new ChunkTally()
    let source: RunSource
    try {
      source = await this.#sourceOf(runId, resolved)
    } catch (error) {
      log.error({ runId, err: error }, 'canaries cannot be made')
      tally.refuse(chunk, error instanceof Error ? error.message : String(error))
      send({ type: 'chunk-written', runId, chunk, outcome: tally.outcome() })
      return
    }
    const due = inOrder(chunk, { load: resolved.plan.load, epochMs, shifts: [] })
    const turns: Promise<void>[] = []
    // How much of being late is the broker's doing: what is left of it is our own.
    let waitedMs = 0
    for (let next = 0; next < due.length;) {
      const waitMs = (due[next] as Due).dueMs - clock.nowMs()
      if (waitMs > 0) {
        waitedMs = 0
        await sleep(Math.max(TURN_MS, waitMs))
      }
      // A slow broker makes turns larger, up to their limit, and then later: latency counts from when a canary was due.
      const fullMs = clock.nowMs()
      while (this.#underWay.size >= TURNS_UNDER_WAY_MAX) await Promise.race(this.#underWay)
      if (this.#closing) return
      const nowMs = clock.nowMs()
      waitedMs += nowMs - fullMs
      const first = next
      while (next < due.length && next - first < TURN_CANARIES_MAX && (due[next] as Due).dueMs <= nowMs) next++
      if (next === first) continue
      tally.heldBack(nowMs - (due[first] as Due).dueMs - waitedMs)
      const sending = this.#sendTurn({ runId, turn: due.slice(first, next), source, resolved }, tally).finally(() =>
        this.#underWay.delete(sending),
      )
      this.#underWay.add(sending)
      turns.push(sending)
    }
    // What is handed over keeps its order; the next chunk need not wait for these acknowledgements.
    void Promise.all(turns).then(() => {
      if (tally.unmadeReason !== null) log.error({ runId, reason: tally.unmadeReason }, 'canaries cannot be made')
      send({ type: 'chunk-written', runId, chunk, outcome: tally.outcome() })
    })
  }

  async #sendTurn(of: { runId: string; turn: readonly Due[]; source: RunSource; resolved: ResolvedRun }, tally: ChunkTally): Promise<void> {
    const { runId, turn, source, resolved } = of
    const { clock, metrics } = this.#ports.agent
    const made = turn.map((canary) => makeCanary({ runId, canary, source, resolved }))
    const startMs = clock.nowMs()
    const written = await this.#ports.writer.write(made.flatMap(({ records }) => records))
    const endMs = clock.nowMs()
    const at = this.#spans.at({ runId, resolved }, SOURCE_HOP)
    let next = 0
    for (const [index, canary] of turn.entries()) {
      const { records, refusal } = made[index] as MadeCanary
      const outcomes = refusal === null ? written.slice(next, (next += records.length)) : [tally.unmade(refusal)]
      const outcome = jointOutcome(outcomes)
      tally.add(canary, outcome, outcomes)
      if (!isMirror(resolved.plan.load, canary.stream)) tally.took(outcome, endMs - canary.dueMs)
      metrics.add('assay_generator_canaries_total', 1, { outcome: outcome.outcome })
      this.#spans.sighted(at, sightingOf(canary, { outcome, endMs }))
      if (outcome.outcome === 'acknowledged')
        this.#traced.measured(resolved.plan, { runId, hop: SOURCE_HOP }, { ...canary, latencyMs: endMs - canary.dueMs })
    }
    metrics.observe('assay_generator_write_seconds', (endMs - startMs) / 1000)
  }

  /** Once its last chunk is handed over: one that waits for its turn still needs the source. */
  #forget(runId: string): void {
    const written = this.#written.get(runId)
    void written?.then(() => {
      if (this.#written.get(runId) !== written) return
      this.#written.delete(runId)
      this.#sources.delete(runId)
    })
  }

  #sourceOf(runId: string, resolved: ResolvedRun): Promise<RunSource> {
    let source = this.#sources.get(runId)
    if (source === undefined) {
      source = this.#makeSource(runId, resolved)
      this.#sources.set(runId, source)
      source.catch(() => this.#sources.delete(runId))
    }
    return source
  }

  async #makeSource(runId: string, resolved: ResolvedRun): Promise<RunSource> {
    const { seed, record, recordSchema, plan } = resolved
    // The subject may have a newer schema by now: what is written says which one it is written in.
    const codec = recordCodec(await this.#ports.registry.idOf(record.subject, recordSchema), recordSchema)
    const keyType = codec.fields.find(({ name }) => name === record.key)?.type ?? { kind: 'string' }
    const at = canaryContent({ runId, seed, load: plan.load, record, fields: codec.fields })
    return { codec, keyType, at, toChange: fieldToChange(resolved, codec.fields) }
  }
}

interface Due {
  readonly stream: number
  readonly seq: number
  readonly dueMs: number
}

/** From when it was due until the broker answered. */
function sightingOf({ stream, seq, dueMs }: Due, { outcome, endMs }: { outcome: RecordOutcome; endMs: number }): Sighting {
  const detail = outcomeDetail[outcome.outcome]
  const written = outcome.outcome === 'acknowledged' ? { partition: outcome.partition, offset: outcome.offset } : {}
  return { stream, seq, startMs: dueMs, endMs: Math.max(dueMs, endMs), detail, ...written }
}

function inOrder(chunk: Chunk, clock: SendClock): Due[] {
  const due: Due[] = []
  const { load } = clock
  for (const { stream, ranges } of chunk.canaries)
    for (const seq of members(ranges)) due.push({ stream, seq, dueMs: sendAtMs(clock, stream, seq) })
  return due.sort((a, b) => a.dueMs - b.dueMs || a.stream - b.stream || turnOf(load, a.stream, a.seq) - turnOf(load, b.stream, b.seq))
}

/** Outcomes of a chunk, by record. */
class ChunkTally {
  readonly #sets = { acknowledged: new CanarySet(), unknown: new CanarySet(), failed: new CanarySet() }
  readonly #offsets = new Map<number, OffsetRange>()
  readonly #latency = new LatencySketch()
  #heldBackMs = 0
  #reason: string | null = null
  /** Why a canary could not be made; null where all could. */
  unmadeReason: string | null = null

  heldBack(ms: number): void {
    this.#heldBackMs = Math.max(this.#heldBackMs, Math.round(ms))
  }

  /** What was not sent has failed for certain. */
  unmade(reason: string): RecordOutcome {
    this.unmadeReason = reason
    return { outcome: 'failed', partition: null, reason }
  }

  /** The canary with the outcomes of all that was written for it. */
  add({ stream, seq }: Due, { outcome }: RecordOutcome, written: readonly RecordOutcome[]): void {
    this.#sets[outcome].add(stream, seq)
    for (const record of written) {
      if (record.outcome !== 'acknowledged') {
        this.#reason = record.reason
        continue
      }
      const { partition, offset } = record
      const known = this.#offsets.get(partition)
      this.#offsets.set(partition, {
        partition,
        offsetFirst: Math.min(known?.offsetFirst ?? offset, offset),
        offsetLast: Math.max(known?.offsetLast ?? offset, offset),
      })
    }
  }

  took({ outcome }: RecordOutcome, latencyMs: number): void {
    if (outcome === 'acknowledged') this.#latency.add(latencyMs)
  }

  /** Nothing was sent: every canary of the chunk has failed for certain. */
  refuse(chunk: Chunk, reason: string): void {
    this.#reason = reason
    this.#sets.failed.addAll(chunk.canaries)
  }

  outcome(): ChunkOutcome {
    return {
      acknowledged: this.#sets.acknowledged.toWire(),
      unknown: this.#sets.unknown.toWire(),
      failed: this.#sets.failed.toWire(),
      offsets: [...this.#offsets.values()].sort((a, b) => a.partition - b.partition),
      latency: this.#latency.toWire(),
      heldBackMs: this.#heldBackMs,
      reason: this.#reason,
    }
  }
}
