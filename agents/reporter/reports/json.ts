import { z } from 'zod'
import { runIdText, seriesWindow, verdict, violationKind } from '../../../schemas/parts.ts'
import type { Fact } from '../../../schemas/results.ts'
import { faultPhase } from '../../../schemas/results/fault-changed.ts'
import { hopSummary } from '../../../schemas/results/run-judged.ts'
import { stageOutcome } from '../../../schemas/results/stage-ended.ts'
import { mirrorViolation, withoutMirror } from '../../../shared/core/mirror.ts'
import { watchedDefects } from '../../../shared/core/watcher.ts'
import { agentOfTask, mirrorDefects, planSchema } from '../../../topology/plan.ts'
import { auditOfReport, auditsOfReport } from './audit-section.ts'
import { CAUSES_MAX, causeOfReport, causesOfReport } from './json-causes.ts'
import { heldRule, rulesHeld } from './rules-held.ts'
import { LISTED_MAX, leftOutViolations, listedViolation, listedViolations } from './json-violations.ts'
import { violationGroups } from './locate.ts'
import { machine } from './machine.ts'
import type { ReportSource } from './report-source.ts'

export const SNAPSHOTS_MAX = 1_000
export const REPORT_VERSION = 1

const at = z.int().nullable().describe('Unix ms; null when it did not happen.')

const shownDefect = z.strictObject({ stream: z.int(), seq: z.int(), shownAs: z.array(violationKind) })

export const reportSchema = z.strictObject({
  format: z.literal('assay-report'),
  version: z.literal(REPORT_VERSION).describe('Raised when a field changes its meaning or goes; new fields do not raise it.'),
  runId: runIdText,
  planName: z.string(),
  verdict,
  early: z.boolean().optional().describe('True while the run is under way: what stands against it so far.'),
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
    leftOut: leftOutViolations.describe('What is not listed.'),
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
  rules: z.array(heldRule).optional().describe('Rules and contracts of the topology, where it declares any.'),
  missing: z
    .array(z.strictObject({ hop: z.string(), reason: z.string(), agent: z.string(), atMs: z.int() }))
    .describe('Evidence that is not there, and why.'),
  watcher: z
    .array(
      z.strictObject({
        hop: z.string(),
        defect: z.enum(mirrorDefects),
        violation: violationKind.describe('What it must be reported as.'),
        planted: z.int(),
        unseen: z.array(shownDefect).describe('Not reported as what they are.'),
        odd: z.array(shownDefect).describe('Of which something else was reported.'),
      }),
    )
    .optional()
    .describe('Defects planted on the mirror stream, by hop that has to show them; only where the plan plants any.'),
  audits: z.array(auditOfReport).optional().describe('Where the plan audits all traffic: by table.'),
  topology: z.string(),
  seed: z.int(),
  plan: planSchema,
  environment: z
    .strictObject({
      assayVersion: z.string(),
      host: z.string(),
      pipelineKafka: z.string(),
      machine: machine.nullable(),
      pipelineVersions: z.string().nullable().describe('The servers of the pipeline, as whoever set it up says; null when nobody does.'),
    })
    .describe('Of the reporter.'),
})
export type Report = z.infer<typeof reportSchema>

/** The report as a value; `jsonReport` is its text. */
export function reportOf(source: ReportSource): Report {
  const { run, evidence, judgement, isEarly, atMs, environment } = source
  const { accepted, resolved } = run
  const audits = auditsOfReport(source)
  const produce = run.stages.get(resolved.plan.stages.find(({ task }) => task === 'produce')?.stage ?? '')
  return {
    format: 'assay-report',
    version: REPORT_VERSION,
    runId: run.runId,
    planName: accepted.planName,
    verdict: judgement.verdict,
    ...(isEarly ? { early: true } : {}),
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
      intended: withoutMirror(resolved.plan.load, evidence.intended).size,
      acknowledged: judgement.acknowledged,
      unknown: judgement.unknown,
      failed: judgement.failed,
    },
    hops: judgement.hops.map((hop) => ({ ...hop, otherRecords: evidence.hops.get(hop.hop)?.otherRecords ?? 0 })),
    violations: { ...listedViolations(run, violationGroups(run, evidence), environment), causes: causesOfReport(source) },
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
    snapshots: evidence.snapshots.slice(-SNAPSHOTS_MAX).map(snapshotOf),
    probes: [...evidence.probes].map(([hop, { requests, errors, compared, unchecked }]) => ({
      hop,
      requests,
      errors,
      compared: compared.size,
      unchecked: unchecked.size,
    })),
    ...(evidence.rules.size === 0 ? {} : { rules: rulesHeld(source) }),
    missing: evidence.missing.map(({ hop, reason, agent, atMs: saidAtMs }) => ({ hop, reason, agent, atMs: saidAtMs })),
    ...(resolved.plan.load.mirror === undefined ? {} : { watcher: watcherOf(source) }),
    ...(audits.length === 0 ? {} : { audits }),
    topology: resolved.topology,
    seed: resolved.seed,
    plan: resolved.plan,
    environment: {
      assayVersion: environment.assayVersion,
      host: environment.host,
      pipelineKafka: environment.pipelineKafka,
      machine: environment.machine ?? null,
      pipelineVersions: environment.pipelineVersions ?? null,
    },
  }
}

export const jsonReport = (source: ReportSource) => `${JSON.stringify(reportOf(source), null, 2)}\n`

const watcherOf = ({ run, evidence }: ReportSource): NonNullable<Report['watcher']> =>
  watchedDefects(run, evidence).map(({ hop, defect, planted, unseen, odd }) => ({
    hop,
    defect,
    violation: mirrorViolation[defect],
    planted,
    unseen: unseen.map((one) => ({ ...one, shownAs: [...one.shownAs] })),
    odd: odd.map((one) => ({ ...one, shownAs: [...one.shownAs] })),
  }))

const snapshotOf = ({
  hop,
  snapshotId,
  parentId,
  committedAtMs,
  operation,
  filesAdded,
  rowsAdded,
  bytesAdded,
}: Fact<'snapshot-reconciled'>): Report['snapshots'][number] => ({
  hop,
  snapshotId,
  parentId,
  committedAtMs,
  operation,
  filesAdded,
  rowsAdded,
  bytesAdded,
})

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
