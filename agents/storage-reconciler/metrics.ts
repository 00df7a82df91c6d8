import type { MetricRow } from '../../shared/runtime/metrics.ts'

export const reconcilerMetrics: readonly MetricRow[] = [
  { name: 'assay_reconciler_snapshots_total', type: 'counter', unit: 'snapshots', help: 'Snapshots read.' },
  { name: 'assay_reconciler_rows_total', type: 'counter', unit: 'rows', help: 'Rows of data files read.' },
  { name: 'assay_reconciler_bytes_total', type: 'counter', unit: 'bytes', help: 'Bytes of data files read.' },
  {
    name: 'assay_reconciler_audited_total',
    type: 'counter',
    unit: 'rows',
    help: 'Rows fingerprinted, canaries or not; again with each narrower look.',
  },
]
