import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { connectProperties, kafkaProperties, pipelineEnv, renderExports, renderProperties, sinkConnectorConfig } from './configuration.ts'
import type { StackFacts } from './configuration.ts'
import { stackLayout } from './layout.ts'

const facts: StackFacts = {
  layout: stackLayout('/tmp/a stack'),
  ports: { kafka: 1, kafkaController: 2, s3: 3, registry: 4, catalog: 5, connect: 6, api: 7 },
  s3: { region: 'us-east-1', accessKey: 'key', secretKey: 'secret' },
  apiKey: 'api-key',
}

describe('properties files', () => {
  test.each([
    { value: 'plain', line: 'k=plain\n' },
    { value: 12, line: 'k=12\n' },
    { value: true, line: 'k=true\n' },
    { value: 'C:\\kafka', line: 'k=C:\\\\kafka\n' },
    { value: 'two\nlines', line: 'k=two\\nlines\n' },
    { value: ' led by a space', line: 'k=\\ led by a space\n' },
  ])('$value is written so that Java reads it back', ({ value, line }) => {
    expect(renderProperties({ k: value })).toBe(line)
  })

  test('the broker listens on the loopback address only', () => {
    expect(kafkaProperties(facts)['listeners']).toBe('PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2')
  })

  test('the worker reads its plugins from the folder of this stack, by their service entries', () => {
    expect(connectProperties(facts)).toMatchObject({ 'plugin.path': '/tmp/a stack/plugins', 'plugin.discovery': 'service_load' })
  })
})

test('export lines survive a shell, whatever the value holds', () => {
  const value = `it's "quoted" $HOME \`x\` \\`
  const script = `${renderExports({ ASSAY_TRIED: value })}printf %s "$ASSAY_TRIED"`
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(value)
})

test('the sink commits each second and gives up a dead session after six', () => {
  expect(sinkConnectorConfig(facts)).toMatchObject({
    topics: 'market.trades',
    'iceberg.control.commit.interval-ms': '1000',
    'consumer.override.session.timeout.ms': '6000',
    'iceberg.kafka.session.timeout.ms': '6000',
    'iceberg.kafka.heartbeat.interval.ms': '1500',
  })
})

test('the environment contract is whole', () => {
  expect(pipelineEnv(facts)).toMatchObject({
    PIPELINE_KAFKA_BOOTSTRAP: '127.0.0.1:1',
    PIPELINE_REGISTRY_URL: 'http://127.0.0.1:4/apis/ccompat/v7',
    PIPELINE_CATALOG_URL: 'http://127.0.0.1:5',
    PIPELINE_S3_ENDPOINT: 'http://127.0.0.1:3',
    PIPELINE_S3_REGION: 'us-east-1',
    PIPELINE_S3_ACCESS_KEY: 'key',
    PIPELINE_S3_SECRET_KEY: 'secret',
    PIPELINE_API_URL: 'http://127.0.0.1:7',
    PIPELINE_API_KEY: 'api-key',
    PIPELINE_CONNECT_URL: 'http://127.0.0.1:6',
    ASSAY_KAFKA_BOOTSTRAP: '127.0.0.1:1',
    ASSAY_STATE_DIR: '/tmp/a stack/assay',
    CONNECT_PID_FILE: '/tmp/a stack/pids/connect.pid',
  })
})
