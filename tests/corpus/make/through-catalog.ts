import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { startStack, type Stack } from '../../../compose/local/stack.ts'
import { Catalog } from '../../../compose/reference/catalog.ts'
import { connectKafka, connectProducer, sendRecords } from '../../../compose/reference/kafka.ts'
import { createLog } from '../../../compose/reference/log.ts'
import { createEncoder, Registry } from '../../../compose/reference/registry.ts'
import { openStore } from '../../../compose/reference/store.ts'
import { normalise, TRADES_TOPIC, type RawTrade } from '../../../compose/reference/trade.ts'
import { sinkSettings } from '../../../compose/services/settings.ts'
import { openDuckDb } from '../../../shared/engines/duckdb.ts'
import { openLake } from '../../../shared/engines/lake-rows.ts'

/** A table as its writer left it; what is in it is still to be noted. */
export interface WrittenTable {
  readonly table: string
  readonly metadata: string
  readonly writer: string
  readonly features: readonly string[]
}

type Settings = Readonly<Record<string, string>>

const NAMESPACE = 'corpus'
/** What the catalog calls its warehouse: tables lie in s3://warehouse/corpus/…, which the readers of the corpus know. */
const FOLDER = `s3://warehouse/${NAMESPACE}`

/** Tables of writers that need a catalog: DuckDB's Iceberg extension and the Connect sink, on the servers of the local stack. */
export async function writeThroughCatalog(
  tables: string,
  { extensionDir, note }: { extensionDir: string; note: (line: string) => void },
): Promise<WrittenTable[]> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-corpus-stack-'))
  const stack = await startStack({ dir, progress: note, only: ['connect', 'catalog', 'setup'] })
  try {
    await post(`${of(stack, 'PIPELINE_CATALOG_URL')}/v1/namespaces`, { namespace: [NAMESPACE] })
    const written = [...(await duckDbTables(stack, extensionDir)), await sinkTable(stack)]
    const kept: WrittenTable[] = []
    for (const one of written) kept.push({ ...one, metadata: await copyTable(stack, { table: one.table, tables }) })
    return kept
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

const of = (stack: Stack, name: string) => stack.env[name] ?? ''

async function post(url: string, body: object, method = 'POST'): Promise<void> {
  const answer = await fetch(url, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`)
}

type Written = Omit<WrittenTable, 'metadata'>

/** By format version: from 3 on, its deletes are deletion vectors. */
async function duckDbTables(stack: Stack, extensionDir: string): Promise<Written[]> {
  const db = await openDuckDb({ memoryLimitMb: 256, threads: 1, tempDir: stack.dir })
  try {
    const [version] = await db.query('SELECT version() AS version')
    await openLake(db, {
      catalog: { url: of(stack, 'PIPELINE_CATALOG_URL'), token: null, warehouse: null },
      s3: {
        endpoint: of(stack, 'PIPELINE_S3_ENDPOINT'),
        region: of(stack, 'PIPELINE_S3_REGION'),
        accessKey: of(stack, 'PIPELINE_S3_ACCESS_KEY'),
        secretKey: of(stack, 'PIPELINE_S3_SECRET_KEY'),
      },
      extensionDir,
    })
    const writer = `DuckDB ${String(version?.['version']).replace(/^v/, '')}, extension iceberg`
    const kinds = [
      { table: 'duckdb-v2', version: 2, features: ['append', 'position deletes', 'update by merge on read', 'v2'] },
      { table: 'duckdb-v3', version: 3, features: ['append', 'deletion vectors', 'update by merge on read', 'v3'] },
    ]
    for (const { table, version: format } of kinds) {
      const name = `lake.${NAMESPACE}."${table}"`
      const columns = 'id BIGINT, "name" VARCHAR, price DECIMAL(18, 4), "at" TIMESTAMPTZ, raw BLOB, tags VARCHAR[]'
      await db.query(`CREATE TABLE ${name} (${columns}) WITH ('format-version' = '${format}')`)
      const rows = (first: number, last: number) => `SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE 'name ' || i END, i * 1.2345,
        TIMESTAMPTZ '2024-02-29 12:00:00Z' + to_microseconds(i), encode('raw' || i), ['a', NULL, 'b' || i]
        FROM range(${first}, ${last + 1}) one(i)`
      await db.query(`INSERT INTO ${name} ${rows(1, 20)}`)
      await db.query(`DELETE FROM ${name} WHERE id IN (3, 7, 20)`)
      await db.query(`INSERT INTO ${name} ${rows(21, 25)}`)
      await db.query(`UPDATE ${name} SET "name" = 'changed' WHERE id IN (4, 22)`)
      await db.query(`DELETE FROM ${name} WHERE id = 8`)
    }
    return kinds.map(({ table, features }) => ({ table, writer, features }))
  } finally {
    db.close()
  }
}

const SINK_TABLE = 'connect-sink'
const ASK_EACH_MS = 500
const ASKED_MAX = 180

/** As the reference pipeline's sink makes it: two commits of what stands in the topic. */
async function sinkTable(stack: Stack): Promise<Written> {
  const connector = `${of(stack, 'PIPELINE_CONNECT_URL')}/connectors/${SINK_TABLE}`
  const addresses = {
    catalog: of(stack, 'PIPELINE_CATALOG_URL'),
    s3: of(stack, 'PIPELINE_S3_ENDPOINT'),
    registry: new URL(of(stack, 'PIPELINE_REGISTRY_URL')).origin,
  }
  const s3 = {
    region: of(stack, 'PIPELINE_S3_REGION'),
    accessKey: of(stack, 'PIPELINE_S3_ACCESS_KEY'),
    secretKey: of(stack, 'PIPELINE_S3_SECRET_KEY'),
  }
  const settings: Settings = {
    ...sinkSettings(addresses, s3),
    'iceberg.tables': `${NAMESPACE}.${SINK_TABLE}`,
    'iceberg.control.topic': `control-${SINK_TABLE}`,
  }
  const kafka = connectKafka('corpus', of(stack, 'PIPELINE_KAFKA_BOOTSTRAP'), createLog('corpus', 'silent'))
  const encode = await createEncoder(new Registry(of(stack, 'PIPELINE_REGISTRY_URL')), TRADES_TOPIC, 'NormalisedTrade')
  const producer = await connectProducer(kafka)
  const catalog = new Catalog({ url: addresses.catalog, namespace: NAMESPACE, table: SINK_TABLE })
  try {
    for (const [first, last] of [
      [0, 19],
      [20, 39],
    ] as const) {
      const trades = Array.from({ length: last - first + 1 }, (_, i) => normalise(tradeOf(first + i)))
      await sendRecords(
        producer,
        TRADES_TOPIC,
        trades.map((trade) => ({ key: trade.symbol, value: encode(trade), headers: {} })),
      )
      await post(`${connector}/config`, settings, 'PUT')
      await untilRows(catalog, BigInt(last + 1))
    }
  } finally {
    await producer.disconnect()
    await fetch(connector, { method: 'DELETE' })
  }
  return {
    table: SINK_TABLE,
    writer: `Kafka Connect, Iceberg sink ${SINK_VERSION}`,
    features: ['append', 'written by the Connect sink', 'struct, list, map'],
  }
}

const SINK_VERSION = '1.12.0'

const tradeOf = (i: number): RawTrade => ({
  trade_id: `trade-${i}`,
  symbol: `sym${i % 6}`,
  venue: 'XNAS',
  side: i % 2 === 0 ? 'BUY' : 'SELL',
  price: BigInt(i) * 1_234_567n - 3n,
  quantity: BigInt(i) * 10_001n,
  traded_at: 1_709_208_000_000_000n + BigInt(i),
  note: i % 3 === 0 ? null : `naïve ${i}`,
  attributes: i % 4 === 0 ? {} : { key: String(i) },
})

async function untilRows(catalog: Catalog, rows: bigint): Promise<void> {
  for (let asked = 0; asked < ASKED_MAX; asked++) {
    const found = await catalog.currentSnapshot().catch(() => null)
    if (found?.rows === rows) return
    await sleep(ASK_EACH_MS)
  }
  throw new Error(`the sink did not bring ${rows} rows within ${(ASKED_MAX * ASK_EACH_MS) / 1000} s`)
}

/** Copies what the table has in the store; gives where its newest metadata is. */
async function copyTable(stack: Stack, { table, tables }: { table: string; tables: string }): Promise<string> {
  const answer = await fetch(`${of(stack, 'PIPELINE_CATALOG_URL')}/v1/namespaces/${NAMESPACE}/tables/${table}`)
  const { 'metadata-location': metadata } = z.object({ 'metadata-location': z.string() }).parse(await answer.json())
  const store = openStore({
    endpoint: of(stack, 'PIPELINE_S3_ENDPOINT'),
    region: of(stack, 'PIPELINE_S3_REGION'),
    accessKey: of(stack, 'PIPELINE_S3_ACCESS_KEY'),
    secretKey: of(stack, 'PIPELINE_S3_SECRET_KEY'),
  })
  await rm(join(tables, table), { recursive: true, force: true })
  for (const { uri } of await store.list(`${FOLDER}/${table}`)) {
    if (uri.endsWith('.metadata.json') && uri !== metadata) continue
    const path = join(tables, table, uri.slice(FOLDER.length + table.length + 2))
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, await store.get(uri))
  }
  if (!metadata.startsWith(`${FOLDER}/${table}/metadata/`)) throw new Error(`${basename(metadata)} lies elsewhere: ${metadata}`)
  return metadata
}
