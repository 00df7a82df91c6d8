import type { OffsetRange } from '../../schemas/parts.ts'
import type { AuditField, AuditPrint, DoubtfulPart } from '../../schemas/results/audit-window.ts'
import { intervalKey, rangeKey, recordKey, sumCount, type Audit, type SideTold } from './audit.ts'
import { bulkDoubt, bulkFinding, RECORD_UNREADABLE, recordFindings, type AuditFinding } from './audit-findings.ts'
import { inOnePart, isSamePrint, partOf, spanOf, withParts, type AuditInterval } from './audit-print.ts'

/** Intervals that are narrowed, and records that are named, of one table in one run; beyond, an interval is told as a whole. */
export const NARROWED_MAX = 200
export const NAMED_MAX = 200
/** Beyond so many intervals that differ, further ones are only said to differ. */
export const DIFFERING_MAX = 600
/** An interval of which one side holds nothing is not narrowed when it is longer: it is one finding. */
export const EMPTY_NAMED_MAX = 16

/** A window or part of one that a side has yet to tell. */
export interface WantedPrints extends AuditInterval {
  readonly round: number
  /** Null: the first reader of records decides. */
  readonly fields: readonly AuditField[] | null
  /** The last record the topic has there; of a table, null says that none is owed. */
  readonly lastRecord: number | null
  /** When the topic's side told the window. */
  readonly toldAtMs: number
  /** The table has fewer rows there than the topic records: they may just be late. */
  readonly mayCome: boolean
}

export interface WantedRecord {
  readonly partition: number
  readonly offset: number
  readonly round: number
  readonly fields: readonly AuditField[]
  readonly toldAtMs: number
  readonly mayCome: boolean
}

export interface AuditState {
  readonly windows: number
  readonly agreed: number
  /** Records in the topic that were held against the table. */
  readonly compared: number
  readonly leftOut: number
  readonly wanted: { readonly topic: readonly WantedPrints[]; readonly table: readonly WantedPrints[] }
  readonly records: { readonly topic: readonly WantedRecord[]; readonly table: readonly WantedRecord[] }
  readonly findings: readonly AuditFinding[]
  /** What nobody can compare any more. */
  readonly gone: readonly string[]
  readonly isDone: boolean
}

/** As it was last held against the table. */
export interface ComparedWindow extends OffsetRange {
  readonly round: number
  readonly snapshotId: string
}

/** A table that changes all the time would be compared for ever. */
const ROUNDS_MAX = 3

/** Windows that were compared, and may be once more. */
export const comparedWindows = (audit: Audit): ComparedWindow[] =>
  [...audit.due.values()].flatMap((window) => {
    const round = roundOf(audit, window)
    const snapshotId = audit.nodes.get(intervalKey(window, round))?.table?.snapshotId ?? null
    return snapshotId === null || round >= ROUNDS_MAX ? [] : [{ ...window, round, snapshotId }]
  })

interface Walk {
  readonly audit: Audit
  readonly wanted: { topic: WantedPrints[]; table: WantedPrints[] }
  readonly records: { topic: WantedRecord[]; table: WantedRecord[] }
  readonly findings: AuditFinding[]
  readonly bulk: { readonly findings: AuditFinding[]; readonly gone: string[] }
  readonly gone: Set<string>
  narrowed: number
  named: number
  compared: number
  leftOut: number
}

/** Where the comparison stands: what each side is to tell next, and what is found. A function of the facts alone. */
export function auditState(audit: Audit): AuditState {
  const walk: Walk = {
    audit,
    wanted: { topic: [], table: [] },
    records: { topic: [], table: [] },
    findings: [],
    bulk: { findings: [], gone: [] },
    gone: new Set(),
    narrowed: 0,
    named: 0,
    compared: 0,
    leftOut: 0,
  }
  let agreed = 0
  for (const window of audit.due.values()) {
    const round = roundOf(audit, window)
    const toldAtMs = audit.nodes.get(intervalKey(window, round))?.topic?.atMs ?? 0
    if (visit(walk, withParts(window), { isWindow: true, round, toldAtMs, mayCome: false })) agreed++
  }
  const isOpen = [walk.wanted.topic, walk.wanted.table, walk.records.topic, walk.records.table].some(({ length }) => length > 0)
  return {
    windows: audit.due.size,
    agreed,
    compared: walk.compared,
    leftOut: walk.leftOut,
    wanted: walk.wanted,
    records: walk.records,
    // Which intervals are told as a whole is known once nothing is narrowed any more.
    findings: isOpen ? walk.findings : [...walk.findings, ...walk.bulk.findings],
    gone: isOpen ? [...walk.gone] : [...walk.gone, ...walk.bulk.gone],
    isDone: audit.isClosed && !isOpen,
  }
}

const roundOf = (audit: Audit, window: OffsetRange) => audit.rounds.get(rangeKey(window)) ?? 0

interface Visit {
  readonly isWindow: boolean
  readonly round: number
  /** Of the window. */
  readonly toldAtMs: number
  readonly mayCome: boolean
}

