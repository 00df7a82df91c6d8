import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createLog } from '../../shared/runtime/log.ts'
import type { InjectorEffect, InjectorEvent } from './events.ts'
import { CONTAINER_ID, startFakeEngine, type FakeEngine } from './engine.fixture.ts'
import { pause } from './faults/pause.ts'
import { guardOpenLeases, startWatchdog } from './guard.ts'
import { healLease, leaseIdOf, leasePath, openLeases, readEndedLease, readLease, writeLease } from './lease.ts'
import { InjectorShell } from './shell.ts'
import { stopAllFaults } from './stop.ts'
import { elapsedUntil, endOfLease, isRunning, startTarget, stateOf, type Target } from './target.fixture.ts'

const RUN = '01999999-0000-7000-8000-000000000001'
const at = { runId: RUN, stage: 'pause-sink' }
const LEASE_ID = leaseIdOf(at)
/** DESIGN: `kill -9` of the injector ends in revert within TTL + 5 s. */
const REVERT_MARGIN_MS = 5_000

let target: Target
const children: ChildProcess[] = []

beforeEach(async () => {
  target = await startTarget()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await stopAllFaults(target.stateDir)
  await target.end()
})

const inject = (leaseMs: number, stage = at.stage): InjectorEffect => ({
  type: 'inject',
  runId: RUN,
  stage,
  fault: 'pause',
  target: 'target',
  leaseMs,
  leaseUntilMs: Date.now() + leaseMs,
})
const heal: InjectorEffect = { type: 'heal', ...at, target: 'target' }
const look: InjectorEffect = { type: 'look-at-lease', ...at, target: 'target' }

function newShell({
  flush = true,
  leaseMsMax = 60_000,
  stopWatching = () => undefined,
}: { flush?: boolean; leaseMsMax?: number; stopWatching?: () => void } = {}): InjectorShell {
  return new InjectorShell({
    topology: { chaos: { targets: { target: { driver: 'process', pidFile: target.pidFile, faults: ['pause'], leaseMsMax } } } },
    leasesDir: target.leasesDir,
    bus: { flush: () => Promise.resolve(flush) },
    log: createLog({ agent: 'chaos-injector', instance: 't', level: 'silent' }),
    metrics: { add: () => undefined },
    stopWatching,
  })
}

const answer = (shell: InjectorShell, effect: InjectorEffect) =>
  new Promise<InjectorEvent>((resolve) => {
    shell.perform(effect, resolve)
  })

