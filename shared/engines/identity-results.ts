import type { RepeatedRow, PageScan } from './identity-pages.ts'
import type { IdentityScan, RepeatSeen } from './identity-scan.ts'
import { MAX_REPEATS_LISTED } from './identity-sql.ts'

/** What a scan of pages found, as a scan by the engine says it. Out of order without the streams that `tangledStreams` names. */
export function scanOfPages(pages: PageScan): IdentityScan {
  const { rowCount, malformedCount, repeatCount, names, order, marks } = pages
  const nameOf = (stream: number) => names.list[stream] as { runId: string; stream: number }
  return {
    rowCount,
    canaryCount: rowCount,
    malformedCount,
    streams: names.list
      .map(({ runId, stream }, at) => ({ runId, stream, seqs: marks.ranges(at) }))
      .filter(({ seqs }) => seqs.length > 0)
      .sort((a, b) => byText(a.runId, b.runId) || a.stream - b.stream),
    repeatCount,
    repeats: repeatsOf(pages).slice(0, MAX_REPEATS_LISTED),
    offsets: [...pages.offsets]
      .filter(([, { first }]) => first !== Infinity)
      .map(([partition, { first, last, rows }]) => ({ partition, offsetFirst: first, offsetLast: last, rowCount: rows }))
      .sort((a, b) => a.partition - b.partition),
    outOfOrderCount: order.count,
    outOfOrder: order.found.map((row) => ({ ...row, ...nameOf(row.stream) })).slice(0, MAX_REPEATS_LISTED),
  }
}

export const tangledStreams = ({ order, names }: PageScan) => names.list.filter((_, at) => order.tangled.has(at))

/** All rows of an identity but the first, by partition and offset, where those are known. */
function repeatsOf({ repeated, names }: PageScan): RepeatSeen[] {
  const rows = repeated.map((row) => ({ ...row, ...(names.list[row.stream] as { runId: string; stream: number }) })).sort(byPlace)
  return rows.flatMap(({ runId, stream, seq, partition, offset, path }, i): RepeatSeen[] => {
    const before = rows[i - 1]
    if (before?.runId !== runId || before.stream !== stream || before.seq !== seq) return []
    return [{ runId, stream, seq, partition: numberOrNull(partition), offset: numberOrNull(offset), path }]
  })
}

type Row = RepeatedRow & { readonly runId: string }

/** Nulls last, as the engine has it. */
function byPlace(a: Row, b: Row): number {
  return (
    byText(a.runId, b.runId) ||
    a.stream - b.stream ||
    a.seq - b.seq ||
    byNumber(a.partition, b.partition) ||
    byNumber(a.offset, b.offset) ||
    byText(a.path, b.path) ||
    a.row - b.row
  )
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
const byNumber = (a: number, b: number) => (Number.isNaN(a) ? Infinity : a) - (Number.isNaN(b) ? Infinity : b) || 0
const numberOrNull = (value: number) => (Number.isNaN(value) ? null : value)
