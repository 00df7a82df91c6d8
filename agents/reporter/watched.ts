import { readFileSync, readdirSync } from 'node:fs'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { Topology } from '../../topology/topology.ts'

/** Names of the chaos targets that are processes of this machine. */
export const watchedTargets = ({ chaos }: Pick<Topology, 'chaos'>): string[] =>
  Object.entries(chaos.targets).flatMap(([name, { driver }]) => (driver === 'process' ? [name] : []))

/** Linux reports process times in hundredths of a second, and memory in pages of 4 KiB. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** Reads what the targets use now, whenever it is called; one that is not there shows as down and with zeros. */
export function createWatch({ chaos }: Pick<Topology, 'chaos'>, metrics: Pick<Metrics, 'set' | 'add'>): () => void {
  const cpuSeconds = new Map<string, number>()
  return () => {
    for (const [target, wanted] of Object.entries(chaos.targets)) {
      if (wanted.driver !== 'process') continue
      const used = usageOf(wanted.pidFile)
      metrics.set('assay_watched_up', used === null ? 0 : 1, { target })
      metrics.set('assay_watched_resident_bytes', used?.residentBytes ?? 0, { target })
      metrics.set('assay_watched_open_descriptors', used?.descriptors ?? 0, { target })
      if (used === null) continue
      const before = cpuSeconds.get(target) ?? 0
      // Less than before: another process, which has used all of it since.
      metrics.add('assay_watched_cpu_seconds_total', used.cpuSeconds < before ? used.cpuSeconds : used.cpuSeconds - before, { target })
      cpuSeconds.set(target, used.cpuSeconds)
    }
  }
}

interface Usage {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly descriptors: number
}

/** Null when there is no such process, or no right to look at it. */
export function usageOf(pidFile: string): Usage | null {
  try {
    const folder = `/proc/${Number.parseInt(readFileSync(pidFile, 'utf8'), 10)}`
    const stat = readFileSync(`${folder}/stat`, 'utf8')
    // The name stands in brackets and may hold spaces; user and system time are the 12th and 13th field after it, memory the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      residentBytes: Number(fields[21]) * PAGE_BYTES,
      descriptors: readdirSync(`${folder}/fd`).length,
    }
  } catch {
    return null
  }
}
