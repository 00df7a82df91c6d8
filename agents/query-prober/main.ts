import { createRestCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { openAgentEngine, setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { proberCore } from './core.ts'
import { proberMetrics } from './metrics.ts'
import { ProberShell } from './shell.ts'

const CATALOG_TIMEOUT_MS = 10_000

export async function main() {
  const { config, topology, base } = await setUpAgent(proberCore.name)
  const { url, token } = topology.connections.catalog
  const catalog = createRestCatalog({ url, timeoutMs: CATALOG_TIMEOUT_MS, ...(token === null ? {} : { token }) })
  const db = await openAgentEngine(config, proberCore.name)
  return runAgent({
    core: proberCore,
    coreConfig: base,
    createShell: ({ log, metrics, tracing }) => Promise.resolve(new ProberShell({ topology, catalog, db, log, metrics, tracing })),
    metrics: proberMetrics(topology),
    config,
    version: ASSAY_VERSION,
  })
}
