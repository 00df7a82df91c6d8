import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentEnvironment } from '../../compose/docker/services/agents.ts'
import { images, ownImages } from '../../compose/docker/images.ts'
import { LABEL, standIns, withoutStandIn } from '../../compose/docker/stand-ins/table.ts'
import { MEMORY_MB } from '../../compose/reference/api/memory.ts'
import { parseYaml } from '../../compose/docker/yaml.ts'
import { agentNames } from '../../shared/core/agent.ts'
import { composeSpec, type ComposedService } from './compose-spec.ts'
import { settingsRead } from './settings-read.ts'

const top = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(top, path), 'utf8')
const composed = composeSpec.parse(parseYaml(read('compose/compose.yaml')))
const services = Object.entries(composed.services)
const isTask = ({ restart }: ComposedService) => restart === 'on-failure:10'

describe.each(services)('%s', (name, service) => {
  test('has a tag, or is built here', () => {
    const pulled: readonly string[] = Object.values(images)
    const own: readonly string[] = Object.values(ownImages)
    if (own.includes(service.image)) expect(service.build !== undefined || service.pull_policy === 'never').toBe(true)
    else expect(pulled).toContain(service.image)
  })

  test('tells whether it is well, or ends', () => {
    if (isTask(service)) expect(service.healthcheck).toEqual({ disable: true })
    // Our own images bring their check; it asks what HEALTHY_… names.
    else if (service.healthcheck === undefined) expect(service.image.startsWith('assay/')).toBe(true)
    else expect(service.healthcheck).toHaveProperty('test')
  })

  test('is reached from this machine alone', () => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_0-9]+:-\d{4,5}\}:\d{2,5}$/)
  })

  test('waits for services that are there, for tasks until they are done and for others until they are well', () => {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const awaited = composed.services[other]
      expect(awaited, `${name} waits for ${other}`).toBeDefined()
      // Who watches must not wait until the watched is well.
      const asService = name === 'prometheus' ? 'service_started' : 'service_healthy'
      expect(condition).toBe(awaited !== undefined && isTask(awaited) ? 'service_completed_successfully' : asService)
    }
    expect(waitsFor(name).has(name)).toBe(false)
  })

  test('mounts files that are there, and volumes that are declared', () => {
    for (const mount of service.volumes ?? []) {
      const source = mount.startsWith('${') ? (/:-([^}]*)\}/.exec(mount)?.[1] ?? '') : (mount.split(':')[0] ?? '')
      if (source.startsWith('./')) expect(existsSync(join(top, 'compose', source)), source).toBe(true)
      else if (!source.startsWith('/')) expect(composed.volumes).toHaveProperty(source)
    }
    for (const network of service.networks) expect(composed.networks).toHaveProperty(network)
  })
})

function waitsFor(name: string, found = new Set<string>()): ReadonlySet<string> {
  for (const other of Object.keys(composed.services[name]?.depends_on ?? {})) {
    if (found.has(other)) continue
    found.add(other)
    waitsFor(other, found)
  }
  return found
}

test('only the gate holds the socket of the engine, and only chaos reaches the gate', () => {
  const holders = services.filter(([, { volumes }]) => volumes?.some((mount) => mount.includes('docker.sock')))
  expect(holders.map(([name]) => name)).toEqual(['socket-gate'])
  const near = services.filter(([, { networks }]) => networks.includes('chaos')).map(([name]) => name)
  expect(near.sort()).toEqual(['chaos-injector', 'chaos-sentry', 'socket-gate'])
  expect(composed.networks['chaos']).toEqual({ internal: true })
  expect(composed.services['socket-gate']?.networks).toEqual(['chaos'])
})

test("nobody is root but the gate, which holds root's socket", () => {
  expect(services.filter(([, { user }]) => user?.startsWith('0:') === true).map(([name]) => name)).toEqual(['socket-gate'])
  // Of these images no user is known; all others bring one.
  for (const name of ['s3', 'nats']) expect(composed.services[name]?.user).toBe('1000:1000')
})

test('the page and the alerts are apart from the pipeline', () => {
  const watchers = ['reporter', 'prometheus', 'alertmanager', 'grafana', 'jaeger', 'chaos-injector']
  for (const name of watchers) expect(composed.services[name]?.networks).not.toContain('pipeline')
})

test('the query API reaches Jaeger, and none of the others that watch', () => {
  const near = services.filter(([, { networks }]) => networks.includes('traces')).map(([name]) => name)
  expect(near.sort()).toEqual(['jaeger', 'query-api'])
  expect(composed.networks['traces']).toEqual({ internal: true })
  expect(composed.services['query-api']?.networks).toEqual(['pipeline', 'traces'])
})

