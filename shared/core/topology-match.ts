import { agentOfTask } from '../../topology/plan.ts'
import type { ResolvedRun } from '../../topology/resolved-run.ts'
import { hopName } from '../../topology/topology.ts'
import { withoutSecrets, type AgentBaseConfig } from './acceptance.ts'

/** Where an agent's own topology says something else of a run's pipeline than the one the run was accepted with. */
export interface TopologyDifference {
  readonly hop: string
  readonly reason: string
}

/**
 * Agents are started apart and may have been given different files. What an agent looks for comes from the run, where it
 * looks from its own topology: where the two disagree, it looks at the wrong thing.
 */
export function topologyDifferences({ speaker, topology }: AgentBaseConfig, run: ResolvedRun): TopologyDifference[] {
  if (!run.plan.stages.some(({ task }) => agentOfTask[task] === speaker.agent)) return []
  const own = new Map(topology.hops.map((hop) => [hopName(hop), withoutSecrets(hop)]))
  const whose = `the topology of ${speaker.agent} (${speaker.instance}) is not the run's`
  const recordFields = differingFields(run.record, topology.record)
  return run.hops.flatMap((hop) => {
    const name = hopName(hop)
    const ours = own.get(name)
    if (ours === undefined) return [{ hop: name, reason: `${whose}: it has no ${name}` }]
    const fields = [...differingFields(withoutSecrets(hop), ours), ...recordFields.map((field) => `record.${field}`)]
    return fields.length === 0 ? [] : [{ hop: name, reason: `${whose}: other ${fields.join(', ')}` }]
  })
}

function differingFields(left: object, right: object): string[] {
  const [a, b] = [left, right].map((side) => new Map(Object.entries(side).map(([field, value]) => [field, JSON.stringify(value)])))
  return [...new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])].filter((field) => a?.get(field) !== b?.get(field))
}
