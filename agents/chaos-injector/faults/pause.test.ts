import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProcessTarget } from '../../../topology/topology.ts'
import { startTarget, stateOf, type Target } from '../target.fixture.ts'
import { pauseProcess as pause, statFrom } from './pause.ts'

let target: Target
const chaosTarget = (): ProcessTarget => ({ driver: 'process', pidFile: target.pidFile, faults: ['pause'], leaseMsMax: 60_000 })

beforeEach(async () => {
  target = await startTarget()
})
afterEach(() => target.end())

test('a process stands still from inject to heal, and both can be shown', async () => {
  const pinned = await pause.plan(chaosTarget())
  expect(pinned.pid).toBe(target.pid)
  expect(await pause.bit(pinned)).toBeNull()
  await pause.inject(pinned)
  await expect.poll(() => stateOf(target.pid)).toBe('T')
  expect(await pause.bit(pinned)).toBe(`process ${target.pid} is in state T (stopped)`)
  expect(await pause.healed(pinned)).toBeNull()
  await pause.heal(pinned)
  await expect.poll(() => stateOf(target.pid)).not.toBe('T')
  expect(await pause.bit(pinned)).toBeNull()
  // A process that goes on may be seen sleeping, running or waiting for its disk.
  expect(await pause.healed(pinned)).toMatch(new RegExp(`^process ${target.pid} is in state [^T]$`))
})

test('a pid that was given to another process is neither stopped nor continued', async () => {
  const pinned = await pause.plan(chaosTarget())
  const recycled = { ...pinned, startTicks: '1' }
  await expect(pause.inject(recycled)).rejects.toThrow(`process ${target.pid} is no longer the one the lease was written for`)
  expect(await stateOf(target.pid)).not.toBe('T')
  // The stranger is stopped by whoever owns it; that is not ours to undo.
  process.kill(target.pid, 'SIGSTOP')
  await expect.poll(() => stateOf(target.pid)).toBe('T')
  expect(await pause.bit(recycled)).toBeNull()
  await pause.heal(recycled)
  expect(await stateOf(target.pid)).toBe('T')
})

test('a process that somebody else has stopped is no target', async () => {
  process.kill(target.pid, 'SIGSTOP')
  await expect.poll(() => stateOf(target.pid)).toBe('T')
  await expect(pause.plan(chaosTarget())).rejects.toThrow('is stopped already')
})

test('a target that died under the fault is told, also while its parent has not buried it', async () => {
  const pinned = await pause.plan(chaosTarget())
  await pause.inject(pinned)
  const gone = once(target.child, 'exit')
  target.child.kill('SIGKILL')
  await gone
  await pause.heal(pinned)
  expect(await pause.healed(pinned)).toContain('died under the fault')
  expect(await pause.bit(pinned)).toBeNull()
})

test.each([
  { text: 'connect', problem: 'expected a process id, got "connect"' },
  { text: '', problem: 'expected a process id, got ""' },
  { text: '1', problem: 'expected a process id, got "1"' },
  { text: '4194305', problem: 'names process 4194305, which does not run' },
])('a pid file that holds $text is refused', async ({ text, problem }) => {
  await writeFile(target.pidFile, text)
  await expect(pause.plan(chaosTarget())).rejects.toThrow(problem)
})

test('a pid file that is not there is refused by name', async () => {
  await expect(pause.plan({ ...chaosTarget(), pidFile: '/nowhere/connect.pid' })).rejects.toThrow('/nowhere/connect.pid cannot be read')
})

const fields = (state: string) => `${state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20`
test.each([
  { text: `42 (java) ${fields('T')}`, stat: { state: 'T', startTicks: '777' } },
  { text: `42 (a) (odd name) ${fields('S')}`, stat: { state: 'S', startTicks: '777' } },
  { text: `42 (java) ${fields('Z')}`, stat: null },
])('$text is read as $stat', ({ text, stat }) => {
  expect(statFrom(text)).toEqual(stat)
})
