import { randomUUID } from 'node:crypto'
import { kafkaSettings, logSettings, readSettings, z } from '../config.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { natsSettings } from '../nats.ts'
import { Registry, createEncoder } from '../registry.ts'
import { RAW_TOPIC } from '../trade.ts'
import { toKafka, toNats } from './destination.ts'
import { openMarket } from './market.ts'

const TICK_MS = 50
/** With this many sends unanswered the feed lets its trades go, as a market would. */
const PENDING_SENDS_MAX = 40
const STATUS_EVERY_MS = 10_000

const settings = readSettings(
  z.object({
    ...logSettings,
    ...kafkaSettings,
    ...z.object(natsSettings).partial().shape,
    FEED_PER_SECOND: z.coerce.number().nonnegative().max(100_000).default(20),
  }),
)
const log = createLog('feed', settings.LOG_LEVEL)
const registry = new Registry(settings.PIPELINE_REGISTRY_URL)
const encode = await createEncoder(registry, RAW_TOPIC, 'RawTrade')
const { PIPELINE_NATS_URL: natsUrl, PIPELINE_NATS_TOKEN: natsToken } = settings
const destination = natsUrl === undefined ? await toKafka(settings.PIPELINE_KAFKA_BOOTSTRAP, log) : await toNats(natsUrl, natsToken, log)

const sessionId = `feed-${randomUUID().slice(0, 8)}`
const market = openMarket(sessionId, Math.random)
const startedAtMs = Date.now()
const pending = new Set<Promise<void>>()
const counts = { sent: 0, failed: 0, let_go: 0 }
let due = 0

function tick(): void {
  const nowMs = Date.now()
  const target = Math.floor(((nowMs - startedAtMs) * settings.FEED_PER_SECOND) / 1_000)
  const wanted = target - due
  due = target
  if (wanted <= 0) return
  if (pending.size >= PENDING_SENDS_MAX) {
    counts.let_go += wanted
    return
  }
  const records = Array.from({ length: wanted }, () => {
    const trade = market.next(BigInt(nowMs) * 1_000n)
    return { key: trade.symbol, value: encode(trade), headers: { session: sessionId, 'content-type': 'application/avro' } }
  })
  const send = destination
    .send(records)
    .then(() => {
      counts.sent += records.length
    })
    .catch((err: unknown) => {
      counts.failed += records.length
      log.warn({ err, records: records.length }, 'trades could not be sent')
    })
    .finally(() => pending.delete(send))
  pending.add(send)
}

const ticking = setInterval(tick, TICK_MS)
const telling = setInterval(() => {
  log.info({ ...counts }, 'feeding')
}, STATUS_EVERY_MS)
log.info({ sessionId, perSecond: settings.FEED_PER_SECOND }, 'feeding')

stopOnSignal(log, async () => {
  clearInterval(ticking)
  clearInterval(telling)
  await Promise.all(pending)
  await destination.close()
  log.info({ ...counts }, 'feed ended')
})
