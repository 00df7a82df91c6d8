import type { AgentCore, AgentName } from '../core/agent.ts'
import type { BusEffect, BusEvent } from '../core/bus-events.ts'
import { AgentLoop, loopMetrics } from './agent-loop.ts'
import type { Shell } from './agent-loop.ts'

import type { Bus } from './bus.ts'
import { createClock } from './clock.ts'
import type { Clock } from './clock.ts'
import type { AgentConfig } from './config.ts'
import { serveHealth } from './health.ts'
import type { HealthOptions } from './health.ts'
import { createKafkaBus } from './kafka-bus.ts'
import { connectKafka } from './kafka.ts'
import { createLog } from './log.ts'
import type { Log } from './log.ts'
import { createLogKeeper, type LogKeeper } from './log-keeper.ts'
import { createLogTelling } from './log-telling.ts'
import { createMetrics } from './metrics.ts'
import type { MetricRow, Metrics } from './metrics.ts'
import { networkBytes } from './network-bytes.ts'
import { createRedactor } from './redactor.ts'
import { createRegistry } from './registry.ts'
import { createRisen } from './risen.ts'
import { EXIT_OK, EXIT_OUR_BUG, installShutdown } from './shutdown.ts'
import { createTracing } from './tracing.ts'
import type { Tracing } from './tracing.ts'
import { ASSAY_VERSION } from './version.ts'

/** What a shell stands on. */
export interface AgentPorts {
  readonly config: AgentConfig
  readonly log: Log
  /** The latest lines of `log` that speak of a run or of none. */
  readonly logLinesOf: LogKeeper['linesOf']
  readonly metrics: Metrics
  readonly clock: Clock
  readonly tracing: Tracing
  /** For what must stand on the results topic before something else is done. */
  readonly bus: Pick<Bus, 'publish' | 'flush' | 'request'>
  /** To set what is a matter of the moment whenever metrics are read. */
  readonly onScrape: (refresh: (nowMs: number) => void) => void
  /** To add pages to the agent's server. */
  readonly setAnswer: (answer: NonNullable<HealthOptions['answer']>) => void
}

export interface AgentRun<Config, State, Event, Effect> {
  readonly core: AgentCore<Config, State, Event | BusEvent, Effect | BusEffect>
  readonly coreConfig: Config
  readonly createShell: (ports: AgentPorts) => Promise<Shell<Event, Effect, State>>
  readonly metrics: readonly MetricRow[]
  readonly config: AgentConfig
  readonly version: string
  readonly tickMs?: number
}

const NAMESPACE = 'in a container the agent alone, elsewhere all that runs on the machine'

export const agentMetrics: readonly MetricRow[] = [
  ...loopMetrics,
  {
    name: 'assay_build_info',
    type: 'gauge',
    unit: 'boolean',
    help: 'Always 1; the label says which version runs.',
    labels: { version: [ASSAY_VERSION] },
  },
  {
    name: 'assay_agent_caught_up',
    type: 'gauge',
    unit: 'boolean',
    help: '1 once both topics are read up to where they ended at the start.',
  },
  { name: 'assay_bus_outbox_facts', type: 'gauge', unit: 'facts', help: 'Facts said and not yet on the results topic.' },
  {
    name: 'assay_bus_facts_refused_total',
    type: 'counter',
    unit: 'facts',
    help: 'Facts lost: the outbox was full, or the cluster refuses them.',
  },
  { name: 'assay_bus_heartbeats_dropped_total', type: 'counter', unit: 'facts', help: 'Heartbeats dropped to keep room for other facts.' },
  { name: 'assay_bus_unreadable_facts_total', type: 'counter', unit: 'facts', help: 'Facts on the results topic that could not be read.' },
  {
    name: 'assay_agent_namespace_received_bytes_total',
    type: 'counter',
    unit: 'bytes',
    help: `Received in the network namespace of the agent, loopback apart: ${NAMESPACE}.`,
  },
  {
    name: 'assay_agent_namespace_sent_bytes_total',
    type: 'counter',
    unit: 'bytes',
    help: `Sent from the network namespace of the agent, loopback apart: ${NAMESPACE}.`,
  },
]

const TICK_MS = 200
const HEARTBEAT_MS = 5_000
const FLUSH_LIMIT_MS = 5_000

