import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CONTAINER_ID, startFakeEngine, type FakeEngine } from './engine.fixture.ts'
import { openLeases, readEndedLease, writeLease, type Lease } from './lease.ts'
import { Sentry } from './sentry.ts'

let engine: FakeEngine
let leasesDir: string

beforeEach(async () => {
  engine = await startFakeEngine()
  leasesDir = await mkdtemp(join(tmpdir(), 'assay-sentry-'))
  engine.state.isPaused = true
})
afterEach(async () => {
  await engine.close()
  await rm(leasesDir, { recursive: true })
})

const lease = (changes: Partial<Lease> = {}): Lease => ({
  leaseId: 'run.pause',
  runId: 'run',
  stage: 'pause',
  fault: 'pause',
  target: 'connect',
  pinned: { api: engine.api, containerId: CONTAINER_ID, startedAt: engine.state.startedAt },
  injectingAtMs: Date.now(),
  leaseMs: 60_000,
  leaseUntilMs: Date.now() + 60_000,
  ...changes,
})

test('a lease whose time is up is healed, verified and ended; one whose time is not stays', async () => {
  await writeLease(leasesDir, lease())
  const sentry = new Sentry(leasesDir)
  expect(await sentry.look()).toEqual({ healed: [], problems: [] })
  expect(engine.state.isPaused).toBe(true)
  await writeLease(leasesDir, lease({ leaseUntilMs: Date.now() - 1 }))
  expect((await sentry.look()).healed).toEqual(['run.pause: container cccccccccccc is running'])
  expect(engine.state.isPaused).toBe(false)
  expect(await readEndedLease(leasesDir, 'run.pause')).toMatchObject({ by: 'watchdog' })
  expect(await sentry.look()).toEqual({ healed: [], problems: [] })
})

test('a call to the engine that fails is made again, and is no failed heal', async () => {
  await writeLease(leasesDir, lease({ leaseUntilMs: 1 }))
  engine.state.refuses = true
  const looking = new Sentry(leasesDir).look()
  await expect.poll(() => engine.looked.length).toBeGreaterThan(1)
  engine.state.refuses = false
  expect(await looking).toEqual({ healed: ['run.pause: container cccccccccccc is running'], problems: [] })
})

test('a wall clock that was set back does not lengthen a lease', async () => {
  await writeLease(leasesDir, lease({ leaseMs: 1 }))
  const sentry = new Sentry(leasesDir)
  await sentry.look()
  await expect.poll(async () => (await sentry.look()).healed.length).toBe(1)
})

test('a process is out of its sight: its lease is left to those who see it', async () => {
  await writeLease(leasesDir, lease({ pinned: { pid: 1_234, startTicks: '1' }, leaseUntilMs: 1 }))
  expect(await new Sentry(leasesDir).look()).toEqual({ healed: [], problems: [] })
  expect((await openLeases(leasesDir)).leases).toHaveLength(1)
})

test('what cannot be healed is told, stays, and does not stop the others', async () => {
  const gone = { api: 'http://127.0.0.1:9', containerId: CONTAINER_ID, startedAt: '' }
  await writeLease(leasesDir, lease({ leaseId: 'a.pause', pinned: gone, leaseUntilMs: 1 }))
  await writeLease(leasesDir, lease({ leaseId: 'b.pause', leaseUntilMs: 1 }))
  const { healed, problems } = await new Sentry(leasesDir).look()
  expect(healed).toHaveLength(1)
  expect(problems).toEqual([
    expect.stringMatching(/^a\.pause: pause of connect is still there after 20 attempts to heal it: .+; its lease/),
  ])
  expect((await openLeases(leasesDir)).leases).toHaveLength(1)
})
