import { expect, test } from 'vitest'
import { containerUsageOf, processUsageOf } from './usage.ts'

const cpu = { cpu_stats: { cpu_usage: { total_usage: 2_500_000_000 } } }

test.each([
  {
    groups: 'version 1, where inactive_file is that of one group alone',
    memory: { usage: 900, stats: { inactive_file: 100, total_inactive_file: 300 } },
    residentBytes: 600,
  },
  {
    groups: 'version 1 without files in memory',
    memory: { usage: 900, stats: { inactive_file: 7, total_inactive_file: 0 } },
    residentBytes: 900,
  },
  { groups: 'version 2', memory: { usage: 900, stats: { inactive_file: 300 } }, residentBytes: 600 },
  { groups: 'more files than memory, of two readings', memory: { usage: 900, stats: { inactive_file: 901 } }, residentBytes: 900 },
  { groups: 'no details', memory: { usage: 900 }, residentBytes: 900 },
  { groups: 'no memory controller', memory: {}, residentBytes: null },
  { groups: 'nothing of memory', memory: null, residentBytes: null },
])('memory of control groups: $groups', ({ memory, residentBytes }) => {
  expect(containerUsageOf({ ...cpu, memory_stats: memory }).residentBytes).toBe(residentBytes)
})

test('processor time comes in nanoseconds, network by interface, descriptors not at all', () => {
  const networks = { eth0: { rx_bytes: 5338, tx_bytes: 648 }, eth5: { rx_bytes: 4641, tx_bytes: 690 } }
  expect(containerUsageOf({ ...cpu, networks })).toEqual({
    cpuSeconds: 2.5,
    residentBytes: null,
    descriptors: null,
    network: { received: 9979, sent: 1338 },
  })
})

test('what the engine cannot read is not known, and not 0', () => {
  expect(containerUsageOf({ cpu_stats: { cpu_usage: { total_usage: 0 } } })).toEqual({
    cpuSeconds: null,
    residentBytes: null,
    descriptors: null,
    network: null,
  })
})

test('a process is read past a name with spaces and brackets; one that has ended uses nothing', () => {
  const stat = (state: string) =>
    `7 (a (b) c) ${state} 1 7 7 0 -1 4194304 1 2 3 4 150 50 9 9 20 0 11 0 12345 999999 2000 18446744073709551615 1`
  expect(processUsageOf(stat('S'))).toEqual({ cpuSeconds: 2, residentBytes: 8_192_000 })
  expect(processUsageOf(stat('Z'))).toBeNull()
})
