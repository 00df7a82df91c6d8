import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { tracedLatencyRow } from '../../shared/runtime/traced-latency.ts'
import { SOURCE_HOP } from '../../topology/topology.ts'

export const TRACED = 'assay_generator_traced_latency_seconds'

export const generatorMetrics: readonly MetricRow[] = [
  {
    name: 'assay_generator_canaries_total',
    type: 'counter',
    unit: 'canaries',
    help: 'Canaries written, by what the broker said.',
    labels: { outcome: ['acknowledged', 'unknown', 'failed'] },
  },
  {
    name: 'assay_generator_write_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'From handing a turn of canaries to the broker to the last acknowledgement.',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  tracedLatencyRow(TRACED, [SOURCE_HOP]),
]
