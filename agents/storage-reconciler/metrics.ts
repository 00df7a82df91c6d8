import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { hopNames, tracedLatencyRow } from '../../shared/runtime/traced-latency.ts'
import type { Topology } from '../../topology/topology.ts'

export const TRACED = 'assay_reconciler_traced_latency_seconds'

export const reconcilerMetrics = (topology: Pick<Topology, 'hops'>): readonly MetricRow[] => [
  { name: 'assay_reconciler_snapshots_total', type: 'counter', unit: 'snapshots', help: 'Snapshots read.' },
  { name: 'assay_reconciler_rows_total', type: 'counter', unit: 'rows', help: 'Rows of data files read.' },
  { name: 'assay_reconciler_bytes_total', type: 'counter', unit: 'bytes', help: 'Bytes of data files read.' },
  tracedLatencyRow(TRACED, hopNames(topology, 'table')),
  {
    name: 'assay_reconciler_audited_total',
    type: 'counter',
    unit: 'rows',
    help: 'Rows fingerprinted, canaries or not; again with each narrower look.',
  },
]
