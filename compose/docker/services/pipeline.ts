import { healthPaths } from '../../services/health-paths.ts'
import { addressEnv, brokerSettings, catalogSettings, s3Settings, type Properties } from '../../services/settings.ts'
import { images, ownImages } from '../images.ts'
import { apiKey, bundled, collectorUrl, natsUrl, ports, s3Access } from './addresses.ts'
import { builds } from './built.ts'
import { bashHttp, bashTcp, done, healthy, limits, published, scratch, scratchOf, scratchOfJava, wgetHttp, type Service } from './model.ts'

/** 16 bytes in base64url, as Kafka wants a cluster id. */
const CLUSTER_ID = Buffer.from('assay-composed-1').toString('base64url')

/** Of `appuser` in Kafka's image. */
const KAFKA_USER = 1000

/** For images that would run as root, and neither need it nor bring a user of their own. */
const NOBODY_IN_PARTICULAR = '1000:1000'
/** A new volume takes the mode of the folder it is mounted over: this one is everybody's in every image of Linux. */
const EVERYBODYS_FOLDER = '/var/tmp'

const profiles = ['pipeline']
const address = addressEnv(bundled, s3Access, apiKey)

/** The images of Kafka take `a.b-c` as KAFKA_A_B___C. */
export const kafkaEnv = (settings: Properties): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      `KAFKA_${key.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_').toUpperCase()}`,
      String(value),
    ]),
  )

