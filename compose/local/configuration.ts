import { join } from 'node:path'
import { REPO_DIR } from './layout.ts'
import type { StackLayout } from './layout.ts'

/** What the files and environments of all services are rendered from. */
export interface StackFacts {
  layout: StackLayout
  ports: StackPorts
  s3: { region: string; accessKey: string; secretKey: string }
  apiKey: string
}

export interface StackPorts {
  kafka: number
  kafkaController: number
  s3: number
  registry: number
  catalog: number
  connect: number
  api: number
}

export const HOST = '127.0.0.1'
export const BUCKET = 'warehouse'
export const CONNECTOR = 'market-sink'
export const SINK_TOPIC = 'market.trades'
const SINK_TABLE = 'market.trades'

type Properties = Readonly<Record<string, string | number | boolean>>

/** A Java properties file. Backslashes and line ends are escaped; nothing else needs it in our keys and values. */
export function renderProperties(properties: Properties): string {
  const lines = Object.entries(properties).map(
    ([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replace(/^ /, '\\ ')}`,
  )
  return `${lines.join('\n')}\n`
}

/** `export` lines for a POSIX shell. */
export function renderExports(env: Readonly<Record<string, string>>): string {
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
  return `${lines.join('\n')}\n`
}

export function kafkaProperties({ layout, ports }: StackFacts): Properties {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: `PLAINTEXT://${HOST}:${ports.kafka},CONTROLLER://${HOST}:${ports.kafkaController}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${ports.kafka}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.quorum.voters': `1@${HOST}:${ports.kafkaController}`,
    'log.dirs': join(layout.dataDir, 'kafka'),
    'num.partitions': 4,
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    // The sink makes its control topic by writing to it.
    'auto.create.topics.enable': true,
    'log.retention.hours': 24,
    'log.segment.bytes': 64 * 1024 * 1024,
  }
}

export function s3Properties({ layout, ports, s3 }: StackFacts): Properties {
  return {
    's3proxy.endpoint': `http://${HOST}:${ports.s3}`,
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.identity': s3.accessKey,
    's3proxy.credential': s3.secretKey,
    'jclouds.provider': 'filesystem-nio2',
    'jclouds.filesystem.basedir': join(layout.dataDir, 's3'),
    'jclouds.identity': s3.accessKey,
    'jclouds.credential': s3.secretKey,
  }
}

export function catalogEnv({ layout, ports, s3 }: StackFacts): Record<string, string> {
  return {
    CATALOG_REST_PORT: String(ports.catalog),
    CATALOG_WAREHOUSE: `s3://${BUCKET}/`,
    CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
    CATALOG_URI: `jdbc:sqlite:file:${join(layout.dataDir, 'catalog.db')}`,
    CATALOG_JDBC_USER: 'user',
    CATALOG_JDBC_PASSWORD: 'password',
    CATALOG_S3_ENDPOINT: `http://${HOST}:${ports.s3}`,
    CATALOG_S3_PATH__STYLE__ACCESS: 'true',
    CATALOG_CLIENT_REGION: s3.region,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
  }
}

export function connectProperties({ layout, ports }: StackFacts): Properties {
  return {
    'bootstrap.servers': `${HOST}:${ports.kafka}`,
    'group.id': 'connect',
    listeners: `http://${HOST}:${ports.connect}`,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': false,
    'config.storage.topic': '_connect_config',
    'config.storage.replication.factor': 1,
    'offset.storage.topic': '_connect_offset',
    'offset.storage.replication.factor': 1,
    'offset.storage.partitions': 3,
    'status.storage.topic': '_connect_status',
    'status.storage.replication.factor': 1,
    'status.storage.partitions': 2,
    'plugin.path': layout.pluginDir,
    // Scanning every class of the plugins instead takes half a minute.
    'plugin.discovery': 'service_load',
    'offset.flush.interval.ms': 500,
    'session.timeout.ms': 10_000,
    'heartbeat.interval.ms': 3_000,
    'scheduled.rebalance.max.delay.ms': 0,
  }
}

/** Session timeouts of 6 s: with the defaults a killed worker stalls the table for 40 s and more. */
export function sinkConnectorConfig({ ports, s3 }: StackFacts): Record<string, string> {
  const sessions = { 'session.timeout.ms': '6000', 'heartbeat.interval.ms': '1500' }
  return {
    'connector.class': 'org.apache.iceberg.connect.IcebergSinkConnector',
    'tasks.max': '2',
    topics: SINK_TOPIC,
    'iceberg.tables': SINK_TABLE,
    'iceberg.tables.auto-create-enabled': 'true',
    'iceberg.tables.evolve-schema-enabled': 'true',
    'iceberg.catalog.type': 'rest',
    'iceberg.catalog.uri': `http://${HOST}:${ports.catalog}`,
    'iceberg.catalog.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    'iceberg.catalog.s3.endpoint': `http://${HOST}:${ports.s3}`,
    'iceberg.catalog.s3.path-style-access': 'true',
    'iceberg.catalog.client.region': s3.region,
    'iceberg.catalog.s3.access-key-id': s3.accessKey,
    'iceberg.catalog.s3.secret-access-key': s3.secretKey,
    'iceberg.control.topic': `control-iceberg-${CONNECTOR}`,
    'iceberg.control.commit.interval-ms': '1000',
    'iceberg.control.commit.timeout-ms': '10000',
    transforms: 'meta',
    'transforms.meta.type': 'org.apache.iceberg.connect.transforms.KafkaMetadataTransform',
    'value.converter': 'io.apicurio.registry.utils.converter.AvroConverter',
    'value.converter.apicurio.registry.url': `http://${HOST}:${ports.registry}/apis/registry/v2`,
    'value.converter.apicurio.registry.id-handler': 'io.apicurio.registry.serde.Legacy4ByteIdHandler',
    'value.converter.apicurio.registry.use-id': 'contentId',
    'value.converter.apicurio.registry.headers.enabled': 'false',
    'consumer.override.auto.offset.reset': 'earliest',
    ...prefixed('consumer.override.', sessions),
    ...prefixed('iceberg.kafka.', sessions),
  }
}

function prefixed(prefix: string, entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [prefix + key, value]))
}

