import { z } from 'zod'
import { ranges, runIdText, seriesWindow, verdict, violationKind } from '../../../schemas/parts.ts'
import { faultPhase } from '../../../schemas/results/fault-changed.ts'
import { hopSummary } from '../../../schemas/results/run-judged.ts'
import { stageOutcome } from '../../../schemas/results/stage-ended.ts'
import { agentOfTask, planSchema } from '../../../topology/plan.ts'
import { auditOfReport, auditsOfReport } from './audit-section.ts'
import { CAUSES_MAX, causeOfReport, causesOfReport } from './json-causes.ts'
import { lookCommand, violationGroups, type LocatedViolation, type ViolationGroup } from './locate.ts'
import type { ReportSource } from './report-source.ts'

/** So many violations are listed one by one; those beyond are counted by kind and hop. */
export const LISTED_MAX = 2_000
export const SNAPSHOTS_MAX = 1_000
export const REPORT_VERSION = 1

const at = z.int().nullable().describe('Unix ms; null when it did not happen.')

const listedViolation = z.strictObject({
  kind: violationKind,
  hop: z.string().describe('The first hop at which it shows.'),
  canaryId: z
    .string()
    .describe('Of the first canary, as it stands in the identity field; of a record that is none, its place in the topic.'),
  stream: z.int().describe('Below zero for records that are no canaries: they are of partition −1 − stream.'),
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
  foundBy: z.string(),
  foundAtMs: z.int(),
  look: z.string().nullable().describe('A command or query by which to see it.'),
})

export const reportSchema = z.strictObject({
  format: z.literal('assay-report'),
  version: z.literal(REPORT_VERSION).describe('Raised when a field changes its meaning or goes; new fields do not raise it.'),
  runId: runIdText,
  planName: z.string(),
  verdict,
  reasons: z.array(z.string()).describe('Why it is not a pass, worst first.'),
  request: z.strictObject({ requestedBy: z.string(), controlOffset: z.int(), window: seriesWindow.nullable() }),
  timings: z.strictObject({ requestedAtMs: z.int(), acceptedAtMs: z.int(), producedFromMs: at, producedUntilMs: at, judgedAtMs: z.int() }),
  canaries: z.strictObject({ intended: z.int(), acknowledged: z.int(), unknown: z.int(), failed: z.int() }),
  hops: z.array(
    hopSummary.extend({ otherRecords: z.int().describe('Records that are no canaries of this run; they are not judged.') }).strict(),
  ),
  violations: z.strictObject({
    canaries: z.int().describe('In all, listed or not.'),
    causes: z.array(causeOfReport).max(CAUSES_MAX).describe('Worst kind first, then by hop.'),
    listed: z.array(listedViolation).max(LISTED_MAX),
    leftOut: z.array(z.strictObject({ kind: violationKind, hop: z.string(), canaries: z.int() })).describe('What is not listed.'),
  }),
  stages: z.array(
    z.strictObject({
      stage: z.string(),
      task: z.string(),
      agent: z.string(),
      startedAtMs: at,
      endedAtMs: at,
      outcome: stageOutcome.nullable(),
      reason: z.string(),
    }),
  ),
  faults: z.array(
    z.strictObject({
      stage: z.string(),
      fault: z.string(),
      target: z.string(),
      phase: faultPhase,
      atMs: z.int(),
      leaseUntilMs: z.int(),
      detail: z.string(),
    }),
  ),
  recoveries: z.array(z.strictObject({ fault: z.string(), target: z.string(), recoveryMs: z.int().nullable() })),
  snapshots: z
    .array(
      z.strictObject({
        hop: z.string(),
        snapshotId: z.string(),
        parentId: z.string().nullable(),
        committedAtMs: z.int(),
        operation: z.string(),
        filesAdded: z.int(),
        rowsAdded: z.int(),
        bytesAdded: z.int(),
      }),
    )
    .max(SNAPSHOTS_MAX)
    .describe('Those reconciled, the latest when there are too many.'),
  probes: z.array(z.strictObject({ hop: z.string(), requests: z.int(), errors: z.int(), compared: z.int(), unchecked: z.int() })),
  missing: z
    .array(z.strictObject({ hop: z.string(), reason: z.string(), agent: z.string(), atMs: z.int() }))
    .describe('Evidence that is not there, and why.'),
  audits: z.array(auditOfReport).optional().describe('Where the plan audits all traffic: by table.'),
  topology: z.string(),
  seed: z.int(),
  plan: planSchema,
  environment: z.strictObject({ assayVersion: z.string(), host: z.string(), pipelineKafka: z.string() }).describe('Of the reporter.'),
})
export type Report = z.infer<typeof reportSchema>

