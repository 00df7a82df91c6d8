import { hostname } from 'node:os'
import { z } from 'zod'
import type { Security } from '../../topology/topology.ts'
import { AssayError } from '../core/errors.ts'
import { logLevels } from './log.ts'

type Environment = Readonly<Record<string, string | undefined>>

const port = z.coerce.number().int().min(0).max(65_535)
const days = z.coerce.number().int().min(0).max(36_500)
const count = z.coerce.number().int().min(0)
const brokerList = z
  .string()
  .regex(/^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$/, 'expected host:port, several divided by commas')
  .transform((text) => text.split(','))
const addressPairs = z
  .string()
  .regex(/^[^\s,=]+=[^\s,=]+(,[^\s,=]+=[^\s,=]+)*$/, 'expected host:port=host:port, several divided by commas')
  .transform((text) => Object.fromEntries(text.split(',').map((pair) => pair.split('=') as [string, string])))
const url = z.url('expected a URL')

/** Variables of all agents. What a topology refers to beyond them it takes from `environment`. */
const variables = z.object({
  ASSAY_KAFKA_BOOTSTRAP: brokerList.describe("Cluster of Assay's own topics."),
  ASSAY_KAFKA_SSL: z.enum(['true', 'false']).default('false').describe('Whether that cluster is spoken to over TLS.'),
  ASSAY_KAFKA_SASL: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional().describe('Its SASL mechanism; left out, none.'),
  ASSAY_KAFKA_USERNAME: z.string().min(1).optional(),
  ASSAY_KAFKA_PASSWORD: z.string().min(1).optional(),
  ASSAY_CONTROL_TOPIC: z.string().min(1).default('assay.control'),
  ASSAY_RESULTS_TOPIC: z.string().min(1).default('assay.results'),
  ASSAY_STATE_DIR: z.string().min(1).default('.assay').describe('Folder for journals, reports and outbox.'),
  ASSAY_TOPOLOGY: z.string().min(1).default('topology/reference.yaml').describe('Path of the topology.'),
  ASSAY_INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dots, underscores and hyphens: folders are called by it')
    .max(64)
    .optional()
    .describe(
      'Tells instances of one agent apart: no two have the same. Left out, the name of the machine, which in a container is its own.',
    ),
  ASSAY_AGENT_HOST: z.string().min(1).default('127.0.0.1').describe('Address that /healthz, /readyz and /metrics listen on.'),
  ASSAY_AGENT_PORT: port.default(0).describe('Their port; 0 lets the system choose, and the log says which.'),
  ASSAY_DUCKDB_EXTENSIONS: z
    .string()
    .min(1)
    .optional()
    .describe("Folder of DuckDB's avro, httpfs and iceberg extensions, for cleaning up; left out, DuckDB installs them itself."),
  ASSAY_LOG_LEVEL: z.enum(logLevels).default('info'),
  ASSAY_TRACES: z.enum(['otlp', 'otlp-grpc', 'jaeger', 'none']).optional().describe('Left out: what has an endpoint, else none.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional().describe('Base URL of an OTLP collector, over HTTP or gRPC.'),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'grpc'])
    .default('http/protobuf')
    .describe('How an OTLP endpoint is spoken to where `ASSAY_TRACES` is left out.'),
  JAEGER_ENDPOINT: url.optional().describe('Collector URL of Jaeger, Thrift over HTTP.'),
  ASSAY_ALERTMANAGER_URL: url.optional().describe('Alertmanager, which the reporter tells of failed runs, with run, report and trace.'),
  ASSAY_REPORTER_URL: url.default('http://127.0.0.1:18090').describe("Where people open the reporter's page: for links in alerts."),
  ASSAY_GRAFANA_URL: url.optional().describe('Grafana, to which the reporter posts verdicts and fault windows as annotations.'),
  ASSAY_GRAFANA_TOKEN: z.string().min(1).optional().describe('Of a service account there that may create annotations.'),
  ASSAY_ARCHIVE_RECORDS: z
    .enum(['true', 'false'])
    .default('true')
    .describe(
      'Whether the archive of a run that did not pass holds the records that findings name, and manifests, as the pipeline has them.',
    ),
  ASSAY_AUDIT_KEEP_DAYS: days.default(400).describe('How long files of the audit trail are kept; 0: for ever.'),
  ASSAY_REPORTS_KEEP_DAYS: days.default(30).describe("How long a run's reports are kept, with its archive; 0: for ever."),
  ASSAY_REPORTS_KEEP_RUNS: count
    .default(10000)
    .describe('Of so many runs that passed, and of as many that did not, the newest, reports are kept; 0: of all.'),
  ASSAY_PAGE_TOKEN: z
    .string()
    .min(16)
    .optional()
    .describe("Who shows it may ask for runs and cancel them on the reporter's page; left out, the page only shows."),
  ASSAY_PEOPLE_ADDRESSES: addressPairs
    .optional()
    .describe(
      'By which addresses people reach what the agents reach by others, for the commands in reports: `kafka:9092=127.0.0.1:29092`, several divided by commas.',
    ),
  ASSAY_JAEGER_UI: url.optional().describe('Where people open Jaeger in a browser: traces are linked there.'),
  ASSAY_PIPELINE_VERSIONS: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Which servers the pipeline is made of, in words: told in reports.'),
  PIPELINE_KAFKA_BOOTSTRAP: brokerList.optional(),
  PIPELINE_REGISTRY_URL: url.optional().describe('Confluent API of the schema registry.'),
  PIPELINE_CATALOG_URL: url.optional(),
  PIPELINE_S3_ENDPOINT: url.optional(),
  PIPELINE_S3_REGION: z.string().min(1).optional(),
  PIPELINE_S3_ACCESS_KEY: z.string().min(1).optional(),
  PIPELINE_S3_SECRET_KEY: z.string().min(1).optional(),
  PIPELINE_API_URL: url.optional(),
  PIPELINE_API_KEY: z.string().min(1).optional(),
  PIPELINE_CONNECT_URL: url.optional(),
})

export type TraceKind = 'otlp' | 'otlp-grpc' | 'jaeger' | 'none'

export interface AgentConfig {
  readonly busBrokers: readonly string[]
  readonly busSecurity: Security
  readonly controlTopic: string
  readonly resultsTopic: string
  readonly stateDir: string
  readonly topologyPath: string
  readonly instance: string
  readonly host: string
  readonly port: number
  readonly duckDbExtensions: string | null
  readonly logLevel: (typeof logLevels)[number]
  readonly traces: { readonly kind: TraceKind; readonly endpoint: string }
  readonly alertmanager: { readonly url: string; readonly links: { readonly reporter: string; readonly jaeger: string | null } } | null
  readonly grafana: { readonly url: string; readonly token: string } | null
  readonly archivesRecords: boolean
  /** 0: for ever, and of all runs. */
  readonly auditKeepDays: number
  readonly reportsKept: { readonly days: number; readonly runs: number }
  readonly pageToken: string | null
  readonly jaegerUi: string | null
  /** `host:port` of people by that of the agents. */
  readonly peopleAddresses: Readonly<Record<string, string>>
  readonly pipelineVersions: string | null
  readonly pipeline: {
    readonly kafkaBrokers: readonly string[] | null
    readonly registryUrl: string | null
    readonly catalogUrl: string | null
    readonly s3: {
      readonly endpoint: string | null
      readonly region: string | null
      readonly accessKey: string | null
      readonly secretKey: string | null
    }
    readonly apiUrl: string | null
    readonly apiKey: string | null
    readonly connectUrl: string | null
  }
  /** For the `${NAME}` references of a topology. */
  readonly environment: Environment
}

/** The only place where an agent reads the environment. An empty variable is one that is not set. */
export function loadAgentConfig(environment: Environment = process.env): AgentConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = variables.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const name = path.join('.')
      const value = given[name]
      return `${name}: ${message}, got ${value === undefined ? 'nothing' : isSecret(name) ? '(hidden)' : JSON.stringify(value)}`
    })
    throw new AssayError('CONFIG_INVALID', `environment: ${problems.join('; ')}`)
  }
  const v = parsed.data
  return {
    busBrokers: v.ASSAY_KAFKA_BOOTSTRAP,
    busSecurity: busSecurityOf(v),
    controlTopic: v.ASSAY_CONTROL_TOPIC,
    resultsTopic: v.ASSAY_RESULTS_TOPIC,
    stateDir: v.ASSAY_STATE_DIR,
    topologyPath: v.ASSAY_TOPOLOGY,
    instance: v.ASSAY_INSTANCE ?? hostname().slice(0, 64),
    host: v.ASSAY_AGENT_HOST,
    port: v.ASSAY_AGENT_PORT,
    duckDbExtensions: v.ASSAY_DUCKDB_EXTENSIONS ?? null,
    logLevel: v.ASSAY_LOG_LEVEL,
    traces: tracesOf(v),
    grafana: grafanaOf(v),
    alertmanager: alertmanagerOf(v),
    archivesRecords: v.ASSAY_ARCHIVE_RECORDS === 'true',
    auditKeepDays: v.ASSAY_AUDIT_KEEP_DAYS,
    reportsKept: { days: v.ASSAY_REPORTS_KEEP_DAYS, runs: v.ASSAY_REPORTS_KEEP_RUNS },
    pageToken: v.ASSAY_PAGE_TOKEN ?? null,
    jaegerUi: v.ASSAY_JAEGER_UI ?? null,
    peopleAddresses: v.ASSAY_PEOPLE_ADDRESSES ?? {},
    pipelineVersions: v.ASSAY_PIPELINE_VERSIONS ?? null,
    pipeline: pipelineOf(v),
    environment: given,
  }
}

