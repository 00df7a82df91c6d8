/** Every image that is pulled, pinned by tag. The stand-ins of the tests bear the same names. */
export const images = {
  kafka: 'apache/kafka:4.3.1',
  registry: 'apicurio/apicurio-registry:3.0.9',
  s3: 'andrewgaul/s3proxy:4.1.0',
  catalog: 'apache/iceberg-rest-fixture:1.11.0',
  nats: 'nats:2.12.2-alpine',
  prometheus: 'prom/prometheus:v2.55.1',
  alertmanager: 'prom/alertmanager:v0.28.1',
  grafana: 'grafana/grafana:12.3.0',
  jaeger: 'jaegertracing/jaeger:2.13.0',
  node: 'node:24.21.0-bookworm-slim',
  maven: 'maven:3.9.11-eclipse-temurin-17',
  python: 'python:3.13-slim-bookworm',
} as const

export type ImageName = keyof typeof images

/** Built here: the reference pipeline's services, the agents, the Connect worker with the sink in it. */
export const ownImages = { assay: 'assay/agents:local', pipeline: 'assay/pipeline:local', connect: 'assay/connect-iceberg:local' } as const

/** What reports say of the bundled pipeline. */
export const pipelineVersions = [images.kafka, images.registry, images.s3, images.catalog, images.nats].join(', ')
