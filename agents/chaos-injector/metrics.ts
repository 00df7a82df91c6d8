import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { faults } from './faults/faults.ts'

export const injectorMetrics: readonly MetricRow[] = [
  {
    name: 'assay_faults_injected_total',
    type: 'counter',
    unit: 'faults',
    help: 'Faults injected, by kind.',
    labels: { fault: Object.keys(faults) },
  },
]
