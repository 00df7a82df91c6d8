import { setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { canaryWriter } from './canary-writers.ts'
import { generatorCore } from './core.ts'
import { generatorMetrics } from './metrics.ts'
import { GeneratorShell } from './shell.ts'

export async function main(): Promise<void> {
  const { config, base, topology, kafka, nats, registry } = await setUpAgent('generator')
  await runAgent({
    core: generatorCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: generatorMetrics,
    createShell: (agent) =>
      Promise.resolve(new GeneratorShell({ agent, topology, writer: canaryWriter({ kafka, nats }, topology.hops), registry })),
  })
}
