import { setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { createAnnotator } from './annotations.ts'
import { reportsDirOf } from './config.ts'
import { reporterCore } from './core.ts'
import { reporterMetrics } from './metrics.ts'
import { ReporterShell } from './shell.ts'

export async function main(): Promise<void> {
  const { config, base, topology } = await setUpAgent('reporter')
  await runAgent({
    core: reporterCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: reporterMetrics(topology),
    createShell: (agent) =>
      Promise.resolve(
        new ReporterShell({ agent, topology, reportsDir: reportsDirOf(config), annotator: createAnnotator(config.grafana, agent) }),
      ),
  })
}
