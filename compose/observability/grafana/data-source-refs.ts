/** Data sources by their provisioned uid: dashboards, alert rules and links name them by it. */
export const prometheusRef = { type: 'prometheus', uid: 'assay-prometheus' } as const
export const jaegerRef = { type: 'jaeger', uid: 'assay-jaeger' } as const
/** Grafana's own: annotations that were posted to it. */
export const grafanaRef = { type: 'grafana', uid: '-- Grafana --' } as const
/** Server-side expressions, in alert rules. */
export const expressionRef = { type: '__expr__', uid: '__expr__' } as const
