import type { MetricRow } from '../../shared/runtime/metrics.ts'
import { hopName, type Topology } from '../../topology/topology.ts'

const apiHops = ({ hops }: Topology) => hops.filter(({ kind }) => kind === 'api').map(hopName)

/** Hops are the topology's, so that every series exists from the start. */
export const proberMetrics = (topology: Topology): readonly MetricRow[] => [
  {
    name: 'assay_prober_answers_total',
    type: 'counter',
    unit: 'answers',
    labels: { hop: apiHops(topology), outcome: ['right', 'different', 'refused'] },
    help: 'Questions by what came back: what was produced, something else (perhaps only older), or no answer.',
  },
  {
    name: 'assay_prober_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: { hop: apiHops(topology) },
    buckets: [0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10],
    help: 'From the intended time of a question to its answer.',
  },
  {
    name: 'assay_prober_late_questions_total',
    type: 'counter',
    unit: 'questions',
    help: 'Questions asked late because this agent was not ready in time; their latency counts from when it was.',
  },
]
