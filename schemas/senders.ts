import type { ControlMessage } from './control.ts'
import type { ResultKind } from './results.ts'

/** Every agent there is. */
export const agentNames = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter'] as const
export type AgentName = (typeof agentNames)[number]
const watchers = agentNames.filter((name) => name !== 'reporter')
const checkers = ['ingestion-checker', 'storage-reconciler', 'query-prober'] as const satisfies readonly AgentName[]

/** Who sends what, for the documents. The type makes a new kind name its senders. */
export const resultSenders: Readonly<Record<ResultKind, readonly AgentName[]>> = {
  'run-accepted': agentNames,
  'request-refused': agentNames,
  'stage-started': agentNames,
  'stage-ended': agentNames,
  'canaries-intended': ['generator'],
  'canaries-produced': ['generator'],
  'hop-sighted': ['ingestion-checker'],
  'snapshot-reconciled': ['storage-reconciler'],
  'probe-answered': ['query-prober'],
  'fault-changed': ['chaos-injector'],
  'violation-found': [...checkers, 'chaos-injector'],
  correction: checkers,
  'evidence-missing': agentNames,
  'agent-heartbeat': agentNames,
  'run-failing': ['reporter'],
  'run-judged': ['reporter'],
  'mirror-defect-seen': ['ingestion-checker', 'storage-reconciler'],
  'rules-checked': ['ingestion-checker', 'storage-reconciler'],
  'audit-scoped': ['storage-reconciler'],
  'audit-due': ['ingestion-checker'],
  'audit-window': ['ingestion-checker', 'storage-reconciler'],
  'audit-records': ['ingestion-checker', 'storage-reconciler'],
  'audit-reopened': ['storage-reconciler'],
  'audit-times': ['ingestion-checker', 'storage-reconciler'],
  'part-ended': ['ingestion-checker'],
  'log-told': watchers,
}

/** Beside anybody who may write to the topic: the generator and the reporter ask for the windows of a series. */
export const controlSenders: Readonly<Record<ControlMessage['kind'], readonly AgentName[]>> = {
  'run-requested': ['generator', 'reporter'],
  'run-cancelled': [],
}