const isSecret = (name: string) => /KEY|PASSWORD|SECRET|TOKEN/.test(name)

type Variables = z.infer<typeof variables>

function busSecurityOf({
  ASSAY_KAFKA_SSL: ssl,
  ASSAY_KAFKA_SASL: mechanism,
  ASSAY_KAFKA_USERNAME: username,
  ASSAY_KAFKA_PASSWORD: password,
}: Variables): Security {
  if (mechanism === undefined) return { ssl: ssl === 'true', sasl: null }
  if (username === undefined || password === undefined)
    throw new AssayError('CONFIG_INVALID', 'environment: ASSAY_KAFKA_SASL needs ASSAY_KAFKA_USERNAME and ASSAY_KAFKA_PASSWORD')
  return { ssl: ssl === 'true', sasl: { mechanism, username, password } }
}

function alertmanagerOf(v: Variables): AgentConfig['alertmanager'] {
  if (v.ASSAY_ALERTMANAGER_URL === undefined) return null
  return { url: v.ASSAY_ALERTMANAGER_URL, links: { reporter: v.ASSAY_REPORTER_URL, jaeger: v.ASSAY_JAEGER_UI ?? null } }
}

function grafanaOf({ ASSAY_GRAFANA_URL: url, ASSAY_GRAFANA_TOKEN: token }: Variables): AgentConfig['grafana'] {
  if (url === undefined || token === undefined) {
    if (url === token) return null
    throw new AssayError('CONFIG_INVALID', 'environment: ASSAY_GRAFANA_URL and ASSAY_GRAFANA_TOKEN are set both or neither')
  }
  return { url, token }
}

