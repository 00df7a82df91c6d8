import { reconcilerCore } from '../../agents/storage-reconciler/core.ts'
import type { ReconcilerEffect, ReconcilerEvent, SnapshotReading } from '../../agents/storage-reconciler/events.ts'
import type { Located } from '../../schemas/parts.ts'
import { isBusEffect } from '../../shared/core/bus-events.ts'
import { CanarySet } from '../../shared/core/canary-set.ts'
import { addedOffsets, type OtherDefect } from '../../shared/sim/all-traffic.ts'
import type { SimPipeline, SimSnapshot } from '../../shared/sim/pipeline.ts'
import { auditTable } from './audit-shells.ts'
import type { ShellContext, SimAgent } from './host.ts'
import { located } from './logs.ts'
import { rulesOf } from './rules.ts'

export const reconciler: SimAgent<ReconcilerEvent, ReconcilerEffect> = {
  core: reconcilerCore,
  perform(context, effect, send) {
    const { prng, later, stopped } = context
    if (isBusEffect(effect)) return
    const pipeline = context.pipelineOf(effect.runId)
    switch (effect.type) {
      case 'audit-baseline':
      case 'audit-look':
      case 'audit-prints':
      case 'audit-records':
      case 'audit-additions':
        auditTable(context, effect, send)
        return
      case 'stop-following':
        stopped.set(effect.runId, (stopped.get(effect.runId) ?? 0) + 1)
        return
      case 'take-baseline': {
        const snapshotId = pipeline.snapshots.at(-1)?.snapshotId ?? null
        later(prng.below(200), () => {
          send({ type: 'baselined', runId: effect.runId, baseline: { snapshotId, sequenceNumber: null, tableUuid: 'table' } })
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
            askedAtMs: effect.askedAtMs,
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
      case 'ask-rules':
        send({
          type: 'rules-asked',
          runId: effect.runId,
          hop: effect.hop,
          result: { ok: true, snapshotId: effect.snapshotId, rules: { checks: [], faults: [] } },
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
  { pipelineOf, prng, later, stopped, otherDefect }: ShellContext,
  effect: Extract<ReconcilerEffect, { type: 'follow' }>,
  send: (event: ReconcilerEvent) => void,
): void {
  const pipeline = pipelineOf(effect.runId)
  let after = effect.afterSnapshotId === null ? 0 : Number(effect.afterSnapshotId)
  const stops = stopped.get(effect.runId)
  const poll = () => {
    if (stopped.get(effect.runId) !== stops) return
    for (const snapshot of pipeline.snapshots.slice(after)) {
      after = Number(snapshot.snapshotId)
      send({ type: 'snapshot-read', runId: effect.runId, hop: effect.hop, reading: readingOf(snapshot, { pipeline, otherDefect }) })
    }
    later(100 + prng.below(400), poll)
  }
  later(prng.below(300), poll)
}

function readingOf(
  snapshot: SimSnapshot,
  { pipeline, otherDefect }: { pipeline: SimPipeline; otherDefect: OtherDefect | 'none' },
): SnapshotReading {
  const canaries = new CanarySet()
  const repeats: Located[] = []
  for (const row of snapshot.rows)
    if (!canaries.add(row.stream, row.seq)) repeats.push({ stream: row.stream, seq: row.seq, partition: row.partition, offset: row.offset })
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
    sourceOffsets: addedOffsets(pipeline, snapshot, otherDefect),
    metadataFaults: [],
    rules: rulesOf(snapshot),
  }
}