/** The report as a value; `jsonReport` is its text. */
export function reportOf(source: ReportSource): Report {
  const { run, evidence, judgement, atMs, environment } = source
  const { accepted, resolved } = run
  const audits = auditsOfReport(source)
  const produce = run.stages.get(resolved.plan.stages.find(({ task }) => task === 'produce')?.stage ?? '')
  return {
    format: 'assay-report',
    version: REPORT_VERSION,
    runId: run.runId,
    planName: accepted.planName,
    verdict: judgement.verdict,
    reasons: judgement.reasons,
    request: { requestedBy: accepted.requestedBy, controlOffset: accepted.controlOffset, window: accepted.window },
    timings: {
      requestedAtMs: accepted.requestedAtMs,
      acceptedAtMs: accepted.atMs,
      producedFromMs: produce?.started?.epochMs ?? null,
      producedUntilMs: produce?.ended?.atMs ?? null,
      judgedAtMs: atMs,
    },
    canaries: {
      intended: evidence.intended.size,
      acknowledged: judgement.acknowledged,
      unknown: judgement.unknown,
      failed: judgement.failed,
    },
    hops: judgement.hops.map((hop) => ({ ...hop, otherRecords: evidence.hops.get(hop.hop)?.otherRecords ?? 0 })),
    violations: { ...listed(run, violationGroups(run, evidence), environment.pipelineKafka), causes: causesOfReport(source) },
    stages: stagesOf(run),
    faults: evidence.faults.map(({ stage, fault, target, phase, atMs: changedAtMs, leaseUntilMs, detail }) => ({
      stage,
      fault,
      target,
      phase,
      atMs: changedAtMs,
      leaseUntilMs,
      detail,
    })),
    recoveries: judgement.recoveries,
    snapshots: evidence.snapshots
      .slice(-SNAPSHOTS_MAX)
      .map(({ hop, snapshotId, parentId, committedAtMs, operation, filesAdded, rowsAdded, bytesAdded }) => ({
        hop,
        snapshotId,
        parentId,
        committedAtMs,
        operation,
        filesAdded,
        rowsAdded,
        bytesAdded,
      })),
    probes: [...evidence.probes].map(([hop, { requests, errors, compared, unchecked }]) => ({
      hop,
      requests,
      errors,
      compared: compared.size,
      unchecked: unchecked.size,
    })),
    missing: evidence.missing.map(({ hop, reason, agent, atMs: saidAtMs }) => ({ hop, reason, agent, atMs: saidAtMs })),
    ...(audits.length === 0 ? {} : { audits }),
    topology: resolved.topology,
    seed: resolved.seed,
    plan: resolved.plan,
    environment: { assayVersion: environment.assayVersion, host: environment.host, pipelineKafka: environment.pipelineKafka },
  }
}

export const jsonReport = (source: ReportSource) => `${JSON.stringify(reportOf(source), null, 2)}\n`

type ListedViolation = z.infer<typeof listedViolation>

/** Takes turns among the groups, so that a flood of one kind hides no other. */
function listed(run: ReportSource['run'], groups: readonly ViolationGroup[], pipelineKafka: string): Omit<Report['violations'], 'causes'> {
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
      located.slice(0, shares[index]).map((one) => listedOf(one, lookCommand(run, one, pipelineKafka))),
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
    foundBy: agent,
    foundAtMs: atMs,
    look,
  }
}

function stagesOf(run: ReportSource['run']): Report['stages'] {
  return run.resolved.plan.stages.map(({ stage, task }) => {
    const progress = run.stages.get(stage)
    return {
      stage,
      task,
      agent: agentOfTask[task],
      startedAtMs: progress?.started?.atMs ?? null,
      endedAtMs: progress?.ended?.atMs ?? null,
      outcome: progress?.ended?.outcome ?? null,
      reason: progress?.ended?.reason ?? '',
    }
  })
}