function pipelineOf(v: Variables): AgentConfig['pipeline'] {
  return {
    kafkaBrokers: v.PIPELINE_KAFKA_BOOTSTRAP ?? null,
    registryUrl: v.PIPELINE_REGISTRY_URL ?? null,
    catalogUrl: v.PIPELINE_CATALOG_URL ?? null,
    s3: {
      endpoint: v.PIPELINE_S3_ENDPOINT ?? null,
      region: v.PIPELINE_S3_REGION ?? null,
      accessKey: v.PIPELINE_S3_ACCESS_KEY ?? null,
      secretKey: v.PIPELINE_S3_SECRET_KEY ?? null,
    },
    apiUrl: v.PIPELINE_API_URL ?? null,
    apiKey: v.PIPELINE_API_KEY ?? null,
    connectUrl: v.PIPELINE_CONNECT_URL ?? null,
  }
}

const OTLP_DEFAULT = 'http://127.0.0.1:4318'
const OTLP_GRPC_DEFAULT = 'http://127.0.0.1:4317'
const JAEGER_DEFAULT = 'http://127.0.0.1:14268/api/traces'

function tracesOf(v: Variables): AgentConfig['traces'] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: otlp, JAEGER_ENDPOINT: jaeger } = v
  const overOtlp = v.OTEL_EXPORTER_OTLP_PROTOCOL === 'grpc' ? 'otlp-grpc' : 'otlp'
  const kind = v.ASSAY_TRACES ?? (otlp !== undefined ? overOtlp : jaeger !== undefined ? 'jaeger' : 'none')
  const endpoints = { otlp: otlp ?? OTLP_DEFAULT, 'otlp-grpc': otlp ?? OTLP_GRPC_DEFAULT, jaeger: jaeger ?? JAEGER_DEFAULT, none: '' }
  return { kind, endpoint: endpoints[kind] }
}