/** Runs an agent until a signal or a bug ends it. Resolves when it listens and has begun to read. */
export async function runAgent<Config, State, Event extends { readonly type: string }, Effect extends { readonly type: string }>(
  run: AgentRun<Config, State, Event, Effect>,
): Promise<{ readonly port: number; readonly stop: () => void }> {
  const { core, config } = run
  const { instance } = config
  const clock = createClock()
  const { log, linesOf } = keptLog(core.name, config, clock)
  const metrics = createMetrics([...agentMetrics, ...run.metrics])
  const tracing = createTracing({ ...config.traces, agent: core.name, instance })
  const bus = createBus(core.name, { config, clock, log })
  const closing: (() => Promise<void> | void)[] = []
  const stop = async () => {
    for (const close of closing.reverse()) await close()
  }
  const shutdown = installShutdown({ log, stop })
  const onFatal = (error: unknown) => {
    log.fatal({ err: error }, 'a bug in Assay: this agent ends')
    shutdown.end(EXIT_OUR_BUG)
  }
  const loop = new AgentLoop<Config, State, Event, Effect>({ core, coreConfig: run.coreConfig, bus, log, metrics, onFatal })
  let answer: HealthOptions['answer']
  const refreshes: ((nowMs: number) => void)[] = []
  const server = await serveHealth({
    host: config.host,
    port: config.port,
    agent: core.name,
    instance,
    metrics: asOfNow(metrics, bus, () => {
      for (const refresh of refreshes) refresh(clock.nowMs())
    }),
    ready: () => bus.lagged().caughtUp || 'the topics are not read up to their ends yet',
    answer: (request, response) => answer?.(request, response) ?? false,
  })
  closing.push(
    () => server.close(),
    () => tracing.close(),
  )
  log.info({ port: server.port, pid: process.pid }, 'listening')
  const onScrape = (refresh: (nowMs: number) => void) => void refreshes.push(refresh)
  const setAnswer = (given: NonNullable<HealthOptions['answer']>) => (answer = given)
  const shell = await run.createShell({ config, log, logLinesOf: linesOf, metrics, clock, tracing, bus, onScrape, setAnswer })
  closing.push(
    () => bus.close(),
    async () => {
      if (!(await bus.flush(FLUSH_LIMIT_MS))) log.warn({ unsent: bus.lagged().outboxFacts }, 'stopped with facts unsent')
    },
    () => shell.close(),
  )
  loop.attach(shell)
  const stopTicks = clock.every(run.tickMs ?? TICK_MS, (atMs) => {
    loop.send({ type: 'tick', atMs })
  })
  const stopHeartbeats = startHeartbeats(bus, { clock, agent: core.name, instance, version: run.version })
  closing.push(() => {
    stopTicks()
    stopHeartbeats()
    loop.end()
  })
  const tellLog = createLogTelling({ speaker: { agent: core.name, instance }, clock, bus }, linesOf)
  await bus.start((event) => {
    loop.send(event)
    tellLog(event)
  })
  return {
    port: server.port,
    stop: () => {
      shutdown.end(EXIT_OK)
    },
  }
}

function keptLog(agent: AgentName, { instance, logLevel, environment }: AgentConfig, { nowMs }: Clock): LogKeeper {
  return createLogKeeper(createLog({ agent, instance, level: logLevel }), { nowMs, hide: createRedactor(environment) })
}

function createBus(agent: AgentName, { config, clock, log }: { config: AgentConfig; clock: Clock; log: Log }): Bus {
  const { registryUrl } = config.pipeline
  return createKafkaBus({
    link: connectKafka({ brokers: config.busBrokers, clientId: `assay.${agent}`, security: config.busSecurity }),
    registry: registryUrl === null ? null : createRegistry(registryUrl),
    clock,
    log,
    controlTopic: config.controlTopic,
    resultsTopic: config.resultsTopic,
  })
}

interface Heart {
  readonly clock: Clock
  readonly agent: AgentName
  readonly instance: string
  readonly version: string
}

function startHeartbeats(bus: Bus, { clock, agent, instance, version }: Heart): () => void {
  const startedAtMs = clock.nowMs()
  const beat = (atMs: number) => {
    bus.publish({ kind: 'agent-heartbeat', agent, instance, atMs, startedAtMs, version, residentBytes: process.memoryUsage.rss() })
  }
  beat(startedAtMs)
  return clock.every(HEARTBEAT_MS, beat)
}

/** The bus keeps its own counts, and shells may keep theirs; they are copied when somebody looks. */
function asOfNow(metrics: Metrics, bus: Bus, refresh: () => void): Metrics {
  const risen = createRisen(metrics)
  return {
    ...metrics,
    text(accept) {
      refresh()
      metrics.set('assay_build_info', 1, { version: ASSAY_VERSION })
      const lag = bus.lagged()
      metrics.set('assay_agent_caught_up', lag.caughtUp ? 1 : 0)
      metrics.set('assay_bus_outbox_facts', lag.outboxFacts)
      risen('assay_bus_facts_refused_total', lag.factsRefused)
      risen('assay_bus_heartbeats_dropped_total', lag.heartbeatsDropped)
      risen('assay_bus_unreadable_facts_total', lag.unreadableFacts)
      const network = networkBytes()
      if (network !== null) {
        risen('assay_agent_namespace_received_bytes_total', network.received)
        risen('assay_agent_namespace_sent_bytes_total', network.sent)
      }
      return metrics.text(accept)
    },
  }
}
