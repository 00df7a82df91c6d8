import type { AgentCore } from '../core/agent.ts'
import type { BusEffect, BusEvent } from '../core/bus-events.ts'
import { assert } from '../core/assert.ts'
import { loadAgentConfig } from './config.ts'
import { runAgent } from './run-agent.ts'

/**
 * The smallest real agent, for kafka.stack.test.ts: once caught up it counts on from its own last fact, one fact a
 * tick. A control message for run 0…0 plants a bug.
 */
type OwnEvent = { readonly type: 'never' }
type OwnEffect = { readonly type: 'nothing' }

interface State {
  next: number
  caughtUp: boolean
}

const runId = process.env['COUNTING_RUN_ID'] ?? ''

const core: AgentCore<null, State, OwnEvent | BusEvent, OwnEffect | BusEffect> = {
  name: 'reporter',
  init: () => ({ next: 0, caughtUp: false }),
  step(state, event) {
    switch (event.type) {
      case 'fact':
        if (event.fact.kind === 'stage-ended' && event.fact.runId === runId) state.next = Math.max(state.next, Number(event.fact.stage) + 1)
        return { state, effects: [] }
      case 'caught-up':
        state.caughtUp = true
        return { state, effects: [] }
      case 'control':
        assert(event.message.runId !== '00000000-0000-0000-0000-000000000000', 'planted bug')
        return { state, effects: [] }
      case 'tick': {
        if (!state.caughtUp) return { state, effects: [] }
        const fact = {
          kind: 'stage-ended',
          runId,
          agent: 'reporter',
          instance: '0',
          atMs: event.atMs,
          stage: String(state.next),
          outcome: 'ok',
          reason: '',
        } as const
        return { state, effects: [{ type: 'publish', fact }] }
      }
      default:
        return { state, effects: [] }
    }
  },
}

await runAgent<null, State, OwnEvent, OwnEffect>({
  core,
  coreConfig: null,
  createShell: () => Promise.resolve({ perform: () => undefined, close: () => Promise.resolve() }),
  metrics: [],
  config: loadAgentConfig(),
  version: 'test',
  tickMs: 10,
})
