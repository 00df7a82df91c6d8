import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAgents, type AgentsOptions } from '../../compose/local/agents.ts'
import { cacheFolder, ensureComponents } from '../../compose/local/cache.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import { openAdmin } from '../../shared/runtime/kafka-admin.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import type { Figure } from './figures.ts'
import { consumerPerformance, producerPerformance, type KafkaTools } from './kafka-tools.ts'
import { cpuSeconds, peakMegabytes } from './processes.ts'
import { paceOf, runPlan, type BenchPlan, type ResultsTopic, type ToldRun } from './told-run.ts'

const RAW_TOPIC = 'market.trades.raw'
const STEADY = { canaries: 1_000_000, ratePerSecond: 15_000 }
/** More than anybody can: the generator goes as fast as it gets acknowledgements. */
const FLAT_OUT = { canaries: 600_000, ratePerSecond: 200_000 }
const STAGE_LIMIT_MS = 120_000
const AGENTS = ['generator', 'ingestion-checker', 'reporter'] as const

const PEER_TOPIC = 'bench-peer'
const PEER_PARTITIONS = 4
const PEER_RECORDS = 1_000_000
const PEER_RETENTION_MS = 3_600_000
/** `traceparent` and its value: what ConsumerPerformance does not count. */
const HEADER_BYTES = 66

/** The real generator, ingestion-checker and reporter on a real broker, beside Kafka's own tools on the same one. */
export async function benchThroughput(note: (line: string) => void, agents: Partial<AgentsOptions> = {}): Promise<Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  const components = await ensureComponents(cacheFolder(process.env), note)
  const stack = await startStack({ dir, progress: note, only: ['setup'] })
  try {
    const bootstrap = stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''
    const env = { ASSAY_TOPOLOGY: join(import.meta.dirname, 'raw-topic.yaml') }
    await startAgents(stack, AGENTS, { progress: note, env, ...agents })
    return await measured(stack, { jarFolder: components.kafka, bootstrap }, note)
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function measured(stack: Stack, tools: KafkaTools, note: (line: string) => void): Promise<Figure[]> {
  const link = connectKafka({ brokers: [tools.bootstrap], clientId: 'assay.bench' })
  const topic: ResultsTopic = { link, registryUrl: stack.env['PIPELINE_REGISTRY_URL'] ?? '', note }
  const cpuBefore = await Promise.all(AGENTS.map((name) => cpuSeconds(stack.pidOf(name))))
  const steady = await runPlan(topic, planOf('bench-steady', STEADY))
  const cpuAfter = await Promise.all(AGENTS.map((name) => cpuSeconds(stack.pidOf(name))))
  const flatOut = await runPlan(topic, planOf('bench-flat-out', FLAT_OUT))
  const figures = [...steadyFigures(steady), ...flatOutFigures(flatOut, await peersOf(tools))]
  for (const [index, name] of AGENTS.entries()) {
    const cpuMicroseconds = (((cpuAfter[index] ?? 0) - (cpuBefore[index] ?? 0)) * 1e6) / STEADY.canaries
    figures.push(alone({ name: `${name}: processor a canary`, ours: cpuMicroseconds, unit: 'µs', target: {} }))
    figures.push(
      alone({ name: `${name}: resident at most`, ours: await peakMegabytes(stack.pidOf(name)), unit: 'MB', target: { most: 300 } }),
    )
  }
  return figures
}

function planOf(name: string, rate: { canaries: number; ratePerSecond: number }): BenchPlan {
  return {
    name,
    timeoutMs: STAGE_LIMIT_MS,
    load: { ...rate, streams: 8, edgeValuesEvery: 50 },
    stages: [
      { stage: 'sight', task: 'sight-topics', timeoutMs: STAGE_LIMIT_MS },
      { stage: 'produce', task: 'produce', needsStarted: ['sight'], timeoutMs: STAGE_LIMIT_MS },
    ],
  }
}

/** ConsumerPerformance reads the canaries themselves; ProducerPerformance writes records of their size to a topic laid out alike. */
async function peersOf(tools: KafkaTools): Promise<{ produced: number; consumed: number }> {
  const consumed = await consumerPerformance(tools, { topic: RAW_TOPIC, records: STEADY.canaries })
  const admin = openAdmin(connectKafka({ brokers: [tools.bootstrap], clientId: 'assay.bench.peer' }))
  await admin.ensureTopics([{ topic: PEER_TOPIC, partitions: PEER_PARTITIONS, retentionMs: PEER_RETENTION_MS }])
  await admin.close()
  const recordBytes = consumed.recordBytes + HEADER_BYTES
  const produced = await producerPerformance(tools, { topic: PEER_TOPIC, records: PEER_RECORDS, recordBytes })
  return { produced: produced.recordsPerSecond, consumed: consumed.recordsPerSecond }
}

const alone = (figure: Omit<Figure, 'peer' | 'peers'>): Figure => ({ ...figure, peer: '', peers: null })

function steadyFigures({ facts, bytesByKind }: ToldRun): Figure[] {
  const { acknowledgedPerSecond, behindMsMost, caughtUpMs } = paceOf(facts, `topic:${RAW_TOPIC}`)
  const factsOf = (name: string, bytes: number, target: Figure['target']) => alone({ name, ours: bytes / 1000, unit: 'kB', target })
  const kinds = [...bytesByKind].sort(([, a], [, b]) => b - a)
  const total = kinds.reduce((sum, [, bytes]) => sum + bytes, 0)
  return [
    {
      name: `steady: acknowledged, ${STEADY.canaries.toLocaleString('en-US')} canaries`,
      ours: acknowledgedPerSecond,
      unit: 'records/s',
      peer: 'planned rate',
      peers: STEADY.ratePerSecond,
      target: { least: 10_000 },
    },
    alone({ name: 'steady: checker behind the ledger at most', ours: behindMsMost / 1000, unit: 's', target: { most: 10 } }),
    alone({ name: 'steady: checker done after the last write', ours: caughtUpMs / 1000, unit: 's', target: { most: 10 } }),
    factsOf('steady: facts on the results topic', total, { most: 300 }),
    ...kinds.map(([kind, bytes]) => factsOf(`  ${kind}`, bytes, {})),
  ]
}

function flatOutFigures({ facts }: ToldRun, peers: { produced: number; consumed: number }): Figure[] {
  const { acknowledgedPerSecond, sightedPerSecond, caughtUpMs } = paceOf(facts, `topic:${RAW_TOPIC}`)
  return [
    {
      name: 'flat out: acknowledged, checker beside',
      ours: acknowledgedPerSecond,
      unit: 'records/s',
      peer: 'ProducerPerformance',
      peers: peers.produced,
      target: { least: 10_000 },
    },
    {
      name: 'flat out: read and compared',
      ours: sightedPerSecond,
      unit: 'records/s',
      peer: 'ConsumerPerformance',
      peers: peers.consumed,
      target: { least: 10_000 },
    },
    alone({ name: 'flat out: checker done after the last write', ours: caughtUpMs / 1000, unit: 's', target: { most: 10 } }),
  ]
}
