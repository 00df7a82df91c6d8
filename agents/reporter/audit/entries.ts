import type { ControlMessage } from '../../../schemas/control.ts'
import type { ResultMessage } from '../../../schemas/results.ts'
import type { BusEvent } from '../../../shared/core/bus-events.ts'
import { requestRunId, type RunState } from '../../../shared/core/run-book.ts'
import { canonicalJson, sha256, type AuditBody, type AuditValue } from '../../../shared/runtime/audit-chain.ts'

/** An entry of the trail before it is chained. Facts come again after a restart: a key is written once. */
export interface AuditFact extends AuditBody {
  readonly key: string
}

type Runs = ReadonlyMap<string, Pick<RunState, 'resolved'>>

const TEXT_MAX = 4_000

/** What of an event belongs into the trail: who asked for what, what became of it, and what was disturbed. */
export function auditFactsOf(event: Pick<BusEvent, 'type'>, runs: Runs): AuditFact[] {
  const heard = event as BusEvent
  switch (heard.type) {
    case 'control':
      return [ofControl(heard)]
    case 'fact':
      return ofFact(heard.fact, runs)
    default:
      return []
  }
}

function ofControl({ offset, atMs, message }: { offset: number; atMs: number; message: ControlMessage }): AuditFact {
  const head = { atMs, controlOffset: offset, requestedBy: message.requestedBy }
  if (message.kind === 'run-cancelled')
    return { kind: 'cancelled', key: `control/${offset}/${atMs}`, ...head, runId: message.runId, reason: message.reason }
  const { plan, parameters, window } = message
  const isInline = plan.trimStart().startsWith('{')
  return {
    kind: 'requested',
    key: `control/${offset}/${atMs}`,
    ...head,
    runId: requestRunId(message, offset, atMs),
    plan: isInline ? `inline, SHA-256 ${sha256(plan)}` : plan.slice(0, TEXT_MAX),
    parameters,
    window,
  }
}

function ofFact(fact: ResultMessage, runs: Runs): AuditFact[] {
  switch (fact.kind) {
    case 'run-accepted':
      return accepted(fact)
    case 'request-refused': {
      const { kind, controlOffset, problems, excerpt, ...said } = fact
      return [{ kind: 'refused', key: `${kind}/${controlOffset}/${said.agent}`, ...said, controlOffset, problems, excerpt }]
    }
    case 'fault-changed': {
      const { kind, ...said } = fact
      return [{ kind: 'fault', key: `${kind}/${said.runId}/${said.stage}/${said.phase}`, ...said }]
    }
    case 'stage-ended': {
      const { kind, ...said } = fact
      const task = runs.get(said.runId)?.resolved.plan.stages.find(({ stage }) => stage === said.stage)?.task ?? null
      const isCleanUp = task === 'clean-up' || task === 'heal'
      return [{ kind: isCleanUp ? 'clean-up' : 'stage', key: `${kind}/${said.runId}/${said.stage}`, ...said, task }]
    }
    case 'run-failing': {
      const { kind, ...said } = fact
      return [{ kind: 'failing', key: `${kind}/${said.runId}/${said.gravest?.violation}`, ...said }]
    }
    case 'run-judged': {
      const { kind, hops, recoveries, ...said } = fact
      const found = hops.map(({ hop, expected, sighted, violations }) => ({ hop, expected, sighted, violations }))
      return [{ kind: 'judged', key: `${kind}/${said.runId}/${said.revision}`, ...said, hops: found, recoveries }]
    }
    default:
      return []
  }
}

/** The plan as it was resolved is an entry of its own, so that a series that runs it every minute holds it once. */
function accepted(fact: Extract<ResultMessage, { kind: 'run-accepted' }>): AuditFact[] {
  const { kind, resolved: text, ...said } = fact
  const { seed = null, ...resolved } = resolvedOf(text)
  const planSha256 = sha256(canonicalJson(resolved))
  return [
    { kind: 'plan', key: `plan/${planSha256}`, planSha256, resolved },
    { kind: 'accepted', key: `${kind}/${said.runId}`, ...said, seed, planSha256 },
  ]
}

/** A run of another version may not be readable; that it was accepted stands all the same. */
function resolvedOf(text: string): Readonly<Record<string, AuditValue>> {
  try {
    const value = JSON.parse(text) as AuditValue
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Readonly<Record<string, AuditValue>>) : { text }
  } catch (error) {
    if (error instanceof SyntaxError) return { text }
    throw error
  }
}
