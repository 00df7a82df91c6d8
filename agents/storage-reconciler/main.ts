import { createObjectStore } from '../../shared/iceberg/object-store.ts'
import { createRestCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { openAgentEngine, ownFolder, setUpAgent } from '../../shared/runtime/agent-setup.ts'
import { openAdmin } from '../../shared/runtime/kafka-admin.ts'
import { runAgent } from '../../shared/runtime/run-agent.ts'
import { ASSAY_VERSION } from '../../shared/runtime/version.ts'
import { reconcilerCore } from './core.ts'
import { reconcilerMetrics } from './metrics.ts'
import { tableRowsSql } from '../../shared/engines/table-rows.ts'
import { ReconcilerShell } from './shell.ts'

const TIMEOUT_MS = 10_000

export async function main(): Promise<void> {
  const { config, base, topology, kafka, registry } = await setUpAgent('storage-reconciler')
  const { s3, catalog } = topology.connections
  const store = createObjectStore({
    endpoint: s3.endpoint,
    region: s3.region,
    accessKeyId: s3.accessKey,
    secretAccessKey: s3.secretKey,
    timeoutMs: TIMEOUT_MS,
  })
  const db = await openAgentEngine(config, 'storage-reconciler')
  const workDir = await ownFolder(config, 'reconciler')
  await runAgent({
    core: reconcilerCore,
    coreConfig: base,
    config,
    version: ASSAY_VERSION,
    metrics: reconcilerMetrics(topology),
    createShell: ({ log, metrics, tracing }) =>
      Promise.resolve(
        new ReconcilerShell({
          topology,
          kafka,
          admin: openAdmin(kafka),
          registry,
          store,
          db,
          tableRows: tableRowsSql,
          log,
          metrics,
          tracing,
          catalog: createRestCatalog({
            url: catalog.url,
            timeoutMs: TIMEOUT_MS,
            ...(catalog.token === null ? {} : { token: catalog.token }),
            ...(catalog.warehouse === null ? {} : { warehouse: catalog.warehouse }),
          }),
          extensionDir: config.duckDbExtensions,
          workDir,
        }),
      ),
  })
}
