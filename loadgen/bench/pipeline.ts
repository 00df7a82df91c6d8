import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT_NAMES, startAgents } from '../../compose/local/agents.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import type { Figure } from './figures.ts'
import { cpuSeconds, peakMegabytes } from './processes.ts'
import { runPlan, type BenchPlan } from './told-run.ts'

const CANARIES = 100_000
const RATE_PER_SECOND = 2_500
const STAGE_LIMIT_MS = 240_000

const plan: BenchPlan = {
  name: 'bench-pipeline',
  timeoutMs: STAGE_LIMIT_MS,
  load: { canaries: CANARIES, ratePerSecond: RATE_PER_SECOND, streams: 8, edgeValuesEvery: 50 },
  stages: [
    { stage: 'sight', task: 'sight-topics', timeoutMs: STAGE_LIMIT_MS },
    { stage: 'reconcile', task: 'reconcile-table', timeoutMs: STAGE_LIMIT_MS },
    { stage: 'produce', task: 'produce', needsStarted: ['sight', 'reconcile'], timeoutMs: STAGE_LIMIT_MS },
    { stage: 'probe', task: 'probe-api', needsStarted: ['produce'], timeoutMs: STAGE_LIMIT_MS },
  ],
}

/** All six agents over the whole reference pipeline, at a rate that its own sink can follow: what each of them needs. */
export async function benchPipeline(note: (line: string) => void): Promise<Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'))
  const stack = await startStack({ dir, progress: note })
  try {
    await startAgents(stack, AGENT_NAMES, { progress: note })
    const link = connectKafka({ brokers: [stack.env['ASSAY_KAFKA_BOOTSTRAP'] ?? ''], clientId: 'assay.bench' })
    await runPlan({ link, registryUrl: stack.env['PIPELINE_REGISTRY_URL'] ?? '', note }, plan)
    return (await Promise.all(AGENT_NAMES.map((name) => needsOf(stack, name)))).flat()
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function needsOf(stack: Stack, name: string): Promise<Figure[]> {
  const pid = stack.pidOf(name)
  const processorSeconds = await cpuSeconds(pid)
  return [
    {
      name: `pipeline: ${name} resident at most`,
      ours: await peakMegabytes(pid),
      unit: 'MB',
      peer: '',
      peers: null,
      target: { most: 300 },
    },
    { name: '  processor, start included', ours: processorSeconds, unit: 's', peer: '', peers: null, target: {} },
  ]
}
