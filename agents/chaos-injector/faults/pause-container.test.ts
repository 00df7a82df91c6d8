import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ContainerTarget } from '../../../topology/topology.ts'
import { CONTAINER_ID, startFakeEngine, type FakeEngine } from '../engine.fixture.ts'
import { isSameTarget } from './fault.ts'
import { pause } from './pause.ts'

let engine: FakeEngine
const target = (): ContainerTarget => ({ driver: 'docker', api: engine.api, container: 'connect', faults: ['pause'], leaseMsMax: 60_000 })

beforeEach(async () => {
  engine = await startFakeEngine()
})
afterEach(() => engine.close())

test('a container stands still from inject to heal, and both can be shown', async () => {
  const pinned = await pause.plan(target())
  expect(pinned).toEqual({ api: engine.api, containerId: CONTAINER_ID, startedAt: engine.state.startedAt })
  expect(await pause.bit(pinned)).toBeNull()
  await pause.inject(pinned)
  expect(await pause.bit(pinned)).toBe('container cccccccccccc is paused')
  expect(await pause.healed(pinned)).toBeNull()
  await pause.heal(pinned)
  expect(await pause.healed(pinned)).toBe('container cccccccccccc is running')
  expect(engine.asked).toEqual(['pause', 'unpause'])
})

test('healing twice asks the engine once', async () => {
  const pinned = await pause.plan(target())
  await pause.inject(pinned)
  await pause.heal(pinned)
  await pause.heal(pinned)
  expect(engine.asked).toEqual(['pause', 'unpause'])
})

test('a container that was started anew is neither paused nor set free', async () => {
  const pinned = await pause.plan(target())
  engine.state.startedAt = '2026-11-23T06:00:00Z'
  await expect(pause.inject(pinned)).rejects.toThrow('is no longer the one the lease was written for')
  engine.state.isPaused = true
  expect(await pause.bit(pinned)).toBeNull()
  await pause.heal(pinned)
  expect(engine.asked).toEqual([])
  expect(await pause.healed(pinned)).toContain('was started anew')
})

test('a container that is gone has nothing left to heal', async () => {
  const pinned = await pause.plan(target())
  engine.state.isGone = true
  await pause.heal(pinned)
  expect(await pause.healed(pinned)).toContain('is gone')
})

test.each([
  { state: { isPaused: true }, problem: 'is paused already' },
  { state: { isRunning: false }, problem: 'does not run' },
  { state: { isGone: true }, problem: 'is not there' },
  { state: { refuses: true }, problem: 'answered GET connect with 403: {"message":"no label"}' },
])('no target: $problem', async ({ state, problem }) => {
  Object.assign(engine.state, state)
  await expect(pause.plan(target())).rejects.toThrow(problem)
})

test('an engine that refuses to unpause leaves the fault unhealed, and says so', async () => {
  const pinned = await pause.plan(target())
  await pause.inject(pinned)
  engine.state.refuses = true
  await expect(pause.heal(pinned)).rejects.toThrow('403')
})

test('one container under two names is one target, and no process is a container', () => {
  const container = { api: 'http://a', containerId: CONTAINER_ID, startedAt: '1' }
  expect(isSameTarget(container, { ...container, api: 'http://b' })).toBe(true)
  expect(isSameTarget(container, { pid: 7, startTicks: '1' })).toBe(false)
  expect(isSameTarget({ pid: 7, startTicks: '1' }, { pid: 7, startTicks: '2' })).toBe(true)
})
