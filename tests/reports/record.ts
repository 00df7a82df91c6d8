import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunFact } from '../../schemas/results.ts'
import { openAdmin } from '../../shared/runtime/kafka-admin.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { liveRun, startLiveStack, type LiveRun, type LiveStack } from '../live/live-stack.ts'
import { examples, factsFile, type Example } from './examples.ts'

const SKIPPED = 1_000
const CONNECTOR = 'market-sink'
const SINK_GROUP = `connect-${CONNECTOR}`
const SINK_TOPIC = 'market.trades'
const ATTEMPTS_MAX = 3
/** Slow enough for a busy machine: what it delays would stand in the reports. */
const load = { canaries: '12000', ratePerSecond: '500' }

/** How each example is brought about on a local stack of its own. */
const scenes: Readonly<Record<string, (live: LiveStack) => Promise<LiveRun>>> = {
  pass: (live) => liveRun(live, { plan: 'smoke', parameters: load }),
  'loss-in-normaliser': async (live) => {
    await live.stack.restart('normaliser', { NORMALISER_DEFECT: 'skip', NORMALISER_DEFECT_EVERY: '499' })
    return liveRun(live, { plan: 'smoke', parameters: load })
  },
  'loss-in-sink': async (live) => {
    const before = await committedBySink(live)
    return liveRun(live, { plan: 'smoke', parameters: load, inMidRun: { acknowledged: 5_000, act: () => skipInSink(live, before) } })
  },
  'chaos-with-recovery': (live) => liveRun(live, { plan: 'smoke-chaos', parameters: load }),
  inconclusive: async (live) => {
    await live.stack.stopProcess('query-prober')
    return liveRun(live, { plan: 'smoke', parameters: load })
  },
}

/** Records real runs, again where the machine was in the way. Throws where none came out as the example is meant. */
export async function recordExamples(names: readonly string[], progress: (line: string) => void): Promise<void> {
  for (const example of examples.filter(({ name }) => names.includes(name))) await recordExample(example, progress)
}

async function recordExample({ name, verdict, reasons }: Example, progress: (line: string) => void): Promise<void> {
  let last = ''
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const live = await startLiveStack()
    try {
      const run = await scenes[name]?.(live)
      if (run === undefined) throw new Error(`no scene brings ${name} about`)
      last = `${run.judged.verdict} ${run.judged.reasons.join('; ')}`
      progress(`${name}: ${last}`)
      if (run.judged.verdict !== verdict || !run.judged.reasons.every((reason) => reasons.test(reason))) continue
      writeFileSync(factsFile(name), run.facts.map((fact) => `${JSON.stringify(withoutPlaces(fact))}\n`).join(''))
      return
    } finally {
      await live.stop()
    }
  }
  throw new Error(`${name}: expected ${verdict} for ${String(reasons)}, got ${last}`)
}

/** Names of files, not where they lay on the machine that recorded them. */
const withoutPlaces = (fact: RunFact): RunFact =>
  fact.kind === 'run-judged' ? { ...fact, reports: fact.reports.map((path) => basename(path)) } : fact

/** What an operator might do by Connect's REST API, and should not: the records lie in the topic, and are never read. */
async function skipInSink(live: LiveStack, before: ReadonlyMap<number, number>): Promise<void> {
  const connector = `${live.stack.env['PIPELINE_CONNECT_URL'] ?? ''}/connectors/${CONNECTOR}`
  await call(`${connector}/stop`, 'PUT')
  await untilHolds(`${connector} is stopped`, async () => (await (await fetch(`${connector}/status`)).text()).includes('"state":"STOPPED"'))
  const committed = await committedBySink(live)
  const [busiest] = [...committed].sort(([a, x], [b, y]) => y - (before.get(b) ?? 0) - (x - (before.get(a) ?? 0)))
  if (busiest === undefined) throw new Error('the sink has committed nothing')
  const [partition, offset] = busiest
  // Moved beyond the end of the topic, the sink would read it from the start.
  await untilHolds(
    `${2 * SKIPPED} records wait in partition ${partition}`,
    async () => (await endOf(live, partition)) >= offset + 2 * SKIPPED,
  )
  const place = { kafka_topic: SINK_TOPIC, kafka_partition: partition }
  await call(`${connector}/offsets`, 'PATCH', { offsets: [{ partition: place, offset: { kafka_offset: offset + SKIPPED } }] })
  await call(`${connector}/resume`, 'PUT')
}

const adminOf = ({ stack }: LiveStack) =>
  openAdmin(
    connectKafka({ brokers: [stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'examples', security: { ssl: false, sasl: null } }),
  )

async function committedBySink(live: LiveStack): Promise<Map<number, number>> {
  const admin = adminOf(live)
  try {
    const offsets = await admin.groupOffsets(SINK_GROUP, SINK_TOPIC)
    return new Map(offsets.flatMap(({ partition, offset }) => (offset === null ? [] : [[partition, offset] as const])))
  } finally {
    await admin.close()
  }
}

async function endOf(live: LiveStack, partition: number): Promise<number> {
  const admin = adminOf(live)
  try {
    return (await admin.topicOffsets(SINK_TOPIC)).find((one) => one.partition === partition)?.high ?? 0
  } finally {
    await admin.close()
  }
}

async function call(url: string, method: string, body?: object): Promise<void> {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`)
}

const TURNS_MAX = 150
const TURN_MS = 200

async function untilHolds(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    if (await holds()) return
    await sleep(TURN_MS)
  }
  throw new Error(`not within ${(TURNS_MAX * TURN_MS) / 1000} s: ${what}`)
}
