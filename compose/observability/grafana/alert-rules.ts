import type { BoardUid } from './board.ts'
import { expressionRef, prometheusRef } from './data-source-refs.ts'

/** One alert, as it stands in the table from which the rules of Prometheus are made. Durations such as `2m`. */
export interface AlertSource {
  readonly name: string
  readonly group: string
  readonly expr: string
  readonly for?: string
  readonly keepFiringFor?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** The panel that shows what an alert is about. */
export interface PanelPlace {
  readonly dashboardUid: BoardUid
  readonly panelId: number
}

export type PanelOf = (expr: string) => PanelPlace | null

const EVALUATED_EVERY = '10s'
const FOLDER = 'Assay alerts'
/** An instant query looks back no further; what a rule needs stands in its own range selectors. */
const RANGE_SECONDS = 600

/**
 * The alerts of Prometheus for those who have Grafana's alerting alone. As in Prometheus, any series that the expression
 * returns is firing and none is well: a query, whether each value is there at all, and above 0.
 */
export const alertRules = (alerts: readonly AlertSource[], panelOf: PanelOf) => ({
  apiVersion: 1,
  groups: [...Map.groupBy(alerts, ({ group }) => group)].map(([name, members]) => ({
    orgId: 1,
    name,
    folder: FOLDER,
    interval: EVALUATED_EVERY,
    rules: members.map((alert) => alertRule(alert, panelOf(alert.expr))),
  })),
})

function alertRule({ name, expr, for: pending = '0s', keepFiringFor = '0s', labels, annotations }: AlertSource, place: PanelPlace | null) {
  return {
    uid: uidOf(name),
    title: name,
    condition: 'threshold',
    data: [queryStep(expr), mathStep(), thresholdStep()],
    ...(place ?? {}),
    noDataState: 'OK',
    execErrState: 'Error',
    for: pending,
    keepFiringFor,
    annotations: mapTexts(annotations),
    labels: mapTexts(labels),
    isPaused: false,
  }
}

const queryStep = (expr: string) => ({
  refId: 'query',
  relativeTimeRange: { from: RANGE_SECONDS, to: 0 },
  datasourceUid: prometheusRef.uid,
  model: { datasource: prometheusRef, refId: 'query', expr, instant: true, range: false },
})

const mathStep = () => ({
  refId: 'exists',
  queryType: 'math',
  relativeTimeRange: { from: 0, to: 0 },
  datasourceUid: expressionRef.uid,
  model: {
    datasource: expressionRef,
    refId: 'exists',
    type: 'math',
    expression: 'is_number($query) || is_nan($query) || is_inf($query)',
  },
})

const thresholdStep = () => ({
  refId: 'threshold',
  queryType: 'threshold',
  relativeTimeRange: { from: 0, to: 0 },
  datasourceUid: expressionRef.uid,
  model: {
    datasource: expressionRef,
    refId: 'threshold',
    type: 'threshold',
    expression: 'exists',
    conditions: [{ evaluator: { type: 'gt', params: [0] } }],
  },
})

/** At most 40 of letters, digits, `-` and `_`; stable, since Grafana keeps an alert's state by it. */
const uidOf = (name: string) => `assay-${name.replaceAll(/[^A-Za-z0-9_-]/g, '-')}`.slice(0, 40)

/**
 * Templates of Prometheus as Grafana reads them. A dollar would be taken for a variable of the environment, so fields are
 * named from the root: `.Labels`, `.Values`.
 */
export const grafanaTemplate = (template: string): string =>
  template.replaceAll(/\{\{.*?\}\}/gs, (action) =>
    action
      .replaceAll(/\$labels\b/g, '.Labels')
      .replaceAll(/\$value\b|(?<![\w.])\.Value\b/g, '.Values.query.Value')
      .replaceAll(/\$externalURL\b/g, 'externalURL'),
  )

const mapTexts = (texts: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, grafanaTemplate(text)]))
