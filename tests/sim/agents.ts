import { checkerCore } from '../../agents/ingestion-checker/core.ts'
import type { CheckerEffect, CheckerEvent } from '../../agents/ingestion-checker/events.ts'
import { generatorCore, type ChunkOutcome, type GeneratorEffect, type GeneratorEvent } from '../../agents/generator/core.ts'
import { copiesOf, jointOutcome, turnOf, type Copy } from '../../agents/generator/planting.ts'
import { reporterCore, type ReporterEffect, type ReporterEvent } from '../../agents/reporter/core.ts'
import type { OffsetRange } from '../../schemas/parts.ts'
import { sendAtMs } from '../../shared/core/canary.ts'
import { isBusEffect } from '../../shared/core/bus-events.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import { members } from '../../shared/core/range-set.ts'
import { holds } from '../../shared/core/shares.ts'
import type { RecordOutcome } from '../../shared/runtime/kafka-writer.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import { auditTopic } from './audit-shells.ts'
import { isAway } from './away.ts'
import { limitsOf, locatedIn, logStateAt, topicIdAt, topicOf } from './logs.ts'
import { RAW_HOP } from './topology.ts'
import type { ShellContext, SimAgent } from './host.ts'

const faultOf = ({ isChanged, hasHeaders }: Copy) => (isChanged ? 'corrupted' : hasHeaders ? null : 'header-lost')

const asWritten = ({ outcome, partition, offset }: ReturnType<SimPipeline['write']>): RecordOutcome =>
  outcome === 'acknowledged' ? { outcome, partition, offset } : { outcome, partition, reason: 'told by the simulation' }

/** Real cores with shells that act on the simulated pipeline. */
export const generator: SimAgent<GeneratorEvent, GeneratorEffect> = {
  core: generatorCore,
  perform({ clock, pipelineOf, publish, later, generatorLagMs }, effect, send) {
    if (effect.type === 'keep-intent') {
      publish(effect.fact)
    } else if (effect.type === 'write-chunk') {
      const { chunk, runId, epochMs, resolved } = effect
      const outcome = {
        acknowledged: new CanarySet(),
        unknown: new CanarySet(),
        failed: new CanarySet(),
        offsets: new Map<number, OffsetRange>(),
        latency: new LatencySketch(),
      }
      let lastMs = clock.nowMs()
      let heldBackMs = 0
      const { load } = resolved.plan
      for (const { stream, ranges } of chunk.canaries) {
        for (const seq of [...members(ranges)].sort((a, b) => turnOf(load, stream, a) - turnOf(load, stream, b))) {
          const dueMs = sendAtMs({ load, epochMs, shifts: [] }, stream, seq)
          const sentMs = Math.max(clock.nowMs(), dueMs + generatorLagMs)
          heldBackMs = Math.max(heldBackMs, Math.round(sentMs - dueMs))
          lastMs = Math.max(lastMs, sentMs)
          later(sentMs - clock.nowMs(), () => {
            const written = copiesOf(load, stream, seq).map((copy) =>
              asWritten(pipelineOf(runId).write({ stream, seq, fault: faultOf(copy) })),
            )
            outcome[jointOutcome(written).outcome].add(stream, seq)
            for (const record of written) {
              if (record.outcome !== 'acknowledged') continue
              const { partition, offset } = record
              outcome.offsets.set(partition, {
                partition,
                offsetFirst: outcome.offsets.get(partition)?.offsetFirst ?? offset,
                offsetLast: offset,
              })
            }
          })
        }
      }
      later(lastMs - clock.nowMs() + 30, () => {
        const told: ChunkOutcome = {
          acknowledged: outcome.acknowledged.toWire(),
          unknown: outcome.unknown.toWire(),
          failed: outcome.failed.toWire(),
          offsets: [...outcome.offsets.values()],
          latency: outcome.latency.toWire(),
          heldBackMs,
          reason: null,
        }
        send({ type: 'chunk-written', runId, chunk, outcome: told })
      })
    }
  },
}

