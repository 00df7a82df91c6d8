import type { BusEvent } from '../../../shared/core/bus-events.ts'
import { auditDirOf } from '../../../shared/runtime/audit-files.ts'
import type { AgentPorts } from '../../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../../shared/runtime/version.ts'
import type { Topology } from '../../../topology/topology.ts'
import type { ReporterState } from '../core.ts'
import { auditFactsOf } from './entries.ts'
import { createAuditTrail, type AuditTrail } from './trail.ts'

/** Hears what the reporter hears, and puts into the trail what belongs there. */
export interface AuditObserver {
  hear(event: { readonly type: string }, state: Pick<ReporterState, 'works'>): void
  close(): Promise<void>
}

export function createAuditObserver(
  { config, log, clock }: Pick<AgentPorts, 'config' | 'log' | 'clock'>,
  topology: Topology,
): AuditObserver {
  const trail: AuditTrail = createAuditTrail({
    dir: auditDirOf(config.stateDir),
    log,
    nowMs: () => clock.nowMs(),
    keepDays: config.auditKeepDays,
    settings: config.environment,
    environment: {
      kind: 'started',
      ...{ agent: 'reporter', instance: config.instance, version: ASSAY_VERSION, node: process.version, pid: process.pid },
      ...{ busBrokers: config.busBrokers, controlTopic: config.controlTopic, resultsTopic: config.resultsTopic },
      ...{ topology: topology.name, pipelineKafka: topology.connections.kafka.bootstrap, targets: Object.keys(topology.chaos.targets) },
    },
  })
  return {
    hear(event, { works }) {
      trail.tell(auditFactsOf(event as Pick<BusEvent, 'type'>, works.base.book.runs))
    },
    close: () => trail.close(),
  }
}
