import type { RepeatedRow, PageScan } from './identity-pages.ts'
import type { IdentityScan, RepeatSeen } from './identity-scan.ts'
import { MAX_REPEATS_LISTED } from './identity-sql.ts'
import type { StreamName } from './stream-names.ts'

/** What a scan of pages found, as a scan by the engine says it. Out of order without the streams that `tangledStreams` names. */
export function scanOfPages(pages: PageScan): IdentityScan {
  const { rowCount, malformedCount, repeatCount, names, order, marks } = pages
  return {
    rowCount,
    canaryCount: rowCount,
    malformedCount,
    streams: names.list
      .map(({ runId, stream }, at) => ({ runId, stream, seqs: marks.ranges(at) }))
      .filter(({ seqs }) => seqs.length > 0)
      .sort(byName),
    repeatCount,
    repeats: repeatsOf(pages),
    offsets: pages.offsets.spans.map(({ partition, first, last, rows }) => ({
      partition,
      offsetFirst: first,
      offsetLast: last,
      rowCount: rows,
    })),
    outOfOrderCount: order.count,
    outOfOrder: order.found.map((row) => ({ ...row, ...nameOf(pages, row) })).slice(0, MAX_REPEATS_LISTED),
  }
}

export const tangledStreams = ({ order, names }: PageScan) => names.list.filter((_, at) => order.tangled.has(at))

/** All rows of an identity but the first, by partition and offset, where those are known; the first MAX_REPEATS_LISTED. */
function repeatsOf(pages: PageScan): RepeatSeen[] {
  const repeats: RepeatSeen[] = []
  let before: RepeatedRow | null = null
  for (const row of [...pages.repeated].sort((a, b) => byName(nameOf(pages, a), nameOf(pages, b)) || byPlace(a, b))) {
    const { stream, seq, partition, offset, path } = row
    const isRepeat = before?.stream === stream && before.seq === seq
    before = row
    if (!isRepeat) continue
    repeats.push({ ...nameOf(pages, row), seq, partition: numberOrNull(partition), offset: numberOrNull(offset), path })
    if (repeats.length === MAX_REPEATS_LISTED) break
  }
  return repeats
}

const nameOf = ({ names }: PageScan, { stream }: { readonly stream: number }) => names.list[stream] as StreamName

const byName = (a: StreamName, b: StreamName) => byText(a.runId, b.runId) || a.stream - b.stream

/** Nulls last, as the engine has it. */
function byPlace(a: RepeatedRow, b: RepeatedRow): number {
  return a.seq - b.seq || byNumber(a.partition, b.partition) || byNumber(a.offset, b.offset) || byText(a.path, b.path) || a.row - b.row
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const byNumber = (a: number, b: number) => (Number.isNaN(a) ? Infinity : a) - (Number.isNaN(b) ? Infinity : b) || 0
const numberOrNull = (value: number) => (Number.isNaN(value) ? null : value)
