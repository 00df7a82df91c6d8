import type { MetricRow } from '../../shared/runtime/metrics.ts'

export const checkerMetrics: readonly MetricRow[] = [
  { name: 'assay_checker_canaries_total', type: 'counter', unit: 'canaries', help: 'Canaries read and compared, over all topic hops.' },
  { name: 'assay_checker_looks_total', type: 'counter', unit: 'looks', help: 'Second looks by a fresh consumer before an accusation.' },
  {
    name: 'assay_checker_audited_total',
    type: 'counter',
    unit: 'records',
    help: 'Records fingerprinted, canaries or not; again with each narrower look.',
  },
]
