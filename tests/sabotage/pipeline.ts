import { mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createAssayTopics } from '../../agents/cli/topics.ts'
import { startAgents, type Agents } from '../../compose/local/agents.ts'
import type { Stack } from '../../compose/local/stack.ts'
import { connectKafka, createTopics } from '../../compose/reference/kafka.ts'
import { createLog } from '../../compose/reference/log.ts'
import { createEncoder, Registry, schemaText } from '../../compose/reference/registry.ts'
import type { Place, SabotageCase } from './case.ts'
import { startWriter, type TableWriter } from './table-writer.ts'

/** What all pipelines stand on. */
export interface Ground {
  readonly stack: Stack
  /** Frames a record of the second topic. */
  readonly encode: Pipeline['encode']
  readonly classPath: string
  readonly recordClassPath: string
  readonly note: (line: string) => void
}

/** Two topics, a table and the agents that watch them, under names of their own. The saboteur is what moves records through. */
export interface Pipeline {
  readonly names: { readonly raw: string; readonly topic: string; readonly table: readonly [string, string] }
  readonly groups: { readonly normaliser: string; readonly sink: string }
  readonly hops: Readonly<Record<Place, string>>
  readonly environment: Readonly<Record<string, string>>
  readonly writer: TableWriter
  readonly kafka: Kafka
  readonly agents: Agents
  readonly stack: Stack
  readonly encode: (trade: object) => Buffer
  /** Runs `RecordWriter`. */
  readonly recordClassPath: string
  /** `kill -9`, and started again. */
  killAndRestart(agent: string): Promise<void>
  /** The same, and this happens in between. */
  whileGone(agent: string, act: () => Promise<unknown>): Promise<void>
  /** The agent is stopped meanwhile (`SIGSTOP`), and goes on behind it. */
  whileHeld<T>(agent: string, act: () => Promise<T>): Promise<T>
  /** One more instance of an agent, ready; `SECOND` is its name. */
  startSecond(agent: string): Promise<void>
  /** Name of the process that speaks as this instance of an agent. */
  processOf(agent: string, instance: string): string
  close(): Promise<void>
}

export type Kafka = ReturnType<typeof connectKafka>

export const DELIVER_WITHIN_MS = { raw: 5_000, topic: 9_000, table: 17_000 } as const
/** So many times longer: of what takes its time, or has something it stands on away for a while, and is not about lateness. */
export const within = (times: number): Readonly<Record<Place, number>> => ({
  raw: DELIVER_WITHIN_MS.raw * times,
  topic: DELIVER_WITHIN_MS.topic * times,
  table: DELIVER_WITHIN_MS.table * times,
})
const GIVE_UP_AFTER_MS = 21_000
/** Instances of an agent, by what they call themselves. */
export const FIRST = hostname().slice(0, 64)
export const SECOND = 'second'
/** Of the table, in SQL. */
export const RULE = 'symbol = upper(symbol)'
const PARTITIONS = 4
const AGENTS = ['generator', 'ingestion-checker', 'storage-reconciler', 'reporter'] as const
const RAW_SUBJECT = 'market.trades.raw-value'

/** Once for all pipelines: two clients that register one subject at a time get in each other's way. */
export async function registerSchemas(stack: Stack): Promise<Pipeline['encode']> {
  const registry = new Registry(stack.env['PIPELINE_REGISTRY_URL'] ?? '')
  await registry.register(RAW_SUBJECT, schemaText('RawTrade'))
  return createEncoder(registry, 'market.trades', 'NormalisedTrade')
}

let made = 0

/** What of a case is its pipeline's. */
export type PipelineWish = Pick<SabotageCase, 'table' | 'topology' | 'clockOff' | 'byEventTime' | 'deliverWithinMs'>

