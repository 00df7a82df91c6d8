import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { services } from '../../compose/docker/compose-file.ts'
import { images } from '../../compose/docker/images.ts'
import { COMPONENTS, type ComponentName } from '../../compose/local/components.ts'
import { stackLayout } from '../../compose/local/layout.ts'
import { stackSteps } from '../../compose/local/services.ts'
import type { StepName } from '../../compose/local/step.ts'

/** The local stack and Compose start the same pipeline: what each says for itself is held against the other. */
const folders = Object.fromEntries(COMPONENTS.map(({ name }) => [name, `/cache/${name}`])) as Record<ComponentName, string>
const steps = stackSteps(
  {
    layout: stackLayout('/tmp/x'),
    ports: { kafka: 1, kafkaController: 2, s3: 3, registry: 4, catalog: 5, connect: 6, api: 7 },
    s3: { region: 'us-east-1', accessKey: 'key', secretKey: 'secret' },
    apiKey: 'api-key',
    nats: { binary: '/cache/nats-server', port: 8, monitorPort: 9, gatewayPort: 10 },
  },
  folders,
  {},
)

/** Steps by the service that does the same; null: a part of another service there. */
const serviceOf: Readonly<Record<StepName, string | null>> = {
  nats: 'nats',
  gateway: 'gateway',
  // The image does it before it starts the broker.
  'kafka-format': null,
  kafka: 'kafka',
  s3: 's3',
  registry: 'registry',
  catalog: 'catalog',
  setup: 'setup',
  connect: 'connect',
  'market-sink': 'sink',
  normaliser: 'normaliser',
  feed: 'feed',
  keeper: 'keeper',
  api: 'query-api',
}
/** Services that are none of the local stack's steps, each with why. */
const composeAlone: Readonly<Record<string, string>> = { bucket: 'the local probe of the S3 store makes it' }

/** All that a service waits for, and what these wait for. */
function awaited(name: string, found = new Set<string>()): ReadonlySet<string> {
  for (const other of Object.keys(services[name]?.depends_on ?? {})) {
    if (!found.has(other)) awaited(other, found.add(other))
  }
  return found
}

test('the pipeline has the same services', () => {
  const ofCompose = Object.keys(services).filter((name) => services[name]?.profiles.includes('pipeline') === true)
  const ofStack = steps.flatMap(({ name }) => serviceOf[name] ?? [])
  expect(ofCompose.sort()).toEqual([...ofStack, ...Object.keys(composeAlone)].sort())
})

describe.each(steps.filter(({ name }) => serviceOf[name] !== null))('$name', (step) => {
  const name = serviceOf[step.name] ?? ''

  test('waits in Compose for what it needs in the stack', () => {
    const needed = step.needs.flatMap((need) => serviceOf[need] ?? [])
    expect(needed.filter((need) => !awaited(name).has(need))).toEqual([])
  })

  test('is asked at the same path whether it is well', () => {
    const url = step.kind === 'service' ? step.process.healthUrl : undefined
    if (url === undefined) return
    const { healthcheck, environment } = services[name] ?? {}
    const check = typeof healthcheck === 'object' ? healthcheck.test.join(' ') : (environment?.['HEALTHY_URL'] ?? '')
    expect(check).toContain(new URL(url).pathname)
  })
})

describe('versions', () => {
  const local = Object.fromEntries(COMPONENTS.map(({ name, version }) => [name, version]))
  const tagOf = (image: string) => image.slice(image.indexOf(':') + 1)
  test.each([
    ['kafka', images.kafka, local['kafka']],
    ['s3', images.s3, local['s3proxy']],
    ['registry', images.registry, local['apicurio-registry']],
    ['catalog', images.catalog, local['iceberg-rest-catalog']],
  ])('%s is %s in Compose and the same in the local stack', (_, image, version) => {
    expect(tagOf(image)).toBe(version)
  })

  test("DuckDB's extensions are those of the local stack", () => {
    const dockerfile = readFileSync(join(import.meta.dirname, '../../compose/docker/images/assay.Dockerfile'), 'utf8')
    const named = [...dockerfile.matchAll(/duckdb-extension-\w+==([\d.]+)/g)].map(([, version]) => version)
    expect(new Set(named)).toEqual(new Set([local['duckdb-extensions']]))
  })
})
