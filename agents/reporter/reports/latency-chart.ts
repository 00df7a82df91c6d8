import { countsOf, type LatencySketch } from '../../../shared/core/latency-sketch.ts'
import { axisText, drawChart, quietAxis } from './charts.ts'
import { countText, msText } from './figures.ts'
import { markup, type Markup } from './markup.ts'

const BARS_MAX = 36
const STEPS_PER_DECADE = [100, 40, 20, 10, 5, 2]

interface Bar {
  readonly fromMs: number
  readonly count: number
}

/** Bars of equal width on a logarithmic scale, as fine as fits; latencies below 0.1 ms, and negative ones, in the first. */
export function latencyBars(sketch: LatencySketch): Bar[] {
  const counts = countsOf(sketch.toWire())
  for (const perDecade of STEPS_PER_DECADE) {
    const bars = barsOf(counts, perDecade)
    if (bars.length <= BARS_MAX || perDecade === STEPS_PER_DECADE.at(-1)) return bars
  }
  return []
}

const LEAST_MS = 0.1

function barsOf(counts: readonly { ms: number; count: number }[], perDecade: number): Bar[] {
  const steps = new Map<number, number>()
  for (const { ms, count } of counts) {
    const step = Math.floor(Math.log10(Math.max(LEAST_MS, ms)) * perDecade + 1e-9)
    steps.set(step, (steps.get(step) ?? 0) + count)
  }
  const first = Math.min(...steps.keys())
  const last = Math.max(...steps.keys())
  // One bar to each side, so that a single latency is a bar and not a wall.
  return steps.size === 0
    ? []
    : Array.from({ length: last - first + 3 }, (_, i) => ({
        fromMs: 10 ** ((first + i - 1) / perDecade),
        count: steps.get(first + i - 1) ?? 0,
      }))
}

export interface LatencyPicture {
  readonly hop: string
  readonly sketch: LatencySketch
  /** Later than this is late; null where the hop has no such bound. */
  readonly lateAfterMs: number | null
}

/** Null without latencies. */
export function latencyChart({ hop, sketch, lateAfterMs }: LatencyPicture): Markup | null {
  const bars = latencyBars(sketch)
  if (bars.length === 0) return null
  const lateFrom = lateAfterMs === null ? -1 : bars.findIndex(({ fromMs }) => fromMs >= lateAfterMs)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => sketch.quantile(q) ?? 0) as [number, number, number]
  return drawChart(
    {
      grid: { left: 44, right: 14, top: 22, bottom: 26 },
      xAxis: {
        type: 'category',
        data: bars.map(({ fromMs }) => msText(fromMs)),
        axisLabel: { ...axisText, interval: Math.max(0, Math.ceil(bars.length / 4) - 1) },
        ...quietAxis,
      },
      yAxis: { type: 'value', splitNumber: 2, minInterval: 1, axisLabel: axisText, ...quietAxis },
      series: [
        {
          type: 'bar',
          silent: true,
          barCategoryGap: '8%',
          data: bars.map(({ count }, i) => ({
            value: count,
            itemStyle: { color: lateFrom >= 0 && i >= lateFrom ? 'var(--doubt)' : 'var(--accent)' },
          })),
          markLine: {
            silent: true,
            symbol: 'none',
            lineStyle: { color: 'var(--ink)', type: 'dashed', width: 1 },
            label: { ...axisText, color: 'var(--ink)', formatter: '{b}' },
            data: marksOf([
              { name: 'p50', at: barAt(bars, 0.5) },
              { name: 'p95', at: barAt(bars, 0.95) },
              { name: 'p99', at: barAt(bars, 0.99) },
            ]),
          },
        },
      ],
    },
    { width: 360, height: 150 },
    markup`Latency to ${hop}: ${countText(sketch.count)} records, p50 ${msText(p50)}, p95 ${msText(p95)}, p99 ${msText(p99)}`,
  )
}

/** The bar in which so many of the latencies are reached. */
function barAt(bars: readonly Bar[], share: number): number {
  let left = share * bars.reduce((sum, { count }) => sum + count, 0)
  return Math.max(
    0,
    bars.findIndex(({ count }) => (left -= count) <= 0),
  )
}

/** Marks that would write over each other share a label. */
function marksOf(marks: readonly { name: string; at: number }[]): { name: string; xAxis: number }[] {
  const joined: { name: string; xAxis: number }[] = []
  for (const { name, at } of marks) {
    const last = joined.at(-1)
    if (last !== undefined && at - last.xAxis < NEAR_BARS) last.name += ` ${name}`
    else joined.push({ name, xAxis: at })
  }
  return joined
}
const NEAR_BARS = 4
