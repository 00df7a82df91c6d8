import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reporterCore, type ReporterEffect, type ReporterEvent, type ReporterState } from '../../agents/reporter/core.ts'
import { reporterMetrics } from '../../agents/reporter/metrics.ts'
import { createPage } from '../../agents/reporter/page/page.ts'
import { ReporterShell } from '../../agents/reporter/shell.ts'
import type { ControlMessage } from '../../schemas/control.ts'
import type { ResultMessage } from '../../schemas/results.ts'
import type { AgentBaseConfig } from '../../shared/core/acceptance.ts'
import { AssayError } from '../../shared/core/errors.ts'
import { AgentLoop } from '../../shared/runtime/agent-loop.ts'
import { readPlans } from '../../shared/runtime/agent-setup.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { serveHealth } from '../../shared/runtime/health.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { agentMetrics } from '../../shared/runtime/run-agent.ts'
import { createTracing } from '../../shared/runtime/tracing.ts'
import { loadTopology, problemText } from '../../topology/load.ts'
import type { Topology } from '../../topology/topology.ts'

export const clock = createClock()
export const TOKEN = 'a token of sixteen and more'

/** The two topics, in memory: they outlive a reporter. */
export interface Topics {
  readonly results: ResultMessage[]
  readonly control: { readonly offset: number; readonly atMs: number; readonly message: ControlMessage }[]
}

export interface Reporter {
  readonly url: string
  readonly port: number
  tell(...facts: ResultMessage[]): void
  stop(): Promise<void>
}

export interface ReporterOptions {
  readonly topics: Topics
  readonly reportsDir: string
  readonly port?: number
  readonly token?: string | null
  /** Whether the control topic is there. */
  readonly isBusUp?: () => boolean
}

export const newTopics = (): Topics => ({ results: [], control: [] })

export function newReportsDir(): { readonly path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), 'assay-page-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

const TOPOLOGY = 'topology/reference.yaml'

function readReference(): Topology {
  const environment = new Proxy<Record<string, string>>({}, { get: () => 'http://127.0.0.1:1' })
  const loaded = loadTopology(TOPOLOGY, readFileSync(join(import.meta.dirname, '../..', TOPOLOGY), 'utf8'), environment)
  if (loaded.ok) return loaded.value
  throw new Error(loaded.problems.map(problemText).join('\n'))
}

/** The reporter's real core, loop, shell, page and server; only Kafka is stood in for. */
export async function startReporter(options: ReporterOptions): Promise<Reporter> {
  const { topics, reportsDir, token = TOKEN, isBusUp = () => true } = options
  const topology = readReference()
  const plans = await readPlans()
  const log = createLog({ agent: 'reporter', instance: '0', level: 'silent' })
  const metrics = createMetrics([...agentMetrics, ...reporterMetrics(topology)], { processMetrics: false })
  const tracing = createTracing({ kind: 'none', endpoint: '', agent: 'reporter', instance: '0' })
  const fatal: unknown[] = []
  const request = (message: ControlMessage) => {
    if (!isBusUp()) return Promise.reject(new AssayError('BUS_UNAVAILABLE', 'no broker answers'))
    const said = { offset: topics.control.length, atMs: clock.nowMs(), message }
    topics.control.push(said)
    loop.send({ type: 'control', ...said })
    return Promise.resolve({ offset: said.offset })
  }
  const bus = {
    publish: (fact: ResultMessage) => void topics.results.push(fact),
    request,
    flush: () => Promise.resolve(true),
    shareWork: () => undefined,
  }
  const loop = new AgentLoop<AgentBaseConfig, ReporterState, ReporterEvent, ReporterEffect>({
    core: reporterCore,
    coreConfig: { speaker: { agent: 'reporter', instance: '0' }, plans, topology, recordSchema: '{}' },
    bus,
    log,
    metrics,
    onFatal: (error) => fatal.push(error),
  })
  const agent = { log, logLinesOf: () => [], metrics, tracing, clock, bus }
  const page = await createPage({ agent, topology, plans, reportsDir, pageToken: token, jaegerUi: 'http://127.0.0.1:16686' })
  const shell = new ReporterShell({ agent, topology, reportsDir, page })
  const server = await serveHealth({
    host: '127.0.0.1',
    port: options.port ?? 0,
    agent: 'reporter',
    instance: '0',
    metrics,
    ready: () => true,
    answer: page.answer,
  })
  loop.attach(shell)
  for (const said of topics.control) loop.send({ type: 'control', ...said })
  for (const fact of topics.results) loop.send({ type: 'fact', fact })
  loop.send({ type: 'caught-up', atMs: clock.nowMs() })
  const stopTicks = clock.every(200, (atMs) => {
    loop.send({ type: 'tick', atMs })
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    tell(...facts) {
      for (const fact of facts) {
        topics.results.push(fact)
        loop.send({ type: 'fact', fact })
      }
    },
    async stop() {
      stopTicks()
      loop.end()
      await shell.close()
      await server.close()
      await tracing.close()
      if (fatal.length > 0) throw fatal[0]
    },
  }
}
