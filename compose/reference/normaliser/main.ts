import { appendFileSync } from 'node:fs'
import { kafkaSettings, logSettings, readSettings, z } from '../config.ts'
import { TransactionalWriter, connectKafka, consumeBatches } from '../kafka.ts'
import { stopOnSignal } from '../lifetime.ts'
import { createLog } from '../log.ts'
import { Decoder, Registry, createEncoder } from '../registry.ts'
import { RAW_TOPIC, TOPIC_PARTITIONS, TRADES_TOPIC } from '../trade.ts'
import type { RawTrade } from '../trade.ts'
import { defects, parseDefects } from './defects.ts'
import type { Effect } from './defects.ts'
import { Pump } from './pump.ts'

const GROUP = 'market-normaliser'

const settings = readSettings(
  z.object({
    ...logSettings,
    ...kafkaSettings,
    NORMALISER_DEFECT: z.string().default('none').transform(readDefects),
    NORMALISER_DEFECT_EVERY: z.coerce.number().int().positive().default(997),
    NORMALISER_DEFECT_DELAY_MS: z.coerce.number().int().positive().default(8_000),
    NORMALISER_DEFECT_LOG: z.string().min(1).optional(),
  }),
)
function readDefects(text: string, context: z.RefinementCtx) {
  const planted = parseDefects(text)
  if (planted !== null) return planted
  context.addIssue(`expected none, or some of ${defects.join(', ')} with commas between, got "${text}"`)
  return z.NEVER
}

const log = createLog('normaliser', settings.LOG_LEVEL)
const registry = new Registry(settings.PIPELINE_REGISTRY_URL)
const kafka = connectKafka('market-normaliser', settings.PIPELINE_KAFKA_BOOTSTRAP, log)
const writer = new TransactionalWriter(kafka, { transactionalId: GROUP, groupId: GROUP, sourceTopic: RAW_TOPIC }, log)
const decoder = new Decoder(registry, 'RawTrade')
const encode = await createEncoder(registry, TRADES_TOPIC, 'NormalisedTrade')
await writer.connect()

function logEffects(effects: readonly Effect[]): void {
  const atMs = Date.now()
  const lines = effects.map((effect) => `${JSON.stringify({ ...effect, atMs })}\n`).join('')
  if (settings.NORMALISER_DEFECT_LOG === undefined) log.info({ effects }, 'planted')
  else appendFileSync(settings.NORMALISER_DEFECT_LOG, lines, { flush: true })
}

const pump = new Pump(
  {
    learn: (values) => decoder.learn(values),
    // The reader schema is RawTrade's, so what avsc returns has its shape.
    decode: (value) => decoder.decode(value) as RawTrade,
    encode,
    write: (work) => writer.write(work),
    logEffects,
  },
  { defects: settings.NORMALISER_DEFECT, every: settings.NORMALISER_DEFECT_EVERY, delayMs: settings.NORMALISER_DEFECT_DELAY_MS },
  log,
)

const consumer = await consumeBatches(
  kafka,
  { groupId: GROUP, topic: RAW_TOPIC, concurrency: TOPIC_PARTITIONS },
  {
    take: (batch) => pump.submit(batch),
    crashed: (err) => {
      log.fatal({ err }, 'the consumer gave up; a restart goes on from the committed offsets')
      process.exit(1)
    },
  },
)
log.info({ defects: settings.NORMALISER_DEFECT, every: settings.NORMALISER_DEFECT_EVERY }, 'normalising')

stopOnSignal(log, async () => {
  await consumer.stop()
  await pump.stop()
  await consumer.disconnect()
  await writer.disconnect()
})
