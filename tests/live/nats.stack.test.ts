import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { liveRun, patient, startLiveStack, type LiveRun, type LiveStack } from './live-stack.ts'

/** The outermost hop: canaries go in over a real NATS JetStream, and a gateway moves them into Kafka. */
let live: LiveStack

beforeAll(async () => {
  // How long a killed server needs to be there again is the machine's doing, and no test of what was asked here.
  live = await startLiveStack({}, { nats: true, topology: patient(6) })
})

afterAll(async () => {
  await live.stop()
})

const SOURCE = 'source:nats'
const hops = [SOURCE, 'topic:market.trades.raw', 'topic:market.trades', 'table:market.trades', 'api:stats']

/** Whatever is not known of a write is told apart, and what was acknowledged is everywhere, once. */
function expectFaithful({ judged, again, evidence }: LiveRun, canaries: number): void {
  const { acknowledged, unknown, failed } = judged
  expect({ ...judged, ...again }).toEqual(judged)
  expect(acknowledged + unknown + failed).toBe(canaries)
  expect(evidence.acknowledged.and(evidence.failed).size).toBe(0)
  const seen = Object.fromEntries(judged.hops.map(({ hop, sighted }) => [hop, sighted]))
  expect(seen).toMatchObject(Object.fromEntries(hops.map((hop) => [hop, acknowledged])))
}

const verdictOf = ({ judged: { verdict, reasons } }: LiveRun) => ({ verdict, reasons })
const passed = { verdict: 'pass', reasons: [] }

async function killAndRestart(service: string): Promise<void> {
  await live.stack.stopProcess(service, 'SIGKILL')
  await live.stack.restart(service)
}

describe('a pipeline that begins at NATS', () => {
  test('passes with 20,000 canaries although the NATS server is killed in their middle', async () => {
    const run = await liveRun(live, {
      plan: 'smoke',
      parameters: { canaries: '20000' },
      inMidRun: { acknowledged: 6_000, act: () => killAndRestart('nats') },
    })
    expect(verdictOf(run)).toEqual(passed)
    expectFaithful(run, 20_000)
    expect(run.judged.acknowledged).toBeGreaterThan(19_000)
    expect(run.facts.find((fact) => fact.kind === 'canaries-produced')).toMatchObject({ hop: SOURCE, offsets: [{ partition: 0 }] })
  })

  test('holds everything once although the gateway is killed in the middle', async () => {
    const run = await liveRun(live, {
      plan: 'smoke',
      parameters: { canaries: '8000' },
      inMidRun: { acknowledged: 3_000, act: () => killAndRestart('gateway') },
    })
    expect(verdictOf(run)).toEqual(passed)
    expectFaithful(run, 8_000)
  })
})
