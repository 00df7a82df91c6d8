import { checkerCore, type CheckerEffect, type CheckerEvent } from '../../agents/ingestion-checker/core.ts'
import { generatorCore, type ChunkOutcome, type GeneratorEffect, type GeneratorEvent } from '../../agents/generator/core.ts'
import { reporterCore, type ReporterEffect, type ReporterEvent } from '../../agents/reporter/core.ts'
import { reconcilerCore } from '../../agents/storage-reconciler/core.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading } from '../../agents/storage-reconciler/events.ts'
import type { Located, OffsetRange } from '../../schemas/parts.ts'
import { intendedAtMs } from '../../shared/core/canary.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { LatencySketch } from '../../shared/core/latency-sketch.ts'
import { members } from '../../shared/core/range-set.ts'
import type { SimEntry, SimPipeline, SimSnapshot } from '../../shared/sim/pipeline.ts'
import { RAW_HOP, SOURCE_HOP } from './topology.ts'
import { auditTable, auditTopic } from './audit-shells.ts'
import type { ShellContext, SimAgent } from './host.ts'

type Topic = 'source' | 'raw' | 'normalised'
const topicOf = (hop: string): Topic => (hop === SOURCE_HOP ? 'source' : hop === RAW_HOP ? 'raw' : 'normalised')

