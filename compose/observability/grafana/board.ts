import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import { grafanaRef, prometheusRef } from './data-source-refs.ts'
import type { Link, Panel } from './panels.ts'

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export type Variable =
  | {
      readonly kind: 'label'
      readonly name: string
      readonly label: string
      readonly description: string
      readonly metric: string
      readonly all?: boolean
    }
  | { readonly kind: 'text'; readonly name: string; readonly label: string; readonly description: string; readonly value: string }

export interface Board {
  readonly uid: BoardUid
  readonly title: string
  readonly description: string
  readonly rows: readonly Row[]
  readonly variables?: readonly Variable[]
  /** Beside those to the other dashboards. */
  readonly links?: readonly Link[]
  /** How far it looks back when opened, such as `now-1h`. */
  readonly from: string
}

/** Stable: links, annotations and alert rules name a dashboard by it. */
export const boardUids = ['assay-overview', 'assay-run', 'assay-hop', 'assay-faults', 'assay-agents'] as const
export type BoardUid = (typeof boardUids)[number]

/** All dashboards of Assay carry it, and find one another by it. */
export const BOARD_TAG = 'assay'

/** Link to another dashboard at the same time; `vars` such as `var-hop=${__field.labels.hop}`. */
export const boardUrl = (uid: BoardUid, vars = '') => `/d/${uid}?\${__url_time_range}${vars === '' ? '' : `&${vars}`}`

/** Colours of the annotations that the reporter posts, by tag. */
const marks = [
  { name: 'Fault windows', tags: ['assay', 'fault'], colour: 'orange' },
  { name: 'Passes', tags: ['assay', 'verdict', 'pass'], colour: 'green' },
  { name: 'Fails', tags: ['assay', 'verdict', 'fail'], colour: 'red' },
  { name: 'Inconclusive', tags: ['assay', 'verdict', 'inconclusive'], colour: 'yellow' },
] as const

// The newer model that the library points to cannot be provisioned from plain files.
/* eslint-disable @typescript-eslint/no-deprecated */
/** The dashboard as Grafana reads it. Panels are numbered from 1 in their order. */
export function buildBoard(board: Board): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(board.title)
    .uid(board.uid)
    .description(board.description)
    .tags([BOARD_TAG])
    .timezone('browser')
    .time({ from: board.from, to: 'now' })
    .refresh('10s')
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .links([otherBoards(), ...(board.links ?? []).map(outsideLink)])
    .variables((board.variables ?? []).map(variableBuilder))
    .annotations(marks.map(annotationQuery))
  for (const { title, panels } of board.rows) {
    builder.withRow(new dashboard.RowBuilder(title))
    for (const panel of panels) builder.withPanel(panel)
  }
  const built = builder.build()
  for (const [index, panel] of (built.panels ?? []).entries()) panel.id = index + 1
  return built
}
/* eslint-enable @typescript-eslint/no-deprecated */

const otherBoards = () =>
  new dashboard.DashboardLinkBuilder('Assay')
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags([BOARD_TAG])
    .asDropdown(false)
    .keepTime(true)
    .includeVars(true)

const outsideLink = ({ title, url }: Link) =>
  new dashboard.DashboardLinkBuilder(title).type(dashboard.DashboardLinkType.Link).url(url).targetBlank(true)

const annotationQuery = ({ name, tags, colour }: (typeof marks)[number]) =>
  new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(grafanaRef)
    .enable(true)
    .iconColor(colour)
    .target({
      build: () => ({ ...{ type: 'tags', tags: [...tags], limit: 100, matchAny: false }, _implementsDataqueryVariant: () => undefined }),
    })

function variableBuilder(variable: Variable) {
  switch (variable.kind) {
    case 'label': {
      const { name, label, description, metric, all = false } = variable
      return new dashboard.QueryVariableBuilder(name)
        .label(label)
        .description(description)
        .datasource(prometheusRef)
        .query({ query: `label_values(${metric}, ${name})`, refId: name })
        .definition(`label_values(${metric}, ${name})`)
        .refresh(dashboard.VariableRefresh.OnDashboardLoad)
        .sort(dashboard.VariableSort.AlphabeticalAsc)
        .multi(all)
        .includeAll(all)
        .allValue('.+')
    }
    case 'text':
      return new dashboard.TextBoxVariableBuilder(variable.name)
        .label(variable.label)
        .description(variable.description)
        .defaultValue(variable.value)
        .current({ selected: true, text: variable.value, value: variable.value })
    default:
      return variable satisfies never
  }
}
