import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { AssayError } from '../core/errors.ts'
import { loadAgentConfig } from './config.ts'

test('one variable is enough: the rest has defaults', () => {
  const config = loadAgentConfig({ ASSAY_KAFKA_BOOTSTRAP: '127.0.0.1:9092,other:9093' })
  expect(config).toMatchObject({
    busBrokers: ['127.0.0.1:9092', 'other:9093'],
    controlTopic: 'assay.control',
    resultsTopic: 'assay.results',
    instance: hostname().slice(0, 64),
    port: 0,
    logLevel: 'info',
    traces: { kind: 'none', endpoint: '' },
  })
  expect(config.pipeline.registryUrl).toBeNull()
})

test.each([
  [{ ASSAY_TRACES: 'otlp' }, { kind: 'otlp', endpoint: 'http://127.0.0.1:4318' }],
  [{ ASSAY_TRACES: 'otlp-grpc' }, { kind: 'otlp-grpc', endpoint: 'http://127.0.0.1:4317' }],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { kind: 'otlp-grpc', endpoint: 'http://c:4317' },
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, { kind: 'otlp', endpoint: 'http://c:4318' }],
  [{ JAEGER_ENDPOINT: 'http://j:14268/api/traces' }, { kind: 'jaeger', endpoint: 'http://j:14268/api/traces' }],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', ASSAY_TRACES: 'none' },
    { kind: 'none', endpoint: '' },
  ],
])('traces by %j', (given, traces) => {
  expect(loadAgentConfig({ ASSAY_KAFKA_BOOTSTRAP: 'k:1', ...given }).traces).toEqual(traces)
})

test("Assay's own cluster may ask who is there", () => {
  const given = { ASSAY_KAFKA_BOOTSTRAP: 'k:1', ASSAY_KAFKA_SASL: 'scram-sha-512', ASSAY_KAFKA_USERNAME: 'a', ASSAY_KAFKA_SSL: 'true' }
  expect(loadAgentConfig({ ...given, ASSAY_KAFKA_PASSWORD: 'p' }).busSecurity).toEqual({
    ssl: true,
    sasl: { mechanism: 'scram-sha-512', username: 'a', password: 'p' },
  })
  expect(() => loadAgentConfig(given)).toThrow(/ASSAY_KAFKA_SASL needs .*ASSAY_KAFKA_PASSWORD/)
  expect(loadAgentConfig({ ASSAY_KAFKA_BOOTSTRAP: 'k:1' }).busSecurity).toEqual({ ssl: false, sasl: null })
})

test('an error names each wrong variable, what was expected and what was there, and hides secrets', () => {
  const load = () =>
    loadAgentConfig({
      ASSAY_KAFKA_BOOTSTRAP: 'no port',
      ASSAY_AGENT_PORT: '70000',
      PIPELINE_API_URL: 'nowhere',
      ASSAY_INSTANCE: '',
      ASSAY_TRACES: 'zipkin',
    })
  expect(load).toThrow(AssayError)
  expect(load).toThrow(/ASSAY_KAFKA_BOOTSTRAP: expected host:port.*got "no port"/)
  expect(load).toThrow(/ASSAY_AGENT_PORT: .*65535.*got "70000"/)
  expect(load).toThrow(/PIPELINE_API_URL: expected a URL, got "nowhere"/)
  expect(load).toThrow(/ASSAY_TRACES: .*"otlp".*got "zipkin"/)
  expect(() => loadAgentConfig({})).toThrow(/CONFIG_INVALID|ASSAY_KAFKA_BOOTSTRAP: .*got nothing/)
})
