import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { healthPaths } from '../services/health-paths.ts'
import type { ComponentFolders } from './cache.ts'
import {
  HOST,
  addressesOf,
  connectProperties,
  kafkaProperties,
  log4jProperties,
  pipelineEnv,
  renderProperties,
  s3Properties,
  sinkConnectorConfig,
} from './configuration.ts'
import type { StackFacts } from './configuration.ts'
import { REPO_DIR } from './layout.ts'
import { natsSteps } from './nats.ts'
import { httpAnswers, putConnector } from './probes.ts'
import { kafkaSteps, storeSteps } from './servers.ts'
import type { Step, StepName, StepProcess } from './step.ts'

/** In this order, a group at a time: those who write before those who are written to. */
export const STOP_ORDER: readonly (readonly StepName[])[] = [
  ['feed', 'gateway', 'keeper', 'normaliser', 'api', 'setup', 'kafka-format'],
  ['connect'],
  ['registry', 'catalog'],
  ['kafka', 's3', 'nats'],
]

/** A service without an address of its own is taken as started when it has lived so long; the API's health proves the rest. */
const SETTLE_MS = 300

const REFERENCE = join(REPO_DIR, 'compose', 'reference')

export function stackSteps(facts: StackFacts, components: ComponentFolders, serviceEnv: Readonly<Record<string, string>>): Step[] {
  return [...kafkaSteps(facts, components), ...storeSteps(facts, components), ...pipelineSteps(facts, components, serviceEnv)]
}

function pipelineSteps(facts: StackFacts, components: ComponentFolders, serviceEnv: Readonly<Record<string, string>>): Step[] {
  const { ports } = facts
  const env = { ...pipelineEnv(facts), ...serviceEnv }
  const apiUrl = `http://${HOST}:${ports.api}${healthPaths.api}`
  const settled = () => sleep(SETTLE_MS, 'ok' as const)
  return [
    ...natsSteps(facts, reference('gateway', env)),
    {
      name: 'setup',
      needs: ['kafka', 'registry', ...(facts.nats === undefined ? [] : (['nats'] as const))],
      kind: 'task',
      process: reference('setup', env),
    },
    {
      name: 'market-sink',
      needs: ['connect', 'setup', 'catalog'],
      kind: 'action',
      act: () => putConnector(addressesOf(facts).connect, sinkConnectorConfig(facts)),
    },
    { name: 'normaliser', needs: ['setup'], kind: 'service', process: reference('normaliser', env), probe: settled },
    { name: 'feed', needs: ['setup'], kind: 'service', process: reference('feed', env), probe: settled },
    { name: 'keeper', needs: ['market-sink'], kind: 'service', process: reference('keeper', env), probe: settled },
    {
      name: 'api',
      needs: ['catalog', 'setup'],
      kind: 'service',
      process: {
        ...reference('api', {
          ...env,
          API_PORT: String(ports.api),
          DUCKDB_EXTENSION_DIR: components['duckdb-extensions'],
          TMPDIR: facts.layout.dataDir,
        }),
        ports: { http: ports.api },
        healthUrl: apiUrl,
      },
      probe: () => httpAnswers(apiUrl),
    },
  ]
}

/** The wanted steps and all they need, in the given order. */
export function withNeeds(steps: readonly Step[], wanted: readonly StepName[]): Step[] {
  const included = new Set<StepName>(wanted)
  // Set iteration visits what is added on the way.
  for (const name of included) for (const need of steps.find((step) => step.name === name)?.needs ?? []) included.add(need)
  return steps.filter((step) => included.has(step.name))
}

function reference(name: string, env: Readonly<Record<string, string>>): StepProcess {
  return { command: process.execPath, args: [...NODE_ARGS, join(REFERENCE, name, 'main.ts')], env, ports: {} }
}

/** kafkajs computes a negative delay now and then, of which newer Node warns; Node 22 warns of running TypeScript. */
export const NODE_ARGS = ['--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning']

/** Writes what the services read at their start, and gathers the two plugins where Connect looks for them. */
export async function writeConfiguration(facts: StackFacts, components: ComponentFolders): Promise<void> {
  const { configDir, pluginDir, dataDir } = facts.layout
  const files = {
    'kafka.properties': kafkaProperties(facts),
    's3.properties': s3Properties(facts),
    'connect.properties': connectProperties(facts),
    'log4j2.properties': log4jProperties(),
  }
  for (const [file, properties] of Object.entries(files))
    await writeFile(join(configDir, file), renderProperties(properties), { mode: 0o600 })
  await mkdir(join(dataDir, 's3'), { recursive: true })
  for (const plugin of ['connect-iceberg-sink', 'connect-avro-converter'] as const)
    await symlink(components[plugin], join(pluginDir, plugin))
}