/** The environment by which every process of the reference pipeline and every agent is configured. */
export function pipelineEnv({ layout, ports, s3, apiKey }: StackFacts): Record<string, string> {
  return {
    PIPELINE_KAFKA_BOOTSTRAP: `${HOST}:${ports.kafka}`,
    PIPELINE_REGISTRY_URL: `http://${HOST}:${ports.registry}/apis/ccompat/v7`,
    PIPELINE_CATALOG_URL: `http://${HOST}:${ports.catalog}`,
    PIPELINE_S3_ENDPOINT: `http://${HOST}:${ports.s3}`,
    PIPELINE_S3_REGION: s3.region,
    PIPELINE_S3_ACCESS_KEY: s3.accessKey,
    PIPELINE_S3_SECRET_KEY: s3.secretKey,
    PIPELINE_API_URL: `http://${HOST}:${ports.api}`,
    PIPELINE_API_KEY: apiKey,
    PIPELINE_CONNECT_URL: `http://${HOST}:${ports.connect}`,
    ASSAY_KAFKA_BOOTSTRAP: `${HOST}:${ports.kafka}`,
    ASSAY_STATE_DIR: layout.assayDir,
    ASSAY_TOPOLOGY: join(REPO_DIR, 'topology', 'reference.yaml'),
    CONNECT_PID_FILE: join(layout.pidDir, 'connect.pid'),
    NORMALISER_DEFECT_LOG: join(layout.logDir, 'normaliser-defects.jsonl'),
  }
}

export function log4jProperties(): Properties {
  return {
    status: 'warn',
    'rootLogger.level': 'info',
    'rootLogger.appenderRef.stdout.ref': 'STDOUT',
    'appender.console.type': 'Console',
    'appender.console.name': 'STDOUT',
    'appender.console.layout.type': 'PatternLayout',
    'appender.console.layout.pattern': '[%d] %p %m (%c{1})%n',
  }
}
