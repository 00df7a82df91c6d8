import type { OffsetRange, ViolationKind } from '../../schemas/parts.ts'
import { mix32 } from '../core/prng.ts'
import { isLegible } from './partition.ts'
import type { SimPipeline } from './pipeline.ts'
import type { SimSnapshot } from './table.ts'

/** What a sink may do wrong to records of others; it shows at the table. */
export const otherDefects = {
  'skip-other': 'lost',
  'double-other': 'duplicated',
  /** The second row comes with the next commit. */
  'double-other-later': 'duplicated',
  'change-other': 'corrupted',
  'invent-other': 'unexpected',
} as const satisfies Record<string, ViolationKind>
export type OtherDefect = keyof typeof otherDefects

/** A record of the topic, or a row of the table, whoever wrote it. */
export interface SimTold {
  readonly offset: number
  readonly text: string
  readonly canary: { readonly stream: number; readonly seq: number } | null
}

const ERRS_ONE_IN = 23
const MARKER_ONE_IN = 5

/** Offsets without a canary are somebody else's records, but for a few transaction markers. */
const isMarker = (partition: number, offset: number) => mix32(offset * 2 + partition) % MARKER_ONE_IN === 0
const errs = (partition: number, offset: number) => mix32(offset * 2 + partition + 77) % ERRS_ONE_IN === 0
/** A broken rule is one over values that are as they were sent. */
const contentOf = ({ stream, seq, fault }: { stream: number; seq: number; fault: string | null }) =>
  `${stream}/${seq}/${fault === 'header-lost' || fault === 'rule-broken' ? '' : (fault ?? '')}`

/** All that a partition of the topic before the table holds in an interval. */
export function topicRecords(pipeline: SimPipeline, partition: number, [first, last]: readonly [number, number]): SimTold[] {
  const log = pipeline.normalised[partition]
  const canaries = new Map(log?.entries.map((entry) => [entry.offset, entry]))
  const told: SimTold[] = []
  for (let offset = first; offset <= Math.min(last, (log?.end ?? 0) - 1); offset++) {
    const entry = canaries.get(offset)
    if (entry !== undefined && !isLegible(entry)) continue
    if (entry !== undefined) told.push({ offset, text: contentOf(entry), canary: { stream: entry.stream, seq: entry.seq } })
    else if (!isMarker(partition, offset)) told.push({ offset, text: 'other', canary: null })
  }
  return told
}

/** All that the table holds of it now. */
export function tableRows(
  pipeline: SimPipeline,
  partition: number,
  at: { interval: readonly [number, number]; defect: OtherDefect | 'none' },
): SimTold[] {
  const [first, last] = at.interval
  const rows: SimTold[] = []
  const removed = new Set(pipeline.snapshots.flatMap((snapshot) => snapshot.removed.map(({ stream, seq }) => `${stream}/${seq}`)))
  for (const snapshot of pipeline.snapshots)
    for (const row of snapshot.rows)
      if (row.partition === partition && row.offset >= first && row.offset <= last && !removed.has(`${row.stream}/${row.seq}`))
        rows.push({ offset: row.offset, text: contentOf(row), canary: null })
  const end = pipeline.snapshots.at(-1)?.sunk[partition] ?? 0
  const canaries = new Set(pipeline.normalised[partition]?.entries.map(({ offset }) => offset))
  for (let offset = first; offset <= Math.min(last, end - 1); offset++)
    if (!canaries.has(offset)) rows.push(...rowsOfOther(partition, offset, at.defect).map((text) => ({ offset, text, canary: null })))
  if (at.defect === 'double-other-later')
    rows.push(...plantedOthers(pipeline, partition, at).map((offset) => ({ offset, text: 'other', canary: null })))
  return rows
}

function rowsOfOther(partition: number, offset: number, defect: OtherDefect | 'none'): string[] {
  const isBad = errs(partition, offset)
  if (isMarker(partition, offset)) return isBad && defect === 'invent-other' ? ['invented'] : []
  if (!isBad) return ['other']
  switch (defect) {
    case 'skip-other':
      return []
    case 'double-other':
      return ['other', 'other']
    case 'change-other':
      return ['changed']
    case 'double-other-later':
    case 'invent-other':
    case 'none':
      return ['other']
  }
}

/** Offsets of an interval at which the defect shows by now. */
export function plantedOthers(
  pipeline: SimPipeline,
  partition: number,
  at: { interval: readonly [number, number]; defect: OtherDefect | 'none' },
): number[] {
  const [first, last] = at.interval
  const canaries = new Set(pipeline.normalised[partition]?.entries.map(({ offset }) => offset))
  // A second row is there when another commit came behind the one that brought the first.
  const end = at.defect === 'double-other-later' ? (pipeline.snapshots.at(-2)?.sunk[partition] ?? 0) : Infinity
  const offsets = Array.from({ length: Math.min(last + 1, end) - first }, (_, i) => first + i)
  return offsets.filter(
    (offset) =>
      at.defect !== 'none' &&
      !canaries.has(offset) &&
      errs(partition, offset) &&
      isMarker(partition, offset) === (at.defect === 'invent-other'),
  )
}

/** How far the rows of the table come, by partition. */
export function storedOffsets(pipeline: SimPipeline, defect: OtherDefect | 'none'): Map<number, number> {
  const stored = new Map<number, number>()
  for (const partition of pipeline.normalised.keys()) {
    const last = tableRows(pipeline, partition, { interval: [0, Infinity], defect }).reduce(
      (most, { offset }) => Math.max(most, offset),
      -1,
    )
    if (last >= 0) stored.set(partition, last)
  }
  return stored
}

/** Least and greatest source offset, by partition, of the rows that a snapshot added, whoever wrote the records. */
export function addedOffsets(pipeline: SimPipeline, { parentId, rows, sunk }: SimSnapshot, defect: OtherDefect | 'none'): OffsetRange[] {
  const parent = pipeline.snapshots.find(({ snapshotId }) => snapshotId === parentId)
  const before = parent?.sunk ?? []
  const longBefore = pipeline.snapshots.find(({ snapshotId }) => snapshotId === parent?.parentId)?.sunk ?? []
  return sunk.flatMap((end, partition) => {
    const canaries = new Set(pipeline.normalised[partition]?.entries.map(({ offset }) => offset))
    const offsets = rows.filter((row) => row.partition === partition).map(({ offset }) => offset)
    const begun = before[partition] ?? 0
    // A topic that was made again is read from its beginning.
    for (let offset = begun > end ? 0 : begun; offset < end; offset++)
      if (!canaries.has(offset) && rowsOfOther(partition, offset, defect).length > 0) offsets.push(offset)
    if (defect === 'double-other-later')
      offsets.push(...plantedOthers(pipeline, partition, { interval: [longBefore[partition] ?? 0, begun - 1], defect }))
    return offsets.length === 0 ? [] : [{ partition, offsetFirst: Math.min(...offsets), offsetLast: Math.max(...offsets) }]
  })
}