export const checker: SimAgent<CheckerEvent, CheckerEffect> = {
  core: checkerCore,
  perform(context, effect, send) {
    const { prng, later, stopped } = context
    if (isBusEffect(effect)) return
    const pipeline = context.pipelineOf(effect.runId)
    switch (effect.type) {
      case 'audit-baseline':
      case 'audit-ends':
      case 'audit-prints':
      case 'audit-records':
      case 'audit-times':
        auditTopic(context, effect, send)
        return
      case 'stop-reading':
        stopped.set(effect.runId, (stopped.get(effect.runId) ?? 0) + 1)
        return
      case 'take-baseline': {
        const positions = effect.hops.flatMap((hop) =>
          pipeline[topicOf(hop)].map((log, partition) => ({ hop, partition, offset: log.end })),
        )
        const topicIds = effect.hops.map((hop) => topicIdAt(pipeline, hop))
        later(prng.below(200), () => {
          send({ type: 'baselined', runId: effect.runId, stage: effect.stage, positions, topicIds })
        })
        return
      }
      case 'start-reading':
        readForEver(context, effect, send)
        return
      case 'look-at-progress': {
        const committed = effect.hop === RAW_HOP ? new Map([[0, pipeline.acknowledged]]) : new Map(pipeline.processed)
        later(prng.below(100), () => {
          const ends = new Map(pipeline[topicOf(effect.hop)].map((log, partition) => [partition, log.end]))
          later(prng.below(100), () => {
            send({ type: 'progress-seen', runId: effect.runId, hop: effect.hop, committed, ends, askedAtMs: effect.askedAtMs })
          })
        })
        return
      }
      case 'look-at-log': {
        const state = logStateAt(pipeline, effect.hop)
        // On a busy machine an answer may come after the next was asked for.
        later(prng.below(prng.below(20) === 0 ? 12_000 : 200), () => {
          send({ type: 'log-seen', runId: effect.runId, hop: effect.hop, asked: effect.asked, askedAtMs: effect.askedAtMs, state })
        })
        return
      }
      case 'look-again': {
        const wanted = new Set(effect.suspects.map(({ stream, seq }) => `${stream}/${seq}`))
        later(50 + prng.below(400), () => {
          const limits = limitsOf(pipeline, effect)
          const found = locatedIn(pipeline[topicOf(effect.hop)], wanted)
          const { origin } = effect
          const origins = origin === null ? [] : locatedIn(pipeline[topicOf(origin.hop)], wanted)
          const result = isAway(pipeline, effect.hop, prng)
            ? ({ ok: false, reason: 'broker away' } as const)
            : ({ ok: true, found, origin: origins, limits } as const)
          send({ type: 'looked-again', runId: effect.runId, hop: effect.hop, askedAtMs: effect.askedAtMs, result })
        })
        return
      }
      default:
        effect satisfies never
    }
  },
}

function readForEver(
  context: ShellContext,
  effect: Extract<CheckerEffect, { type: 'start-reading' }>,
  send: (event: CheckerEvent) => void,
): void {
  const { prng, later, stopped } = context
  const pipeline = context.pipelineOf(effect.runId)
  const positions = new Map(effect.positions)
  const stops = stopped.get(effect.runId)
  const poll = () => {
    if (stopped.get(effect.runId) !== stops) return
    for (const [partition, log] of pipeline[topicOf(effect.hop)].entries()) {
      if (!holds(effect.shares, partition)) continue
      const position = positions.get(partition) ?? 0
      const end = log.stableEnd
      if (end <= position) continue
      positions.set(partition, end)
      // A reader learns of a gap with the first record behind it.
      const removed = log.low > position ? { removed: { partition, offsetFirst: position, offsetLast: log.low - 1 } } : {}
      const from = Math.max(position, log.low)
      if (from >= end) {
        positions.set(partition, position)
        continue
      }
      const records = log.legible(from).map(({ stream, seq, offset, atMs, fault }) => ({
        stream,
        seq,
        offset,
        appendedAtMs: atMs,
        faults: fault === null ? [] : [{ violation: fault, field: 'price', expected: '1', actual: '2' }],
      }))
      send({
        type: 'batch-read',
        runId: effect.runId,
        hop: effect.hop,
        reading: effect.reading,
        batch: { partition, offsetFirst: from, offsetLast: end - 1, records, otherOffsets: [], ...removed },
      })
    }
    later(50 + prng.below(250), poll)
  }
  later(prng.below(500), poll)
}

export const reporter: SimAgent<ReporterEvent, ReporterEffect> = {
  core: reporterCore,
  perform({ later }, effect, send) {
    if (effect.type !== 'write-reports') return
    later(20, () => {
      send({ type: 'reports-written', runId: effect.run.runId, paths: [] })
    })
  },
}
