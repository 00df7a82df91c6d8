import { Catalog } from '../catalog.ts'
import { logSettings, readSettings, z } from '../config.ts'
import { Database, loadIceberg } from '../lake.ts'
import type { DatabaseConnection } from '../lake.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { SnapshotCopy } from './copy.ts'
import { MEMORY_MB } from './memory.ts'
import { createMetrics } from './metrics.ts'
import { latestTrades, tradeById, windowStats } from './queries.ts'
import type { Queries } from './queries.ts'
import { createServer } from './server.ts'
import { createTracing, otlpExporter, otlpProtocols } from './tracing.ts'

/** Requests take connections in turn; one connection answers one query at a time. */
const CONNECTIONS = 4
const STORE_THREADS = 2
/** More than there are cores, for these wait for S3 most of the time. */
const SOURCE_THREADS = 8

const settings = readSettings(
  z.object({
    ...logSettings,
    API_HOST: z.string().default('127.0.0.1'),
    API_PORT: z.coerce.number().int().min(1).max(65_535),
    PIPELINE_API_KEY: z.string().min(1),
    PIPELINE_CATALOG_URL: z.url(),
    PIPELINE_S3_ENDPOINT: z.url(),
    PIPELINE_S3_REGION: z.string().min(1),
    PIPELINE_S3_ACCESS_KEY: z.string().min(1),
    PIPELINE_S3_SECRET_KEY: z.string().min(1),
    DUCKDB_EXTENSION_DIR: z.string().min(1),
    ROWS_HELD_MS: z.coerce.number().int().min(120_000).default(7_200_000),
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url().or(z.literal('')).default(''),
    OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(otlpProtocols).default('http/protobuf'),
  }),
)
const log = createLog('query-api', settings.LOG_LEVEL)
const metrics = createMetrics()
const { OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_EXPORTER_OTLP_PROTOCOL: protocol } = settings
const tracing = createTracing(collector === '' ? undefined : await otlpExporter(collector, protocol), log)
/** The lake is read by a database apart, so that no query waits behind a read from S3. */
async function openSource(): Promise<DatabaseConnection> {
  const connection = await (await Database.open({ threads: SOURCE_THREADS, memoryMb: MEMORY_MB.source })).connect()
  await loadIceberg(connection, {
    extensionDir: settings.DUCKDB_EXTENSION_DIR,
    s3: {
      endpoint: settings.PIPELINE_S3_ENDPOINT,
      region: settings.PIPELINE_S3_REGION,
      accessKey: settings.PIPELINE_S3_ACCESS_KEY,
      secretKey: settings.PIPELINE_S3_SECRET_KEY,
    },
  })
  return connection
}

const database = await Database.open({ threads: STORE_THREADS, memoryMb: MEMORY_MB.store })
const copy = new SnapshotCopy({
  store: database,
  source: await openSource(),
  catalogUrl: settings.PIPELINE_CATALOG_URL,
  catalog: new Catalog({ url: settings.PIPELINE_CATALOG_URL, namespace: 'market', table: 'trades' }),
  log,
  heldMs: settings.ROWS_HELD_MS,
  events: {
    loaded: (snapshot, tookMs, how) => {
      metrics.snapshotLoaded(how, tookMs / 1_000)
      log.debug({ snapshotId: snapshot.id.toString(), how, tookMs }, 'a snapshot is loaded')
    },
  },
})
await copy.start()

const connections: Queries[] = []
for (let n = 0; n < CONNECTIONS; n += 1) connections.push(tracing.traced(await database.connect()))
let turn = 0
function nextConnection(): Queries {
  turn = (turn + 1) % CONNECTIONS
  const connection = connections[turn]
  if (connection === undefined) throw new Error(`no connection ${turn} of ${CONNECTIONS}`)
  return connection
}

const server = createServer({
  apiKey: settings.PIPELINE_API_KEY,
  log,
  metrics,
  tracing,
  assertReady: () => {
    copy.assertReady()
  },
  heldSinceMs: () => copy.heldSinceMs,
  tradeById: (tradeId) => tradeById(nextConnection(), tradeId),
  latestTrades: (symbol, limit) => latestTrades(nextConnection(), symbol, limit),
  windowStats: (window) => windowStats(nextConnection(), window),
})
await server.listen({ host: settings.API_HOST, port: settings.API_PORT })
log.info({ port: settings.API_PORT }, 'answering')

stopOnSignal(log, async () => {
  await server.close()
  await tracing.close()
  await copy.stop()
  database.close()
})
