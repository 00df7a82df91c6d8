import { expect, test } from 'vitest'
import { isTurning, openHealth } from './health.ts'

test.each([
  [0, true],
  [30_000, true],
  [30_001, false],
])('a turn %i ms ago: %s', (agoMs, isWell) => {
  expect(isTurning({ turnedAtMs: 1_000, nowMs: 1_000 + agoMs })).toBe(isWell)
})

test('answers for itself, whatever the worker does', async () => {
  const health = await openHealth({ host: '127.0.0.1', port: 0 })
  const ask = () => fetch(`http://127.0.0.1:${health.port}/health`).then(({ status }) => status)
  expect(await ask()).toBe(200)
  health.turned(0)
  expect(await ask()).toBe(503)
  await health.close()
  await expect(ask()).rejects.toThrow()
})
