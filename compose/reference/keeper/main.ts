import { setTimeout as sleep } from 'node:timers/promises'
import { Catalog } from '../catalog.ts'
import { logSettings, readSettings, z } from '../config.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { failedParts } from './status.ts'

const POLL_MS = 1_000
const TIMEOUT_MS = 5_000
const EXPIRE_EACH_POLLS = 60

/**
 * What operators do for such a pipeline. Restarts what has failed of the sink: a task whose coordinator lost its group to a
 * pause of the worker is killed, and "will not recover until manually restarted". And expires old snapshots: a commit
 * each second would make the table's metadata, which every reader loads, 50 MB in a day.
 */
const settings = readSettings(
  z.object({
    ...logSettings,
    PIPELINE_CONNECT_URL: z.url(),
    PIPELINE_CATALOG_URL: z.url(),
    CONNECTOR_NAME: z.string().min(1).default('market-sink'),
    SNAPSHOTS_KEPT_MS: z.coerce.number().int().positive().default(900_000),
  }),
)
const log = createLog('keeper', settings.LOG_LEVEL)
const connector = `${settings.PIPELINE_CONNECT_URL}/connectors/${encodeURIComponent(settings.CONNECTOR_NAME)}`

const catalog = new Catalog({ url: settings.PIPELINE_CATALOG_URL, namespace: 'market', table: 'trades' })

const stopping = new AbortController()

async function keep(): Promise<void> {
  const answer = await fetch(`${connector}/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  // 404 before it is made, 409 while the worker rebalances: both pass.
  if (!answer.ok) return
  const failed = failedParts(await answer.json())
  if (failed.length === 0) return
  const restarted = await fetch(`${connector}/restart?includeTasks=true&onlyFailed=true`, {
    method: 'POST',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  log.warn({ failed, status: restarted.status }, 'failed parts of the connector were restarted')
}

stopOnSignal(log, () => {
  stopping.abort()
  return Promise.resolve()
})

async function expire(): Promise<void> {
  const expired = await catalog.expireSnapshots(Date.now() - settings.SNAPSHOTS_KEPT_MS)
  if (expired > 0) log.info({ expired }, 'snapshots were expired')
}

for (let turn = 1; !stopping.signal.aborted; turn++) {
  await keep().catch((err: unknown) => {
    log.debug({ err }, 'the worker does not answer')
  })
  if (turn % EXPIRE_EACH_POLLS === 0)
    await expire().catch((err: unknown) => {
      log.debug({ err }, 'nothing could be expired')
    })
  await sleep(POLL_MS)
}
