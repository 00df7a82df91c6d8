import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../../shared/runtime/METRICS.md', import.meta.url), 'utf8')

/** `name type` of each metric that METRICS.md names under the heading. */
export function documentedMetrics(owner: string): string[] {
  const section = text.split(/^## /m).find((candidate) => candidate.startsWith(`${owner}\n`)) ?? ''
  return [...section.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`)
}

/** The same of what an agent exports, in Prometheus' classic text. */
export const typesIn = (exported: string): string[] =>
  [...exported.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
