import { PanelBuilder as AnnotationsBuilder } from '@grafana/grafana-foundation-sdk/annotationslist'
import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as HeatmapBuilder } from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text'
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { grafanaRef, jaegerRef, prometheusRef } from './data-source-refs.ts'

/** The kinds of panel that the dashboards are made of; everything that all of one kind share is decided here. */

export type Panel = Builder<dashboard.Panel>
export type Unit = 'none' | 'short' | 's' | 'decbytes' | 'Bps' | 'percentunit' | 'cps' | 'ops' | 'string'
export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'purple' | 'text'

export interface Query {
  readonly expr: string
  /** What a series is called, with `{{label}}`. */
  readonly legend: string
  /** Points that carry a trace: for histograms that have exemplars. */
  readonly exemplars?: boolean
}

/** A colour from a value on; the first holds below all. */
export type Steps = readonly [Colour, ...(readonly [from: number, Colour])[]]

export const plain: Steps = ['blue']
export const good: Steps = ['green']
/** The higher the worse. */
export const below = (warn: number, bad: number): Steps => ['green', [warn, 'orange'], [bad, 'red']]
/** The lower the worse. */
export const above = (bad: number, warn: number): Steps => ['red', [bad, 'orange'], [warn, 'green']]
/** None is good, any is bad. */
export const none: Steps = ['green', [1e-9, 'red']]

export interface PanelSpec {
  readonly title: string
  /** What it shows and what to conclude: shown at the panel's corner. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  readonly steps?: Steps
  /** Of 24. */
  readonly width: number
  readonly height?: number
  readonly decimals?: number
  readonly min?: number
  readonly max?: number
  /** What is shown where there is no series. */
  readonly noValue?: string
  /** A link of the series, beside those of the dashboard. */
  readonly link?: Link
}

export interface Link {
  readonly title: string
  readonly url: string
}

/** A number with its word and colour. */
export type Words = Readonly<Record<number, readonly [word: string, Colour]>>

const HEIGHT = { stat: 4, chart: 8 } as const

/** The newest value of each series, large. */
export function stat(spec: PanelSpec & { readonly words?: Words; readonly history?: boolean; readonly names?: boolean }): Panel {
  const { history = false, names = false, words, height = HEIGHT.stat } = spec
  const panel = dressed(new StatBuilder(), { ...spec, height }, history ? 'range' : 'instant')
    .colorMode(words === undefined ? common.BigValueColorMode.Value : common.BigValueColorMode.Background)
    .graphMode(history ? common.BigValueGraphMode.Area : common.BigValueGraphMode.None)
    .textMode(names ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Value)
    .reduceOptions(lastValue())
  return words === undefined ? panel : panel.mappings([mapping(words)])
}

/** The newest value of each series as a bar. */
export const bars = (spec: PanelSpec): Panel =>
  dressed(new BarGaugeBuilder(), { height: HEIGHT.chart, ...spec }, 'instant')
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .showUnfilled(true)
    .reduceOptions(lastValue())

/** Lines over time; the steps are drawn as dashed lines. */
export function lines(spec: PanelSpec & { readonly stacked?: boolean; readonly log?: boolean }): Panel {
  const { stacked = false, log = false, steps = plain } = spec
  const panel = dressed(new SeriesBuilder(), { height: HEIGHT.chart, ...spec }, 'range')
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassicByName))
    .legend(legendTable())
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .lineWidth(stacked ? 0 : 1)
    .fillOpacity(stacked ? 70 : 8)
    .showPoints(common.VisibilityMode.Never)
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        steps.length > 1 ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off,
      ),
    )
  if (stacked) {
    panel.drawStyle(common.GraphDrawStyle.Bars).stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
  }
  if (log) {
    panel.scaleDistribution(new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10))
  }
  return panel
}

/** States over time, one row a series. */
export const states = (spec: PanelSpec & { readonly words: Words }): Panel =>
  dressed(new TimelineBuilder(), { height: HEIGHT.chart, ...spec }, 'range')
    .mappings([mapping(spec.words)])
    .legend(new common.VizLegendOptionsBuilder().displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom))
    .showValue(common.VisibilityMode.Never)
    .mergeValues(true)
    .rowHeight(0.8)

/** Counts by bucket over time, for one histogram. */
export const buckets = (spec: Omit<PanelSpec, 'queries' | 'steps'> & { readonly expr: string }): Panel =>
  dressed(new HeatmapBuilder(), { height: HEIGHT.chart, ...spec, queries: [] }, 'range')
    .withTarget(promQuery({ expr: spec.expr, legend: '{{le}}', exemplars: true }, 'A').format(PromQueryFormat.Heatmap).range())
    .calculate(false)

