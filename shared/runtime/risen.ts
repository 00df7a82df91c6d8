import type { Labels, Metrics } from './metrics.ts'

/**
 * Counters whose totals somebody else keeps: they rise by what came since the last look. A total that is less than before is
 * that of a successor, a process or a network that began anew, and all of it came since. Without `countsFirst` what was there
 * at the first look is no rise: a counter of one who began anew would jump by all of it.
 */
export function createRisen(
  metrics: Pick<Metrics, 'add'>,
  { countsFirst = true } = {},
): (name: string, total: number, labels?: Labels) => void {
  const before = new Map<string, number>()
  return (name, total, labels = {}) => {
    const key = `${name} ${JSON.stringify(labels)}`
    const last = before.get(key) ?? (countsFirst ? 0 : total)
    metrics.add(name, total < last ? total : total - last, labels)
    before.set(key, total)
  }
}
