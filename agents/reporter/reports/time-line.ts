import { SOURCE_HOP } from '../../../topology/topology.ts'
import type { Segment } from '../../../shared/core/evidence.ts'
import { faultWindows } from '../../../shared/core/faults.ts'
import { axisText, drawChart, quietAxis, type ChartOption } from './charts.ts'
import { countText } from './figures.ts'
import { sizeOf } from '../../../shared/core/range-set.ts'
import { markup, type Content, type Markup } from './markup.ts'
import type { ReportSource } from './report-source.ts'

/** A line of more points would show no more. */
const POINTS_MAX = 200
/** One dash pattern and colour a hop: colour alone tells nothing to some. */
const strokes = [
  { color: 'var(--accent)', type: 'solid' },
  { color: 'var(--second)', type: 'dashed' },
  { color: 'var(--third)', type: 'solid' },
  { color: 'var(--soft)', type: 'dotted' },
] as const

export interface Arrivals {
  readonly hop: string
  /** Unix ms, and how many canaries had been told by then. */
  readonly points: readonly (readonly [atMs: number, canaries: number])[]
}

/** How the canaries went through: acknowledged, and told by each hop that sees records one by one. */
export function arrivalsOf({ run, evidence }: ReportSource): Arrivals[] {
  const lines = [{ hop: SOURCE_HOP, segments: evidence.ledger as readonly Segment[] }]
  for (const [hop, { segments }] of evidence.hops) lines.push({ hop, segments })
  const order = [SOURCE_HOP, ...run.resolved.hops.map((hop) => `${hop.kind}:`)]
  return lines
    .filter(({ segments }) => segments.length > 0)
    .sort((a, b) => placeOf(order, a.hop) - placeOf(order, b.hop))
    .map(({ hop, segments }) => ({ hop, points: thinned(cumulated(segments)) }))
}

const placeOf = (order: readonly string[], hop: string) => order.findIndex((start) => hop === start || hop.startsWith(start))

function cumulated(segments: readonly Segment[]): (readonly [number, number])[] {
  let sum = 0
  return [...segments]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, canaries }) => {
      sum += canaries.reduce((count, { ranges }) => count + sizeOf(ranges), 0)
      return [atMs, sum] as const
    })
}

function thinned(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  if (points.length <= POINTS_MAX) return [...points]
  const every = points.length / POINTS_MAX
  const last = points.at(-1) as readonly [number, number]
  return [...Array.from({ length: POINTS_MAX }, (_, i) => points[Math.floor(i * every)] as readonly [number, number]), last]
}

export interface TimeLine {
  readonly chart: Content
  readonly legend: Markup
}

/** Null when nothing was told with a time. */
export function timeLine(source: ReportSource): TimeLine | null {
  const { run, evidence, atMs } = source
  const fromMs = run.accepted.requestedAtMs
  const lines = arrivalsOf(source)
  if (lines.length === 0) return null
  const since = (ms: number) => (ms - fromMs) / 1000
  const faults = faultWindows(evidence, run)
  const healedMs = (name: string) =>
    evidence.faults.find(({ fault, target, phase }) => `${fault} of ${target}` === name && phase === 'healed')?.atMs
  const option: ChartOption = {
    grid: { left: 56, right: 16, top: 22, bottom: 28 },
    xAxis: { type: 'value', min: 0, max: Math.ceil(since(atMs)), axisLabel: { ...axisText, formatter: '{value} s' }, ...quietAxis },
    yAxis: { type: 'value', splitNumber: 3, minInterval: 1, axisLabel: axisText, ...quietAxis },
    series: lines.map(({ points }, index) => {
      const stroke = strokes[index % strokes.length] ?? strokes[0]
      return {
        type: 'line' as const,
        step: 'end' as const,
        silent: true,
        symbol: 'none',
        lineStyle: { ...stroke, width: 2 },
        data: [
          [since(points[0]?.[0] ?? fromMs), 0],
          ...points.map(([at, sum]) => [since(at), sum]),
          [since(atMs), points.at(-1)?.[1] ?? 0],
        ],
        ...(index > 0
          ? {}
          : {
              markArea: areasOf(
                faults.map(({ name, fromMs: injectedMs, untilMs }) => ({
                  name,
                  from: since(injectedMs),
                  to: since(healedMs(name) ?? untilMs),
                })),
              ),
            }),
      }
    }),
  }
  const title = markup`Canaries told by each hop over time, in seconds from the request: ${lines.map(({ hop, points }) => `${hop} ${countText(points.at(-1)?.[1] ?? 0)} by ${since(points.at(-1)?.[0] ?? fromMs).toFixed(1)} s; `)}`
  const chart = [
    drawChart(option, { width: 1100, height: 260, on: 'wide' }, title),
    drawChart(option, { width: 360, height: 230, on: 'tall' }, title),
  ]
  return { chart, legend: legendOf(lines, faults.length > 0) }
}

function areasOf(windows: readonly { name: string; from: number; to: number }[]) {
  return {
    silent: true,
    itemStyle: { color: 'var(--shade)' },
    label: { ...axisText, color: 'var(--ink)', position: 'insideTop' as const },
    data: windows.map(({ name, from, to }): [{ name: string; xAxis: number }, { xAxis: number }] => [{ name, xAxis: from }, { xAxis: to }]),
  }
}

function legendOf(lines: readonly Arrivals[], hasFaults: boolean): Markup {
  const entries = lines.map(({ hop }, index) => {
    const { color, type } = strokes[index % strokes.length] ?? strokes[0]
    const dashes = { solid: 'none', dashed: '5 4', dotted: '2 3' }[type]
    return markup`<li><svg class="key" viewBox="0 0 28 10" aria-hidden="true"><path d="M1 5H27" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dashes}"/></svg> ${hop}</li>`
  })
  const fault = hasFaults
    ? markup`<li><svg class="key" viewBox="0 0 28 10" aria-hidden="true"><path d="M1 0H27V10H1z" fill="var(--shade)"/></svg> fault in force</li>`
    : null
  return markup`<ul class="legend">${entries}${fault}</ul>`
}
