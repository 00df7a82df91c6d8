import { violationKinds } from '../../schemas/parts.ts'
import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { hopName, type Topology } from '../../topology/topology.ts'

/** Hops are the topology's, so that every series exists from the start. */
export function reporterMetrics(topology: Topology): readonly MetricRow[] {
  const hop = topology.hops.map(hopName)
  return [
    {
      name: 'assay_runs_total',
      type: 'counter',
      unit: 'runs',
      help: 'Runs judged, by verdict.',
      labels: { verdict: ['pass', 'fail', 'inconclusive'] },
    },
    {
      name: 'assay_hop_violations_total',
      type: 'counter',
      unit: 'canaries',
      help: 'Canaries found wrong, by hop and kind.',
      labels: { hop, violation: [...violationKinds] },
    },
    {
      name: 'assay_hop_fidelity_ratio',
      type: 'gauge',
      unit: 'ratio',
      help: 'Share of the expected canaries that the last run found whole at the hop.',
      labels: { hop },
    },
    {
      name: 'assay_hop_latency_p95_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'p95 of the last run, from intended send to the hop.',
      labels: { hop },
    },
    { name: 'assay_fault_recovery_seconds', type: 'gauge', unit: 'seconds', help: 'From healed to caught up, at the last fault.' },
  ]
}
