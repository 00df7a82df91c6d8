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
  /** A histogram that is fed with counts of many values at once. */
  readonly fed?: 'by-count'
  /** A counter that may be told a trace; histograms that are fed one by one always may. */
  readonly traced?: true
}

export const counter = (name: string, unit: string, help: string): MetricRow => ({ name, type: 'counter', unit, help })
export const gauge = (name: string, unit: string, help: string): MetricRow => ({ name, type: 'gauge', unit, help })

export type Labels = Readonly<Record<string, string>>

export interface Metrics {
  /** Counters and gauges. A trace of a traced counter stands in OpenMetrics as an exemplar. */
  add(name: string, by?: number | TracedValue, labels?: Labels): void
  /** Gauges. */
  set(name: string, value: number, labels?: Labels): void
  /** Histograms. A trace stands in OpenMetrics as an exemplar. */
  observe(name: string, value: number | TracedValue, labels?: Labels): void
  /** Histograms fed by count. */
  observeMany(name: string, values: readonly CountedValue[], labels?: Labels): void
  /** OpenMetrics where the scraper's Accept header asks for it. */
  text(accept?: string): Promise<MetricsText>
}

export interface TracedValue {
  readonly value: number
  readonly traceId: string
}

export interface CountedValue {
  readonly value: number
  readonly count: number
}

export interface MetricsText {
  readonly text: string
  readonly contentType: string
}

const SERIES_MAX = 10_000
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60]

type Metric = { readonly row: MetricRow } & (
  | { readonly type: 'counter'; readonly of: Counter }
  | { readonly type: 'gauge'; readonly of: Gauge }
  | { readonly type: 'histogram'; readonly of: Histogram }
  | { readonly type: 'counted-histogram'; readonly of: CountedHistogram }
)

/** The door to prom-client: a registry of its own with the rows of all tables, and the process metrics. */
export function createMetrics(rows: readonly MetricRow[], { processMetrics = true }: { processMetrics?: boolean } = {}): Metrics {
  // Only a registry of this type takes exemplars; what it is read as is another matter.
  const registry: AnyRegistry = new Registry()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
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
      if (metric.type !== 'counter' && metric.type !== 'gauge') throw new InvariantError(`metric ${name} is a histogram: observe it`)
      const isTraced = metric.type === 'counter' && metric.row.traced === true
      if (typeof by === 'number' && !isTraced) metric.of.inc(labels, by)
      else if (metric.type === 'gauge' || !isTraced) throw new InvariantError(`metric ${name} takes no traces`)
      else if (typeof by === 'number') metric.of.inc({ labels, value: by })
      else metric.of.inc({ labels, value: by.value, exemplarLabels: { trace_id: by.traceId } })
    },
    set(name, value, labels = {}) {
      const metric = find(name, labels)
      if (metric.type !== 'gauge') throw new InvariantError(`metric ${name} is a ${metric.type}: only gauges are set`)
      metric.of.set(labels, value)
    },
    observe(name, observed, labels = {}) {
      const metric = find(name, labels)
      if (metric.type !== 'histogram') throw new InvariantError(`metric ${name} is a ${metric.type}: only histograms observe`)
      if (typeof observed === 'number') metric.of.observe({ labels, value: observed })
      else metric.of.observe({ labels, value: observed.value, exemplarLabels: { trace_id: observed.traceId } })
    },
    observeMany(name, values, labels = {}) {
      const metric = find(name, labels)
      if (metric.type !== 'counted-histogram') throw new InvariantError(`metric ${name} is a ${metric.type}: it is not fed by count`)
      for (const counted of values) metric.of.observeMany(labels, counted)
    },
    text: textsOf(registry),
  }
}

/** Of either content type: which one, is set while it is read. */
type AnyRegistry = Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> | Registry

/** The format is a state of the registry: two scrapers must not change it under each other. */
function textsOf(registry: AnyRegistry): Metrics['text'] {
  let line: Promise<unknown> = Promise.resolve()
  return (accept = '') => {
    const render = async () => {
      if (accept.includes('application/openmetrics-text')) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
      else registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE as never)
      const named = registry.getMetricsAsArray().map((metric): [{ name: string }, string] => [metric, metric.name])
      const text = await registry.metrics()
      // For OpenMetrics, prom-client takes `_total` off the names of counters, and leaves it so.
      for (const [metric, name] of named) metric.name = name
      return { text, contentType: registry.contentType }
    }
    const rendered = line.then(render)
    line = rendered.catch(() => undefined)
    return rendered
  }
}

function createMetric(row: MetricRow, registry: AnyRegistry): Metric {
  const labelNames = Object.keys(row.labels ?? {})
  const shape = { name: row.name, help: row.help, labelNames, registers: [registry] }
  const series = seriesOf(row)
  switch (row.type) {
    case 'counter': {
      const of = new Counter({ ...shape, enableExemplars: row.traced === true })
      for (const labels of series) {
        if (row.traced === true) of.inc({ labels, value: 0 })
        else of.inc(labels, 0)
      }
      return { row, type: row.type, of }
    }
    case 'gauge': {
      const of = new Gauge(shape)
      for (const labels of series) of.set(labels, 0)
      return { row, type: row.type, of }
    }
    case 'histogram': {
      if (row.fed === 'by-count') {
        const of = new CountedHistogram(row, series, [registry])
        return { row, type: 'counted-histogram', of }
      }
      const of = new Histogram({ ...shape, enableExemplars: true, buckets: [...(row.buckets ?? BUCKETS)] })
      for (const labels of series) of.zero(labels)
      return { row, type: row.type, of }
    }
    default:
      return row.type satisfies never
  }
}

interface Counts {
  readonly labels: Labels
  readonly byBucket: number[]
  sum: number
}

/** A histogram that takes many equal values in one step, which prom-client's own does one by one. */
class CountedHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #series: ReadonlyMap<string, Counts>

  constructor({ name, help, labels, buckets = BUCKETS }: MetricRow, series: readonly Labels[], registers: AnyRegistry[]) {
    super({ name, help, labelNames: Object.keys(labels ?? {}), registers })
    this.#name = name
    this.#help = help
    this.#bounds = buckets
    this.#series = new Map(series.map((one) => [keyOf(one), { labels: one, byBucket: [...buckets, Infinity].map(() => 0), sum: 0 }]))
  }

  observeMany(labels: Labels, { value, count }: CountedValue): void {
    const counts = this.#series.get(keyOf(labels))
    if (counts === undefined) return
    const at = this.#bounds.findIndex((bound) => value <= bound)
    const bucket = at === -1 ? this.#bounds.length : at
    counts.byBucket[bucket] = (counts.byBucket[bucket] ?? 0) + count
    counts.sum += value * count
  }

  /** What prom-client renders as text, in place of counts that this one does not keep. */
  getForPromString() {
    const values = [...this.#series.values()].flatMap(({ labels, byBucket, sum }) => {
      let total = 0
      const buckets = [...this.#bounds, '+Inf'].map((le, index) => {
        total += byBucket[index] ?? 0
        return { metricName: `${this.#name}_bucket`, labels: { ...labels, le }, value: total }
      })
      return [
        ...buckets,
        { metricName: `${this.#name}_sum`, labels, value: sum },
        { metricName: `${this.#name}_count`, labels, value: total },
      ]
    })
    return Promise.resolve({ name: this.#name, help: this.#help, type: 'histogram', values, aggregator: 'sum' })
  }
}

const keyOf = (labels: Labels) =>
  Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${value}`)
    .join()

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
