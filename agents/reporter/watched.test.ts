import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { topology } from '../../shared/core/told-run.fixture.ts'
import type { ChaosTarget, Topology } from '../../topology/topology.ts'
import { reporterMetrics } from './metrics.ts'
import { createWatch, watchedTargets } from './watched.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-watched-'))
const pidFile = join(dir, 'sink.pid')
const target: ChaosTarget = { driver: 'process', pidFile, faults: ['pause'], leaseMsMax: 1 }
const watched: Topology = { ...topology, chaos: { targets: { sink: target } } }

afterAll(() => {
  rmSync(dir, { recursive: true })
})

test('what a target uses is shown while it is there', async () => {
  const metrics = createMetrics(reporterMetrics(watched), { processMetrics: false })
  const watch = createWatch(watched, metrics)
  const value = async (name: string) =>
    Number(new RegExp(`^assay_watched_${name}\\{target="sink"\\} (.+)$`, 'm').exec((await metrics.text()).text)?.[1])
  watch()
  expect(await Promise.all(['up', 'resident_bytes', 'cpu_seconds_total'].map(value))).toEqual([0, 0, 0])

  writeFileSync(pidFile, `${process.pid}\n`)
  watch()
  const used = await value('cpu_seconds_total')
  expect(await value('up')).toBe(1)
  expect(used).toBeGreaterThan(0.05)
  expect(used).toBeLessThanOrEqual(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 + 0.1)
  expect((await value('resident_bytes')) / process.memoryUsage.rss()).toBeCloseTo(1, 0)
  expect(await value('open_descriptors')).toBeGreaterThan(3)

  rmSync(pidFile)
  watch()
  expect(await value('up')).toBe(0)
  expect(await value('cpu_seconds_total')).toBeGreaterThanOrEqual(used)
})

test('containers are no processes of this machine', () => {
  const container: ChaosTarget = { driver: 'docker', api: 'http://gate', container: 'sink', faults: ['pause'], leaseMsMax: 1 }
  expect(watchedTargets({ chaos: { targets: { sink: target, other: container } } })).toEqual(['sink'])
})
