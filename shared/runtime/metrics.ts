import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { InvariantError } from '../core/errors.ts'

/** One metric, as data: the documentation is generated from the same row. */
export interface MetricRow {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly unit: string
  /** Every value a label may take: all series stand at 0 from the start, and no id can become a label. */
  readonly labels?: Readonly<Record<string, readonly string[]>>
  /** Upper bounds; for a histogram. */
  readonly buckets?: readonly number[]
}

export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  /** Counters and gauges. */
  add(name: string, by?: number, labels?: Labels): void
  /** Gauges. */
  set(name: string, value: number, labels?: Labels): void
  /** Histograms. */
  observe(name: string, value: number, labels?: Labels): void
  text(): Promise<string>
  readonly contentType: string
}

const SERIES_MAX = 10_000
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60]

type Metric = { readonly row: MetricRow } & (
  | { readonly type: 'counter'; readonly of: Counter }
  | { readonly type: 'gauge'; readonly of: Gauge }
  | { readonly type: 'histogram'; readonly of: Histogram }
)

/** The door to prom-client: a registry of its own with the rows of all tables, and the process metrics. */
export function createMetrics(rows: readonly MetricRow[], { processMetrics = true }: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (processMetrics) collectDefaultMetrics({ register: registry })
  const metrics = new Map<string, Metric>()
  for (const row of rows) {
    if (metrics.has(row.name)) throw new InvariantError(`metric ${row.name} stands in the tables twice`)
    metrics.set(row.name, createMetric(row, registry))
  }
  const find = (name: string, labels: Labels): Metric => {
    const metric = metrics.get(name)
    if (metric === undefined) throw new InvariantError(`metric ${name} is in no table`)
    checkLabels(metric.row, labels)
    return metric
  }
  return {
    add(name, by = 1, labels = {}) {
      const metric = find(name, labels)
      if (metric.type === 'histogram') throw new InvariantError(`metric ${name} is a histogram: observe it`)
      metric.of.inc(labels, by)
    },
    set(name, value, labels = {}) {
      const metric = find(name, labels)
      if (metric.type !== 'gauge') throw new InvariantError(`metric ${name} is a ${metric.type}: only gauges are set`)
      metric.of.set(labels, value)
    },
    observe(name, value, labels = {}) {
      const metric = find(name, labels)
      if (metric.type !== 'histogram') throw new InvariantError(`metric ${name} is a ${metric.type}: only histograms observe`)
      metric.of.observe(labels, value)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function createMetric(row: MetricRow, registry: Registry): Metric {
  const labelNames = Object.keys(row.labels ?? {})
  const shape = { name: row.name, help: row.help, labelNames, registers: [registry] }
  const series = seriesOf(row)
  switch (row.type) {
    case 'counter': {
      const of = new Counter(shape)
      for (const labels of series) of.inc(labels, 0)
      return { row, type: row.type, of }
    }
    case 'gauge': {
      const of = new Gauge(shape)
      for (const labels of series) of.set(labels, 0)
      return { row, type: row.type, of }
    }
    case 'histogram': {
      const of = new Histogram({ ...shape, buckets: [...(row.buckets ?? BUCKETS)] })
      for (const labels of series) of.zero(labels)
      return { row, type: row.type, of }
    }
    default:
      return row.type satisfies never
  }
}

/** Each combination of label values. */
export function seriesOf(row: MetricRow): readonly Labels[] {
  let series: Labels[] = [{}]
  for (const [label, values] of Object.entries(row.labels ?? {})) {
    series = series.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })))
  }
  if (series.length > SERIES_MAX) throw new InvariantError(`metric ${row.name} has ${series.length} series, limit ${SERIES_MAX}`)
  return series
}

function checkLabels(row: MetricRow, labels: Labels): void {
  const allowed = row.labels ?? {}
  for (const [label, values] of Object.entries(allowed)) {
    const value = labels[label]
    if (value === undefined || !values.includes(value)) {
      throw new InvariantError(`metric ${row.name}: label ${label}: expected one of ${values.join(', ')}, got ${value ?? 'nothing'}`)
    }
  }
  for (const label of Object.keys(labels)) {
    if (!(label in allowed)) throw new InvariantError(`metric ${row.name}: has no label ${label}`)
  }
}
