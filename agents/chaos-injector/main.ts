import { setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { loadAgentConfig } from '../../shared/runtime/config.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { injectorCore } from './core.ts'
import { guardOpenLeases } from './guard.ts'
import { leasesDirOf } from './lease.ts'
import { injectorMetrics } from './metrics.ts'
import { InjectorShell } from './shell.ts'
import { startWatching } from './watched.ts'

export async function main(): Promise<void> {
  const { stateDir, instance, logLevel } = loadAgentConfig()
  const leasesDir = leasesDirOf(stateDir)
  // Before anything that waits for a server: leases need none.
  for (const problem of await guardOpenLeases(leasesDir))
    createLog({ agent: injectorCore.name, instance, level: logLevel }).error({ problem }, 'a lease is not watched')
  const { config, base, topology } = await setUpAgent(injectorCore.name)
  await runAgent({
    core: injectorCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: injectorMetrics(topology),
    createShell: ({ log, metrics, bus, clock }) => {
      const stopWatching = startWatching(topology, { log, metrics, clock })
      return Promise.resolve(new InjectorShell({ topology, log, metrics, bus, leasesDir, stopWatching }))
    },
  })
}
