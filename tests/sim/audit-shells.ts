import type { AuditEffect, AuditEvent } from '../../agents/ingestion-checker/audit.ts'
import type { TableAuditEffect, TableAuditEvent } from '../../agents/storage-reconciler/audit-events.ts'
import type { AuditField } from '../../schemas/results/audit-window.ts'
import { IntervalPrints } from '../../shared/core/audit-print.ts'
import type { WantedPrints, WantedRecord } from '../../shared/core/audit-state.ts'
import { isOverlapping, type SidePrints, type SideRecords } from '../../shared/core/audit.ts'
import { fnv1a } from '../../shared/core/prng.ts'
import { addedOffsets, storedOffsets, tableRows, topicRecords, type SimTold } from '../../shared/sim/all-traffic.ts'
import type { ShellContext } from './host.ts'

const FIELDS: AuditField[] = [{ field: 'price', as: 'text' }]
const TROUBLE_ONE_IN = 6
const STORES_OFFSETS = 'nobody counts by event time here: the simulated table stores offsets'

function printsOf(
  { partition, offsetFirst, offsetLast, round, step }: WantedPrints,
  told: readonly SimTold[],
): Omit<SidePrints, 'snapshotId'> {
  const prints = new IntervalPrints({ partition, offsetFirst, offsetLast, step })
  for (const { offset, text } of told) prints.add(offset, fnv1a(`${offset}/${text}`), fnv1a(`${text}/${offset}`))
  const { lastRecord } = prints
  const place = { partition, offsetFirst, offsetLast, round, step }
  return { ...place, prints: prints.toWire(), fields: FIELDS, lastRecord, leftOut: 0, doubtful: [], gone: null }
}

function recordsOf({ partition, offset, round, fields }: WantedRecord, told: readonly SimTold[]): Omit<SideRecords, 'snapshotId'> {
  const records = told.map(({ text, canary }) => ({
    offset,
    values: [text],
    stream: canary?.stream ?? null,
    seq: canary?.seq ?? null,
    isForeign: false,
    traceId: null,
    file: null,
  }))
  return { partition, round, offsets: [offset], fields: [...fields], records, gone: null }
}

/** Takes its time, and fails now and then. */
function answer<Event>(
  { prng, later }: ShellContext,
  effect: { runId: string; hop: string },
  send: { event: () => Event; trouble: (reason: string) => Event; to: (event: Event) => void },
): void {
  later(50 + prng.below(400), () => {
    send.to(prng.chance(1, TROUBLE_ONE_IN) ? send.trouble('away') : send.event())
  })
}

export function auditTopic(context: ShellContext, effect: AuditEffect, send: (event: AuditEvent) => void): void {
  const { runId } = effect
  const pipeline = context.pipelineOf(runId)
  if (effect.type === 'audit-baseline') {
    const positions = effect.of.flatMap(({ hop }) => pipeline.normalised.map((log, partition) => ({ hop, partition, offset: log.end })))
    context.later(context.prng.below(200), () => {
      send({ type: 'audit-baselined', runId, positions })
    })
    return
  }
  const { hop } = effect
  const event = (): AuditEvent => {
    switch (effect.type) {
      case 'audit-ends':
        return {
          type: 'audit-ends-seen',
          runId,
          hop,
          ends: new Map(pipeline.normalised.map((log, partition) => [partition, log.end])),
          isLast: effect.isLast,
        }
      case 'audit-prints':
        return {
          type: 'audit-prints-read',
          runId,
          hop,
          prints: effect.wanted.map((wanted) => ({
            ...printsOf(wanted, topicRecords(pipeline, wanted.partition, [wanted.offsetFirst, wanted.offsetLast])),
            snapshotId: null,
          })),
        }
      case 'audit-records':
        return {
          type: 'audit-records-read',
          runId,
          hop,
          records: effect.wanted.map((wanted) => ({
            ...recordsOf(wanted, topicRecords(pipeline, wanted.partition, [wanted.offset, wanted.offset])),
            snapshotId: null,
          })),
        }
      case 'audit-times':
        throw new Error(STORES_OFFSETS)
    }
  }
  answer(context, effect, { event, trouble: (reason): AuditEvent => ({ type: 'audit-trouble', runId, hop, reason }), to: send })
}

export function auditTable(context: ShellContext, effect: TableAuditEffect, send: (event: TableAuditEvent) => void): void {
  const { runId, hop } = effect
  const pipeline = context.pipelineOf(runId)
  const defect = context.otherDefect
  const snapshotId = pipeline.snapshots.at(-1)?.snapshotId ?? null
  if (effect.type === 'audit-baseline') {
    context.later(context.prng.below(200), () => {
      send({ type: 'audit-baselined', runId, baseline: { snapshotId, sequenceNumber: null, tableUuid: 'table' } })
    })
    return
  }
  const trouble = (reason: string): TableAuditEvent => ({ type: 'audit-trouble', runId, hop, reason })
  const event = (): TableAuditEvent => {
    const snapshot = pipeline.snapshots.at(-1)
    if (snapshot === undefined) return trouble('no snapshot yet')
    const rowsIn = (partition: number, interval: readonly [number, number]) => tableRows(pipeline, partition, { interval, defect })
    switch (effect.type) {
      case 'audit-look': {
        const seen = { committedAtMs: snapshot.committedAtMs, stored: storedOffsets(pipeline, defect), sink: new Map<number, number>() }
        return {
          type: 'audit-table-seen',
          runId,
          hop,
          columns: [{ name: 'price', type: 'string' }],
          snapshotId: snapshot.snapshotId,
          ...seen,
        }
      }
      case 'audit-prints': {
        const printed = effect.wanted.map((wanted) => printsOf(wanted, rowsIn(wanted.partition, [wanted.offsetFirst, wanted.offsetLast])))
        return { type: 'audit-prints-read', runId, hop, prints: printed.map((one) => ({ ...one, snapshotId: snapshot.snapshotId })) }
      }
      case 'audit-records': {
        const found = effect.wanted.map((wanted) => recordsOf(wanted, rowsIn(wanted.partition, [wanted.offset, wanted.offset])))
        return { type: 'audit-records-read', runId, hop, records: found.map((one) => ({ ...one, snapshotId: snapshot.snapshotId })) }
      }
      case 'audit-additions': {
        const addedSince = (snapshotId: string) =>
          pipeline.snapshots.slice(Number(snapshotId)).flatMap((one) => addedOffsets(pipeline, one, defect))
        const grown = effect.compared.filter((window) => addedSince(window.snapshotId).some((range) => isOverlapping(range, window)))
        return { type: 'audit-additions-seen', runId, hop, snapshotId: snapshot.snapshotId, grown }
      }
      case 'audit-counts':
        throw new Error(STORES_OFFSETS)
    }
  }
  answer(context, effect, { event, trouble, to: send })
}
