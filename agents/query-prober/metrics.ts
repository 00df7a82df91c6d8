import type { MetricRow } from '../../shared/runtime/metrics.ts'

export const proberMetrics: readonly MetricRow[] = [
  {
    name: 'assay_prober_answers_total',
    type: 'counter',
    unit: 'answers',
    labels: { outcome: ['right', 'different', 'refused'] },
    help: 'Questions by what came back: what was produced, something else (perhaps only older), or no answer.',
  },
  { name: 'assay_prober_latency_seconds', type: 'histogram', unit: 'seconds', help: 'From the intended time of a question to its answer.' },
  {
    name: 'assay_prober_late_questions_total',
    type: 'counter',
    unit: 'questions',
    help: 'Questions asked late because this agent was not ready in time; their latency counts from when it was.',
  },
]