export async function openPipeline(ground: Ground, wish: PipelineWish): Promise<Pipeline> {
  const { stack, classPath, recordClassPath, encode, note } = ground
  const name = `s${++made}`
  const names = { raw: `${name}.raw`, topic: name, table: ['sabotage', name] } as const
  const groups = { normaliser: `${name}-normaliser`, sink: `${name}-sink` }
  const folder = join(stack.dir, 'sabotage', name)
  await mkdir(folder, { recursive: true })
  const environment = {
    ...stack.env,
    ASSAY_TOPOLOGY: join(folder, 'topology.yaml'),
    ASSAY_CONTROL_TOPIC: `${name}.control`,
    ASSAY_RESULTS_TOPIC: `${name}.results`,
    ASSAY_STATE_DIR: folder,
  }
  await writeFile(environment.ASSAY_TOPOLOGY, JSON.stringify(topologyOf({ names, groups }, wish)))
  const kafka = connectKafka('saboteur', stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '', createLog('saboteur', 'silent'))
  await createTopics(kafka, [names.raw, names.topic], PARTITIONS)
  await createAssayTopics(environment)
  const writer = startWriter(classPath, stack.env, names.table)
  await writer.do('warm-up', { rows: [{ trade_id: 'warm' }] })
  await writer.do('create', { ...wish.table })
  const argsOf = (agent: string) => ['agents/cli/main.ts', 'agent', agent.split('.')[0] ?? agent]
  const agentNames = AGENTS.map((agent) => `${agent}.${name}`)
  const agents = await startAgents(stack, agentNames, { progress: note, env: { ...environment, ...clockOf(wish) }, argsOf })
  const whileGone = async (agent: string, act: () => Promise<unknown>) => {
    await stack.stopProcess(`${agent}.${name}`, 'SIGKILL')
    await act()
    await agents.startAgent(`${agent}.${name}`)
  }
  const others: Agents[] = []
  const processOf = (agent: string, instance: string) => (instance === SECOND ? `${agent}.2.${name}` : `${agent}.${name}`)
  return {
    names,
    groups,
    hops: { raw: `topic:${names.raw}`, topic: `topic:${names.topic}`, table: `table:${names.table.join('.')}` },
    environment,
    writer,
    kafka,
    agents,
    stack,
    encode,
    recordClassPath,
    killAndRestart: (agent) => whileGone(agent, () => Promise.resolve()),
    whileGone,
    async whileHeld(agent, act) {
      agents.killAgent(`${agent}.${name}`, 'SIGSTOP')
      try {
        return await act()
      } finally {
        agents.killAgent(`${agent}.${name}`, 'SIGCONT')
      }
    },
    async startSecond(agent) {
      const env = { ...environment, ASSAY_INSTANCE: SECOND, ASSAY_STATE_DIR: join(folder, SECOND) }
      others.push(await startAgents(stack, [processOf(agent, SECOND)], { progress: note, env, argsOf }))
    },
    processOf,
    async close() {
      await Promise.all([agents, ...others].map((some) => some.stop()))
      await writer.close()
    },
  }
}

/** What sets the clock of one agent wrong. */
const clockOf = ({ clockOff }: PipelineWish): Record<string, string> =>
  clockOff === undefined
    ? {}
    : {
        NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'wrong-clock.ts')).href}`,
        WRONG_CLOCK_AGENT: clockOff.agent,
        WRONG_CLOCK_MS: String(clockOff.ms),
      }

function topologyOf(
  { names, groups }: Pick<Pipeline, 'names' | 'groups'>,
  { topology: more, byEventTime, deliverWithinMs = DELIVER_WITHIN_MS }: PipelineWish,
): object {
  const expect = [
    { field: 'symbol', type: 'VARCHAR', sql: 'upper(symbol)' },
    { field: 'notional', type: 'DECIMAL(38,10)', sql: 'price * quantity' },
  ]
  const deadlines = (place: Place) => ({ deliverWithinMs: deliverWithinMs[place], giveUpAfterMs: GIVE_UP_AFTER_MS })
  return {
    version: 1,
    name: names.topic,
    connections: {
      kafka: { bootstrap: '${PIPELINE_KAFKA_BOOTSTRAP}' },
      registry: { url: '${PIPELINE_REGISTRY_URL}' },
      catalog: { url: '${PIPELINE_CATALOG_URL}' },
      s3: {
        endpoint: '${PIPELINE_S3_ENDPOINT}',
        region: '${PIPELINE_S3_REGION}',
        accessKey: '${PIPELINE_S3_ACCESS_KEY}',
        secretKey: '${PIPELINE_S3_SECRET_KEY}',
      },
    },
    record: {
      subject: RAW_SUBJECT,
      identity: 'trade_id',
      marker: { field: 'venue', value: 'XTST' },
      key: 'symbol',
      eventTime: 'traded_at',
      fields: {
        symbol: { perStream: 'assay-{run}-{stream}' },
        side: { oneOf: ['BUY', 'SELL'] },
        price: { range: ['0.010000', '4999.999999'] },
        quantity: { range: ['0.0001', '10000.0000'] },
        note: { oneOf: ['opening auction', 'late print', 'naïve café'] },
      },
    },
    hops: [
      { kind: 'topic', topic: names.raw, headers: ['traceparent'], ...deadlines('raw') },
      {
        kind: 'topic',
        topic: names.topic,
        headers: ['traceparent'],
        key: 'symbol',
        processedBy: { group: groups.normaliser, topic: names.raw },
        expect,
        ...deadlines('topic'),
      },
      {
        kind: 'table',
        namespace: names.table[0],
        table: names.table[1],
        ...(byEventTime === true
          ? { audit: { eventTime: { topic: names.topic, field: 'traded_at', column: 'traded_at' } } }
          : { sourceOffsets: { topic: names.topic, partition: '_kafka_metadata_partition', offset: '_kafka_metadata_offset' } }),
        sinkGroup: groups.sink,
        expect,
        rules: [{ name: 'symbols are upper case', each: RULE }, ...(more?.rules ?? [])],
        contract: {
          ...more?.contract,
          columns: { side: { type: 'string', notNull: true, oneOf: ['BUY', 'SELL'] }, ...more?.contract?.columns },
        },
        ...deadlines('table'),
      },
    ],
  }
}

/** Where the object store keeps what a table location names. */
export const storedAt = (stack: Stack, location: string): string => join(stack.dir, 'data', 's3', location.replace(/^s3:\/\//, ''))
