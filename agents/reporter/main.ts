import { setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { createAlerter } from './alerts.ts'
import { createAnnotator } from './annotations.ts'
import { createAuditObserver } from './audit/observer.ts'
import { reportsDirOf } from './config.ts'
import { reporterCore } from './core.ts'
import { reporterMetrics } from './metrics.ts'
import { createPage } from './page/page.ts'
import { rawAccess } from './raw-access.ts'
import { ReporterShell } from './shell.ts'

export async function main(): Promise<void> {
  const { config, base, topology, kafka } = await setUpAgent('reporter')
  await runAgent({
    core: reporterCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: reporterMetrics(topology),
    createShell: async (agent) => {
      const reportsDir = reportsDirOf(config)
      const page = await createPage({ ...config, agent, topology, plans: base.plans, reportsDir })
      agent.setAnswer(page.answer)
      return new ReporterShell({
        agent,
        topology,
        reportsDir,
        fetchRaw: config.archivesRecords ? rawAccess(topology, kafka, agent) : null,
        annotator: createAnnotator(config.grafana, agent),
        alerter: createAlerter(config.alertmanager, agent),
        audit: createAuditObserver(agent, topology),
        page,
      })
    },
  })
}
