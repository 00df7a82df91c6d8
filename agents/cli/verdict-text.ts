import type { Verdict } from '../../schemas/parts.ts'
import type { HopSummary } from '../../schemas/results/run-judged.ts'
import { auditedPlace, isAudited, isTimed } from '../../shared/core/audit-findings.ts'
import type { Violation } from '../../shared/core/evidence.ts'
import type { Judgement } from '../../shared/core/judge.ts'
import { countText, msText, tableLines } from './figures.ts'

export interface ToldVerdict {
  readonly runId: string
  readonly planName: string
  readonly judgement: Judgement
  /** From the request to the verdict; null when nobody published one. */
  readonly tookMs: number | null
  readonly reports: readonly string[]
}

/** The verdict as a block of lines: what, how many of how many at each hop, how fast, why, and where to read on. */
export function verdictLines({ runId, planName, judgement, tookMs, reports }: ToldVerdict): string[] {
  const { verdict, reasons, recoveries, acknowledged, unknown, failed } = judgement
  const took = tookMs === null ? '' : `  in ${(tookMs / 1000).toFixed(1)} s`
  const doubtful = [unknown > 0 ? `${countText(unknown)} unknown` : '', failed > 0 ? `${countText(failed)} failed` : ''].filter(
    (text) => text !== '',
  )
  return [
    `${verdict.toUpperCase()}  ${planName}  ${runId}${took}`,
    `  ${[`${countText(acknowledged)} canaries acknowledged`, ...doubtful].join(', ')}`,
    '',
    ...hopLines(judgement.hops).map((line) => `  ${line}`),
    ...section('reasons', reasons),
    ...section(
      'recoveries',
      recoveries.map(
        ({ fault, target, recoveryMs }) => `${fault} of ${target}: ${recoveryMs === null ? 'not recovered' : msText(recoveryMs)}`,
      ),
    ),
    ...section('reports', reports),
  ]
}

/** The JSON outcome and the reports hold all of them. */
const LINES_MAX = 15

function section(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return []
  const more = lines.length > LINES_MAX ? [`    and ${lines.length - LINES_MAX} more`] : []
  return ['', `  ${title}`, ...lines.slice(0, LINES_MAX).map((line) => `    ${line}`), ...more]
}

export function hopLines(hops: readonly HopSummary[]): string[] {
  const header = ['hop', 'seen', 'violations', 'p50', 'p95', 'p99', 'max']
  const rows = hops.map(({ hop, expected, sighted, violations, p50Ms, p95Ms, p99Ms, maxMs }) => [
    hop,
    `${countText(sighted)} of ${countText(expected)}`,
    violations.map(({ violation, count }) => `${countText(count)} ${violation}`).join(', ') || '0',
    ...[p50Ms, p95Ms, p99Ms, maxMs].map(msText),
  ])
  return tableLines([header, ...rows])
}

/** One violation on one line: kind, hop, canary, place, what was expected and found, trace. */
export function violationLine(violation: Violation): string {
  const { violation: kind, hop, stream, standing, field, expected, actual, partition, offset, snapshotId, file, traceId } = violation
  const ranges = standing.ranges
  const seqs = standing.size === 1 ? String(ranges[0]) : `${String(ranges[0])}…${standing.last} (${countText(standing.size)})`
  const place = [
    partition === null || offset === null ? '' : `partition ${partition} offset ${offset}`,
    snapshotId === null ? '' : `snapshot ${snapshotId}`,
    file === null ? '' : `file ${file}`,
  ].filter((text) => text !== '')
  const what = field === null ? '' : ` ${field}`
  return [
    `${kind}${what} at ${hop}`,
    isAudited(violation)
      ? `${auditedPlace(stream, isTimed(violation) ? (ranges[0] as number) : seqs)}, of all records`
      : `stream ${stream} seq ${seqs}`,
    ...place,
    `expected ${expected}, found ${actual}`,
    `trace ${traceId}`,
  ].join('  ')
}

/** Fields by which a recomputed verdict differs from the published one, each with both values; empty when equal. */
export function verdictDifferences(recomputed: Judgement, published: Judgement): string[] {
  return judgedFields.flatMap((field) => {
    const [ours, theirs] = [JSON.stringify(recomputed[field]), JSON.stringify(published[field])]
    return ours === theirs ? [] : [`${field}: recomputed ${ours}, published ${theirs}`]
  })
}
const judgedFields = [
  'verdict',
  'reasons',
  'acknowledged',
  'unknown',
  'failed',
  'hops',
  'recoveries',
] as const satisfies readonly (keyof Judgement)[]

/** The judgement, made no better than inconclusive for a reason. */
export function doubted(judgement: Judgement, reason: string): Judgement {
  const verdict: Verdict = judgement.verdict === 'fail' ? 'fail' : 'inconclusive'
  return { ...judgement, verdict, reasons: [...judgement.reasons, reason] }
}
