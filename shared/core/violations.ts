import type { ValueDifference, ViolationKind } from '../../schemas/parts.ts'
import type { Fact } from '../../schemas/results.ts'
import { traceIdOf } from './identity.ts'
import type { Ranges } from './range-set.ts'

/** A defect as a check reports it, before it becomes a fact. */
export interface Finding {
  readonly violation: ViolationKind
  readonly hop: string
  readonly stream: number
  readonly ranges: Ranges
  readonly expected: string
  readonly actual: string
  readonly field?: string | null
  readonly partition?: number | null
  readonly offset?: number | null
  readonly snapshotId?: string | null
  readonly file?: string | null
  readonly difference?: ValueDifference | null
  readonly rule?: string | null
  /** Of a record that is no canary, its own; a canary's follows from what it is. */
  readonly traceId?: string | null
}

export interface FactHead {
  readonly runId: string
  readonly agent: string
  readonly instance: string
  readonly atMs: number
}

/** A field that one hop changed stays changed; hops behind may show it in the fields derived from it, too. */
export const isContent = (violation: ViolationKind) => violation === 'corrupted' || violation === 'precision-lost'

/** So does one that a hop left out of its schema. A contract's terms are another matter: they say nothing of what was produced. */
export const isOfFields = ({ violation, field = null, rule = null }: Pick<Finding, 'violation' | 'field' | 'rule'>) =>
  isContent(violation) || (violation === 'schema-violated' && field !== null && rule === null)

const TEXT_MAX = 300

export function violationFact(head: FactHead, finding: Finding): Fact<'violation-found'> {
  const { violation, hop, stream, ranges } = finding
  return {
    kind: 'violation-found',
    ...head,
    violation,
    hop,
    stream,
    ranges: [...ranges],
    field: finding.field ?? null,
    expected: finding.expected.slice(0, TEXT_MAX),
    actual: finding.actual.slice(0, TEXT_MAX),
    partition: finding.partition ?? null,
    offset: finding.offset ?? null,
    snapshotId: finding.snapshotId ?? null,
    file: finding.file ?? null,
    traceId: (stream < 0 ? finding.traceId : null) ?? traceIdOf({ runId: head.runId, stream, seq: ranges[0] as number }),
    difference: finding.difference ?? null,
    rule: finding.rule ?? null,
  }
}

/** Up to so many defects of one kind at one hop are told one by one; beyond, a fact speaks for a whole range. */
export const TOLD_SINGLY_MAX = 2_000

/**
 * Facts grow with trouble, but not without end: counts what was told singly, and joins what is beyond the limit into
 * one finding per stream, keeping the first one's details.
 */
export class ViolationBudget {
  readonly #told = new Map<string, number>()

  limit(findings: readonly Finding[]): Finding[] {
    const singles: Finding[] = []
    const joined = new Map<string, { first: Finding; seqs: number[] }>()
    for (const finding of findings) {
      const kind = `${finding.violation}|${finding.hop}`
      const told = this.#told.get(kind) ?? 0
      if (told < TOLD_SINGLY_MAX) {
        this.#told.set(kind, told + 1)
        singles.push(finding)
        continue
      }
      const key = `${kind}|${finding.stream}|${finding.field ?? ''}|${finding.rule ?? ''}`
      const group = joined.get(key)
      if (group === undefined) joined.set(key, { first: finding, seqs: [...finding.ranges] })
      else group.seqs.push(...finding.ranges)
    }
    return [...singles, ...[...joined.values()].map(({ first, seqs }) => ({ ...first, ranges: joinPairs(seqs) }))]
  }
}

/** Sorted, joined ranges from pairs in any order. */
function joinPairs(pairs: readonly number[]): number[] {
  const spans: [number, number][] = []
  for (let i = 0; i < pairs.length; i += 2) spans.push([pairs[i] as number, pairs[i + 1] as number])
  spans.sort(([a], [b]) => a - b)
  const out: number[] = []
  for (const [first, last] of spans) {
    const end = out.length - 1
    if (end > 0 && first <= (out[end] as number) + 1) out[end] = Math.max(out[end] as number, last)
    else out.push(first, last)
  }
  return out
}
