import { agentNames, type AgentName } from '../../../shared/core/agent.ts'
import { addressEnv } from '../../services/settings.ts'
import { ownImages, pipelineVersions } from '../images.ts'
import { apiKey, bundled, collectorUrl, natsUrl, peopleAddresses, ports, reporterUrl, s3Access } from './addresses.ts'
import { builds } from './built.ts'
import { done, healthy, limits, published, scratch, type Dependency, type Network, type Service } from './model.ts'

const profiles = ['agents']
export const STATE_DIR = '/var/lib/assay'
const TOPOLOGY = '/etc/assay/topology.yaml'

/** Where the bundled pipeline is, unless `.env` says where one's own is. */
const overridable = (environment: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.startsWith('${') ? value : `\${${name}:-${value}}`]))

/** Every agent is told the same: where the pipeline is, where Assay's own topics are, where traces go. */
export const agentEnvironment: Readonly<Record<string, string>> = {
  ...overridable(addressEnv(bundled, s3Access, apiKey)),
  ...overridable({ PIPELINE_NATS_URL: natsUrl, ASSAY_KAFKA_BOOTSTRAP: bundled.kafka }),
  // Set by Compose itself wherever it reads this file; names of containers begin with it.
  COMPOSE_PROJECT_NAME: '${COMPOSE_PROJECT_NAME:-assay}',
  ASSAY_KAFKA_SSL: '${ASSAY_KAFKA_SSL:-false}',
  ASSAY_KAFKA_SASL: '${ASSAY_KAFKA_SASL:-}',
  ASSAY_KAFKA_USERNAME: '${ASSAY_KAFKA_USERNAME:-}',
  ASSAY_KAFKA_PASSWORD: '${ASSAY_KAFKA_PASSWORD:-}',
  ASSAY_TOPOLOGY: TOPOLOGY,
  ASSAY_LOG_LEVEL: '${ASSAY_LOG_LEVEL:-info}',
  OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
}

const TOPOLOGY_MOUNT = `\${ASSAY_TOPOLOGY_FILE:-./docker/topology.yaml}:${TOPOLOGY}:ro`

const pipelineIsUp: Record<string, Dependency> = {
  kafka: healthy,
  registry: healthy,
  setup: done,
  sink: done,
  catalog: healthy,
  gateway: healthy,
  normaliser: healthy,
  'query-api': healthy,
}

/** What of an agent differs from the others. All hear and speak on the control network; who looks at the pipeline is in its network too. */
interface Particulars {
  readonly networks: readonly Network[]
  readonly memory: string
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly depends_on?: Readonly<Record<string, Dependency>>
  readonly profiles?: readonly string[]
}

const watching: readonly Network[] = ['pipeline', 'control', 'observability']

const particulars: Readonly<Record<AgentName, Particulars>> = {
  generator: { networks: watching, memory: '384m' },
  'ingestion-checker': { networks: watching, memory: '384m' },
  'storage-reconciler': { networks: watching, memory: '512m' },
  'query-prober': { networks: watching, memory: '384m' },
  'chaos-injector': {
    networks: ['control', 'chaos', 'observability'],
    memory: '320m',
    depends_on: { 'socket-gate': healthy, 'chaos-sentry': healthy },
    profiles: ['chaos'],
  },
  // It serves a page: what the pipeline stores is out of its reach, and of its Kafka it sees what stands beside the control topic.
  reporter: {
    networks: ['control', 'observability'],
    memory: '512m',
    environment: {
      ASSAY_ALERTMANAGER_URL: '${ASSAY_ALERTMANAGER_URL:-http://alertmanager:9093}',
      ASSAY_REPORTER_URL: reporterUrl,
      ASSAY_PAGE_TOKEN: '${ASSAY_PAGE_TOKEN:-}',
      ASSAY_ARCHIVE_RECORDS: '${ASSAY_ARCHIVE_RECORDS:-true}',
      ASSAY_AUDIT_KEEP_DAYS: '${ASSAY_AUDIT_KEEP_DAYS:-400}',
      ASSAY_REPORTS_KEEP_DAYS: '${ASSAY_REPORTS_KEEP_DAYS:-30}',
      ASSAY_REPORTS_KEEP_RUNS: '${ASSAY_REPORTS_KEEP_RUNS:-10000}',
      ASSAY_GRAFANA_URL: '${ASSAY_GRAFANA_URL:-}',
      ASSAY_GRAFANA_TOKEN: '${ASSAY_GRAFANA_TOKEN:-}',
      ASSAY_PEOPLE_ADDRESSES: `\${ASSAY_PEOPLE_ADDRESSES:-${peopleAddresses}}`,
      ASSAY_PIPELINE_VERSIONS: `\${ASSAY_PIPELINE_VERSIONS:-${pipelineVersions}}`,
      ASSAY_JAEGER_UI: '${ASSAY_JAEGER_UI:-http://127.0.0.1:${JAEGER_PORT:-16686}}',
    },
    ports: [published('ASSAY_REPORTER_PORT', 18_090, ports.agent)],
  },
}

/** Beyond so much, in MiB, an agent is ended. */
export const agentMemoryMib = (name: AgentName): number => Number.parseInt(particulars[name].memory, 10)

function agent(name: AgentName): Service {
  const own = particulars[name]
  return {
    image: ownImages.assay,
    pull_policy: 'never',
    profiles: own.profiles ?? profiles,
    command: ['agent', name],
    environment: own.environment === undefined ? agentEnvironment : { ...agentEnvironment, ...own.environment },
    ...(own.ports === undefined ? {} : { ports: own.ports }),
    networks: own.networks,
    volumes: [TOPOLOGY_MOUNT, `${name}-state:${STATE_DIR}`],
    tmpfs: [scratch('/tmp', '128m')],
    depends_on: { ...pipelineIsUp, ask: done, ...own.depends_on },
    // Longer than it takes to send what was found and to heal what was disturbed.
    stop_grace_period: '20s',
    restart: 'unless-stopped',
    limits: limits(own.memory, '1', 256),
  }
}

/** A command of `assay` that ends. */
const task = (command: readonly string[], depends_on: Readonly<Record<string, Dependency>>): Service => ({
  image: ownImages.assay,
  pull_policy: 'never',
  profiles,
  command,
  environment: agentEnvironment,
  networks: ['control'],
  volumes: [TOPOLOGY_MOUNT],
  tmpfs: [scratch('/tmp', '32m')],
  depends_on,
  healthcheck: 'none',
  restart: 'on-failure:10',
  limits: limits('256m', '1'),
})

/** Assay's own topics are made, and the plan is asked for, once for each name of a series; the agents answer when they are up. */
export const agentServices: Readonly<Record<string, Service>> = {
  topics: builds('agents', task(['topics', '--create'], { kafka: healthy, registry: healthy })),
  ask: task(['run', '${ASSAY_PLAN:-continuous}', '--once', '${ASSAY_SERIES:-compose-1}'], { topics: done }),
  ...Object.fromEntries(agentNames.map((name) => [name, agent(name)])),
}
