import { setTimeout as sleep } from 'node:timers/promises'
import { logSettings, readSettings, z } from '../config.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { failedParts } from './status.ts'

const POLL_MS = 1_000
const TIMEOUT_MS = 5_000

/**
 * Restarts what has failed of the sink, as operators of Kafka Connect do: a task whose coordinator lost its group to a
 * pause of the worker is killed, and "will not recover until manually restarted".
 */
const settings = readSettings(
  z.object({ ...logSettings, PIPELINE_CONNECT_URL: z.url(), CONNECTOR_NAME: z.string().min(1).default('market-sink') }),
)
const log = createLog('keeper', settings.LOG_LEVEL)
const connector = `${settings.PIPELINE_CONNECT_URL}/connectors/${encodeURIComponent(settings.CONNECTOR_NAME)}`

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

while (!stopping.signal.aborted) {
  await keep().catch((err: unknown) => {
    log.debug({ err }, 'the worker does not answer')
  })
  await sleep(POLL_MS)
}