/** One row for each set of labels, one column for each query; a query's legend is its column's title. */
export function table(spec: PanelSpec & { readonly labels: readonly string[] }): Panel {
  const { queries, labels, height = HEIGHT.chart } = spec
  const panel = dressed(new TableBuilder(), { ...spec, height, queries: [] }, 'instant')
  for (const [index, query] of queries.entries()) {
    panel.withTarget(promQuery(query, refId(index)).format(PromQueryFormat.Table).instant())
  }
  const columns = [...labels, ...queries.map((_, index) => (queries.length === 1 ? 'Value' : `Value #${refId(index)}`))]
  const titles = Object.fromEntries(queries.map(({ legend }, index) => [columns[labels.length + index] as string, legend]))
  return panel
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'filterFieldsByName', options: { include: { names: columns } } })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(columns.map((column, index) => [column, index])),
        renameByName: titles,
        excludeByName: {},
      },
    })
    .cellOptions({ type: common.TableCellDisplayMode.ColorText } as common.TableCellOptions)
}

/** What was posted to Grafana under all of these tags; a click goes to the time of it. */
export const annotationList = (spec: Omit<PanelSpec, 'queries' | 'unit'> & { readonly tags: readonly string[] }): Panel =>
  new AnnotationsBuilder()
    .title(spec.title)
    .description(spec.description)
    .datasource(grafanaRef)
    .unit('none')
    .span(spec.width)
    .height(spec.height ?? HEIGHT.chart)
    .tags([...spec.tags])
    .onlyInTimeRange(true)
    .limit(20)
    .showTags(true)
    .showTime(true)
    .showUser(false)
    .navigateBefore('2m')
    .navigateAfter('2m')

/** Traces that Jaeger finds by tags, as `name="value"`. */
export function traceList(spec: Omit<PanelSpec, 'queries' | 'unit'> & { readonly service: string; readonly tags: string }): Panel {
  const query = {
    ...{ refId: 'A', queryType: 'search', service: spec.service, tags: spec.tags, limit: 20, datasource: jaegerRef },
    _implementsDataqueryVariant: () => undefined,
  }
  return dressed(new TableBuilder(), { height: HEIGHT.chart, ...spec, unit: 'none', queries: [] }, 'instant')
    .datasource(jaegerRef)
    .withTarget({ build: (): Dataquery => query })
}

export const note = ({ title, description, width, height = HEIGHT.stat, markdown }: NoteSpec): Panel =>
  new TextBuilder().title(title).description(description).unit('none').span(width).height(height).mode(TextMode.Markdown).content(markdown)

type NoteSpec = Pick<PanelSpec, 'title' | 'description' | 'width' | 'height'> & { readonly markdown: string }

/** What every kind of panel can be told: the builders have no common class. */
interface Dressing {
  title(title: string): this
  description(description: string): this
  datasource(ref: common.DataSourceRef): this
  unit(unit: string): this
  span(width: number): this
  height(height: number): this
  decimals(decimals: number): this
  min(min: number): this
  max(max: number): this
  noValue(text: string): this
  withTarget(target: Builder<Dataquery>): this
  thresholds(thresholds: Builder<dashboard.ThresholdsConfig>): this
  colorScheme(color: Builder<dashboard.FieldColor>): this
  dataLinks(links: Builder<dashboard.DashboardLink>[]): this
}

function dressed<B extends Dressing>(builder: B, spec: PanelSpec & { readonly height: number }, over: 'instant' | 'range'): B {
  builder
    .title(spec.title)
    .description(spec.description)
    .datasource(prometheusRef)
    .unit(spec.unit)
    .span(spec.width)
    .height(spec.height)
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(stepList(spec.steps ?? plain)))
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds))
    .noValue(spec.noValue ?? 'no data')
  if (spec.decimals !== undefined) builder.decimals(spec.decimals)
  if (spec.min !== undefined) builder.min(spec.min)
  if (spec.max !== undefined) builder.max(spec.max)
  if (spec.link !== undefined) {
    builder.dataLinks([new dashboard.DashboardLinkBuilder(spec.link.title).type(dashboard.DashboardLinkType.Link).url(spec.link.url)])
  }
  for (const [index, query] of spec.queries.entries()) {
    const target = promQuery(query, refId(index))
    builder.withTarget(over === 'instant' ? target.instant() : target.range())
  }
  return builder
}

const promQuery = ({ expr, legend, exemplars = false }: Query, ref: string) =>
  new DataqueryBuilder().datasource(prometheusRef).expr(expr).legendFormat(legend).exemplar(exemplars).refId(ref)

const refId = (index: number) => String.fromCharCode('A'.charCodeAt(0) + index)

const stepList = ([first, ...rest]: Steps): dashboard.Threshold[] => [
  { value: null, color: first },
  ...rest.map(([value, color]) => ({ value, color })),
]

const mapping = (words: Words): dashboard.ValueMap => ({
  type: dashboard.MappingType.ValueToText,
  options: Object.fromEntries(Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }])),
})

const lastValue = () => new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false)

const legendTable = () =>
  new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['lastNotNull', 'max'])
