import { createRequire } from 'node:module'
import type { init } from 'echarts/core'
import { raw, type Markup } from './markup.ts'

/**
 * The library's own bundle, asked for with the first picture: as single modules it costs an agent 60 MB, so it costs 15.
 */
const echarts = () => createRequire(import.meta.url)('echarts/dist/echarts.common.min.js') as { readonly init: typeof init }

/** What of ECharts' options the pictures of reports use. */
export type ChartOption = Parameters<ReturnType<typeof init>['setOption']>[0]

export interface ChartSize {
  readonly width: number
  readonly height: number
  /** On which pages it shows; left out, on all. */
  readonly on?: 'wide' | 'tall'
}

/** Colours of the page, which follow its light or dark scheme. */
export const ink = 'var(--soft)'
export const rule = 'var(--line)'

export const axisText = { color: ink, fontSize: 11 }
export const quietAxis = { axisLine: { lineStyle: { color: rule } }, axisTick: { show: false }, splitLine: { lineStyle: { color: rule } } }

/** Draws a chart as SVG that stretches to its place. `title` is what it says, for those who do not see it. */
export function drawChart(option: ChartOption, { width, height, on }: ChartSize, title: Markup): Markup {
  const chart = echarts().init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({ animation: false, ...option })
    return raw(asPicture(chart.renderToSVGString(), title, on))
  } finally {
    chart.dispose()
  }
}

/** Style rules, clips (nothing lies outside) and attributes for pointers go: the picture stands still, and their names count up over all charts. */
function asPicture(svg: string, title: Markup, on = 'always'): string {
  return svg
    .replace(/<(style|defs)[\s\S]*?<\/\1>\s*/g, '')
    .replace(/ (?:class|clip-path|ecmeta_\w+|pointer-events|version|baseProfile|xmlns:xlink)="[^"]*"/g, '')
    .replace(/font-family:sans-serif;?/g, '')
    .replace(
      /^<svg width="\d+" height="\d+"([^>]*)>/,
      (_all, rest: string) => `<svg class="chart ${on}" role="img"${rest}><title>${title.markup}</title>`,
    )
}
