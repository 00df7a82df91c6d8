/** What the local stack and Compose say alike to the servers of the reference pipeline, wherever these listen. */
export const BUCKET = 'warehouse'
export const CONNECTOR = 'market-sink'
export const SINK_TOPIC = 'market.trades'
const SINK_TABLE = 'market.trades'

export type Properties = Readonly<Record<string, string | number | boolean>>

/** Addresses as the processes of one deployment see them: `host:port` of the broker, base URLs of the others. */
export interface Addresses {
  readonly kafka: string
  readonly s3: string
  readonly registry: string
  readonly catalog: string
  readonly connect: string
  readonly api: string
}

export interface S3Access {
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
}

/** One broker that is its own controller. */
export const brokerSettings: Properties = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
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

export const s3Settings = { authorization: 'aws-v2-or-v4', provider: 'filesystem-nio2' } as const

/** Of Iceberg's REST server; `databaseFile` is where it keeps which table points to which metadata. */
export function catalogSettings({ s3: endpoint }: Pick<Addresses, 's3'>, s3: S3Access, databaseFile: string): Record<string, string> {
  return {
    CATALOG_WAREHOUSE: `s3://${BUCKET}/`,
    CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
    CATALOG_URI: `jdbc:sqlite:file:${databaseFile}`,
    CATALOG_JDBC_USER: 'user',
    CATALOG_JDBC_PASSWORD: 'password',
    CATALOG_S3_ENDPOINT: endpoint,
    CATALOG_S3_PATH__STYLE__ACCESS: 'true',
    CATALOG_CLIENT_REGION: s3.region,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
  }
}

/** Of the Connect worker. */
export const workerSettings: Properties = {
  'group.id': 'connect',
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
  // Scanning every class of the plugins instead takes half a minute.
  'plugin.discovery': 'service_load',
  'offset.flush.interval.ms': 500,
  'session.timeout.ms': 10_000,
  'heartbeat.interval.ms': 3_000,
  'scheduled.rebalance.max.delay.ms': 0,
}

/** Session timeouts of 6 s: with the defaults a killed worker stalls the table for 40 s and more. */
export function sinkSettings(
  { catalog, s3: endpoint, registry }: Pick<Addresses, 'catalog' | 's3' | 'registry'>,
  s3: S3Access,
): Record<string, string> {
  const sessions = { 'session.timeout.ms': '6000', 'heartbeat.interval.ms': '1500' }
  return {
    'connector.class': 'org.apache.iceberg.connect.IcebergSinkConnector',
    'tasks.max': '2',
    topics: SINK_TOPIC,
    'iceberg.tables': SINK_TABLE,
    'iceberg.tables.auto-create-enabled': 'true',
    'iceberg.tables.evolve-schema-enabled': 'true',
    'iceberg.catalog.type': 'rest',
    'iceberg.catalog.uri': catalog,
    'iceberg.catalog.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    'iceberg.catalog.s3.endpoint': endpoint,
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
    'value.converter.apicurio.registry.url': `${registry}/apis/registry/v2`,
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

/** Where everything of the pipeline is, as its own services and every agent are told. */
export function addressEnv(at: Addresses, s3: S3Access, apiKey: string): Record<string, string> {
  return {
    PIPELINE_KAFKA_BOOTSTRAP: at.kafka,
    PIPELINE_REGISTRY_URL: `${at.registry}/apis/ccompat/v7`,
    PIPELINE_CATALOG_URL: at.catalog,
    PIPELINE_S3_ENDPOINT: at.s3,
    PIPELINE_S3_REGION: s3.region,
    PIPELINE_S3_ACCESS_KEY: s3.accessKey,
    PIPELINE_S3_SECRET_KEY: s3.secretKey,
    PIPELINE_API_URL: at.api,
    PIPELINE_API_KEY: apiKey,
    PIPELINE_CONNECT_URL: at.connect,
  }
}
