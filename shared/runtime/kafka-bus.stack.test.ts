import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BusEvent } from '../core/bus-events.ts'
import { startBroker, until } from './broker.fixture.ts'
import type { Broker } from './broker.fixture.ts'
import { createClock } from './clock.ts'
import { openAdmin } from './kafka-admin.ts'
import type { KafkaAdmin } from './kafka-admin.ts'
import { createKafkaBus } from './kafka-bus.ts'
import { createWriter } from './kafka-writer.ts'
import { connectKafka } from './kafka.ts'
import type { KafkaLink } from './kafka.ts'
import { createLog } from './log.ts'
import { createRegistry } from './registry.ts'

let broker: Broker
let link: KafkaLink
let admin: KafkaAdmin
let topics = 0

beforeAll(async () => {
  broker = await startBroker()
  link = connectKafka({ brokers: broker.bootstrap.split(','), clientId: 'assay.test', unavailable: 'PIPELINE_KAFKA_UNAVAILABLE' })
  admin = openAdmin(link)
})
afterAll(async () => {
  await admin.close()
  await broker.stop()
})

async function newTopic(partitions: number): Promise<string> {
  const topic = `runtime.${++topics}.${Date.now()}`
  expect(await admin.ensureTopics([{ topic, partitions, retentionMs: 3_600_000 }])).toEqual([])
  return topic
}

const runId = '0193a5b0-0000-7000-8000-000000000001'

async function busTopics() {
  const controlTopic = await newTopic(1)
  const resultsTopic = await newTopic(4)
  const open = (registryUrl: string | null = broker.registryUrl, lookbackMs?: number) => {
    const events: BusEvent[] = []
    const bus = createKafkaBus({
      link,
      registry: registryUrl === null ? null : createRegistry(registryUrl),
      clock: createClock(),
      log: createLog({ agent: 'test', instance: '0', level: 'warn' }),
      controlTopic,
      resultsTopic,
      ...(lookbackMs === undefined ? {} : { lookbackMs }),
    })
    return { bus, events, started: bus.start((event) => events.push(event)) }
  }
  return { controlTopic, resultsTopic, open }
}

test('the bus hears requests as JSON, refuses nonsense with reasons, brings facts in order, and is caught up once', async () => {
  const { controlTopic, resultsTopic, open } = await busTopics()
  const writer = createWriter(link)
  const lines = ['{"kind":"run-requested","plan":"smoke"}', 'nonsense', '{"kind":"run-requested"}']
  await writer.write(
    controlTopic,
    lines.map((line) => ({ key: null, value: Buffer.from(line), partition: 0 })),
  )
  await writer.write(resultsTopic, [{ key: 'x', value: Buffer.from('no fact') }])
  await writer.close()
  const one = open()
  const two = open(null)
  for (let n = 0; n < 2_000; n++) {
    one.bus.publish({ kind: 'stage-ended', runId, agent: 'reporter', instance: '0', atMs: n, stage: String(n), outcome: 'ok', reason: '' })
  }
  const stages = (events: readonly BusEvent[]) =>
    events.flatMap((event) => (event.type === 'fact' && event.fact.kind === 'stage-ended' ? [event.fact.stage] : []))
  await until(() => [one, two].every(({ events }) => stages(events).length === 2_000), 20_000)
  await until(() => [one, two].every(({ bus }) => bus.lagged().caughtUp), 10_000)
  const { offset } = await one.bus.request({ kind: 'run-cancelled', runId, reason: 'enough', requestedBy: 'test' })
  expect(offset).toBe(3)
  await until(() => [one, two].every(({ events }) => events.some((event) => event.type === 'control' && event.offset === 3)), 10_000)
  expect(await one.bus.flush(1_000)).toBe(true)
  // Facts do not wait long for a registry that is slow.
  const registry = createRegistry(broker.registryUrl)
  const schemaId = async () => (await registry.latest(`${resultsTopic}-value`).catch(() => null))?.id
  await expect.poll(schemaId, { timeout: 30_000 }).toEqual(expect.any(Number))
  for (const { bus, events } of [one, two]) {
    expect(stages(events)).toEqual(Array.from({ length: 2_000 }, (_, n) => String(n)))
    expect(events.filter(({ type }) => type === 'caught-up')).toHaveLength(1)
    expect(events.filter(({ type }) => type.startsWith('control')).map(({ type }) => type)).toEqual([
      'control',
      'control-unreadable',
      'control-unreadable',
      'control',
    ])
    expect(events.find((event) => event.type === 'control-unreadable' && event.offset === 2)).toMatchObject({
      problems: [expect.stringContaining('plan')],
    })
    expect(bus.lagged()).toMatchObject({ unreadableFacts: 1, outboxFacts: 0, factsRefused: 0 })
    await bus.close()
  }
})

