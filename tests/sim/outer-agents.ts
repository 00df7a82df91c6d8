import { injectorCore } from '../../agents/chaos-injector/core.ts'
import type { InjectorEffect, InjectorEvent } from '../../agents/chaos-injector/events.ts'
import { proberCore } from '../../agents/query-prober/core.ts'
import type { Answer, ProberEffect, ProberEvent, Question } from '../../agents/query-prober/events.ts'
import { isBusEffect } from '../../shared/core/bus-events.ts'
import type { SimPipeline } from '../../shared/sim/pipeline.ts'
import { rowsOf, type SimRow } from '../../shared/sim/table.ts'
import type { ShellContext, SimAgent } from './host.ts'
import { STATS_HOP } from './topology.ts'

/** The API answers from the newest snapshot that is at least so old: it looks for new ones now and then. */
const API_LAG_MS = 400

/** The real query-prober against an API that answers from the simulated table. */
export const prober: SimAgent<ProberEvent, ProberEffect> = {
  core: proberCore,
  perform(context, effect, send) {
    const { clock, prng, later } = context
    if (isBusEffect(effect)) return
    const pipeline = context.pipelineOf(effect.runId)
    switch (effect.type) {
      case 'begin-probing':
      case 'stop-probing':
        return
      case 'ask': {
        const latencyMs = 5 + prng.below(60)
        later(Math.max(0, effect.intendedAtMs - clock.nowMs()) + latencyMs, () => {
          const answer = answerTo(context, pipeline, effect)
          send({ type: 'answered', runId: effect.runId, id: effect.id, answer: { ...answer, atMs: clock.nowMs(), latencyMs } })
        })
        return
      }
      case 'look-at-lineage': {
        const atMs = clock.nowMs()
        const snapshots = pipeline.table.committed.map(({ snapshotId, parentId, committedAtMs }) => ({
          snapshotId,
          parentId,
          committedAtMs,
        }))
        later(prng.below(80), () => {
          send({ type: 'lineage-seen', runId: effect.runId, atMs, snapshots })
        })
        return
      }
      default:
        effect satisfies never
    }
  },
}

function answerTo(
  { clock, prng }: ShellContext,
  pipeline: SimPipeline,
  { hop, question }: { hop: string; question: Question },
): Omit<Answer, 'atMs' | 'latencyMs'> {
  const common = { isJson: true, snapshotId: null, mismatches: [], error: null }
  if (question.kind === 'no-credentials') return { ...common, status: 401 }
  if (question.kind === 'unknown-id') return { ...common, status: 404 }
  // A hiccup that passes is nobody's fault; one that stays would be.
  const key = JSON.stringify([hop, question])
  if (!pipeline.hiccups.has(key) && prng.chance(1, 40)) {
    pipeline.hiccups.add(key)
    return { ...common, status: 503 }
  }
  const shown = pipeline.snapshots.filter(({ committedAtMs }) => committedAtMs <= clock.nowMs() - API_LAG_MS)
  const snapshotId = shown.at(-1)?.snapshotId ?? null
  const [first, last] = question.kind === 'window' ? [question.seqFirst, question.seqLast] : [question.seq, question.seq]
  const rows = rowsOf(shown).filter(({ stream, seq }) => stream === question.stream && first <= seq && seq <= last)
  if (question.kind === 'canary' && rows.length === 0) return { ...common, snapshotId, status: 404 }
  const count = rows.length + (hop === STATS_HOP ? miscount(rows, pipeline.isMiscounted) : 0)
  const isChanged = rows.some(({ fault }) => fault === 'corrupted' || fault === 'precision-lost')
  const expected = last - first + 1
  const mismatches = [
    ...(question.kind === 'window' && count !== expected ? [{ json: 'count', expected: String(expected), actual: String(count) }] : []),
    ...(isChanged ? [{ json: 'price', expected: '1', actual: '2' }] : []),
  ]
  return { ...common, status: 200, snapshotId, mismatches }
}

/** An API that errs counts some canaries twice, always the same ones. */
const miscount = (rows: readonly SimRow[], isMiscounted: (stream: number, seq: number) => boolean) =>
  rows.filter(({ stream, seq }) => isMiscounted(stream, seq)).length

/** The real chaos-injector; its fault keeps the simulated sink from committing. */
export const injector: SimAgent<InjectorEvent, InjectorEffect> = {
  core: injectorCore,
  perform({ clock, pipelineOf, prng, later }, effect, send) {
    const at = 'stage' in effect ? { runId: effect.runId, stage: effect.stage } : { runId: '', stage: '' }
    const pipeline = pipelineOf(at.runId)
    const { leases } = pipeline
    const lease = () => leases.get(at.stage)
    switch (effect.type) {
      case 'publish':
      case 'request':
      case 'share-work':
        return
      case 'inject': {
        const { leaseUntilMs } = effect
        later(prng.below(200), () => {
          leases.set(at.stage, { injectedAtMs: clock.nowMs(), healedAtMs: null })
          pipeline.pauseSink(true)
          // The watchdog is no part of the process: it heals whatever becomes of the injector.
          clock.at(leaseUntilMs, () => {
            pipeline.endLease(at.stage, clock.nowMs())
          })
          later(prng.below(200), () => {
            send({ type: 'bitten', ...at, injectedAtMs: lease()?.injectedAtMs ?? 0, evidence: 'the sink stands', detail: '' })
          })
        })
        return
      }
      case 'heal':
        later(prng.below(200), () => {
          pipeline.endLease(at.stage, clock.nowMs())
          send({ type: 'healed', ...at, ok: true, healedAtMs: lease()?.healedAtMs ?? clock.nowMs(), detail: 'the sink goes on' })
        })
        return
      case 'look-at-lease':
        later(prng.below(200), () => {
          const found = lease()
          if (found === undefined) send({ type: 'no-lease', ...at, detail: 'no trace of one' })
          else
            send({ type: 'bitten', ...at, injectedAtMs: found.injectedAtMs, evidence: 'the sink stands', detail: 'found after a restart' })
          if (found !== undefined && found.healedAtMs !== null)
            send({ type: 'healed', ...at, ok: true, healedAtMs: found.healedAtMs, detail: 'by the watchdog' })
        })
        return
      case 'clear-leases':
        later(prng.below(200), () => {
          for (const stage of leases.keys()) pipeline.endLease(stage, clock.nowMs())
          send({ type: 'leases-cleared', ...at, ok: true, detail: 'no fault stands' })
        })
        return
      default:
        effect satisfies never
    }
  },
}
