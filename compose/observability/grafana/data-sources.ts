import { jaegerRef, prometheusRef } from './data-source-refs.ts'

/**
 * Grafana fills in `${NAME}` from its environment when it starts; `$$` is a dollar. An address that is not set leaves a
 * data source without one, so whoever starts Grafana gives both.
 */
export const grafanaVariables = {
  ASSAY_PROMETHEUS_URL: 'Address of Prometheus, as Grafana reaches it.',
  ASSAY_JAEGER_URL: "Address of Jaeger's query service, as Grafana reaches it.",
  ASSAY_REPORTER_URL: "Address of the reporter's page, as a reader of alerts reaches it: links to runbooks begin with it.",
  ASSAY_GRAFANA_WEBHOOK_URL: 'Where alerts go, as JSON by POST. Grafana does not start where it is empty.',
} as const

export const fromEnvironment = (name: keyof typeof grafanaVariables) => `\${${name}}`

/** Prometheus, whose exemplars open traces in Jaeger, and Jaeger, whose spans open the metrics of their hop. */
export const dataSources = {
  apiVersion: 1,
  prune: true,
  datasources: [
    {
      name: 'Prometheus (Assay)',
      ...prometheusRef,
      access: 'proxy',
      orgId: 1,
      url: fromEnvironment('ASSAY_PROMETHEUS_URL'),
      isDefault: true,
      editable: false,
      jsonData: {
        httpMethod: 'POST',
        prometheusType: 'Prometheus',
        // As often as Prometheus scrapes: the least step, and a quarter of the least $__rate_interval.
        timeInterval: '5s',
        manageAlerts: true,
        exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: jaegerRef.uid, urlDisplayLabel: 'Trace of this canary' }],
      },
    },
    {
      name: 'Jaeger (Assay)',
      ...jaegerRef,
      access: 'proxy',
      orgId: 1,
      url: fromEnvironment('ASSAY_JAEGER_URL'),
      isDefault: false,
      editable: false,
      jsonData: {
        nodeGraph: { enabled: true },
        spanBar: { type: 'Tag', tag: 'assay.hop' },
        traceIdTimeParams: { enabled: false },
        tracesToMetrics: {
          datasourceUid: prometheusRef.uid,
          spanStartTimeShift: '-5m',
          spanEndTimeShift: '5m',
          tags: [{ key: 'assay.hop', value: 'hop' }],
          queries: spanQueries(),
        },
      },
    },
  ],
} as const

/** Offered beside a span that has a hop: `$__tags` becomes `hop="…"`. */
function spanQueries(): { readonly name: string; readonly query: string }[] {
  const tags = '{$$__tags}'
  return [
    {
      name: 'Latency p95 of this hop',
      query: `histogram_quantile(0.95, sum by (le, hop) (rate(assay_hop_latency_seconds_bucket${tags}[5m])))`,
    },
    { name: 'Fidelity of this hop', query: `max by (hop) (assay_hop_fidelity_ratio${tags})` },
    { name: 'Violations of this hop', query: `sum by (hop, violation) (increase(assay_hop_violations_total${tags}[5m]))` },
    { name: 'Lag of this hop', query: `max by (hop) (assay_hop_lag_canaries${tags})` },
  ]
}
