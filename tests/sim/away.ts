import type { Prng } from '../../shared/core/prng.ts'

const IN_A_ROW_MAX = 3
const failures = new WeakMap<object, Map<string, number>>()

/**
 * Whether the broker is away when somebody looks again at a hop of the pipeline: one time in six, and not for so long that
 * nobody ever gets to look. What becomes of that is shown by tables.
 */
export function isAway(pipeline: object, hop: string, prng: Prng): boolean {
  const counts = failures.get(pipeline) ?? new Map<string, number>()
  failures.set(pipeline, counts)
  const before = counts.get(hop) ?? 0
  const away = prng.chance(1, 6) && before < IN_A_ROW_MAX
  counts.set(hop, away ? before + 1 : 0)
  return away
}
