import type { OffsetRange } from '../../schemas/parts.ts'
import type { AuditField, AuditPrint, AuditSide } from '../../schemas/results/audit-window.ts'
import type { Fact, ResultMessage } from '../../schemas/results.ts'
import { addPrints, emptyPrint, isSamePrint, spanOf } from './audit-print.ts'

export type AuditFact = Fact<'audit-scoped' | 'audit-due' | 'audit-window' | 'audit-records' | 'audit-reopened' | 'audit-times'>
/** How records or rows lie in event time. */
export type TimesTold = Fact<'audit-times'>
export type SideTold = Pick<
  Fact<'audit-window'>,
  'step' | 'prints' | 'fields' | 'lastRecord' | 'leftOut' | 'doubtful' | 'snapshotId' | 'gone' | 'atMs'
>
/** What a shell reads of one side, before it is said. */
export type SidePrints = Omit<SideTold, 'atMs'> & Pick<Fact<'audit-window'>, 'partition' | 'offsetFirst' | 'offsetLast' | 'round'>
export type SideRecords = Pick<Fact<'audit-records'>, 'partition' | 'round' | 'offsets' | 'fields' | 'records' | 'snapshotId' | 'gone'>
/** What a shell counts on one side, before it is said. */
export type SideTimes = Omit<TimesTold, 'kind' | 'runId' | 'agent' | 'instance' | 'atMs' | 'hop' | 'side'>
export type RecordsTold = Pick<Fact<'audit-records'>, 'records' | 'fields' | 'snapshotId' | 'gone' | 'atMs'>

/** One interval of offsets, as each side told it. */
export interface AuditNode {
  topic: SideTold | null
  table: SideTold | null
}

/** What both sides have told of one table. A pure fold, the same whatever the order and however often. */
export interface Audit {
  scope: Fact<'audit-scoped'> | null
  topic: string | null
  /** Windows to be compared, by key. */
  readonly due: Map<string, OffsetRange>
  /** Of windows that were opened anew, the newest round, by key: what was told in an earlier one counts no more. */
  readonly rounds: Map<string, number>
  isClosed: boolean
  readonly nodes: Map<string, AuditNode>
  readonly records: Map<string, { topic: RecordsTold | null; table: RecordsTold | null }>
  /** What is compared, as the first window that held records said. */
  fields: readonly AuditField[] | null
  /** Of a table that stores no offsets; what was told first counts. */
  readonly times: Record<AuditSide, TimesTold | null>
}

export const isAuditFact = (fact: ResultMessage): fact is AuditFact => fact.kind.startsWith('audit-')

export const emptyAudit = (): Audit => ({
  scope: null,
  topic: null,
  due: new Map(),
  rounds: new Map(),
  isClosed: false,
  nodes: new Map(),
  records: new Map(),
  fields: null,
  times: { topic: null, table: null },
})

/** More windows are not compared; reaching it makes the run inconclusive. */
export const WINDOWS_MAX = 10_000

export const rangeKey = ({ partition, offsetFirst, offsetLast }: OffsetRange) => `${partition}/${offsetFirst}-${offsetLast}`
/** Of what is told in a round. */
export const intervalKey = (range: OffsetRange, round: number) => `${round}:${rangeKey(range)}`
export const recordKey = (partition: number, offset: number, round: number) => `${round}:${partition}/${offset}`

export function foldAudit(audits: Map<string, Audit>, fact: AuditFact): void {
  let audit = audits.get(fact.hop)
  if (audit === undefined) audits.set(fact.hop, (audit = emptyAudit()))
  switch (fact.kind) {
    case 'audit-scoped':
      audit.scope ??= fact
      return
    case 'audit-due':
      audit.topic ??= fact.topic
      audit.isClosed ||= fact.isLast
      for (const window of fact.windows) {
        // Of two readers of a moment, the later may have cut the same offsets otherwise: they are compared once.
        const overlaps = [...audit.due.values()].some((known) => isOverlapping(known, window))
        if (!overlaps && audit.due.size < WINDOWS_MAX) audit.due.set(rangeKey(window), window)
      }
      return
    case 'audit-window':
      foldWindow(audit, fact)
      return
    case 'audit-records':
      foldRecords(audit, fact)
      return
    case 'audit-reopened':
      for (const window of fact.windows) {
        const key = rangeKey(window)
        audit.rounds.set(key, Math.max(audit.rounds.get(key) ?? 0, window.round))
      }
      return
    case 'audit-times':
      audit.topic ??= fact.topic
      audit.times[fact.side] ??= fact
      return
    default:
      fact satisfies never
  }
}

