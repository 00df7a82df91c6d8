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

/** Of everything that was told since the stack is up. */
export async function noOtherAlert({ composed }: Pick<Scene, 'composed'>, when: string, expected: readonly string[]): Promise<Figure[]> {
  const others = otherAlerts(await composed.logs('webhook'), expected)
  return [[`alerts beside the expected ones, ${when}`, others.length === 0 ? 'none' : others.join(', '), others.length === 0]]
}