/** Real cores with shells that act on the simulated pipeline. */
export const generator: SimAgent<GeneratorEvent, GeneratorEffect> = {
  core: generatorCore,
  perform({ clock, pipelineOf, publish, later, generatorLagMs }, effect, send) {
    if (effect.type === 'keep-intent') {
      publish(effect.fact)
      later(5 + 100, () => {
        send({ type: 'intent-kept', runId: effect.runId, chunk: effect.chunk })
      })
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
      for (const { stream, ranges } of chunk.canaries) {
        for (const seq of members(ranges)) {
          const dueMs = Math.max(
            clock.nowMs(),
            intendedAtMs({ load: resolved.plan.load, epochMs, shifts: [] }, stream, seq) + generatorLagMs,
          )
          lastMs = Math.max(lastMs, dueMs)
          later(dueMs - clock.nowMs(), () => {
            const written = pipelineOf(runId).write(stream, seq)
            outcome[written.outcome].add(stream, seq)
            if (written.outcome !== 'acknowledged') return
            const { partition, offset } = written
            outcome.offsets.set(partition, {
              partition,
              offsetFirst: outcome.offsets.get(partition)?.offsetFirst ?? offset,
              offsetLast: offset,
            })
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
          heldBackMs: generatorLagMs,
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
    const { clock, prng, later, stopped } = context
    if (effect.type === 'publish' || effect.type === 'request') return
    const pipeline = context.pipelineOf(effect.runId)
    switch (effect.type) {
      case 'audit-baseline':
      case 'audit-ends':
      case 'audit-prints':
      case 'audit-records':
        auditTopic(context, effect, send)
        return
      case 'stop-reading':
        stopped.add(effect.runId)
        return
      case 'take-baseline': {
        const positions = effect.hops.flatMap((hop) =>
          pipeline[topicOf(hop)].map((log, partition) => ({ hop, partition, offset: log.end })),
        )
        later(prng.below(200), () => {
          send({ type: 'baselined', runId: effect.runId, stage: effect.stage, positions })
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
            send({ type: 'progress-seen', runId: effect.runId, hop: effect.hop, committed, ends })
          })
        })
        return
      }
      case 'look-again': {
        const wanted = new Set(effect.suspects.map(({ stream, seq }) => `${stream}/${seq}`))
        later(50 + prng.below(400), () => {
          const found = pipeline[topicOf(effect.hop)].flatMap((log, partition) =>
            located(log.entries, partition).filter((place) => wanted.has(`${place.stream}/${place.seq}`)),
          )
          const { origin } = effect
          const origins =
            origin === null
              ? []
              : pipeline[topicOf(origin.hop)].flatMap((log, partition) =>
                  located(log.entries, partition).filter((place) => wanted.has(`${place.stream}/${place.seq}`)),
                )
          const result = prng.chance(1, 6)
            ? ({ ok: false, reason: 'broker away' } as const)
            : ({ ok: true, found, origin: origins } as const)
          send({ type: 'looked-again', runId: effect.runId, hop: effect.hop, result })
        })
        clock.nowMs()
        return
      }
      default:
        effect satisfies never
    }
  },
}

const located = (entries: readonly SimEntry[], partition: number): Located[] =>
  entries.map(({ stream, seq, offset }) => ({ stream, seq, partition, offset }))

function readForEver(
  context: ShellContext,
  effect: Extract<CheckerEffect, { type: 'start-reading' }>,
  send: (event: CheckerEvent) => void,
): void {
  const { prng, later, stopped } = context
  const pipeline = context.pipelineOf(effect.runId)
  const positions = new Map(effect.positions)
  const poll = () => {
    if (stopped.has(effect.runId)) return
    for (const [partition, log] of pipeline[topicOf(effect.hop)].entries()) {
      const from = positions.get(partition) ?? 0
      if (log.end <= from) continue
      positions.set(partition, log.end)
      const records = log.entries
        .filter(({ offset }) => offset >= from)
        .map(({ stream, seq, offset, atMs, fault }) => ({
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
        batch: { partition, offsetFirst: from, offsetLast: log.end - 1, records, otherOffsets: [] },
      })
    }
    later(50 + prng.below(250), poll)
  }
  later(prng.below(500), poll)
}

export const reconciler: SimAgent<ReconcilerEvent, ReconcilerEffect> = {
  core: reconcilerCore,
  perform(context, effect, send) {
    const { prng, later, stopped } = context
    if (effect.type === 'publish' || effect.type === 'request') return
    const pipeline = context.pipelineOf(effect.runId)
    switch (effect.type) {
      case 'audit-baseline':
      case 'audit-look':
      case 'audit-prints':
      case 'audit-records':
        auditTable(context, effect, send)
        return
      case 'stop-following':
        stopped.add(effect.runId)
        return
      case 'take-baseline': {
        const snapshotId = pipeline.snapshots.at(-1)?.snapshotId ?? null
        later(prng.below(200), () => {
          send({ type: 'baselined', runId: effect.runId, snapshotId, tableUuid: 'table' })
        })
        return
      }
      case 'follow':
        followForEver(context, effect, send)
        return
      case 'look-again':
        later(50 + prng.below(400), () => {
          const wanted = new Set(effect.suspects.map(({ stream, seq }) => `${stream}/${seq}`))
          const wantedOf = (places: readonly Located[]) => places.filter(({ stream, seq }) => wanted.has(`${stream}/${seq}`))
          send({
            type: 'looked-again',
            runId: effect.runId,
            hop: effect.hop,
            result: {
              ok: true,
              snapshotId: pipeline.snapshots.at(-1)?.snapshotId ?? null,
              present: wantedOf(pipeline.snapshots.flatMap(({ rows }) => rows)).filter((row) => !isRemoved(pipeline, row)),
              unreadable: [],
              origin: wantedOf(pipeline.normalised.flatMap((log, partition) => located(log.entries, partition))),
            },
          })
        })
        return
      case 'clean-up':
        send({ type: 'cleaned-up', runId: effect.runId, stage: effect.stage, result: { ok: true, tables: [] } })
        return
      default:
        effect satisfies never
    }
  },
}

/** What was taken away is not written again. */
const isRemoved = ({ snapshots }: SimPipeline, { stream, seq }: Located) =>
  snapshots.some(({ removed }) => removed.some((row) => row.stream === stream && row.seq === seq))

function followForEver(
  { pipelineOf, prng, later, stopped }: ShellContext,
  effect: Extract<ReconcilerEffect, { type: 'follow' }>,
  send: (event: ReconcilerEvent) => void,
): void {
  const pipeline = pipelineOf(effect.runId)
  let after = effect.afterSnapshotId === null ? 0 : Number(effect.afterSnapshotId)
  const poll = () => {
    if (stopped.has(effect.runId)) return
    for (const snapshot of pipeline.snapshots.slice(after)) {
      after = Number(snapshot.snapshotId)
      send({ type: 'snapshot-read', runId: effect.runId, hop: effect.hop, reading: readingOf(snapshot, pipeline) })
    }
    later(100 + prng.below(400), poll)
  }
  later(prng.below(300), poll)
}

function readingOf(snapshot: SimSnapshot, pipeline: SimPipeline): SnapshotReading {
  const canaries = new CanarySet()
  const repeats: Located[] = []
  const sourceOffsets: OffsetRange[] = []
  for (const row of snapshot.rows)
    if (!canaries.add(row.stream, row.seq)) repeats.push({ stream: row.stream, seq: row.seq, partition: row.partition, offset: row.offset })
  for (const partition of pipeline.normalised.keys()) {
    const offsets = snapshot.rows.filter((row) => row.partition === partition).map(({ offset }) => offset)
    // Rows of others come with every snapshot, and with them offsets.
    if (offsets.length > 0) sourceOffsets.push({ partition, offsetFirst: Math.min(...offsets), offsetLast: Math.max(...offsets) })
  }
  return {
    snapshotId: snapshot.snapshotId,
    parentId: snapshot.parentId,
    committedAtMs: snapshot.committedAtMs,
    operation: snapshot.operation,
    filesAdded: 1,
    rowsAdded: snapshot.rows.length,
    bytesAdded: 0,
    isWhole: false,
    canaries: canaries.toWire(),
    repeats,
    removed: snapshot.removed.map(({ stream, seq }) => ({ stream, ranges: [seq, seq] })),
    emptied: [],
    places: [],
    removedPlaces: [],
    faults: snapshot.rows
      .filter((row) => row.fault === 'corrupted' || row.fault === 'precision-lost')
      .map((row) => ({
        violation: row.fault as 'corrupted' | 'precision-lost',
        place: { stream: row.stream, seq: row.seq, partition: row.partition, offset: row.offset },
        field: 'price',
        expected: '1',
        actual: '2',
      })),
    sourceOffsets,
    metadataFaults: [],
  }
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