/** Whether the interval is the same on both sides. */
function visit(walk: Walk, interval: AuditInterval, { isWindow, round, toldAtMs, mayCome }: Visit): boolean {
  const { audit } = walk
  const node = audit.nodes.get(intervalKey(interval, round))
  const { topic = null, table = null } = node ?? {}
  if (topic === null) {
    walk.wanted.topic.push({ ...interval, round, fields: audit.fields, lastRecord: null, toldAtMs, mayCome })
    return false
  }
  if (topic.gone !== null) {
    walk.gone.add(goneText(interval, topic.gone))
    return false
  }
  if (table === null) {
    const { step, fields, lastRecord } = topic
    walk.wanted.table.push({ ...interval, round, step, fields, lastRecord, toldAtMs, mayCome })
    return false
  }
  if (table.gone !== null) {
    walk.gone.add(goneText(interval, table.gone))
    return false
  }
  if (isWindow) {
    walk.compared += sumCount(topic.prints) - topic.doubtful.reduce((sum, { unreadable }) => sum + unreadable, 0)
    walk.leftOut += topic.leftOut
  }
  return compareParts(walk, { ...interval, step: topic.step }, { topic, table, round, toldAtMs })
}

const goneText = ({ partition, offsetFirst, offsetLast }: OffsetRange, reason: string) =>
  `partition ${partition} offsets ${offsetFirst} to ${offsetLast} were not compared: ${reason}`

interface BothTold {
  readonly topic: SideTold
  readonly table: SideTold
  readonly round: number
  readonly toldAtMs: number
}

function compareParts(walk: Walk, interval: AuditInterval, { topic, table, round, toldAtMs }: BothTold): boolean {
  let isSame = true
  topic.prints.forEach((print, index) => {
    const found = table.prints[index] ?? { count: 0, sum: '0', xor: '0' }
    if (isSamePrint(print, found)) return
    isSame = false
    const part = partOf(interval, index)
    if (walk.narrowed >= DIFFERING_MAX) {
      walk.gone.add(goneText(interval, `it differs, too, and more than ${DIFFERING_MAX} intervals do`))
      return
    }
    const doubtful = topic.doubtful.find((one) => one.part === index) ?? null
    const difference = { print, found, doubtful, round, toldAtMs, fields: topic.fields, snapshotId: table.snapshotId }
    // This look was for the whole of it already.
    if (interval.step === spanOf(interval) && spanOf(interval) > 1) tellWhole(walk, part, difference)
    else narrow(walk, part, difference)
  })
  return isSame
}

interface Difference {
  readonly print: AuditPrint
  readonly found: AuditPrint
  /** Null where no record of the topic is. */
  readonly doubtful: DoubtfulPart | null
  readonly round: number
  readonly toldAtMs: number
  readonly fields: readonly AuditField[]
  readonly snapshotId: string | null
}

function narrow(walk: Walk, part: OffsetRange, difference: Difference): void {
  const { print, found, doubtful, round, toldAtMs } = difference
  if (spanOf(part) === 1) {
    if ((doubtful?.unreadable ?? 0) > 0) walk.gone.add(goneText(part, RECORD_UNREADABLE))
    else if (walk.named < NAMED_MAX) nameRecord(walk, part, difference)
    else tellWhole(walk, part, difference)
    return
  }
  const isOneSided = Math.min(print.count, found.count) === 0 && Math.max(print.count, found.count) > EMPTY_NAMED_MAX
  const isTooMany = walk.narrowed >= NARROWED_MAX || walk.named >= NAMED_MAX
  walk.narrowed++
  const mayCome = found.count < print.count
  visit(walk, isOneSided || isTooMany ? inOnePart(part) : withParts(part), { isWindow: false, round, toldAtMs, mayCome })
}

/** By its counts alone. */
function tellWhole(walk: Walk, part: OffsetRange, { print, found, doubtful, snapshotId }: Difference): void {
  const prints = { topic: print, table: found }
  const doubt = bulkDoubt(prints, doubtful)
  if (doubt === null) walk.bulk.findings.push(bulkFinding(part, { ...prints, snapshotId }))
  else walk.bulk.gone.push(goneText(part, doubt))
}

function nameRecord(
  walk: Walk,
  { partition, offsetFirst: offset }: OffsetRange,
  { print, found, round, toldAtMs, fields }: Difference,
): void {
  walk.named++
  const look = walk.audit.records.get(recordKey(partition, offset, round))
  const wanted = { partition, offset, round, fields: walk.audit.fields ?? fields, toldAtMs, mayCome: found.count < print.count }
  if (look?.topic == null) walk.records.topic.push(wanted)
  if (look?.table == null) walk.records.table.push(wanted)
  if (look?.topic == null || look.table === null) return
  const gone = look.topic.gone ?? look.table.gone
  if (gone !== null) {
    walk.gone.add(goneText({ partition, offsetFirst: offset, offsetLast: offset }, gone))
    return
  }
  const { findings, unreadable } = recordFindings({ partition, offset }, { topic: look.topic, table: look.table })
  walk.findings.push(...findings)
  if (unreadable !== null) walk.gone.add(goneText({ partition, offsetFirst: offset, offsetLast: offset }, unreadable))
}
