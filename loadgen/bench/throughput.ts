import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startAgents } from '../../compose/local/agents.ts'
import { cacheFolder, ensureComponents } from '../../compose/local/cache.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import type { RunFact } from '../../schemas/results.ts'
import { sizeOf } from '../../shared/core/range-set.ts'
import { isRunFact } from '../../shared/core/run-book.ts'
import { deterministicRunId } from '../../shared/core/identity.ts'
import { createReader } from '../../shared/runtime/kafka-reader.ts'
import { createWriter } from '../../shared/runtime/kafka-writer.ts'
import { connectKafka, type KafkaLink } from '../../shared/runtime/kafka.ts'
import { createResultsDecoder } from '../../shared/runtime/results-codec.ts'
import { createRegistry } from '../../shared/runtime/registry.ts'
import { topicNames } from '../../topology/topics.ts'
import type { Figure } from './figures.ts'

const CANARIES = 1_000_000
const RATE_PER_SECOND = 14_000
const RECORD_BYTES = 300
const PEER_RECORDS = 500_000
const RUN_LIMIT_MS = 240_000
const AGENTS = ['generator', 'ingestion-checker', 'reporter']

/** The real generator, ingestion-checker and reporter on a real broker, beside Kafka's own tools on the same one. */
export async function benchThroughput(note: (line: string) => void): Promise<Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  const components = await ensureComponents(cacheFolder(process.env), note)
  const stack = await startStack({ dir, progress: note, only: ['setup'] })
  try {
    const peers = await kafkaTools(stack, components.kafka)
    note(`Kafka's own tools: ${Math.round(peers.produced)} produced/s, ${Math.round(peers.consumed)} consumed/s`)
    return await measured(stack, peers, note)
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

interface Peers {
  readonly produced: number
  readonly consumed: number
}

async function measured(stack: Stack, peers: Peers, note: (line: string) => void): Promise<Figure[]> {
  const link = connectKafka({ brokers: [stack.env['ASSAY_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'assay.bench' })
  const env = { ASSAY_TOPOLOGY: join(import.meta.dirname, 'raw-topic.yaml') }
  await startAgents(stack, AGENTS, { progress: note, env })
  const { facts, factBytes } = await runPlan(link, stack.env['PIPELINE_REGISTRY_URL'] ?? '', note)
  const judged = facts.find((fact) => fact.kind === 'run-judged')
  if (judged?.verdict !== 'pass') throw new Error(`the run did not pass: ${JSON.stringify(judged)}`)
  const { producedPerSecond, catchUpMs } = pace(facts)
  const figures: Figure[] = [
    {
      name: 'canaries acknowledged',
      ours: producedPerSecond,
      unit: 'records/s',
      peer: 'ProducerPerformance',
      peers: peers.produced,
      target: { least: 10_000 },
    },
    {
      name: 'canaries read and compared',
      ours: producedPerSecond,
      unit: 'records/s',
      peer: 'ConsumerPerformance',
      peers: peers.consumed,
      target: { least: 10_000 },
    },
    { name: 'checker done after the last write', ours: catchUpMs / 1000, unit: 's', peer: '', peers: null, target: { most: 10 } },
    {
      name: `facts of ${CANARIES.toLocaleString('en-US')} clean canaries`,
      ours: factBytes / 1000,
      unit: 'kB',
      peer: '',
      peers: null,
      target: { most: 300 },
    },
  ]
  for (const name of AGENTS)
    figures.push({
      name: `${name} resident at most`,
      ours: await peakMegabytes(stack.pidOf(name)),
      unit: 'MB',
      peer: '',
      peers: null,
      target: { most: 300 },
    })
  return figures
}

async function runPlan(
  link: KafkaLink,
  registryUrl: string,
  note: (line: string) => void,
): Promise<{ facts: RunFact[]; factBytes: number }> {
  const runId = deterministicRunId(Date.now(), 'bench')
  const decoder = createResultsDecoder(createRegistry(registryUrl))
  const facts: RunFact[] = []
  let factBytes = 0
  const reader = createReader(link, {
    topics: [{ topic: topicNames.results, positions: new Map() }],
    async onBatch({ records }) {
      for (const { value } of records) {
        if (value === null) continue
        const decoded = await decoder.decode(value)
        if (!decoded.ok || !isRunFact(decoded.fact) || decoded.fact.runId !== runId) continue
        factBytes += value.length
        facts.push(decoded.fact)
      }
    },
    onTrouble: ({ message }) => {
      note(message)
    },
  })
  await reader.ready
  const plan = {
    version: 1,
    name: 'bench',
    timeoutMs: RUN_LIMIT_MS,
    load: { canaries: CANARIES, ratePerSecond: RATE_PER_SECOND, streams: 8, edgeValuesEvery: 50 },
    stages: [
      { stage: 'sight', task: 'sight-topics', timeoutMs: RUN_LIMIT_MS },
      { stage: 'produce', task: 'produce', needsStarted: ['sight'], timeoutMs: RUN_LIMIT_MS },
    ],
  }
  const writer = createWriter(link)
  await writer.write(topicNames.control, [
    { key: runId, value: Buffer.from(JSON.stringify({ kind: 'run-requested', runId, plan, requestedBy: 'bench' })) },
  ])
  await writer.close()
  note(`${CANARIES.toLocaleString('en-US')} canaries at ${RATE_PER_SECOND.toLocaleString('en-US')} a second`)
  const deadlineMs = performance.now() + RUN_LIMIT_MS + 60_000
  while (!facts.some(({ kind }) => kind === 'run-judged') && performance.now() < deadlineMs) await sleep(200)
  await reader.close()
  return { facts, factBytes }
}

/** From the stage's time zero to the last acknowledgement told; and from there to the end of sighting. */
function pace(facts: readonly RunFact[]): { producedPerSecond: number; catchUpMs: number } {
  let acknowledged = 0
  let lastMs = 0
  for (const fact of facts) {
    if (fact.kind !== 'canaries-produced') continue
    acknowledged += fact.acknowledged.reduce((sum, { ranges }) => sum + sizeOf(ranges), 0)
    lastMs = Math.max(lastMs, fact.atMs)
  }
  const epochMs = facts.find((fact) => fact.kind === 'stage-started' && fact.stage === 'produce')
  const ended = facts.find((fact) => fact.kind === 'stage-ended' && fact.stage === 'sight')
  if (epochMs?.kind !== 'stage-started' || ended === undefined) throw new Error('the stages did not run')
  return { producedPerSecond: (acknowledged * 1000) / (lastMs - epochMs.epochMs), catchUpMs: Math.max(0, ended.atMs - lastMs) }
}

const run = promisify(execFile)

async function kafkaTools(stack: Stack, kafka: string): Promise<Peers> {
  const bootstrap = stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? ''
  const java = (tool: string, args: readonly string[]) =>
    run('java', ['-cp', join(kafka, '*'), `org.apache.kafka.tools.${tool}`, ...args], { maxBuffer: 16 * 1024 * 1024 })
  const written = await java('ProducerPerformance', [
    ...['--topic', 'bench-peer', '--num-records', String(PEER_RECORDS), '--record-size', String(RECORD_BYTES), '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${bootstrap}`, 'acks=all'],
  ])
  const read = await java('ConsumerPerformance', [
    '--bootstrap-server',
    bootstrap,
    '--topic',
    'bench-peer',
    '--num-records',
    String(PEER_RECORDS),
  ])
  const produced = /, ([\d.]+) records\/sec/.exec(written.stdout.trimEnd().split('\n').at(-1) ?? '')?.[1]
  const consumed = read.stdout.trimEnd().split('\n').at(-1)?.split(', ')[5]
  if (produced === undefined || consumed === undefined)
    throw new Error(`cannot read what Kafka's tools say: ${written.stdout} ${read.stdout}`)
  return { produced: Number(produced), consumed: Number(consumed) }
}

async function peakMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1000
}
