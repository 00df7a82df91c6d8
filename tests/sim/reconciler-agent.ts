import { reconcilerCore } from '../../agents/storage-reconciler/core.ts'
import type { ReconcilerEffect, ReconcilerEvent, TableLook } from '../../agents/storage-reconciler/events.ts'
import { isBusEffect } from '../../shared/core/bus-events.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import { rowsOf } from '../../shared/sim/table.ts'
import { auditTable } from './audit-shells.ts'
import { isAway } from './away.ts'
import { followForEver, spoiltFile } from './following.ts'
import type { SimAgent } from './host.ts'
import { locatedIn } from './logs.ts'

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
      case 'audit-counts':
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
          const { runId, hop, askedAtMs } = effect
          const result = pipeline.table.isAway || isAway(pipeline, hop, prng) ? catalogAway : lookAgain(pipeline, effect.suspects)
          send({ type: 'looked-again', runId, hop, askedAtMs, result })
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

const catalogAway: TableLook = { ok: false, reason: 'catalog away' }

function lookAgain(
  { snapshots, normalised }: SimPipeline,
  suspects: readonly { readonly stream: number; readonly seq: number }[],
): TableLook {
  const wanted = new Set(suspects.map(({ stream, seq }) => `${stream}/${seq}`))
  return {
    ok: true,
    snapshotId: snapshots.at(-1)?.snapshotId ?? null,
    present: rowsOf(snapshots.filter(({ isSpoilt }) => !isSpoilt)).filter(({ stream, seq }) => wanted.has(`${stream}/${seq}`)),
    unreadable: snapshots.filter(({ isSpoilt }) => isSpoilt).map(spoiltFile),
    origin: locatedIn(normalised, wanted),
  }
}
