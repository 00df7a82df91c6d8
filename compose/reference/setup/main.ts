import { kafkaSettings, logSettings, readSettings, z } from '../config.ts'
import { connectKafka, createTopics } from '../kafka.ts'
import { createLog } from '../log.ts'
import { Registry, schemaText, subjectOf } from '../registry.ts'
import { RAW_TOPIC, TOPIC_PARTITIONS, TRADES_TOPIC } from '../trade.ts'

const settings = readSettings(z.object({ ...logSettings, ...kafkaSettings }))
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
