import { kafkaSettings, logSettings, readSettings, z } from '../config.ts'
import { TransactionalWriter, connectKafka } from '../kafka.ts'
import { sleep, stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { connectNats, natsSettings, streamFacts } from '../nats.ts'
import { Decoder, Registry } from '../registry.ts'
import type { RawTrade } from '../trade.ts'
import { createMetrics, serveStatus } from './metrics.ts'
import { DURABLE, POSITIONS_TOPIC, Session, positionIn } from './session.ts'

const PAUSE_MS = 500

const settings = readSettings(
  z.object({
    ...logSettings,
    ...kafkaSettings,
    ...natsSettings,
    GATEWAY_HOST: z.string().min(1).default('127.0.0.1'),
    GATEWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  }),
)
const log = createLog('gateway', settings.LOG_LEVEL)
const metrics = createMetrics()
let state = 'waiting for NATS'
let session: Session | null = null
const server = serveStatus(
  { host: settings.GATEWAY_HOST, port: settings.GATEWAY_PORT },
  () => ({ ok: session !== null, detail: state }),
  metrics,
)
const kafka = connectKafka(DURABLE, settings.PIPELINE_KAFKA_BOOTSTRAP, log)
const decoder = new Decoder(new Registry(settings.PIPELINE_REGISTRY_URL), 'RawTrade')
const nats = await connectNats(DURABLE, settings, log)
const stopping = { asked: false, ended: Promise.withResolvers<undefined>() }

stopOnSignal(log, async () => {
  stopping.asked = true
  session?.end('stopping')
  await stopping.ended.promise
  await nats.close()
  server.close()
})

/** One session from the position that Kafka holds. The transactional id fences any other gateway, and ends what it left open. */
async function moveOn(): Promise<string> {
  const { createdMs, acknowledgedTo } = await streamFacts(nats, DURABLE)
  const positions = { transactionalId: DURABLE, groupId: `${DURABLE}-${createdMs}`, sourceTopic: POSITIONS_TOPIC }
  const writer = new TransactionalWriter(kafka, positions, log)
  try {
    await writer.connect()
    // What the consumer has acknowledged is in Kafka; what is in Kafka is not always acknowledged.
    const first = positionIn(await writer.committedOffsets()) ?? acknowledgedTo ?? 1
    log.info({ first }, 'moving')
    metrics.sessionBegan()
    state = `moving since message ${first}`
    session = new Session({
      nats,
      learn: (values) => decoder.learn(values),
      // The reader schema is RawTrade's, so what avsc returns has its shape.
      decode: (value) => decoder.decode(value) as RawTrade,
      write: (work) => writer.write(work),
      metrics,
      log,
    })
    if (stopping.asked) session.end('stopping')
    return await session.run(first)
  } finally {
    session = null
    await writer.disconnect().catch((err: unknown) => {
      log.debug({ err }, 'a producer could not be disconnected')
    })
  }
}

const isFenced = (error: unknown): boolean =>
  error instanceof Error && (('type' in error && /FENCED|INVALID_PRODUCER_EPOCH/.test(String(error.type))) || isFenced(error.cause))

while (!stopping.asked) {
  try {
    state = await moveOn()
    log.info({ reason: state }, 'a session ended')
  } catch (error) {
    state = error instanceof Error ? error.message : String(error)
    log.warn({ err: error }, 'a session broke off')
    if (isFenced(error)) {
      log.fatal('another gateway has taken over')
      process.exit(1)
    }
  }
  await sleep(PAUSE_MS)
}
stopping.ended.resolve(undefined)
