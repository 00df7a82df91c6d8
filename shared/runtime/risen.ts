import type { Labels, Metrics } from './metrics.ts'

/**
 * Counters whose totals somebody else keeps: they rise by what came since the last look. A total that is less than before is
 * that of a successor, a process or a network that began anew, and all of it came since.
 */
export function createRisen(metrics: Pick<Metrics, 'add'>): (name: string, total: number, labels?: Labels) => void {
  const before = new Map<string, number>()
  return (name, total, labels = {}) => {
    const key = `${name} ${JSON.stringify(labels)}`
    const last = before.get(key) ?? 0
    metrics.add(name, total < last ? total : total - last, labels)
    before.set(key, total)
  }
}
