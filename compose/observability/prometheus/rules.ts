import type { AlertSource } from '../grafana/alert-rules.ts'
import { chaosAlerts, dataAlerts, latencyAlerts, sloAlerts } from './pipeline-alerts.ts'
import { OPTIONAL_AGENT } from './settings.ts'
import { watcherAlerts } from './watcher-alerts.ts'

/** A recording rule of Prometheus. */
export interface Recording {
  readonly record: string
  readonly expr: string
  /** How often it is evaluated; what looks back days need not be often. */
  readonly every: '5s' | '1m'
}

/** An alert with what its runbook says. Hysteresis: `for` before it fires, `keepFiringFor` before it ends. */
export interface Alert extends AlertSource {
  readonly means: string
  readonly look: readonly string[]
  readonly act: readonly string[]
}

const errorRatio = (window: string, every: Recording['every']): Recording => ({
  record: `assay:hop_errors:ratio_${window}`,
  expr: `sum by (hop) (increase(assay_hop_canaries_bad_total[${window}])) / (sum by (hop) (increase(assay_hop_canaries_expected_total[${window}])) > 0)`,
  every,
})

const optional = `up{job="assay", agent="${OPTIONAL_AGENT}"}`

export const recordings: readonly Recording[] = [
  {
    // Of the agents that are part of the stack: an optional one is from its first answer until a day after its last.
    record: 'assay:agent:up',
    expr: `max by (agent) (up{job="assay", agent!="${OPTIONAL_AGENT}"} or ${optional} and max_over_time(${optional}[1d]) > 0)`,
    every: '5s',
  },
  ...['5m', '30m', '1h'].map((window) => errorRatio(window, '5s')),
  ...['2h', '6h', '1d', '3d'].map((window) => errorRatio(window, '1m')),
  {
    record: 'assay:hop_latency_seconds:p95_5m',
    expr: 'histogram_quantile(0.95, sum by (hop, le) (rate(assay_hop_latency_seconds_bucket[5m])))',
    every: '5s',
  },
  { record: 'assay:hop_freshness_seconds:max', expr: 'max by (hop) (assay_hop_freshness_seconds)', every: '5s' },
  {
    record: 'assay:prober_latency_seconds:p95_5m',
    expr: 'histogram_quantile(0.95, sum by (hop, le) (rate(assay_prober_latency_seconds_bucket[5m])))',
    every: '5s',
  },
  {
    record: 'assay:acknowledged:rate1m',
    expr: 'sum(rate(assay_generator_canaries_total{outcome="acknowledged"}[1m]))',
    every: '5s',
  },
]

export const alerts: readonly Alert[] = [...dataAlerts, ...sloAlerts, ...latencyAlerts, ...chaosAlerts, ...watcherAlerts]
