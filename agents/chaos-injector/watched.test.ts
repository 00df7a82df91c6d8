import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../../shared/runtime/metrics.ts'
import type { ChaosTarget } from '../../topology/topology.ts'
import { CONTAINER_ID, startFakeEngine, type FakeEngine } from './engine.fixture.ts'
import { injectorMetrics } from './metrics.ts'
import { createWatch, startWatching } from './watched.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-watched-'))
const pidFile = join(dir, 'sink.pid')
const opted = { faults: ['pause' as const], leaseMsMax: 1 }
const sink: ChaosTarget = { driver: 'process', pidFile, ...opted }

let engine: FakeEngine
let metrics: Metrics
let said: string[]

beforeEach(async () => {
  engine = await startFakeEngine()
  said = []
})
afterEach(async () => {
  await engine.close()
  rmSync(pidFile, { force: true })
})
afterAll(() => {
  rmSync(dir, { recursive: true })
})

const connect = (): ChaosTarget => ({ driver: 'docker', api: engine.api, container: 'connect', ...opted })
const log = { info: (_: object, text: string) => said.push(text), warn: (_: object, text: string) => said.push(text) } as never

function watching(targets: Readonly<Record<string, ChaosTarget>>, answerWithinMs?: number): () => Promise<void> {
  metrics = createMetrics(injectorMetrics({ chaos: { targets } }), { processMetrics: false })
  return createWatch({ chaos: { targets } }, { metrics, log, ...(answerWithinMs === undefined ? {} : { answerWithinMs }) })
}

/** By name without what all share; a series that is not there is undefined. */
async function shownOf(target: string): Promise<Record<string, number>> {
  const { text } = await metrics.text()
  return Object.fromEntries(
    [...text.matchAll(/^assay_watched_(\w+)\{target="(\w+)"\} (.+)$/gm)]
      .filter(([, , of]) => of === target)
      .map(([, name = '', , value]) => [name, Number(value)]),
  )
}

const stats = (seconds: number, bytes: number, passed: { rx_bytes: number; tx_bytes: number } | null = null) => ({
  cpu_stats: { cpu_usage: { total_usage: seconds * 1e9 } },
  memory_stats: { usage: bytes + 50, stats: { inactive_file: 50 } },
  ...(passed && { networks: { eth0: passed } }),
})

const NOTHING = {
  up: 0,
  resident_bytes: 0,
  cpu_seconds_total: 0,
  network_receive_bytes_total: 0,
  network_transmit_bytes_total: 0,
}

test('every series stands at 0 before the first look; a container has none of descriptors', async () => {
  watching({ sink, connect: connect() })
  expect(await shownOf('sink')).toEqual({ ...NOTHING, open_descriptors: 0 })
  expect(await shownOf('connect')).toEqual(NOTHING)
})

test('what a process uses is shown while it is there, its counters from the first look on', async () => {
  const watch = watching({ sink })
  await watch()
  expect(await shownOf('sink')).toEqual({ ...NOTHING, open_descriptors: 0 })

  writeFileSync(pidFile, `${process.pid}\n`)
  await watch()
  const first = await shownOf('sink')
  expect(first).toMatchObject({ up: 1, cpu_seconds_total: 0, network_receive_bytes_total: 0, network_transmit_bytes_total: 0 })
  expect(first['resident_bytes']! / process.memoryUsage.rss()).toBeCloseTo(1, 0)
  expect(first['open_descriptors']).toBeGreaterThan(3)

  const busySinceMs = process.cpuUsage().user / 1e3
  while (process.cpuUsage().user / 1e3 - busySinceMs < 100);
  await watch()
  const { cpu_seconds_total: seconds } = await shownOf('sink')
  expect(seconds).toBeGreaterThanOrEqual(0.05)
  expect(seconds).toBeLessThan(10)

  rmSync(pidFile)
  await watch()
  expect(await shownOf('sink')).toMatchObject({ up: 0, resident_bytes: 0, open_descriptors: 0, cpu_seconds_total: seconds })
})

