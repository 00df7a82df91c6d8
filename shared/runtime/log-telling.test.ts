import { expect, test } from 'vitest'
import type { Fact, ResultMessage } from '../../schemas/results.ts'
import type { AgentName } from '../core/agent.ts'
import { told } from '../core/told-run.fixture.ts'
import { createLogTelling } from './log-telling.ts'

const RUN = told('run-judged').runId
const NOW_MS = 5_000

/** What is said of a log of so many lines of so many characters when a verdict is heard. */
function saidOf(
  verdict: Partial<Fact<'run-judged'>>,
  { agent = 'generator', lines = 1, chars = 2 }: { agent?: AgentName; lines?: number; chars?: number } = {},
): ResultMessage[] {
  const said: ResultMessage[] = []
  const log = (runId: string) => (runId === RUN ? Array.from({ length: lines }, (_, at) => String(at).padEnd(chars)) : [])
  const hear = createLogTelling(
    { speaker: { agent, instance: 'a' }, clock: { nowMs: () => NOW_MS }, bus: { publish: (fact) => void said.push(fact) } },
    log,
  )
  hear({ type: 'fact', fact: told('run-judged', { atMs: NOW_MS, ...verdict }) })
  hear({ type: 'fact', fact: told('run-accepted') })
  hear({ type: 'tick', atMs: NOW_MS })
  return said
}

test.each(['fail', 'inconclusive'] as const)('what was logged is said when a run comes out as %s', (verdict) => {
  expect(saidOf({ verdict })).toEqual([
    { kind: 'log-told', runId: RUN, agent: 'generator', instance: 'a', atMs: NOW_MS, lines: ['0 '], linesLeftOut: 0 },
  ])
})

test('nothing is said of a run that passed, of a verdict from before this process, and by the reporter', () => {
  expect(saidOf({ verdict: 'pass' })).toEqual([])
  expect(saidOf({ verdict: 'fail', atMs: NOW_MS - 1 })).toEqual([])
  expect(saidOf({ verdict: 'fail' }, { agent: 'reporter' })).toEqual([])
})

test('of a long log the latest lines are said, as many as one message holds', () => {
  expect(saidOf({ verdict: 'fail' }, { lines: 203 })).toMatchObject([{ linesLeftOut: 3, lines: { length: 200, 0: '3 ' } }])
  expect(saidOf({ verdict: 'fail' }, { lines: 100, chars: 1024 })).toMatchObject([{ linesLeftOut: 36, lines: { length: 64 } }])
  expect(saidOf({ verdict: 'fail' }, { lines: 2, chars: 65 * 1024 })).toMatchObject([{ linesLeftOut: 2, lines: [] }])
})
