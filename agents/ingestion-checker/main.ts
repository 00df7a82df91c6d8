import { openAgentEngine, setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { checkerCore } from './core.ts'
import { checkerMetrics } from './metrics.ts'
import { CheckerShell } from './shell.ts'

export async function main(): Promise<void> {
  const { config, base, topology, kafka, nats, registry } = await setUpAgent('ingestion-checker')
  const db = await openAgentEngine(config, 'ingestion-checker')
  await runAgent({
    core: checkerCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: checkerMetrics(topology),
    createShell: ({ log, metrics, tracing }) =>
      Promise.resolve(new CheckerShell({ topology, kafka, nats, registry, db, log, metrics, tracing })),
  })
}
