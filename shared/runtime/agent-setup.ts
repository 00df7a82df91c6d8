import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadTopology, problemText } from '../../topology/load.ts'
import type { Topology } from '../../topology/topology.ts'
import type { AgentBaseConfig } from '../core/acceptance.ts'
import type { AgentName } from '../core/agent.ts'
import { AssayError } from '../core/errors.ts'
import { openDuckDb, type DuckDb } from '../engines/duckdb.ts'
import { topologySqlProblems } from '../engines/topology-sql.ts'
import type { AgentConfig } from './config.ts'
import { loadAgentConfig } from './config.ts'
import { connectKafka, type KafkaLink } from './kafka.ts'
import { connectNats, type NatsLink } from './nats.ts'
import { createLog, type Log } from './log.ts'
import { createRegistry, type Registry } from './registry.ts'

/** What every agent's main begins with. */
export interface AgentSetup {
  readonly config: AgentConfig
  readonly topology: Topology
  readonly base: AgentBaseConfig
  /** The cluster under test. */
  readonly kafka: KafkaLink
  /** The source outside of Kafka; null where the topology has none. */
  readonly nats: NatsLink | null
  readonly registry: Registry
}

const PLANS_FOLDER = join(import.meta.dirname, '../../topology/plans')
const SCHEMA_RETRY_MS = 2_000

/**
 * Reads settings, topology and plans, and asks the registry for the record's schema until it answers: without it no
 * canary can be made or recognised. Throws CONFIG_INVALID and INPUT_INVALID.
 */
export async function setUpAgent(agent: AgentName): Promise<AgentSetup> {
  const config = loadAgentConfig()
  const log = createLog({ agent, instance: config.instance, level: config.logLevel })
  const topology = await readTopology(config)
  const { kafka, nats, registry: registryAt } = topology.connections
  const link = connectKafka({
    brokers: kafka.bootstrap.split(','),
    clientId: `assay.${agent}.pipeline`,
    security: kafka.security,
    unavailable: 'PIPELINE_KAFKA_UNAVAILABLE',
  })
  const registry = createRegistry(registryAt.url)
  const recordSchema = await readRecordSchemaText(registry, topology.record.subject, log)
  return {
    config,
    topology,
    kafka: link,
    nats: nats === undefined ? null : connectNats({ ...nats, clientId: `assay.${agent}.pipeline` }),
    registry,
    base: { speaker: { agent, instance: config.instance }, plans: await readPlans(), topology, recordSchema },
  }
}

export async function readTopology(config: Pick<AgentConfig, 'topologyPath' | 'environment'>): Promise<Topology> {
  const text = await readFile(config.topologyPath, 'utf8').catch((cause: unknown) => {
    throw new AssayError('INPUT_INVALID', `topology ${config.topologyPath} cannot be read: ${String(cause)}`, { cause })
  })
  const loaded = loadTopology(config.topologyPath, text, config.environment)
  const problems = loaded.ok ? await topologySqlProblems(config.topologyPath, text, loaded.value) : loaded.problems
  if (loaded.ok && problems.length === 0) return loaded.value
  throw new AssayError('INPUT_INVALID', problems.map(problemText).join('\n'))
}

/** Texts of the shipped plans by name. */
export async function readPlans(folder: string = PLANS_FOLDER): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort()
  return new Map(
    await Promise.all(files.map(async (file) => [basename(file, '.yaml'), await readFile(join(folder, file), 'utf8')] as const)),
  )
}

async function readRecordSchemaText(registry: Registry, subject: string, log: Log): Promise<string> {
  for (;;) {
    try {
      return (await registry.latest(subject)).text
    } catch (error) {
      log.warn({ subject, err: error }, 'waiting for the schema of the record at the source')
      await sleep(SCHEMA_RETRY_MS)
    }
  }
}

/** Of the engine, until it is opened anew: about what a hundred snapshots take. */
const RENEW_AFTER_CALLS = 1_000

/** A folder that no other instance uses, who may share a volume; without what an earlier life of this one left when it was killed. */
export async function ownFolder({ stateDir, instance }: Pick<AgentConfig, 'stateDir' | 'instance'>, name: string): Promise<string> {
  const folder = join(stateDir, name, instance)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  return folder
}

/** An engine of the agent's own, with a folder to spill into. */
export async function openAgentEngine(config: AgentConfig, name: string): Promise<DuckDb> {
  const tempDir = await ownFolder(config, join('engine', name))
  return openDuckDb({ memoryLimitMb: 128, threads: 2, tempDir, renewAfterCalls: RENEW_AFTER_CALLS })
}