const kafka: Service = {
  image: images.kafka,
  profiles,
  environment: {
    CLUSTER_ID,
    ...kafkaEnv({
      ...brokerSettings,
      listeners: `PLAINTEXT://:${ports.kafka},CONTROLLER://:${ports.kafkaController},HOST://:${ports.kafkaHost}`,
      'advertised.listeners': `PLAINTEXT://${bundled.kafka},HOST://127.0.0.1:\${KAFKA_PORT:-${ports.kafkaHost}}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,HOST:PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'controller.quorum.voters': `1@kafka:${ports.kafkaController}`,
      'log.dirs': '/var/lib/kafka/data',
    }),
    KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m',
  },
  ports: [published('KAFKA_PORT', ports.kafkaHost, ports.kafkaHost)],
  networks: ['pipeline', 'control'],
  volumes: ['kafka-data:/var/lib/kafka/data'],
  tmpfs: [scratchOfJava('64m'), scratchOf(KAFKA_USER, '/opt/kafka/config', '4m'), scratchOf(KAFKA_USER, '/opt/kafka/logs', '64m')],
  healthcheck: bashTcp(ports.kafka, '60s'),
  stop_grace_period: '30s',
  restart: 'unless-stopped',
  limits: limits('1g', '2', 512),
}

const s3: Service = {
  image: images.s3,
  user: NOBODY_IN_PARTICULAR,
  profiles,
  environment: {
    S3PROXY_ENDPOINT: `http://0.0.0.0:${ports.s3}`,
    S3PROXY_AUTHORIZATION: s3Settings.authorization,
    S3PROXY_IDENTITY: s3Access.accessKey,
    S3PROXY_CREDENTIAL: s3Access.secretKey,
    JCLOUDS_PROVIDER: s3Settings.provider,
    JCLOUDS_IDENTITY: s3Access.accessKey,
    JCLOUDS_CREDENTIAL: s3Access.secretKey,
    JCLOUDS_FILESYSTEM_BASEDIR: EVERYBODYS_FOLDER,
    S3PROXY_JAVA_OPTS: '-Xmx256m -XX:+UseSerialGC',
  },
  ports: [published('S3_PORT', 19_000, ports.s3)],
  networks: ['pipeline'],
  volumes: [`s3-data:${EVERYBODYS_FOLDER}`],
  tmpfs: [scratchOfJava('256m')],
  healthcheck: bashTcp(ports.s3, '30s'),
  restart: 'unless-stopped',
  limits: limits('512m', '1', 256),
}

const nats: Service = {
  image: images.nats,
  user: NOBODY_IN_PARTICULAR,
  profiles,
  command: ['--jetstream', '--store_dir', EVERYBODYS_FOLDER, '--http_port', String(ports.natsMonitor)],
  ports: [published('NATS_PORT', 14_222, ports.nats)],
  networks: ['pipeline'],
  volumes: [`nats-data:${EVERYBODYS_FOLDER}`],
  tmpfs: [scratch('/tmp', '16m')],
  healthcheck: { ...wgetHttp(ports.natsMonitor, healthPaths.nats, '20s'), interval: '5s' },
  restart: 'unless-stopped',
  limits: limits('192m', '1'),
}

const registry: Service = {
  image: images.registry,
  profiles,
  environment: {
    QUARKUS_HTTP_HOST: '0.0.0.0',
    QUARKUS_HTTP_PORT: String(ports.registry),
    // Schemas live in a topic: a registry that is made anew knows them by the same ids.
    APICURIO_STORAGE_KIND: 'kafkasql',
    APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: bundled.kafka,
    JAVA_OPTS_APPEND: '-Xmx320m -XX:+UseSerialGC',
  },
  ports: [published('REGISTRY_PORT', 19_081, ports.registry)],
  networks: ['pipeline', 'control'],
  tmpfs: [scratchOfJava('128m')],
  depends_on: { kafka: healthy },
  healthcheck: bashHttp(ports.registry, healthPaths.registry, '90s'),
  restart: 'unless-stopped',
  limits: limits('640m', '1', 256),
}

const catalog: Service = {
  image: images.catalog,
  profiles,
  // The one folder its user may write to in the image, hence in a new volume.
  environment: { ...catalogSettings(bundled, s3Access, '/home/iceberg/catalog.db'), JAVA_TOOL_OPTIONS: '-Xmx256m -XX:+UseSerialGC' },
  ports: [published('CATALOG_PORT', 19_181, ports.catalog)],
  networks: ['pipeline'],
  volumes: ['catalog-data:/home/iceberg'],
  tmpfs: [scratchOfJava('128m')],
  depends_on: { bucket: done },
  healthcheck: bashHttp(ports.catalog, healthPaths.catalog, '60s'),
  restart: 'unless-stopped',
  limits: limits('512m', '1', 256),
}

const connect: Service = {
  image: ownImages.connect,
  build: {
    context: '..',
    dockerfile: 'compose/docker/images/connect.Dockerfile',
    args: { KAFKA_IMAGE: images.kafka, MAVEN_IMAGE: images.maven, NODE_IMAGE: images.node },
  },
  profiles,
  environment: { KAFKA_HEAP_OPTS: '-Xms256m -Xmx448m' },
  ports: [published('CONNECT_PORT', 19_083, ports.connect)],
  networks: ['pipeline'],
  tmpfs: [scratchOfJava('256m'), scratchOf(KAFKA_USER, '/opt/kafka/logs', '16m')],
  depends_on: { kafka: healthy, registry: healthy, catalog: healthy },
  healthcheck: bashHttp(ports.connect, healthPaths.connect, '90s'),
  // What may be disturbed: the gate to the engine passes on nothing about a container without this label.
  labels: { 'assay.chaos': 'allowed' },
  stop_grace_period: '20s',
  restart: 'unless-stopped',
  limits: limits('896m', '2', 512),
}

interface Program {
  readonly main: string
  readonly environment: Readonly<Record<string, string>>
  readonly depends_on: NonNullable<Service['depends_on']>
  readonly memory?: string
}

const broker = { PIPELINE_KAFKA_BOOTSTRAP: bundled.kafka, PIPELINE_REGISTRY_URL: address['PIPELINE_REGISTRY_URL'] ?? '' }

/** A program of compose/reference, or one that prepares the pipeline for it. */
const program = ({ main, environment, depends_on, memory = '256m' }: Program): Service => ({
  image: ownImages.pipeline,
  pull_policy: 'never',
  profiles,
  command: [main],
  environment,
  networks: ['pipeline'],
  tmpfs: [scratch('/tmp', '64m')],
  depends_on,
  restart: 'unless-stopped',
  limits: limits(memory, '1'),
})

/** Ends when it is done. */
const task = (given: Program): Service => ({
  ...program(given),
  restart: 'on-failure:10',
  healthcheck: 'none',
})

const main = (name: string) => `compose/reference/${name}/main.ts`
const PREPARE = 'compose/docker/runtime/prepare.ts'
const lake = {
  PIPELINE_CATALOG_URL: bundled.catalog,
  PIPELINE_S3_ENDPOINT: bundled.s3,
  PIPELINE_S3_REGION: s3Access.region,
  PIPELINE_S3_ACCESS_KEY: s3Access.accessKey,
  PIPELINE_S3_SECRET_KEY: s3Access.secretKey,
}
const prepared = { ...lake, PIPELINE_CONNECT_URL: bundled.connect, SINK_REGISTRY_URL: bundled.registry }

export const pipelineServices: Readonly<Record<string, Service>> = {
  kafka,
  s3,
  registry,
  nats,
  bucket: task({ main: PREPARE, environment: { ...prepared, PREPARE_WHAT: 'bucket' }, depends_on: { s3: healthy } }),
  catalog,
  connect,
  setup: builds(
    'pipeline',
    task({
      main: main('setup'),
      environment: { ...broker, PIPELINE_NATS_URL: natsUrl },
      depends_on: { kafka: healthy, registry: healthy, nats: healthy },
    }),
  ),
  sink: task({
    main: PREPARE,
    environment: { ...prepared, PREPARE_WHAT: 'sink' },
    depends_on: { connect: healthy, setup: done },
  }),
  gateway: program({
    main: main('gateway'),
    environment: {
      ...broker,
      PIPELINE_NATS_URL: natsUrl,
      GATEWAY_HOST: '0.0.0.0',
      GATEWAY_PORT: String(ports.gateway),
      HEALTHY_URL: `http://127.0.0.1:${ports.gateway}${healthPaths.gateway}`,
    },
    depends_on: { setup: done },
  }),
  normaliser: program({
    main: main('normaliser'),
    environment: {
      ...broker,
      HEALTHY_PEER_PORT: String(ports.kafka),
      NORMALISER_DEFECT: '${NORMALISER_DEFECT:-none}',
      NORMALISER_DEFECT_EVERY: '${NORMALISER_DEFECT_EVERY:-997}',
    },
    depends_on: { setup: done },
  }),
  feed: program({
    main: main('feed'),
    environment: {
      ...broker,
      PIPELINE_NATS_URL: natsUrl,
      HEALTHY_PEER_PORT: String(ports.nats),
      FEED_PER_SECOND: '${FEED_PER_SECOND:-20}',
    },
    depends_on: { setup: done, gateway: healthy, normaliser: healthy },
  }),
  keeper: program({
    main: main('keeper'),
    environment: {
      ...lake,
      PIPELINE_CONNECT_URL: bundled.connect,
      ROWS_KEPT_MS: '${ROWS_KEPT_MS:-10800000}',
      KEEPER_HOST: '0.0.0.0',
      KEEPER_PORT: String(ports.keeper),
      HEALTHY_URL: `http://127.0.0.1:${ports.keeper}/health`,
    },
    depends_on: { sink: done, catalog: healthy },
    memory: '384m',
  }),
  'query-api': {
    ...program({
      main: main('api'),
      environment: {
        ...lake,
        PIPELINE_API_KEY: apiKey,
        ROWS_HELD_MS: '${ROWS_HELD_MS:-7200000}',
        API_HOST: '0.0.0.0',
        API_PORT: String(ports.api),
        HEALTHY_URL: `http://127.0.0.1:${ports.api}${healthPaths.api}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
      },
      depends_on: { catalog: healthy, setup: done },
    }),
    networks: ['pipeline', 'traces'],
    ports: [published('API_PORT', 18_080, ports.api)],
    // What its parts may have together: compose/reference/api/memory.ts.
    limits: limits('1g', '1', 256),
  },
}
