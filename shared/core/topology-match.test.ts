import { expect, test } from 'vitest'
import { topologySchema } from '../../topology/topology.ts'
import type { AgentName } from './agent.ts'
import type { BusEffect } from './bus-events.ts'
import { foldWorks, initWorks } from './run-work.ts'
import { RAW, TABLE, accepted, recordSchema, topology } from './told-run.fixture.ts'

/** What an agent says of an accepted run, when its own topology is the run's but for `change`. */
function saysWith(change: (own: typeof topology) => object, agent: AgentName = 'storage-reconciler'): BusEffect[] {
  const own = topologySchema.parse(change(structuredClone(topology)))
  const works = initWorks({ speaker: { agent, instance: '1' }, plans: new Map(), topology: own, recordSchema })
  foldWorks(works, { type: 'fact', fact: accepted() })
  foldWorks(works, { type: 'caught-up', atMs: 100 })
  return [...foldWorks(works, { type: 'tick', atMs: 200 }), ...foldWorks(works, { type: 'tick', atMs: 400 })]
}

const onTable = (said: object) => (own: typeof topology) => ({
  ...own,
  hops: own.hops.map((hop) => (hop.kind === 'table' ? { ...hop, ...said } : hop)),
})
const missing = (hop: string, reason: string) => ({
  type: 'publish',
  fact: expect.objectContaining({ kind: 'evidence-missing', hop, reason }) as unknown,
})
const whose = "the topology of storage-reconciler (1) is not the run's"

test('an agent with the topology of the run says nothing, wherever its servers are', () => {
  expect(saysWith((own) => own)).toEqual([])
  expect(
    saysWith((own) => ({ ...own, name: 'elsewhere', connections: { ...own.connections, registry: { url: 'http://other' } } })),
  ).toEqual([])
})

test.each([
  { change: onTable({ giveUpAfterMs: 11_000 }), said: [missing(TABLE, `${whose}: other giveUpAfterMs`)] },
  { change: onTable({ table: 'orders' }), said: [missing(TABLE, `${whose}: it has no ${TABLE}`)] },
])('an agent with another topology names the hop, once: $said', ({ change, said }) => {
  expect(saysWith(change)).toEqual(said)
})

test('a record that is another concerns every hop', () => {
  const effects = saysWith((own) => ({ ...own, record: { ...own.record, key: 'note' } }))
  expect(effects).toHaveLength(topology.hops.length)
  expect(effects[0]).toEqual(missing(RAW, `${whose}: other record.key`))
})

test('an agent without a stage in the run has no part in it', () => {
  expect(saysWith(onTable({ giveUpAfterMs: 11_000 }), 'chaos-injector')).toEqual([])
})