export const isOverlapping = (a: OffsetRange, b: OffsetRange) =>
  a.partition === b.partition && a.offsetFirst <= b.offsetLast && b.offsetFirst <= a.offsetLast

function foldWindow(audit: Audit, fact: Fact<'audit-window'>): void {
  const key = intervalKey(fact, fact.round)
  const node = audit.nodes.get(key) ?? { topic: null, table: null }
  if (node[fact.side] !== null || !isOfOneKind(audit, node, fact)) return
  audit.nodes.set(key, node)
  node[fact.side] = {
    step: fact.step,
    prints: fact.prints,
    fields: fact.fields,
    lastRecord: fact.lastRecord,
    leftOut: fact.leftOut,
    doubtful: fact.doubtful,
    snapshotId: fact.snapshotId,
    gone: fact.gone,
    atMs: fact.atMs,
  }
  if (fact.side === 'topic' && fact.fields.length > 0) audit.fields ??= fact.fields
  letGoOfParts(node, spanOf(fact))
}

/** Of windows that are the same on both sides, the parts are not needed any more: most are. */
function letGoOfParts({ topic, table }: AuditNode, step: number): void {
  if (topic === null || table === null || topic.prints.length !== table.prints.length) return
  if (!topic.prints.every((print, i) => isSamePrint(print, table.prints[i] as AuditPrint))) return
  const prints = [topic.prints.reduce(addPrints, emptyPrint())]
  for (const told of [topic, table]) Object.assign(told, { step, prints, doubtful: [] })
}

/** Prints of other fields, or cut otherwise, say nothing about each other: they are asked for again. */
function isOfOneKind(audit: Audit, node: AuditNode, fact: Fact<'audit-window'>): boolean {
  if (fact.gone !== null) return true
  if (fact.side === 'topic') return audit.fields === null || fact.fields.length === 0 || isSameFields(audit.fields, fact.fields)
  return node.topic !== null && node.topic.step === fact.step && isSameFields(node.topic.fields, fact.fields)
}

const isSameFields = (a: readonly AuditField[], b: readonly AuditField[]) =>
  a.length === b.length && a.every(({ field, as }, i) => b[i]?.field === field && b[i].as === as)

function foldRecords(audit: Audit, fact: Fact<'audit-records'>): void {
  for (const offset of fact.offsets) {
    const key = recordKey(fact.partition, offset, fact.round)
    const known = audit.records.get(key) ?? { topic: null, table: null }
    if (known[fact.side] !== null) continue
    audit.records.set(key, known)
    const { fields, snapshotId, gone, atMs } = fact
    known[fact.side] = { records: fact.records.filter((record) => record.offset === offset), fields, snapshotId, gone, atMs }
  }
}

/** Behind what was told to be due, by partition: where the next window begins. */
export function nextDue(audit: Audit | undefined, begun: ReadonlyMap<number, number>): Map<number, number> {
  const next = new Map(begun)
  for (const { partition, offsetLast } of audit?.due.values() ?? []) next.set(partition, Math.max(next.get(partition) ?? 0, offsetLast + 1))
  return next
}

/** Cuts what lies between into windows of at most `windowOffsets`; whole ones only, unless all is to be taken. */
export function cutWindows(
  next: ReadonlyMap<number, number>,
  ends: ReadonlyMap<number, number>,
  { windowOffsets, isLast }: { windowOffsets: number; isLast: boolean },
): OffsetRange[] {
  const windows: OffsetRange[] = []
  for (const [partition, end] of ends) {
    for (let first = next.get(partition) ?? 0; first < end; first += windowOffsets) {
      const last = Math.min(end, first + windowOffsets) - 1
      const window = { partition, offsetFirst: first, offsetLast: last }
      if (isLast || spanOf(window) === windowOffsets) windows.push(window)
    }
  }
  return windows
}

export const sumCount = (prints: readonly AuditPrint[]) => prints.reduce((sum, { count }) => sum + count, 0)