test('what a container uses is asked of its engine, by the id of the one that was found', async () => {
  const watch = watching({ connect: connect() })
  engine.state.stats = stats(100, 1_000, { rx_bytes: 5_000, tx_bytes: 700 })
  await watch()
  expect(await shownOf('connect')).toEqual({ ...NOTHING, up: 1, resident_bytes: 1_000 })
  expect(engine.looked).toEqual(['/containers/connect/json', `/containers/${CONTAINER_ID}/stats?stream=false&one-shot=true`])

  engine.state.stats = stats(101.5, 2_000, { rx_bytes: 5_010, tx_bytes: 703 })
  await watch()
  const grown = { cpu_seconds_total: 1.5, network_receive_bytes_total: 10, network_transmit_bytes_total: 3 }
  expect(await shownOf('connect')).toEqual({ up: 1, resident_bytes: 2_000, ...grown })
  expect(said).toEqual([])
})

test('a paused container is there; its successor begins at 0, and counts on', async () => {
  const watch = watching({ connect: connect() })
  engine.state.stats = stats(100, 1_000)
  engine.state.isPaused = true
  await watch()
  expect(await shownOf('connect')).toMatchObject({ up: 1, resident_bytes: 1_000 })

  engine.state.isPaused = false
  engine.state.stats = stats(2, 300)
  await watch()
  expect(await shownOf('connect')).toMatchObject({ up: 1, resident_bytes: 300, cpu_seconds_total: 2 })
})

test.each([
  { name: 'has stopped', state: { isRunning: false } },
  { name: 'is gone', state: { isGone: true } },
])('a container that $name is down, with nothing used and nothing to complain of', async ({ state }) => {
  const watch = watching({ connect: connect() })
  engine.state.stats = stats(100, 1_000)
  await watch()
  Object.assign(engine.state, state)
  await watch()
  expect(await shownOf('connect')).toMatchObject({ up: 0, resident_bytes: 0 })
  expect(said).toEqual([])
})

test('of a container without control groups and network only that it runs is known', async () => {
  const watch = watching({ connect: connect() })
  engine.state.stats = { cpu_stats: { cpu_usage: { total_usage: 0 } } }
  await watch()
  expect(await shownOf('connect')).toEqual({ ...NOTHING, up: 1, resident_bytes: Number.NaN })
})

test.each([
  { name: 'refuses', breaks: () => (engine.state.refuses = true) },
  { name: 'is not there', breaks: () => engine.close() },
  { name: 'says what is not understood', breaks: () => (engine.state.stats = { cpu_stats: {} } as never) },
])('an engine that $name: down, memory unknown, said once', async ({ breaks }) => {
  const watch = watching({ connect: connect() })
  engine.state.stats = stats(100, 1_000)
  await watch()
  await breaks()
  await watch()
  await watch()
  expect(await shownOf('connect')).toEqual({ ...NOTHING, resident_bytes: Number.NaN })
  expect(said).toEqual(['a target cannot be measured'])
})

test('an engine that is silent is given up, and holds up neither other targets nor the next look', async () => {
  writeFileSync(pidFile, `${process.pid}\n`)
  const watch = watching({ sink, connect: connect() }, 1_000)
  engine.state.stats = stats(100, 1_000)
  await watch()
  engine.state.isSilent = true
  rmSync(pidFile)
  const slow = watch()
  expect(await shownOf('connect')).toMatchObject({ up: 1 })
  // Only the other one is looked at: the silent one is not asked a second time.
  await watch()
  expect(await shownOf('sink')).toMatchObject({ up: 0 })
  await slow
  expect(await shownOf('connect')).toMatchObject({ up: 0 })
  expect(engine.looked.filter((path) => path.endsWith('/json'))).toHaveLength(2)

  engine.state.isSilent = false
  await watch()
  expect(await shownOf('connect')).toMatchObject({ up: 1 })
  expect(said).toEqual(['a target cannot be measured', 'a target can be measured again'])
})

test('it looks at once and then every five seconds, until it is ended', async () => {
  const turns: (() => void)[] = []
  const intervals: number[] = []
  let ended = 0
  const targets = { connect: connect() }
  metrics = createMetrics(injectorMetrics({ chaos: { targets } }), { processMetrics: false })
  const every = (intervalMs: number, turn: (atMs: number) => void) => {
    intervals.push(intervalMs)
    turns.push(() => {
      turn(0)
    })
    return () => {
      ended++
    }
  }
  const stop = startWatching({ chaos: { targets } }, { metrics, log, clock: { every } })
  await expect.poll(async () => (await shownOf('connect'))['up']).toBe(1)
  engine.state.isRunning = false
  await expect
    .poll(async () => {
      for (const turn of turns) turn()
      return (await shownOf('connect'))['up']
    })
    .toBe(0)
  stop()
  expect([intervals, ended]).toEqual([[5_000], 1])
})