test('an agent killed -9 goes on from its own last fact; a signal ends it with 0, a bug with 70', async () => {
  const { controlTopic, resultsTopic, open } = await busTopics()
  const agents: ChildProcess[] = []
  const start = () => {
    const agent = spawn(process.execPath, [join(import.meta.dirname, 'counting-agent.fixture.ts')], {
      env: {
        ...process.env,
        ASSAY_KAFKA_BOOTSTRAP: broker.bootstrap,
        PIPELINE_REGISTRY_URL: broker.registryUrl,
        ASSAY_CONTROL_TOPIC: controlTopic,
        ASSAY_RESULTS_TOPIC: resultsTopic,
        COUNTING_RUN_ID: runId,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    agents.push(agent)
    let output = ''
    agent.stdout.on('data', (part: Buffer) => (output += String(part)))
    const exited = new Promise<number | null>((resolve) => agent.once('exit', resolve))
    return { agent, exited, output: () => output }
  }
  try {
    const watcher = open()
    await watcher.started
    const counted = () =>
      watcher.events.flatMap((event) => (event.type === 'fact' && event.fact.kind === 'stage-ended' ? [Number(event.fact.stage)] : []))
    const first = start()
    await until(() => counted().length > 50, 60_000)
    first.agent.kill('SIGKILL')
    await first.exited
    const before = counted().length
    const second = start()
    await until(() => counted().length > before + 50, 60_000)
    const port = Number(/"port":(\d+)/.exec(second.output())?.[1])
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('assay_agent_caught_up 1')
    second.agent.kill('SIGTERM')
    expect(await second.exited).toBe(0)
    const distinct = [...new Set(counted())]
    expect(distinct).toEqual(Array.from({ length: distinct.length }, (_, n) => n))
    const third = start()
    await watcher.bus.request({ kind: 'run-cancelled', runId: '00000000-0000-0000-0000-000000000000', reason: '', requestedBy: '' })
    expect(await third.exited).toBe(70)
    expect(third.output()).toContain('INVARIANT_BROKEN')
    await watcher.bus.close()
  } finally {
    for (const agent of agents) agent.kill('SIGKILL')
  }
})

test('while Kafka is down facts wait in the outbox, and come in order when it is back', async () => {
  const { open } = await busTopics()
  const { bus, events, started } = open('http://127.0.0.1:1')
  await started
  const publish = (n: number) => {
    bus.publish({ kind: 'stage-ended', runId, agent: 'reporter', instance: '0', atMs: n, stage: String(n), outcome: 'ok', reason: '' })
  }
  const stages = () =>
    events.flatMap((event) => (event.type === 'fact' && event.fact.kind === 'stage-ended' ? [Number(event.fact.stage)] : []))
  for (let n = 0; n < 100; n++) publish(n)
  await until(() => stages().length === 100, 20_000)
  broker.kill()
  for (let n = 100; n < 1_100; n++) publish(n)
  expect(await bus.flush(2_000)).toBe(false)
  expect(bus.lagged().outboxFacts).toBeGreaterThan(0)
  await broker.startAgain()
  await until(() => new Set(stages()).size === 1_100, 90_000)
  // What may have been written before is written again: repeats are allowed, disorder of first sightings is not.
  expect([...new Set(stages())]).toEqual(Array.from({ length: 1_100 }, (_, n) => n))
  expect(await bus.flush(5_000)).toBe(true)
  await bus.close()
})

test('of control messages older than it looks back the bus brings cancellations and the newest windows, before it is caught up', async () => {
  const { open } = await busTopics()
  const first = open()
  await first.started
  const series = '0193a5b0-0000-7000-8000-00000000000a'
  const head = { kind: 'run-requested' as const, plan: 'continuous', parameters: {}, requestedBy: 'test' }
  await first.bus.request({ ...head, runId, window: null })
  for (const index of [1, 2, 3])
    await first.bus.request({ ...head, runId: `0193a5b0-0000-7000-8000-10000000000${index}`, window: { series, index, indexLast: null } })
  await first.bus.request({ kind: 'run-cancelled', runId, reason: 'enough', requestedBy: 'test' })
  await until(() => first.events.filter(({ type }) => type === 'control').length === 5, 20_000)

  await new Promise((resolve) => setTimeout(resolve, 50))
  const later = open(broker.registryUrl, 1)
  await later.started
  await until(() => later.events.some(({ type }) => type === 'caught-up'), 20_000)
  expect(later.events.map((event) => (event.type === 'control' ? event.offset : event.type))).toEqual([3, 4, 'caught-up'])

  // What comes from now on is heard as ever.
  await first.bus.request({ ...head, runId: '0193a5b0-0000-7000-8000-00000000000c', window: null })
  await until(() => later.events.some((event) => event.type === 'control' && event.offset === 5), 20_000)
  await first.bus.close()
  await later.bus.close()
})
