import { readResolvedRun, type ResolvedRun } from '../../topology/resolved-run.ts'
import { keepNewest } from './bounded.ts'

const RESOLVED_KEPT_MAX = 16
const seedInText = /"seed":(\d+)(?=[,}])/g

/**
 * The run as it was resolved; null where its version cannot be read. Windows of a series differ in their seed alone, so
 * a day of them is not parsed, or kept, one by one: `known` holds what they share, by their text without the seed.
 */
export function resolvedOf(known: Map<string, ResolvedRun>, text: string): ResolvedRun | null {
  const seeds = [...text.matchAll(seedInText)]
  const [, seed] = seeds[0] ?? []
  if (seeds.length !== 1 || seed === undefined) return readResolvedRun(text)
  const key = text.replace(seedInText, '')
  let shared = known.get(key)
  if (shared === undefined) {
    const read = readResolvedRun(text)
    if (read === null) return null
    shared = read
    known.set(key, shared)
    keepNewest(known, RESOLVED_KEPT_MAX)
  }
  return { ...shared, seed: Number(seed) }
}
