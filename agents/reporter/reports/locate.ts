import { violationKinds, type ViolationKind } from '../../../schemas/parts.ts'
import { auditedPlace, isAudited, isTimed, partitionOfStream } from '../../../shared/core/audit-findings.ts'
import { momentText } from '../../../shared/core/moment-text.ts'
import { standingViolations, type Evidence, type Violation } from '../../../shared/core/evidence.ts'
import { canaryIdText } from '../../../shared/core/identity.ts'
import type { RunState } from '../../../shared/core/run-book.ts'
import { apiCommand } from './look-api.ts'
import { forPeople, type LookPlaces } from './look-places.ts'
import { sqlName, sqlText, shellWord } from './quoting.ts'
import { hopName, SOURCE_HOP, type Hop } from '../../../topology/topology.ts'

/** A violation with the place where one can look at it. */
export interface LocatedViolation {
  readonly violation: Violation
  /** Id of its first canary; of a record that is none, its place. */
  readonly canaryId: string
  /** The topic that `partition` and `offset` speak of; null without an offset. */
  readonly topic: string | null
}

export interface ViolationGroup {
  readonly kind: ViolationKind
  readonly hop: string
  readonly canaries: number
  readonly located: readonly LocatedViolation[]
}

/** What stands, by kind (worst first) and hop (in the order a record passes them), each group by stream and seq. */
export function violationGroups(run: RunState, evidence: Evidence): ViolationGroup[] {
  const hops = [SOURCE_HOP, ...run.resolved.hops.map(hopName)]
  const groups = new Map<string, Violation[]>()
  for (const violation of standingViolations(evidence)) {
    const key = `${violation.violation}|${violation.hop}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [violation])
    else group.push(violation)
  }
  return [...groups.values()]
    .map((violations) => groupOf(run, violations))
    .sort((a, b) => violationKinds.indexOf(a.kind) - violationKinds.indexOf(b.kind) || hops.indexOf(a.hop) - hops.indexOf(b.hop))
}

function groupOf(run: RunState, violations: readonly Violation[]): ViolationGroup {
  const [first] = violations as [Violation]
  return {
    kind: first.violation,
    hop: first.hop,
    canaries: violations.reduce((sum, { standing }) => sum + standing.size, 0),
    located: violations.map((violation) => locate(run, violation)).sort((a, b) => byCanary(a.violation, b.violation)),
  }
}

const byCanary = (a: Violation, b: Violation) => a.stream - b.stream || seqFirst(a) - seqFirst(b)
const seqFirst = ({ standing }: Violation) => standing.ranges[0] as number

export function locate(run: RunState, violation: Violation): LocatedViolation {
  return {
    violation,
    canaryId: isAudited(violation)
      ? auditedPlace(violation.stream, seqFirst(violation))
      : canaryIdText({ runId: run.runId, stream: violation.stream, seq: seqFirst(violation) }),
    topic: violation.offset === null || violation.partition === null ? null : topicOf(run, violation),
  }
}

/** Came after it was told lost: a correction keeps place and expectation, and others are told by the time they were given. */
export const wasLost = ({ violation, expected }: Violation) => violation === 'late' && /^(here|a row|\d+ rows or more)\b/.test(expected)

/** A lost one is placed where it was last seen, hence at the hop before; a row of a table where it came from in Kafka. */
function topicOf(run: RunState, said: Violation): string | null {
  const name = said.hop
  const isBefore = said.violation === 'lost' || wasLost(said)
  const { hops } = run.resolved
  const at = hops.findIndex((hop) => hopName(hop) === name)
  const hop = hops[at]
  if (hop === undefined) return null
  // Offsets at a source are its own; `expected` names the place.
  if (hop.kind === 'source') return null
  if (hop.kind === 'topic') {
    const before = hops[at - 1]
    if (isBefore && before?.kind === 'source') return null
    return isBefore && before?.kind === 'topic' ? before.topic : hop.topic
  }
  if (hop.kind === 'table' && hop.sourceOffsets !== null) return hop.sourceOffsets.topic
  const topic = hops.slice(0, at).findLast((earlier): earlier is Extract<Hop, { kind: 'topic' }> => earlier.kind === 'topic')
  return topic?.topic ?? null
}

/** `topic market.trades partition 3 offset 812, snapshot 77, file s3://…`; empty when nothing is known. */
export function placeText({ violation, topic }: LocatedViolation): string {
  const { partition, offset, snapshotId, file } = violation
  const parts: string[] = []
  if (topic !== null && partition !== null && offset !== null) parts.push(`topic ${topic} partition ${partition} offset ${offset}`)
  if (snapshotId !== null) parts.push(`snapshot ${snapshotId}`)
  if (file !== null) parts.push(`file ${file}`)
  return parts.join(', ')
}

/** A command or query by which anyone sees the record; null when there is nothing to point at. */
export function lookCommand(run: RunState, located: LocatedViolation, where: LookPlaces): string | null {
  return topicCommand(located, where) ?? hopCommand(run, located, where)
}

/** Each way to look: at the place in Kafka, and at the hop that accuses. */
export function lookCommands(run: RunState, located: LocatedViolation, where: LookPlaces): string[] {
  return [topicCommand(located, where), hopCommand(run, located, where)].filter((command) => command !== null)
}

function topicCommand({ violation: { violation, partition, offset }, topic }: LocatedViolation, where: LookPlaces): string | null {
  if (topic === null || partition === null || offset === null) return null
  const headers = violation === 'header-lost' ? " -f '%h\\n'" : ''
  const broker = shellWord(forPeople(where, where.pipelineKafka))
  return `kcat -b ${broker} -C -t ${shellWord(topic)} -p ${partition} -o ${offset} -c 1${headers}`
}

type TableHop = Extract<Hop, { kind: 'table' }>

const rowsWhere = ({ namespace, table }: TableHop, condition: string) =>
  `SELECT * FROM ${sqlName(namespace)}.${sqlName(table)} WHERE ${condition}`

function windowCommand(run: RunState, hop: TableHop, startMs: number): string {
  const column = sqlName(hop.audit?.eventTime?.column ?? '')
  const length = run.resolved.plan.stages.find((stage) => stage.task === 'audit-topics')?.windowMs ?? 0
  const [from, to] = [startMs, startMs + length].map((ms) => sqlText(momentText(ms)))
  return rowsWhere(hop, `${column} >= ${from} AND ${column} < ${to}`)
}

function hopCommand(run: RunState, { violation, canaryId }: LocatedViolation, where: LookPlaces): string | null {
  const hop = run.resolved.hops.find((candidate) => hopName(candidate) === violation.hop)
  const identity = run.resolved.record.identity
  if (hop?.kind === 'table' && hop.sourceOffsets !== null && isAudited(violation))
    return rowsWhere(
      hop,
      `${sqlName(hop.sourceOffsets.partition)} = ${partitionOfStream(violation.stream)} AND ${sqlName(hop.sourceOffsets.offset)} = ${seqFirst(violation)}`,
    )
  if (hop?.kind === 'table' && isTimed(violation)) return windowCommand(run, hop, seqFirst(violation) * 1_000)
  if (hop?.kind === 'table') return rowsWhere(hop, `${sqlName(identity)} = ${sqlText(canaryId)}`)
  return hop?.kind === 'api' ? apiCommand({ run, where }, hop, violation) : null
}
