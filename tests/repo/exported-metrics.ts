import { alerts, recordings } from '../../compose/observability/prometheus/rules.ts'
import { agentNames } from '../../shared/core/agent.ts'
import { createMetrics, type MetricRow } from '../../shared/runtime/metrics.ts'
import { metricTables } from './docs.ts'
import type { KnownLabels, KnownMetrics } from './promql-text.ts'

/** What a scrape adds to every series of an agent. */
const target: KnownLabels = { job: ['assay'], instance: null, agent: agentNames }

/** Prometheus makes these itself. */
const own: KnownMetrics = new Map<string, KnownLabels>([
  ['up', target],
  ['ALERTS', { ...target, alertname: alerts.map(({ name }) => name), alertstate: ['pending', 'firing'], severity: null, hop: null }],
])

/**
 * Dashboards show these, and no agent's table has them yet, or not with that label. One that is exported must go from
 * here: a test sees to it.
 */
export const awaited: KnownMetrics = new Map<string, KnownLabels>()

/** Every series name that Prometheus can have from the agents, with its labels. */
export async function exportedMetrics(): Promise<Map<string, KnownLabels>> {
  const tables = await metricTables()
  const rows = tables.flatMap(({ rows: of }) => of).flatMap((row) => seriesNames(row.name, row.type, labelsOf(row)))
  const recorded = recordings.map(({ record, expr }): [string, KnownLabels] => [record, keptLabels(expr)])
  return new Map([...own, ...rows, ...recorded, ...(await processMetrics())])
}

/** A recording by hop or agent keeps that label and no other. */
const keptLabels = (expr: string): KnownLabels => ({
  ...(expr.includes('by (hop') ? { hop: null } : {}),
  ...(expr.includes('by (agent') ? { agent: agentNames } : {}),
})

const labelsOf = ({ labels = {} }: MetricRow): KnownLabels => ({ ...target, ...labels })

function seriesNames(name: string, type: string, labels: KnownLabels): [string, KnownLabels][] {
  if (type !== 'histogram' && type !== 'summary') return [[name, labels]]
  const quantiles: [string, KnownLabels] =
    type === 'summary' ? [name, { ...labels, quantile: null }] : [`${name}_bucket`, { ...labels, le: null }]
  return [quantiles, [`${name}_sum`, labels], [`${name}_count`, labels]]
}

/** As they stand in the text of a real registry: those have no row. */
async function processMetrics(): Promise<[string, KnownLabels][]> {
  const { text } = await createMetrics([]).text()
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type = '']) => seriesNames(name, type, target))
}
