import { expect, test } from 'vitest'
import { COMPONENTS } from './components.ts'
import type { ComponentName } from './components.ts'
import { stackLayout } from './layout.ts'
import { STOP_ORDER, stackSteps, withNeeds } from './services.ts'

const components = Object.fromEntries(COMPONENTS.map(({ name }) => [name, `/cache/${name}`])) as Record<ComponentName, string>
const facts = {
  layout: stackLayout('/tmp/x'),
  ports: { kafka: 1, kafkaController: 2, s3: 3, registry: 4, catalog: 5, connect: 6, api: 7 },
  s3: { region: 'us-east-1', accessKey: 'key', secretKey: 'secret' },
  apiKey: 'api-key',
  nats: { binary: '/cache/nats-server', port: 8, monitorPort: 9, gatewayPort: 10 },
}
const steps = stackSteps(facts, components, { NORMALISER_DEFECT: 'skip' })

test('a part is started with all it needs, and no more', () => {
  expect(withNeeds(steps, ['connect']).map((step) => step.name)).toEqual(['kafka-format', 'kafka', 'connect'])
  expect(withNeeds(steps, ['api']).map((step) => step.name)).toEqual([
    ...['kafka-format', 'kafka', 's3', 'registry', 'catalog', 'nats', 'setup', 'api'],
  ])
})

test('every step that has a process has its place in the order of stopping', () => {
  const processes = steps.filter((step) => step.kind !== 'action').map((step) => step.name)
  expect(STOP_ORDER.flat().sort()).toEqual(processes.sort())
})

test('what a test wishes of the pipeline reaches its processes', () => {
  const normaliser = steps.find((step) => step.name === 'normaliser')
  expect(normaliser?.kind === 'service' && normaliser.process.env['NORMALISER_DEFECT']).toBe('skip')
})
