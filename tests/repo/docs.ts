import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { reportSchema } from '../../agents/reporter/reports/json.ts'
import { grafanaFiles } from '../../compose/observability/grafana/generated.ts'
import { prometheusFiles } from '../../compose/observability/prometheus/generated.ts'
import { runbooksPage } from '../../compose/observability/prometheus/runbooks.ts'
import { errorCodes } from '../../shared/core/errors.ts'
import { createMetrics, type MetricRow } from '../../shared/runtime/metrics.ts'
import { agentMetrics } from '../../shared/runtime/run-agent.ts'
import { loadTopology, problemText } from '../../topology/load.ts'
import type { Topology } from '../../topology/topology.ts'
import { page, table } from './markdown-text.ts'
import { settingsOf } from './settings-text.ts'
import { renderTopologyDoc } from './topology-doc.ts'

const top = join(import.meta.dirname, '../..')
const generated = (what: string) => `Generated from ${what} by \`npm run docs\`. Do not edit.`

/** Everything that is generated from tables outside `schemas/`, by path from the top. */
export const generatedDocs: Readonly<Record<string, () => string | Promise<string>>> = {
  'shared/core/ERRORS.md': renderErrors,
  'shared/runtime/CONFIG.md': () => renderConfig(readFileSync(join(top, 'shared/runtime/config.ts'), 'utf8')),
  'shared/runtime/METRICS.md': async () => renderMetrics(await metricTables()) + (await renderProcessMetrics()),
  'topology/TOPOLOGY.md': renderTopologyDoc,
  'schemas/report.schema.json': () => `${JSON.stringify(z.toJSONSchema(reportSchema, { io: 'input' }), null, 2)}\n`,
  'agents/reporter/page/browser/runbooks.html': runbooksPage,
  ...Object.fromEntries(Object.entries(prometheusFiles()).map(([path, text]) => [`compose/${path}`, () => text])),
  ...Object.fromEntries(Object.entries(grafanaFiles()).map(([path, text]) => [`compose/observability/grafana/${path}`, () => text])),
}

export function renderErrors(): string {
  const rows = Object.entries(errorCodes).map(([code, { retryable, meaning }]) => [`\`${code}\``, retryable ? 'yes' : 'no', meaning])
  return page('Errors', [
    generated('`shared/core/errors.ts`'),
    'Retryable ones may go away by themselves; whoever meets one tries again within a limit and says so.',
    table(['Code', 'Retryable', 'Meaning'], rows),
  ])
}

export function renderConfig(source: string): string {
  const rows = settingsOf(source, 'variables').map(({ name, type, defaultText, meaning }) => [`\`${name}\``, type, defaultText, meaning])
  return page('Settings', [
    generated('`shared/runtime/config.ts`'),
    'Environment variables of every agent and of the command line. An empty one counts as not set. A topology may refer to further ones as `${NAME}`.',
    table(['Variable', 'Value', 'Default', 'Meaning'], rows),
  ])
}

export interface MetricTable {
  readonly owner: string
  readonly rows: readonly MetricRow[]
}

/** The table of each agent that has one, and that of all of them. */
export async function metricTables(): Promise<MetricTable[]> {
  const agents = readdirSync(join(top, 'agents')).filter((agent) => readdirSync(join(top, 'agents', agent)).includes('metrics.ts'))
  const topology = referenceTopology()
  const own = agents.sort().map(async (owner) => ({ owner, rows: await rowsOf(owner, topology) }))
  return [{ owner: 'every agent', rows: agentMetrics }, ...(await Promise.all(own))]
}

/** What metrics.ts exports: a table, or a function of the topology that gives one. */
async function rowsOf(agent: string, topology: Topology): Promise<readonly MetricRow[]> {
  const exported = (await import(`../../agents/${agent}/metrics.ts`)) as Readonly<Record<string, unknown>>
  const tables = Object.values(exported).map((value): unknown =>
    typeof value === 'function' ? Reflect.apply(value, undefined, [topology]) : value,
  )
  return tables.flatMap((rows) => (Array.isArray(rows) ? (rows as MetricRow[]) : []))
}

export function referenceTopology(): Topology {
  const file = 'topology/reference.yaml'
  const anything = new Proxy<Record<string, string>>({}, { get: () => 'http://127.0.0.1:1' })
  const loaded = loadTopology(file, readFileSync(join(top, file), 'utf8'), anything)
  if (loaded.ok) return loaded.value
  throw new Error(loaded.problems.map(problemText).join('\n'))
}

/** Those of prom-client, as they stand in the text of a real registry: name, type and meaning. */
export async function processMetrics(): Promise<{ readonly name: string; readonly type: string; readonly help: string }[]> {
  const { text } = await createMetrics([]).text()
  const found = [...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\S+)$/gm)]
  return found.map(([, name = '', help = '', type = '']) => ({ name, type, help }))
}

async function renderProcessMetrics(): Promise<string> {
  const rows = (await processMetrics()).map(({ name, type, help }) => [`\`${name}\``, type, help])
  return ['', '## every process', '', 'Of prom-client, for each agent too.', '', table(['Metric', 'Type', 'Meaning'], rows), ''].join('\n')
}

export function renderMetrics(tables: readonly MetricTable[]): string {
  const sections = tables.map(({ owner, rows }) =>
    [
      `## ${owner}`,
      '',
      table(
        ['Metric', 'Type', 'Unit', 'Labels', 'Meaning'],
        rows.map((row) => [`\`${row.name}\``, row.type, row.unit, labelsText(row), row.help]),
      ),
    ].join('\n'),
  )
  return page('Metrics', [
    generated('the `metrics.ts` of each agent and `shared/runtime/`'),
    'At `/metrics` of each agent, beside the process metrics of prom-client, which come last here. All series stand at 0 from the start; no id is ever a label. The hops are those of `topology/reference.yaml`.',
    ...sections,
  ])
}

const labelsText = ({ labels = {} }: MetricRow) =>
  Object.entries(labels)
    .map(([label, values]) => `\`${label}\`: ${values.join(', ')}`)
    .join('; ')
