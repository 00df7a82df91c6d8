import { expect, test } from 'vitest'
import type { ControlMessage } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import { assert } from '../core/assert.ts'
import type { AgentCore } from '../core/agent.ts'
import type { BusEffect, BusEvent } from '../core/bus-events.ts'
import { AgentLoop, loopMetrics } from './agent-loop.ts'
import type { Shell } from './agent-loop.ts'
import { errorFields } from './log.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'

type Event = { readonly type: 'done'; readonly n: number }
type Effect = { readonly type: 'work'; readonly n: number } | { readonly type: 'explode' }

const heartbeat: ResultMessage = {
  kind: 'agent-heartbeat',
  agent: 'reporter',
  instance: '0',
  atMs: 1,
  startedAtMs: 1,
  version: '0',
  residentBytes: 1,
}
const request: ControlMessage = { kind: 'run-cancelled', runId: '0193a5b0-0000-7000-8000-000000000001', reason: '', requestedBy: '' }

/** On each tick: what the test says. On anything else: writes it down. */
function start(onTick: readonly (Effect | BusEffect)[], shell: Partial<Shell<Event, Effect>> = {}) {
  const heard: string[] = []
  const logged: object[] = []
  const published: ResultMessage[] = []
  const fatal: unknown[] = []
  const core: AgentCore<null, null, Event | BusEvent, Effect | BusEffect> = {
    name: 'reporter',
    init: () => null,
    step: (state, event) => {
      heard.push(event.type === 'done' ? `done ${event.n}` : event.type)
      assert(event.type !== 'caught-up', 'planted bug')
      return { state, effects: event.type === 'tick' ? onTick : [] }
    },
  }
  const write = (fields: object) => void logged.push(fields)
  const log: Log = { debug: write, info: write, warn: write, error: write, fatal: write, child: () => log }
  const metrics = createMetrics(loopMetrics, { processMetrics: false })
  const bus = {
    publish: (message: ResultMessage) => void published.push(message),
    request: () => Promise.reject(new Error('Kafka is down')),
    shareWork: () => undefined,
  }
  const loop = new AgentLoop<null, null, Event, Effect>({
    core,
    coreConfig: null,
    bus,
    log,
    metrics,
    onFatal: (error) => fatal.push(error),
  })
  const attach = () => {
    loop.attach({ perform: () => undefined, close: () => Promise.resolve(), ...shell })
  }
  return { loop, attach, heard, logged, published, fatal, metrics }
}
const tick: BusEvent = { type: 'tick', atMs: 1 }

test('an event sent while another is stepped waits its turn', () => {
  const order: string[] = []
  const { loop, attach, heard } = start(
    [
      { type: 'work', n: 1 },
      { type: 'work', n: 2 },
    ],
    {
      perform: (effect, send) => {
        order.push(`perform ${effect.type === 'work' ? effect.n : ''} after ${heard.length}`)
        if (effect.type === 'work') send({ type: 'done', n: effect.n })
      },
    },
  )
  attach()
  loop.send(tick)
  expect(order).toEqual(['perform 1 after 1', 'perform 2 after 1'])
  expect(heard).toEqual(['tick', 'done 1', 'done 2'])
})

test('events before the shell is there are kept', () => {
  const { loop, attach, heard } = start([])
  loop.send(tick)
  expect(heard).toEqual([])
  attach()
  expect(heard).toEqual(['tick'])
})

test('what the core publishes goes to the bus and comes back as a fact at once', () => {
  const { loop, attach, heard, published } = start([{ type: 'publish', fact: heartbeat }])
  attach()
  loop.send(tick)
  expect(published).toEqual([heartbeat])
  expect(heard).toEqual(['tick', 'fact'])
})

test('an effect that throws is logged and counted, and the agent lives', async () => {
  const { loop, attach, heard, logged, fatal, metrics } = start([{ type: 'explode' }, { type: 'request', message: request }], {
    perform: () => {
      throw new Error('no such file')
    },
  })
  attach()
  loop.send(tick)
  await new Promise((resolve) => setImmediate(resolve))
  loop.send(tick)
  await new Promise((resolve) => setImmediate(resolve))
  expect(heard).toEqual(['tick', 'tick'])
  expect(logged).toMatchObject([{ effect: 'explode' }, { effect: 'request' }, { effect: 'explode' }, { effect: 'request' }])
  expect((await metrics.text()).text).toContain('assay_agent_effects_failed_total 4')
  expect(fatal).toEqual([])
})

test('a broken invariant in the core is fatal, and nothing is stepped after it', () => {
  const { loop, attach, heard, fatal } = start([])
  attach()
  loop.send({ type: 'caught-up', atMs: 1 })
  loop.send(tick)
  expect(fatal).toMatchObject([{ code: 'INVARIANT_BROKEN' }])
  expect(heard).toEqual(['caught-up'])
})

test('a core that keeps answering itself does not starve the event loop', async () => {
  let left = 25_000
  const { loop, attach, heard } = start([{ type: 'work', n: 0 }], {
    perform: (_, send) => {
      send({ type: 'done', n: 0 })
    },
    onStep: () => {
      if (left-- > 0) loop.send({ type: 'done', n: left })
    },
  })
  attach()
  loop.send(tick)
  const steppedInOneTurn = heard.length
  while (left > 0) await new Promise((resolve) => setImmediate(resolve))
  expect(steppedInOneTurn).toBeLessThanOrEqual(10_000)
  expect(heard.length).toBeGreaterThan(25_000)
})

test('an error is logged with its code and causes', () => {
  const error = new Error('outer', { cause: new TypeError('inner') })
  expect(errorFields(error)).toMatchObject({ name: 'Error', message: 'outer', causes: ['TypeError: inner'] })
})
