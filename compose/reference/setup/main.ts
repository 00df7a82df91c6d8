import { kafkaSettings, logSettings, readSettings, z } from '../config.ts'
import { connectKafka, createTopics } from '../kafka.ts'
import { createLog } from '../log.ts'
import { POSITIONS_TOPIC } from '../gateway/session.ts'
import { connectNats, ensureFeedStream, natsSettings } from '../nats.ts'
import { Registry, schemaText, subjectOf } from '../registry.ts'
import { RAW_TOPIC, TOPIC_PARTITIONS, TRADES_TOPIC } from '../trade.ts'

const settings = readSettings(z.object({ ...logSettings, ...kafkaSettings, ...z.object(natsSettings).partial().shape }))
const log = createLog('setup', settings.LOG_LEVEL)

const created = await createTopics(
  connectKafka('market-setup', settings.PIPELINE_KAFKA_BOOTSTRAP, log),
  [RAW_TOPIC, TRADES_TOPIC],
  TOPIC_PARTITIONS,
)
log.info({ created }, 'topics are there')

const registry = new Registry(settings.PIPELINE_REGISTRY_URL)
const schemas = [
  [RAW_TOPIC, 'RawTrade'],
  [TRADES_TOPIC, 'NormalisedTrade'],
] as const
for (const [topic, name] of schemas) {
  const id = await registry.register(subjectOf(topic), schemaText(name))
  log.info({ subject: subjectOf(topic), id }, 'schema is registered')
}

if (settings.PIPELINE_NATS_URL !== undefined) {
  await createTopics(connectKafka('market-setup', settings.PIPELINE_KAFKA_BOOTSTRAP, log), [POSITIONS_TOPIC], 1)
  const nats = await connectNats('market-setup', { ...settings, PIPELINE_NATS_URL: settings.PIPELINE_NATS_URL }, log)
  await ensureFeedStream(nats)
  await nats.close()
  log.info('the stream of the feed is there')
}
