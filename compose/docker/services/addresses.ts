import type { Addresses, S3Access } from '../../services/settings.ts'

/** Ports within the networks; which of them the host sees is said by each service. */
export const ports = {
  kafka: 9092,
  kafkaController: 9093,
  kafkaHost: 29_092,
  s3: 8080,
  registry: 8080,
  catalog: 8181,
  connect: 8083,
  api: 8080,
  agent: 8080,
  nats: 4222,
  natsMonitor: 8222,
  gateway: 8080,
  keeper: 8080,
  socketGate: 2375,
} as const

/** Names of services are host names in the networks. */
export const bundled: Addresses = {
  kafka: `kafka:${ports.kafka}`,
  s3: `http://s3:${ports.s3}`,
  registry: `http://registry:${ports.registry}`,
  catalog: `http://catalog:${ports.catalog}`,
  connect: `http://connect:${ports.connect}`,
  api: `http://query-api:${ports.api}`,
}

/** Where a browser of this machine, and who reads an alert on it, finds the reporter. */
export const reporterUrl = '${ASSAY_REPORTER_URL:-http://127.0.0.1:${ASSAY_REPORTER_PORT:-18090}}'

/** Where traces go: of the agents, and of the bundled API. */
export const collectorUrl = '${OTEL_EXPORTER_OTLP_ENDPOINT:-http://jaeger:4318}'

export const natsUrl = `nats://nats:${ports.nats}`

/** Keys of a store that only this machine reaches; `.env` can set others. */
export const s3Access: S3Access = {
  region: '${PIPELINE_S3_REGION:-us-east-1}',
  accessKey: '${PIPELINE_S3_ACCESS_KEY:-assay}',
  secretKey: '${PIPELINE_S3_SECRET_KEY:-assay-local-secret}',
}
export const apiKey = '${PIPELINE_API_KEY:-assay-local-api-key}'

/** Where the host sees what a reader of a report may want to look at; the ports as each service says them. */
export const hostPorts = {
  kafka: `\${KAFKA_PORT:-${ports.kafkaHost}}`,
  s3: '${S3_PORT:-19000}',
  catalog: '${CATALOG_PORT:-19181}',
  api: '${API_PORT:-18080}',
} as const

/** `kafka:9092=127.0.0.1:29092,…`: in the networks, and on the host. */
export const peopleAddresses = Object.entries(hostPorts)
  .map(([name, port]) => `${bundled[name as keyof typeof hostPorts].replace(/^https?:\/\//, '')}=127.0.0.1:${port}`)
  .join(',')
