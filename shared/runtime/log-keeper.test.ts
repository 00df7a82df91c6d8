import { expect, test } from 'vitest'
import { createLogKeeper } from './log-keeper.ts'
import type { Log } from './log.ts'

const silent: Log = {
  ...{ debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, fatal: () => undefined },
  child: () => silent,
}
const keeper = () => createLogKeeper(silent, { nowMs: () => 5, hide: (text) => text })

test('a number beyond those of JSON is kept as its digits', () => {
  const { log, linesOf } = keeper()
  log.warn({ runId: 'a', offset: 2n ** 70n }, 'far')
  expect(linesOf('a').map((line): unknown => JSON.parse(line))).toEqual([
    { timeMs: 5, level: 'warn', runId: 'a', offset: '1180591620717411303424', msg: 'far' },
  ])
})

test('fields that refer to themselves end nobody who logs them', () => {
  const { log, linesOf } = keeper()
  const round: Record<string, unknown> = { runId: 'a' }
  round['self'] = round
  log.child({ part: 'x' }).error(round, 'round and round')
  expect(linesOf('a').map((line): unknown => JSON.parse(line))).toEqual([{ timeMs: 5, level: 'error', msg: 'round and round' }])
})