/** A real injector process that has just seen its fault take hold. */
async function injectorProcess(leaseMs: number): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'injector.fixture.ts')
  const child = spawn(process.execPath, [script, target.leasesDir, target.pidFile, JSON.stringify(inject(leaseMs))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  expect(JSON.parse(line)).toMatchObject({ type: 'bitten', evidence: `process ${target.pid} is in state T (stopped)` })
  return child
}

async function killNow(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('inject leaves an open lease and a stopped target; heal ends both, and keeps the proof', async () => {
  const shell = newShell()
  expect(await answer(shell, inject(20_000))).toMatchObject({ type: 'bitten', ...at })
  expect(await stateOf(target.pid)).toBe('T')
  expect(await readLease(leasePath(target.leasesDir, LEASE_ID))).toMatchObject({ runId: RUN, pinned: { pid: target.pid } })
  expect(await answer(shell, heal)).toMatchObject({
    type: 'healed',
    ok: true,
    // A process that goes on may be seen sleeping, running or waiting for its disk.
    detail: expect.stringMatching(new RegExp(`^healed by the injector: process ${target.pid} is in state [^T]$`)) as string,
  })
  expect(await stateOf(target.pid)).not.toBe('T')
  expect((await openLeases(target.leasesDir)).leases).toEqual([])
  expect(await readEndedLease(target.leasesDir, LEASE_ID)).toMatchObject({ by: 'injector' })
})

test('kill -9 of the injector: its watchdog ends the fault when the lease is over, not before', async () => {
  const leaseMs = 2_000
  const injector = await injectorProcess(leaseMs)
  const lease = await readLease(leasePath(target.leasesDir, LEASE_ID))
  await killNow(injector)
  expect(await stateOf(target.pid)).toBe('T')
  await elapsedUntil(async () => (await stateOf(target.pid)) !== 'T', leaseMs + REVERT_MARGIN_MS)
  const overMs = Date.now() - lease!.leaseUntilMs
  expect(overMs).toBeGreaterThanOrEqual(-20)
  expect(overMs).toBeLessThan(REVERT_MARGIN_MS)
  expect(await endOfLease(target.leasesDir, LEASE_ID)).toMatchObject({ by: 'watchdog' })
})

test('kill -9 and a restart: the fault is found standing, healed as planned, and never injected again', async () => {
  await killNow(await injectorProcess(20_000))
  const shell = newShell()
  const { injectingAtMs } = (await readLease(leasePath(target.leasesDir, LEASE_ID)))!
  const standing = { type: 'bitten', injectedAtMs: injectingAtMs, detail: expect.stringContaining('found standing') as string }
  expect(await answer(shell, look)).toMatchObject(standing)
  expect(await answer(shell, inject(20_000))).toMatchObject(standing)
  expect(await answer(shell, heal)).toMatchObject({ type: 'healed', ok: true })
  const { healedAtMs } = (await readEndedLease(target.leasesDir, LEASE_ID))!
  expect(await answer(shell, inject(20_000))).toMatchObject({ type: 'healed', healedAtMs })
  expect(await stateOf(target.pid)).not.toBe('T')
})

test('kill -9 of injector and watchdog: the next injector to start has the lease watched again', async () => {
  const leaseMs = 1_500
  const lease = {
    leaseId: LEASE_ID,
    ...at,
    fault: 'pause' as const,
    target: 'target',
    pinned: await pause.plan({ driver: 'process', pidFile: target.pidFile, faults: ['pause'], leaseMsMax: 1 }),
    injectingAtMs: Date.now(),
    leaseMs,
    leaseUntilMs: Date.now() + leaseMs,
  }
  const watchdogPid = await startWatchdog(await writeLease(target.leasesDir, lease))
  await pause.inject(lease.pinned)
  process.kill(watchdogPid, 'SIGKILL')
  await elapsedUntil(async () => !(await isRunning(watchdogPid)), 2_000)
  expect(await guardOpenLeases(target.leasesDir)).toEqual([])
  await elapsedUntil(async () => (await stateOf(target.pid)) !== 'T', leaseMs + REVERT_MARGIN_MS)
  expect(await endOfLease(target.leasesDir, LEASE_ID)).toMatchObject({ by: 'watchdog' })
})

test('a watchdog leaves when its lease has ended, and heals before it leaves when it is told to', async () => {
  const shell = newShell()
  await answer(shell, inject(60_000))
  const second = await startWatchdog(leasePath(target.leasesDir, LEASE_ID))
  await answer(shell, heal)
  await elapsedUntil(async () => !(await isRunning(second)), 2_000)

  await answer(shell, inject(60_000, 'again'))
  const third = await startWatchdog(leasePath(target.leasesDir, leaseIdOf({ runId: RUN, stage: 'again' })))
  process.kill(third, 'SIGTERM')
  await elapsedUntil(async () => (await stateOf(target.pid)) !== 'T', 2_000)
})

test('no watchdog, no fault', async () => {
  // The place of its log is taken: it cannot be started.
  await mkdir(join(target.leasesDir, 'watchdog.log'), { recursive: true })
  expect(await answer(newShell(), inject(20_000))).toMatchObject({ type: 'healed', detail: expect.stringContaining('EISDIR') as string })
  expect(await stateOf(target.pid)).not.toBe('T')
  await expect(startWatchdog(join(target.stateDir, 'no-such-lease.json'))).rejects.toThrow('does not watch: it ended with 0')
})

test('a second fault on the same target is refused while the first stands', async () => {
  const shell = newShell()
  const [first, second] = await Promise.all([answer(shell, inject(20_000)), answer(shell, inject(20_000, 'other'))])
  expect(first).toMatchObject({ type: 'bitten' })
  expect(second).toMatchObject({ type: 'no-lease', stage: 'other', detail: expect.stringContaining('under a fault already') as string })
  expect(await stateOf(target.pid)).toBe('T')
})

test('a heal asked for in the middle of an injection comes after it', async () => {
  const shell = newShell()
  const [injected, healed] = await Promise.all([answer(shell, inject(20_000)), answer(shell, heal)])
  expect([injected.type, healed.type]).toEqual(['bitten', 'healed'])
  expect(await stateOf(target.pid)).not.toBe('T')
})

test.each([
  { name: 'an intent that does not reach the topic', options: { flush: false }, problem: 'the intent was not on the results topic' },
  { name: 'a lease longer than the topology allows', options: { leaseMsMax: 10 }, problem: 'is more than the 10 that target allows' },
])('$name: nothing is touched, and no lease is left', async ({ options, problem }) => {
  const event = await answer(newShell(options), inject(20_000))
  expect(event).toMatchObject({ type: 'no-lease', detail: expect.stringContaining(problem) as string })
  expect(await stateOf(target.pid)).not.toBe('T')
  expect((await openLeases(target.leasesDir)).leases).toEqual([])
})

test('a lease that was over before the injection ends healed, never as a fault without a lease', async () => {
  const event = await answer(newShell(), { ...inject(1_000), leaseUntilMs: Date.now() - 1 } as InjectorEffect)
  expect(event.type).toBe('healed')
  await elapsedUntil(async () => (await openLeases(target.leasesDir)).leases.length === 0, 2_000)
  expect(await stateOf(target.pid)).not.toBe('T')
})

describe('of a fault that stands, an engine that fails', () => {
  let engine: FakeEngine
  beforeEach(async () => {
    engine = await startFakeEngine()
    Object.assign(engine.state, { isPaused: true, refuses: true })
    const pinned = { api: engine.api, containerId: CONTAINER_ID, startedAt: engine.state.startedAt }
    const times = { injectingAtMs: Date.now(), leaseMs: 60_000, leaseUntilMs: Date.now() + 60_000 }
    await writeLease(target.leasesDir, { leaseId: LEASE_ID, ...at, fault: 'pause', target: 'target', pinned, ...times })
  })
  afterEach(async () => {
    engine.state.refuses = false
    await stopAllFaults(target.stateDir)
    await engine.close()
  })
  const looks = (count: number) => elapsedUntil(() => Promise.resolve(engine.looked.length >= count), 2_000)

  test('says nothing of it, and the next look what it finds', async () => {
    const shell = newShell()
    const heard: InjectorEvent[] = []
    for (const count of [1, 2]) {
      shell.perform(look, (event) => heard.push(event))
      await looks(count)
    }
    engine.state.refuses = false
    expect(await answer(shell, look)).toMatchObject({ type: 'bitten', detail: expect.stringContaining('found standing') as string })
    expect(heard).toEqual([])
  })

  test('has it ended where it was to be injected once more', async () => {
    const ended = answer(newShell(), inject(20_000))
    await looks(1)
    engine.state.refuses = false
    expect(await ended).toMatchObject({ type: 'healed', ok: true })
    expect(engine.state.isPaused).toBe(false)
  })
})

test('a target that dies under the fault is told at the heal', async () => {
  const shell = newShell()
  await answer(shell, inject(20_000))
  await killNow(target.child)
  expect(await answer(shell, heal)).toMatchObject({ ok: true, detail: expect.stringContaining('died under the fault') as string })
})

test('clear-leases heals what stands of its run alone, and says so when nothing does', async () => {
  const shell = newShell()
  await answer(shell, inject(20_000))
  const strange: InjectorEffect = { type: 'clear-leases', runId: '01999999-0000-7000-8000-000000000002', stage: 'heal' }
  expect(await answer(shell, strange)).toMatchObject({ ok: true, detail: 'no fault stands' })
  expect(await stateOf(target.pid)).toBe('T')
  const own = await answer(shell, { type: 'clear-leases', runId: RUN, stage: 'heal' })
  expect(own).toMatchObject({ ok: true, detail: expect.stringMatching(/^pause of target: process \d+ is in state [^T]$/) as string })
})

test('a graceful stop leaves no fault behind, and watches no more', async () => {
  const stopWatching = vi.fn()
  const shell = newShell({ stopWatching })
  await answer(shell, inject(20_000))
  await shell.close()
  expect(await stateOf(target.pid)).not.toBe('T')
  expect(await readdir(target.leasesDir)).toEqual(['ended', 'watchdog.log'])
  expect(stopWatching).toHaveBeenCalledOnce()
})

test('the stop command heals from the journals alone, past one that cannot be read, and says what it could not', async () => {
  await killNow(await injectorProcess(20_000))
  await writeFile(join(target.leasesDir, '0-broken.json'), '{"leaseId":')
  const stop = spawn(process.execPath, [join(import.meta.dirname, 'stop.ts'), target.stateDir])
  children.push(stop)
  let said = ''
  stop.stdout.on('data', (text) => (said += String(text)))
  stop.stderr.on('data', (text) => (said += String(text)))
  const [code] = (await once(stop, 'close')) as [number]
  expect(await stateOf(target.pid)).not.toBe('T')
  expect(said).toContain(`pause of target (run ${RUN}): process ${target.pid} is in state`)
  expect(said).toContain('lease 0-broken.json')
  expect(code).toBe(1)
  expect(await readEndedLease(target.leasesDir, LEASE_ID)).toMatchObject({ by: 'stop command' })
})

test('two healers at once agree on who was first', async () => {
  await answer(newShell(), inject(20_000))
  const lease = (await readLease(leasePath(target.leasesDir, LEASE_ID)))!
  await Promise.all([healLease(target.leasesDir, lease, 'watchdog'), healLease(target.leasesDir, lease, 'injector')])
  const first = await readEndedLease(target.leasesDir, LEASE_ID)
  expect(await healLease(target.leasesDir, lease, 'stop command')).toEqual(first)
})
