import { join } from 'node:path'
import { addressEnv, brokerSettings, catalogSettings, s3Settings, sinkSettings, workerSettings } from '../services/settings.ts'
import type { Addresses, Properties } from '../services/settings.ts'
import { REPO_DIR } from './layout.ts'
import type { StackLayout } from './layout.ts'

/** What the files and environments of all services are rendered from. */
export interface StackFacts {
  layout: StackLayout
  ports: StackPorts
  s3: { region: string; accessKey: string; secretKey: string }
  apiKey: string
  /** Where the feed comes over NATS. */
  nats?: { binary: string; port: number; monitorPort: number; gatewayPort: number }
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

export const addressesOf = ({ ports }: Pick<StackFacts, 'ports'>): Addresses => ({
  kafka: `${HOST}:${ports.kafka}`,
  s3: `http://${HOST}:${ports.s3}`,
  registry: `http://${HOST}:${ports.registry}`,
  catalog: `http://${HOST}:${ports.catalog}`,
  connect: `http://${HOST}:${ports.connect}`,
  api: `http://${HOST}:${ports.api}`,
})

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

/** A stack lives for minutes: what retention and compaction are to remove goes at once, or never. */
const keeping = {
  'log.initial.task.delay.ms': 2_000,
  'log.retention.check.interval.ms': 2_000,
  'log.cleaner.backoff.ms': 2_000,
}

export function kafkaProperties({ layout, ports }: StackFacts): Properties {
  return {
    ...brokerSettings,
    ...keeping,
    listeners: `PLAINTEXT://${HOST}:${ports.kafka},CONTROLLER://${HOST}:${ports.kafkaController}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${ports.kafka}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.quorum.voters': `1@${HOST}:${ports.kafkaController}`,
    'log.dirs': join(layout.dataDir, 'kafka'),
  }
}

export function s3Properties({ layout, ports, s3 }: StackFacts): Properties {
  return {
    's3proxy.endpoint': `http://${HOST}:${ports.s3}`,
    's3proxy.authorization': s3Settings.authorization,
    's3proxy.identity': s3.accessKey,
    's3proxy.credential': s3.secretKey,
    'jclouds.provider': s3Settings.provider,
    'jclouds.filesystem.basedir': join(layout.dataDir, 's3'),
    'jclouds.identity': s3.accessKey,
    'jclouds.credential': s3.secretKey,
  }
}

export function catalogEnv(facts: StackFacts): Record<string, string> {
  return {
    CATALOG_REST_PORT: String(facts.ports.catalog),
    ...catalogSettings(addressesOf(facts), facts.s3, join(facts.layout.dataDir, 'catalog.db')),
  }
}

export function connectProperties({ layout, ports }: StackFacts): Properties {
  return {
    ...workerSettings,
    'bootstrap.servers': `${HOST}:${ports.kafka}`,
    listeners: `http://${HOST}:${ports.connect}`,
    'plugin.path': layout.pluginDir,
  }
}

export const sinkConnectorConfig = (facts: StackFacts): Record<string, string> => sinkSettings(addressesOf(facts), facts.s3)

/** The environment by which every process of the reference pipeline and every agent is configured. */
export function pipelineEnv(facts: StackFacts): Record<string, string> {
  const { layout, ports, nats } = facts
  return {
    ...addressEnv(addressesOf(facts), facts.s3, facts.apiKey),
    ASSAY_KAFKA_BOOTSTRAP: `${HOST}:${ports.kafka}`,
    ASSAY_STATE_DIR: layout.assayDir,
    ASSAY_TOPOLOGY: join(REPO_DIR, 'topology', nats === undefined ? 'reference.yaml' : 'reference-nats.yaml'),
    ...(nats === undefined ? {} : { PIPELINE_NATS_URL: `nats://${HOST}:${nats.port}` }),
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
