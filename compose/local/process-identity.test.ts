import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { GONE, isSameProcess, pidsMarked, startTimeFromStat, startTimeOf } from './process-identity.ts'
import { sweep } from './sweep.ts'

const fields = (state: string) => `${state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20`

test.each([
  { stat: `42 (java) ${fields('S')}`, startTime: '777' },
  { stat: `42 (a) (odd name) ${fields('R')}`, startTime: '777' },
  { stat: `42 (java) ${fields('Z')}`, startTime: GONE },
])('the start time of $stat is $startTime', ({ stat, startTime }) => {
  expect(startTimeFromStat(stat)).toBe(startTime)
})

test('a pid that was given to another process is not taken for the first', async () => {
  expect(await isSameProcess({ pid: process.pid, startTime: await startTimeOf(process.pid) })).toBe(true)
  expect(await isSameProcess({ pid: process.pid, startTime: '1' })).toBe(false)
})

test('a sweep ends what is recorded and what is only marked, and leaves a stranger at a recorded pid alone', async () => {
  const env = { ...process.env }
  const recorded = spawn('sleep', ['60'], { detached: true, env })
  const marked = spawn('sleep', ['60'], { detached: true, env: { ...env, ASSAY_STACK_ID: 'sweep-test' } })
  const stranger = spawn('sleep', ['60'], { detached: true, env })
  try {
    const pids = [recorded.pid ?? 0, stranger.pid ?? 0]
    const [pid = 0, strangerPid = 0] = pids
    const ends = Promise.all([once(recorded, 'exit'), once(marked, 'exit')])
    await sweep({
      id: 'sweep-test',
      recorded: [
        { pid, startTime: await startTimeOf(pid) },
        { pid: strangerPid, startTime: '1' },
      ],
    })
    await ends
    expect(await pidsMarked('ASSAY_STACK_ID=sweep-test')).toEqual([])
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  } finally {
    for (const child of [recorded, marked, stranger]) child.kill('SIGKILL')
  }
})
