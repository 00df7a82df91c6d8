import { setTimeout as sleep } from 'node:timers/promises'
import { Catalog } from '../catalog.ts'
import { logSettings, readSettings, z } from '../config.ts'
import { isPipelineError } from '../errors.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { openStore } from '../store.ts'
import { openHealth } from './health.ts'
import { retireRows } from './retention.ts'
import { failedParts } from './status.ts'
import { sweep } from './sweep.ts'

const POLL_MS = 1_000
const TIMEOUT_MS = 5_000
const EXPIRE_EACH_POLLS = 60
const RETIRE_EACH_POLLS = 600
const HOUR_MS = 60 * 60_000

/**
 * What operators do for such a pipeline. Restarts what has failed of the sink: a task whose coordinator lost its group to a
 * pause of the worker is killed, and "will not recover until manually restarted". Expires old snapshots: a commit each second
 * would make the table's metadata, which every reader loads, 50 MB in a day. Retires old rows, and removes the files of both.
 */
const settings = readSettings(
  z.object({
    ...logSettings,
    PIPELINE_CONNECT_URL: z.url(),
    PIPELINE_CATALOG_URL: z.url(),
    PIPELINE_S3_ENDPOINT: z.url(),
    PIPELINE_S3_REGION: z.string().min(1),
    PIPELINE_S3_ACCESS_KEY: z.string().min(1),
    PIPELINE_S3_SECRET_KEY: z.string().min(1),
    CONNECTOR_NAME: z.string().min(1).default('market-sink'),
    SNAPSHOTS_KEPT_MS: z.coerce.number().int().positive().default(900_000),
    // Rows younger than an hour are nobody's to remove.
    ROWS_KEPT_MS: z.coerce.number().int().min(HOUR_MS).default(10_800_000),
    KEEPER_HOST: z.string().default('127.0.0.1'),
    KEEPER_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  }),
)
const log = createLog('keeper', settings.LOG_LEVEL)
const connector = `${settings.PIPELINE_CONNECT_URL}/connectors/${encodeURIComponent(settings.CONNECTOR_NAME)}`
const catalog = new Catalog({ url: settings.PIPELINE_CATALOG_URL, namespace: 'market', table: 'trades' })
const store = openStore({
  endpoint: settings.PIPELINE_S3_ENDPOINT,
  region: settings.PIPELINE_S3_REGION,
  accessKey: settings.PIPELINE_S3_ACCESS_KEY,
  secretKey: settings.PIPELINE_S3_SECRET_KEY,
})
const health = await openHealth({ host: settings.KEEPER_HOST, port: settings.KEEPER_PORT })
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

async function expire(): Promise<void> {
  const expired = await catalog.expireSnapshots(Date.now() - settings.SNAPSHOTS_KEPT_MS)
  if (expired > 0) log.info({ expired }, 'snapshots were expired')
}

async function retire(): Promise<void> {
  const retired = await retireRows({ catalog, store }, Date.now() - settings.ROWS_KEPT_MS)
  if (retired.files > 0) log.info({ files: retired.files, rows: retired.rows.toString() }, 'old rows were retired')
  const swept = await sweep({ catalog, store }, Date.now())
  if (swept.metadataFiles > 0) log.info(swept, 'files that nothing names were removed')
}

/** What fails is done the next time. The table may not be there yet, and whoever runs the pipeline may disturb it. */
async function attempt(work: () => Promise<void>, what: string): Promise<void> {
  try {
    await work()
  } catch (err) {
    const passes = !isPipelineError(err, 'TABLE_UNREADABLE')
    log[passes ? 'debug' : 'error']({ err }, what)
  }
}

stopOnSignal(log, async () => {
  stopping.abort()
  await health.close()
})

// Beside the polls: reading the metadata of hours takes longer than one.
let housekeeping: Promise<void> | null = null
const inTurn = (turn: number) => async (): Promise<void> => {
  if (turn % EXPIRE_EACH_POLLS === 0) await attempt(expire, 'nothing could be expired')
  if (turn % RETIRE_EACH_POLLS === 0) await attempt(retire, 'no rows could be retired')
}

for (let turn = 1; !stopping.signal.aborted; turn++) {
  await attempt(keep, 'the worker does not answer')
  if (turn % EXPIRE_EACH_POLLS === 0 && housekeeping === null)
    housekeeping = inTurn(turn)().finally(() => {
      housekeeping = null
    })
  health.turned(Date.now())
  await sleep(POLL_MS)
}
