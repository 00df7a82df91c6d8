import { FIDELITY_SLO } from './limits.ts'

/** Expressions that several dashboards share. Windows are durations or Grafana's `$__range`, `$__rate_interval`. */

/** Of the latencies in a histogram that counts by `by`. */
export const quantile = (q: number, histogram: string, { by = 'hop', window = '$__rate_interval', where = '' } = {}) =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${histogram}_bucket${where}[${window}])))`

/**
 * The traced canaries of each agent, whose exemplars are the points; their own lines would only show where the whole has
 * none, and it has all hops. Prometheus gives the exemplars of every series that an expression names.
 */
const tracedLatencies = ['generator', 'checker', 'reconciler'].map((agent) => `assay_${agent}_traced_latency_seconds`)

/** Latency to each hop, with the traces of canaries. */
export const hopQuantile = (q: number, where = '') =>
  ['assay_hop_latency_seconds', ...tracedLatencies].map((histogram) => quantile(q, histogram, { where })).join(' or ')

/** The same as counts by bucket. */
export const hopBuckets = (where: string) =>
  ['assay_hop_latency_seconds', ...tracedLatencies]
    .map((histogram) => `sum by (le) (increase(${histogram}_bucket${where}[$__rate_interval]))`)
    .join(' or ')

/** Share of the canaries judged in the window that were not whole; no value where none was judged. */
export const badShare = (window: string, where = '', by = '') =>
  `sum${by} (increase(assay_hop_canaries_bad_total${where}[${window}])) / (sum${by} (increase(assay_hop_canaries_expected_total${where}[${window}])) > 0)`

/** How many times faster than the SLO allows its budget is being spent. */
export const burn = (window: string, where = '') => `(${badShare(window, where)}) / (1 - ${FIDELITY_SLO})`

/** Gauges of the last judged run stand at 0 before there is one, which would read as a disaster. */
export const onceJudged = (expr: string) => `${expr} and on () (max(assay_run_last_judged_timestamp_seconds) > 0)`

/** 0 no verdict yet, 1 pass, 2 inconclusive, 3 fail. */
export const lastVerdict =
  'max(assay_run_last_verdict{verdict="pass"} * 1 or assay_run_last_verdict{verdict="inconclusive"} * 2 or assay_run_last_verdict{verdict="fail"} * 3)'

/** By what outcome, in the time that the dashboard shows. */
export const verdictsInRange = 'sum by (verdict) (increase(assay_runs_total[$__range]))'

export const sinceTimestamp = (metric: string, by: string) => `time() - max by (${by}) (${metric} > 0)`
