import { silent, type SabotageCase } from '../case.ts'
import type { Flow } from '../flow.ts'
import { within } from '../pipeline.ts'
import { startRelay } from '../relay.ts'
import { FIRST_BROKER, moveLeaders, SECOND_BROKER, startSecondBroker } from '../second-broker.ts'
import { until } from '../wait.ts'
import { paused, restarted } from './disturbed.ts'

/** 12 s of them. */
const CANARIES = 360
const PASSED_BEFORE = 60
const TIMEOUT_MS = 90_000

/** 30 s of them: an agent takes its time to start, and a broker. */
const LONGER = { canaries: 900, timeoutMs: 120_000 } as const

/** A faithful pipeline passes canaries on as they come; in the midst of it something happens to it or to us. */
const midRun = (name: string, disturb: (flow: Flow) => Promise<unknown>, options: Partial<SabotageCase> = {}): SabotageCase => ({
  name,
  kind: 'innocent',
  of: 'topic',
  during: 'production',
  canaries: CANARIES,
  timeoutMs: TIMEOUT_MS,
  ...options,
  async act(flow) {
    const relay = await startRelay(flow)
    try {
      await until(
        () => `${relay.passed()} of ${PASSED_BEFORE} canaries passed on`,
        () => relay.passed() >= PASSED_BEFORE,
      )
      await disturb(flow)
      if (!flow.isProducing()) throw new Error('production had ended before the disturbance did')
      const before = relay.passed()
      await relay.finish()
      if (relay.passed() <= before) throw new Error('nothing was passed on after the disturbance')
    } finally {
      await relay.close()
    }
    return silent
  },
})

const killed = (agent: string, name: string) => midRun(name, (flow) => flow.pipeline.killAndRestart(agent), LONGER)

/** All that it writes and reads, Assay's own two topics as well, is led by another broker for a while. */
async function leadersChanged({ pipeline }: Flow): Promise<void> {
  const { names, environment } = pipeline
  const { ASSAY_CONTROL_TOPIC: control = '', ASSAY_RESULTS_TOPIC: results = '' } = environment
  const topics = [names.raw, names.topic, control, results]
  const second = await startSecondBroker(pipeline)
  try {
    await moveLeaders(pipeline, topics, SECOND_BROKER)
    await moveLeaders(pipeline, topics, FIRST_BROKER)
  } finally {
    await second.stop()
  }
}

/** A broker that is away delays all that is sent meanwhile: its pipeline promises no more than it can keep. */
const patient = { alone: true, deliverWithinMs: within(5) } as const

export const midRunCases: readonly SabotageCase[] = [
  midRun('a faithful pipeline while canaries are produced', () => Promise.resolve(), { of: 'table' }),
  killed('generator', 'the generator killed and started again'),
  ...['ingestion-checker', 'storage-reconciler', 'reporter'].map((agent) =>
    killed(agent, `the ${agent} killed and started again while canaries are produced`),
  ),
  midRun('the registry paused while canaries are produced', paused('registry'), { alone: true }),
  midRun('the catalog paused while canaries are produced', paused('catalog'), { of: 'table', alone: true }),
  midRun('the object store paused while canaries are produced', paused('s3'), { of: 'table', alone: true }),
  midRun('the broker paused while canaries are produced', paused('kafka'), patient),
  midRun('leaders changed, and changed back, while canaries are produced', leadersChanged, { ...patient, ...LONGER }),
  midRun('the broker restarted while canaries are produced', restarted('kafka'), patient),
]
