import type { NetworkBytes } from '../../shared/runtime/network-bytes.ts'
import type { ContainerStats } from './docker-api.ts'
import { statFrom } from './faults/pause.ts'

/** What a target that is there uses; null is what nobody can tell of it. Totals are those of whoever keeps them. */
export interface Usage {
  readonly cpuSeconds: number | null
  readonly residentBytes: number | null
  readonly descriptors: number | null
  readonly network: NetworkBytes | null
}

/** Linux reports process times in hundredths of a second, and memory in pages of 4 KiB. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096
const NANOSECONDS = 1e9

/** Of the text of /proc/<pid>/stat (proc(5)); null when the process has ended. */
export function processUsageOf(stat: string): Pick<Usage, 'cpuSeconds' | 'residentBytes'> | null {
  if (statFrom(stat) === null) return null
  // The name stands in brackets and may hold spaces; user and system time are the 12th and 13th field after it, memory the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentBytes: Number(fields[21]) * PAGE_BYTES,
  }
}

/**
 * Memory is what `docker stats` shows: without the pages of files that the kernel would take back first. Control groups of
 * version 1 count those of the whole container as `total_inactive_file`, those of version 2 as `inactive_file`. What runs has used
 * processor time: where the engine says 0, it has no control group to read it from. Descriptors it does not tell.
 */
export function containerUsageOf({ cpu_stats: cpu, memory_stats: memory, networks }: ContainerStats): Usage {
  const nanoseconds = cpu.cpu_usage.total_usage
  const usedBytes = memory?.usage ?? null
  const fileBytes = memory?.stats?.total_inactive_file ?? memory?.stats?.inactive_file ?? 0
  const interfaces = networks == null ? null : Object.values(networks)
  return {
    cpuSeconds: nanoseconds === 0 ? null : nanoseconds / NANOSECONDS,
    residentBytes: usedBytes === null || fileBytes > usedBytes ? usedBytes : usedBytes - fileBytes,
    descriptors: null,
    network: interfaces && {
      received: interfaces.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
      sent: interfaces.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    },
  }
}
