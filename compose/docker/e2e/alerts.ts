import { z } from 'zod'
import type { Figure, Scene } from './stories.ts'

const text = z.record(z.string(), z.string())
const delivered = z.object({ alerts: z.array(z.object({ status: z.string(), labels: text, annotations: text })) })
export type ToldAlert = z.infer<typeof delivered>['alerts'][number]

/** What came to the webhook, by its log: a line of JSON for each message. */
export const toldAlerts = (log: string): ToldAlert[] =>
  log.split('\n').flatMap((line) => (line.startsWith('{') ? delivered.parse(JSON.parse(line)).alerts : []))

/** Fires while all is well: it says that alerting works. */
const ALWAYS = ['AssayWatchdog']

/** A loss, and what a normaliser that is made anew twice does to records meanwhile. */
export const OF_PLANTED_LOSS = [
  ...['AssayRunFailed', 'AssayViolation', 'AssayLastRunFailed', 'AssayDegraded', 'AssayStale'],
  ...['AssayFidelityBurnsFast', 'AssayFidelityBurnsSlowly', 'AssayFidelityErodes'],
]

/** Names of alerts that fired and were not to be expected. */
export const otherAlerts = (log: string, expected: readonly string[]): string[] => {
  const names = toldAlerts(log).flatMap(({ status, labels }) => (status === 'firing' ? [labels['alertname'] ?? 'without a name'] : []))
  return [...new Set(names)].filter((name) => ![...ALWAYS, ...expected].includes(name)).sort()
}

/** What `AssayAnswersSlow` asks of 95 in 100 answers, by route; seconds. */
const ANSWERED_WITHIN = { '/trades/:tradeId': '0.05', '/symbols/:symbol/stats': '0.1' }

/** Whether the API says of itself what `AssayAnswersSlow` says of it, as on a machine of few cores it must. */
export function isSlowByItself(metrics: string): boolean {
  const lines = metrics.split('\n')
  const valueOf = (series: string) => Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? 0)
  return Object.entries(ANSWERED_WITHIN).some(([route, limit]) => {
    const within = valueOf(`query_api_request_duration_seconds_bucket{le="${limit}",route="${route}"}`)
    return within < 0.95 * valueOf(`query_api_request_duration_seconds_count{route="${route}"}`)
  })
}

/** Of everything that was told since the stack is up: an alert that says what is so is none to complain of. */
export async function noOtherAlert({ composed }: Pick<Scene, 'composed'>, when: string, expected: readonly string[]): Promise<Figure[]> {
  const others = otherAlerts(await composed.logs('webhook'), expected)
  const isSlow = others.includes('AssayAnswersSlow') && isSlowByItself(await apiMetrics(composed))
  const wrong = isSlow ? others.filter((name) => name !== 'AssayAnswersSlow') : others
  const said = [...wrong, ...(isSlow ? ['AssayAnswersSlow, as the API measures itself'] : [])]
  return [[`alerts beside the expected ones, ${when}`, said.length === 0 ? 'none' : said.join(', '), wrong.length === 0]]
}

async function apiMetrics({ ports }: Scene['composed']): Promise<string> {
  return (await fetch(`http://127.0.0.1:${ports.API_PORT}/metrics`)).text()
}