describe('what a program is told it reads, and what it must know it is told:', () => {
  const ofImage = [...read('compose/docker/images/assay.Dockerfile').matchAll(/^(?:ENV| {3}) ?([A-Z_]+)=/gm)].map(([, name]) => name)
  const programs = services.filter(([, { image }]) => image === ownImages.pipeline)
  test.each(programs)('%s', (_, { command: [main = ''] = [], environment = {} }) => {
    const settings = settingsRead(join(top, main))
    const told = Object.keys(environment).filter((name) => !name.startsWith('HEALTHY_'))
    expect(told.filter((name) => !settings.has(name))).toEqual([])
    const given = [...told, ...ofImage]
    const required = [...settings].flatMap(([name, need]) => (need === 'required' ? [name] : []))
    expect(required.filter((name) => !given.includes(name))).toEqual([])
  })

  test('every agent', () => {
    const settings = settingsRead(join(top, 'shared/runtime/config.ts'))
    const topology = read('compose/docker/topology.yaml')
    for (const name of Object.keys(agentEnvironment))
      expect(settings.has(name) || topology.includes(`\${${name}}`), `${name} is read by nobody`).toBe(true)
    for (const [, name = ''] of topology.matchAll(/\$\{([A-Z0-9_]+)\}/g)) expect(agentEnvironment).toHaveProperty(name)
    expect(agentEnvironment).toHaveProperty('ASSAY_KAFKA_BOOTSTRAP')
  })

  test.each(agentNames)('what %s alone is told', (agent) => {
    const files = readdirSync(join(top, 'agents', agent), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const source = [...files.map((file) => `agents/${agent}/${file}`), 'shared/runtime/config.ts'].map(read).join('\n')
    for (const name of Object.keys(composed.services[agent]?.environment ?? {})) {
      if (agentEnvironment[name] === undefined) expect(source.includes(name), `${name} is read by nobody`).toBe(true)
    }
  })
})

test('what the query API may have fits its container', () => {
  const { memory = '' } = composed.services['query-api']?.deploy.resources.limits ?? {}
  const limitMb = Number.parseInt(memory, 10) * (memory.endsWith('g') ? 1024 : 1)
  expect(Object.values(MEMORY_MB).reduce((sum, part) => sum + part, 0)).toBeLessThan(limitMb)
})

test('Prometheus scrapes every agent, under the job and label that the rules speak of', () => {
  const { scrape_configs: jobs } = z
    .object({
      scrape_configs: z.array(
        z.object({
          job_name: z.string(),
          static_configs: z.array(z.object({ targets: z.tuple([z.string()]), labels: z.object({ agent: z.string() }) })),
        }),
      ),
    })
    .parse(parseYaml(read('compose/docker/prometheus.yml')))
  expect(jobs.map(({ job_name: name }) => name)).toEqual(['assay'])
  const targets = jobs.flatMap(({ static_configs: found }) => found.map(({ targets: [target], labels }) => [target, labels.agent]))
  expect(targets).toEqual(agentNames.map((agent) => [`${agent}:8080`, agent]))
})

describe('images', () => {
  test('have a version each', () => {
    for (const image of Object.values(images)) expect(image).toMatch(/^[a-z0-9./-]+:v?\d+(\.\d+)+[a-z0-9.-]*$|^[a-z]+:3\.13-slim-bookworm$/)
  })

  test.each(['assay', 'connect'])('the Dockerfile of %s begins with the same ones', (name) => {
    const defaults = [...read(`compose/docker/images/${name}.Dockerfile`).matchAll(/^ARG \w+_IMAGE=(\S+)$/gm)].map(([, image]) => image)
    expect(defaults.length).toBeGreaterThan(1)
    for (const image of defaults) expect(Object.values(images)).toContain(image)
  })

  test('of Assay run as nobody in particular', () => {
    const stages = read('compose/docker/images/assay.Dockerfile').split(/^FROM /m)
    for (const target of ['pipeline', 'agents']) {
      const stage = stages.find((text) => new RegExp(`^base AS ${target}\\n`).test(text)) ?? ''
      expect(stage).toMatch(/^USER node$/m)
      expect(stage).toMatch(/^HEALTHCHECK /m)
    }
  })

  test('have a stand-in each for the tests, which says that it is one', () => {
    const nowhere = { kafka: '', 'apicurio-registry': '', 'iceberg-rest-catalog': '', s3proxy: '' }
    const parts = { components: nowhere, nodeBinary: '', npmFolder: '', nats: '', prometheus: '', alertmanager: '', jaeger: '' }
    const covered = standIns(parts).map(({ image }) => image)
    const wanted = Object.entries(images).flatMap(([name, image]) => (withoutStandIn.some((left) => left === name) ? [] : [image]))
    expect(covered.sort()).toEqual(wanted.sort())
    expect(LABEL).toContain('stand-in')
  })
})
