import { silent, type SabotageCase } from '../case.ts'
import type { Flow } from '../flow.ts'
import { startRelay } from '../relay.ts'
import { until } from '../wait.ts'

/** 15 s of them. */
const CANARIES = 450
const PASSED_BEFORE = 60
const TIMEOUT_MS = 90_000

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

const killed = (agent: string, name: string) => midRun(name, (flow) => flow.pipeline.killAndRestart(agent))

export const midRunCases: readonly SabotageCase[] = [
  killed('generator', 'the generator killed and started again'),
  killed('ingestion-checker', 'the ingestion-checker killed and started again while canaries are produced'),
]
