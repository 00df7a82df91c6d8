import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { hopNames, tracedLatencyRow } from '../../shared/runtime/traced-latency.ts'
import type { Topology } from '../../topology/topology.ts'

export const TRACED = 'assay_checker_traced_latency_seconds'

export const checkerMetrics = (topology: Pick<Topology, 'hops'>): readonly MetricRow[] => [
  { name: 'assay_checker_canaries_total', type: 'counter', unit: 'canaries', help: 'Canaries read and compared, over all topic hops.' },
  { name: 'assay_checker_looks_total', type: 'counter', unit: 'looks', help: 'Second looks by a fresh consumer before an accusation.' },
  tracedLatencyRow(TRACED, hopNames(topology, 'source', 'topic')),
  {
    name: 'assay_checker_audited_total',
    type: 'counter',
    unit: 'records',
    help: 'Records fingerprinted, canaries or not; again with each narrower look.',
  },
]
