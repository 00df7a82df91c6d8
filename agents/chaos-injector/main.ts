import { setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { injectorCore } from './core.ts'
import { leasesDirOf } from './lease.ts'
import { injectorMetrics } from './metrics.ts'
import { InjectorShell } from './shell.ts'

export async function main(): Promise<void> {
  const { config, base, topology } = await setUpAgent('chaos-injector')
  await runAgent({
    core: injectorCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: injectorMetrics,
    createShell: ({ log, metrics }) =>
      Promise.resolve(new InjectorShell({ topology, log, metrics, leasesDir: leasesDirOf(config.stateDir) })),
  })
}
