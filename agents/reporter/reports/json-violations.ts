import { z } from 'zod'
import { ranges, valueDifference, violationKind } from '../../../schemas/parts.ts'
import { lookCommand, type LocatedViolation, type ViolationGroup } from './locate.ts'
import type { LookPlaces } from './look-places.ts'
import type { ReportSource } from './report-source.ts'

/** So many violations are listed one by one; those beyond are counted by kind and hop. */
export const LISTED_MAX = 2_000

export const listedViolation = z.strictObject({
  kind: violationKind,
  hop: z.string().describe('The first hop at which it shows.'),
  canaryId: z
    .string()
    .describe('Of the first canary, as it stands in the identity field; of a record that is none, its place in the topic.'),
  stream: z
    .int()
    .describe('Below zero for records that are no canaries: they are of partition −1 − stream; −2^31 for windows of event time.'),
  seqs: ranges.describe('Canaries concerned and not taken back: first, last, first, last, … Of records that are none, their offsets.'),
  field: z.string().nullable(),
  expected: z.string(),
  actual: z.string(),
  topic: z.string().nullable().describe('The topic that partition and offset speak of.'),
  partition: z.int().nullable(),
  offset: z.int().nullable(),
  snapshotId: z.string().nullable(),
  file: z.string().nullable(),
  traceId: z.string(),
  difference: valueDifference.optional().describe('How the value differs, where a value was compared.'),
  rule: z.string().optional().describe('The rule or the term of a contract that is broken.'),
  foundBy: z.string(),
  foundAtMs: z.int(),
  look: z.string().nullable().describe('A command or query by which to see it.'),
})

export const leftOutViolations = z.array(z.strictObject({ kind: violationKind, hop: z.string(), canaries: z.int() }))

type ListedViolation = z.infer<typeof listedViolation>

interface Listed {
  /** In all, listed or not. */
  readonly canaries: number
  readonly listed: ListedViolation[]
  readonly leftOut: z.infer<typeof leftOutViolations>
}

/** Takes turns among the groups, so that a flood of one kind hides no other. */
export function listedViolations(run: ReportSource['run'], groups: readonly ViolationGroup[], where: LookPlaces): Listed {
  const shares = fairShares(
    groups.map(({ located }) => located.length),
    LISTED_MAX,
  )
  const leftOut = groups.flatMap(({ kind, hop, located }, index) => {
    const canaries = located.slice(shares[index]).reduce((sum, { violation }) => sum + violation.standing.size, 0)
    return canaries === 0 ? [] : [{ kind, hop, canaries }]
  })
  return {
    canaries: groups.reduce((sum, { canaries }) => sum + canaries, 0),
    listed: groups.flatMap(({ located }, index) =>
      located.slice(0, shares[index]).map((one) => listedOf(one, lookCommand(run, one, where))),
    ),
    leftOut,
  }
}

/** Shares of `total` for demands: the smallest are met in full, the rest divide what is left. */
export function fairShares(demands: readonly number[], total: number): number[] {
  const shares = demands.map(() => 0)
  let left = total
  const order = demands.map((demand, index) => ({ demand, index })).sort((a, b) => a.demand - b.demand)
  for (const [rank, { demand, index }] of order.entries()) {
    const share = Math.min(demand, Math.floor(left / (order.length - rank)))
    shares[index] = share
    left -= share
  }
  return shares
}

function listedOf({ violation, canaryId, topic }: LocatedViolation, look: string | null): ListedViolation {
  const {
    violation: kind,
    hop,
    stream,
    standing,
    field,
    expected,
    actual,
    partition,
    offset,
    snapshotId,
    file,
    traceId,
    difference,
    rule,
    agent,
    atMs,
  } = violation
  const seqs = [...standing.ranges]
  return {
    kind,
    hop,
    canaryId,
    stream,
    seqs,
    field,
    expected,
    actual,
    topic,
    partition,
    offset,
    snapshotId,
    file,
    traceId,
    ...(difference === null ? {} : { difference }),
    ...(rule === null ? {} : { rule }),
    foundBy: agent,
    foundAtMs: atMs,
    look,
  }
}
