import type { Fact } from '../../schemas/results.ts'
import type { AfterLook } from '../../shared/core/after-looks.ts'
import { emptyAudit } from '../../shared/core/audit.ts'
import { isTimed, partitionOfStream, streamOfPartition, type AuditFinding } from '../../shared/core/audit-findings.ts'
import { auditState, type AuditState } from '../../shared/core/audit-state.ts'
import { auditedHops, RECORDS_A_LOOK, timedHops, type AuditedHop } from '../../shared/core/audit-work.ts'
import { lostAt, type Evidence } from '../../shared/core/evidence.ts'
import { sayFindings } from '../../shared/core/findings.ts'
import type { RunState } from '../../shared/core/run-book.ts'
import { evidenceOf, headOf, hopsOfKind, say, sayMissingOnce, type RunWorks } from '../../shared/core/run-work.ts'
import { ViolationBudget } from '../../shared/core/violations.ts'
import type { TableAuditEvent } from './audit-events.ts'
import type { Effects } from './audit.ts'
import { beganBehind } from './loss.ts'
import { countAfter, timesAt } from './times.ts'

/** Each once: what is told already stands among the violations. */
export function tellFindings(
  works: RunWorks,
  { run, hop }: { run: RunState; hop: Pick<AuditedHop, 'name'> },
  { findings }: Pick<AuditState, 'findings'>,
): Effects {
  const evidence = evidenceOf(works, run.runId)
  const untold = findings.filter((finding) => !isTold(evidence, hop.name, finding)).map((finding) => ({ ...finding, hop: hop.name }))
  return sayFindings(works, { run, budget: new ViolationBudget() }, untold)
}

function isTold({ violations, mirror }: Evidence, hop: string, { violation, stream, ranges, field = null }: AuditFinding): boolean {
  const [first = 0] = ranges
  const isAt = (known: Fact<'mirror-defect-seen'>) => known.stream === stream && known.seq === first && known.hop === hop
  if ([...mirror.values()].some((known) => isAt(known) && known.violation === violation)) return true
  return [...violations.values()].some(
    (known) =>
      known.violation === violation &&
      known.hop === hop &&
      known.stream === stream &&
      known.field === field &&
      known.ranges.some((from, i) => i % 2 === 0 && from <= first && first <= (known.ranges[i + 1] as number)),
  )
}

/** What was lost when the run was judged is looked for again: a sink that stood still may deliver it yet. */
export function auditAfter(works: RunWorks, { run, hop, others }: Omit<AfterLook, 'lost'>): Effects {
  const fields = evidenceOf(works, run.runId).audits.get(hop)?.fields ?? []
  const wanted = others
    .members()
    .filter((place) => !isTimed(place))
    .slice(0, RECORDS_A_LOOK)
    .map(({ stream, seq: offset }) => ({ partition: partitionOfStream(stream), offset, round: 0, fields, toldAtMs: 0, mayCome: true }))
  const counted = countAfter(works, { run, hop, others })
  if (wanted.length === 0) return counted
  return [...counted, { type: 'audit-records', runId: run.runId, hop, began: beganBehind(run, 'audit-tables'), wanted }]
}

export function foldAfterAudit(
  works: RunWorks,
  { runId, hop, records }: Extract<TableAuditEvent, { type: 'audit-records-read' }>,
): Effects {
  const lost = lostAt(evidenceOf(works, runId), hop, 'others')
  return records.flatMap(({ partition, offsets, records: rows }) => {
    const [offset = -1] = offsets
    const stream = streamOfPartition(partition)
    if (rows.length === 0 || !lost.has(stream, offset)) return []
    const said = {
      violation: 'lost' as const,
      becomes: 'late' as const,
      hop,
      stream,
      ranges: [offset, offset],
      reason: 'arrived after all',
    }
    return [say(works, { kind: 'correction', ...headOf(works, runId), ...said })]
  })
}

/** What could not be compared, of all tables: said once the audit ends, well or not. */
export function tellGone(works: RunWorks, run: RunState): Effects {
  const evidence = evidenceOf(works, run.runId)
  const gone = auditedHops(run).flatMap(({ name }) =>
    auditState(evidence.audits.get(name) ?? emptyAudit()).gone.map((reason) => ({ hop: name, reason: `audit: ${reason}` })),
  )
  const timed = timedHops(run).flatMap(({ name }) =>
    timesAt(works, run.runId, name).gone.map((reason) => ({ hop: name, reason: `audit by event time: ${reason}` })),
  )
  const without = hopsOfKind(run, 'table')
    .filter(({ hop }) => hop.sourceOffsets === null && hop.audit?.eventTime === undefined)
    .map(({ name }) => ({
      hop: name,
      reason:
        'audit: the table does not store where in Kafka its rows came from, and audit.eventTime does not say how to count them; they were not compared',
    }))
  return [...without, ...fieldsLeftOut(evidence, run), ...[...gone, ...timed].slice(0, GONE_TOLD_MAX)].flatMap(({ hop, reason }) =>
    sayMissingOnce(works, { runId: run.runId, hop }, reason),
  )
}

const GONE_TOLD_MAX = 20

/** Fields that the topology names to be compared, and that topic and table do not both have in types that can be. */
const fieldsLeftOut = (evidence: Evidence, run: RunState) =>
  auditedHops(run).flatMap(({ name, hop }) => {
    const compared = evidence.audits.get(name)?.fields ?? null
    if (compared === null) return []
    const left = (hop.audit?.fields ?? []).filter((wanted) => !compared.some(({ field }) => field === wanted))
    return left.map((field) => ({
      hop: name,
      reason: `audit: field ${field} was not compared: topic and table have no form of it in common`,
    }))
  })
