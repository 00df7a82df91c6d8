import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { proberMetrics } from '../../agents/query-prober/metrics.ts'
import { startAgents, type Agents } from '../../compose/local/agents.ts'
import { signalGroup, startChild, type Child } from '../../compose/local/child.ts'
import { freePorts } from '../../compose/local/ports.ts'
import { httpAnswers } from '../../compose/local/probes.ts'
import { startStack, type Stack } from '../../compose/local/stack.ts'
import { alertmanagerSettings } from '../../compose/observability/alertmanager/settings.ts'
import { prometheusSettings } from '../../compose/observability/prometheus/settings.ts'
import { yamlText } from '../../schemas/yaml-text.ts'
import { API, recordSchema, topology } from '../../shared/core/told-run.fixture.ts'
import type { Bus } from '../../shared/runtime/bus.ts'
import { createClock } from '../../shared/runtime/clock.ts'
import { serveHealth, type HealthServer } from '../../shared/runtime/health.ts'
import { createKafkaBus } from '../../shared/runtime/kafka-bus.ts'
import { connectKafka } from '../../shared/runtime/kafka.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { createMetrics } from '../../shared/runtime/metrics.ts'
import { createRegistry } from '../../shared/runtime/registry.ts'
import { until } from './jaeger.ts'
import { programs } from './programs.ts'

export const RULES = join(import.meta.dirname, '../../compose/observability/prometheus')
const START_LIMIT_MS = 60_000

const alertShape = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
})
export type HeardAlert = z.infer<typeof alertShape> & { readonly path: string; readonly atMs: number }

export interface Alerting {
  /** On which the test speaks for all agents but the reporter. */
  readonly bus: Bus
  /** What came to the webhook. */
  all(): readonly HeardAlert[]
  /** The last of these; null: none came. */
  heard(status: HeardAlert['status'], labels: Readonly<Record<string, string>>): HeardAlert | null
  /** Of the one series that comes out; null: none does. */
  value(promql: string): Promise<number | null>
  /** Trace ids. */
  exemplars(series: string): Promise<string[]>
  readonly tracedAnswer: string
  /** The reporter's metrics as they are. */
  scraped(): Promise<string>
  stopReporter(): Promise<void>
  startReporter(): Promise<void>
  stop(): Promise<void>
}

const TRACED_ANSWER = 'e'.repeat(32)

/** A broker with the reporter on it, and all that hears the reporter. */
export async function startAlerting({ everySeconds }: { everySeconds: number }): Promise<Alerting> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-alerting-'))
  const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })]
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close()
  }
  try {
    const [alertmanagerPort = 0, prometheusPort = 0] = await freePorts(2)
    const webhook = await startWebhook()
    closing.push(() => webhook.close())
    const stack = await startStack({ dir: join(dir, 'stack'), progress: () => undefined, only: ['kafka', 'registry'] })
    closing.push(() => stack.stop())
    const agents = await startReporter(stack, dir, alertmanagerPort)
    const bus = openBus(stack)
    closing.push(() => bus.close())
    await bus.start(() => undefined)
    const prober = await serveProber()
    closing.push(() => prober.close())
    const servers = await startServers({
      dir,
      alertmanagerPort,
      prometheusPort,
      webhookPort: webhook.port,
      everySeconds,
      targets: [
        { agent: 'reporter', address: `127.0.0.1:${agents.ports['reporter'] ?? 0}` },
        { agent: 'query-prober', address: `127.0.0.1:${prober.port}` },
      ],
    })
    closing.push(...servers.map((server) => () => endOf(server)))
    const queries = queriesOf(`http://127.0.0.1:${prometheusPort}`)
    const known = await until(
      () => queries.value('count(assay_hop_violations_total == 0)'),
      (count) => count !== null,
      START_LIMIT_MS,
    )
    if (known === null) throw new Error(`Prometheus has not scraped the reporter:\n${await readFile(join(dir, 'prometheus.log'), 'utf8')}`)
    return {
      ...queries,
      bus,
      tracedAnswer: TRACED_ANSWER,
      all: () => webhook.heard,
      heard: (status, labels) =>
        webhook.heard.findLast(
          (alert) => alert.status === status && Object.entries(labels).every(([name, value]) => alert.labels[name] === value),
        ) ?? null,
      scraped: async () => (await fetch(`http://127.0.0.1:${agents.ports['reporter'] ?? 0}/metrics`)).text(),
      stopReporter: () => stack.stopProcess('reporter'),
      startReporter: () => agents.startAgent('reporter'),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startReporter(stack: Stack, dir: string, alertmanagerPort: number): Promise<Agents> {
  const registryUrl = stack.env['PIPELINE_REGISTRY_URL'] ?? ''
  const kafka = { bootstrap: stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '' }
  const file = join(dir, 'told.json')
  await writeFile(file, JSON.stringify({ ...topology, connections: { ...topology.connections, kafka, registry: { url: registryUrl } } }))
  const registered = await fetch(`${registryUrl}/subjects/${topology.record.subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schema: recordSchema }),
  })
  if (!registered.ok) throw new Error(`the registry answered ${registered.status}: ${await registered.text()}`)
  return startAgents(stack, ['reporter'], {
    progress: () => undefined,
    env: {
      ASSAY_TOPOLOGY: file,
      ASSAY_ALERTMANAGER_URL: `http://127.0.0.1:${alertmanagerPort}`,
      ASSAY_REPORTER_URL: 'http://reporter.test',
    },
  })
}

function openBus({ env }: Stack): Bus {
  return createKafkaBus({
    link: connectKafka({ brokers: (env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '').split(','), clientId: 'assay.test' }),
    registry: createRegistry(env['PIPELINE_REGISTRY_URL'] ?? ''),
    clock: createClock(),
    log: createLog({ agent: 'test', instance: '0', level: 'warn' }),
    controlTopic: 'assay.control',
    resultsTopic: 'assay.results',
  })
}

/** The metrics of a prober that has had one slow answer. */
function serveProber(): Promise<HealthServer> {
  const metrics = createMetrics(proberMetrics(topology))
  metrics.observe('assay_prober_latency_seconds', { value: 0.4, traceId: TRACED_ANSWER }, { hop: API })
  return serveHealth({ host: '127.0.0.1', port: 0, agent: 'query-prober', instance: '0', metrics, ready: () => true })
}

async function startWebhook() {
  const heard: HeardAlert[] = []
  const server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      const { alerts } = z.object({ alerts: z.array(alertShape) }).parse(JSON.parse(body))
      heard.push(...alerts.map((alert) => ({ ...alert, path: request.url ?? '', atMs: Date.now() })))
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    heard,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}

interface ServersWish {
  readonly dir: string
  readonly alertmanagerPort: number
  readonly prometheusPort: number
  readonly webhookPort: number
  readonly everySeconds: number
  readonly targets: readonly { readonly agent: string; readonly address: string }[]
}

/** Prometheus and Alertmanager, with the settings that are shipped. */
async function startServers(wish: ServersWish): Promise<Child[]> {
  const { dir, alertmanagerPort, prometheusPort, webhookPort, everySeconds, targets } = wish
  const note = (line: string) => void process.stderr.write(`${line}\n`)
  const url = (path: string) => `http://127.0.0.1:${webhookPort}${path}`
  const files = {
    'alertmanager.yml': alertmanagerSettings({ webhook: url('/team'), watchdog: url('/watchdog') }),
    'prometheus.yml': prometheusSettings({
      everySeconds,
      alertmanager: `127.0.0.1:${alertmanagerPort}`,
      rules: join(RULES, 'rules', '*.yml'),
      reporterUrl: 'http://reporter.test',
      targets,
    }),
  }
  for (const [file, content] of Object.entries(files)) await writeFile(join(dir, file), yamlText(content))
  const start = (name: string, command: string, args: readonly string[]) =>
    startChild({ name, command, args, cwd: dir, env: process.env, logFile: join(dir, `${name}.log`), pidFile: join(dir, `${name}.pid`) })
  const common = (name: string, storage: string) => [`--config.file=${name}.yml`, `--${storage}=${join(dir, `${name}-data`)}`]
  const alertmanager = await start('alertmanager', await programs.alertmanager(note), [
    ...common('alertmanager', 'storage.path'),
    `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
    '--cluster.listen-address=',
  ])
  const prometheus = await start('prometheus', join(await programs.prometheus(note), 'usr/bin/prometheus'), [
    ...common('prometheus', 'storage.tsdb.path'),
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
    '--enable-feature=exemplar-storage',
  ])
  const servers = [alertmanager, prometheus]
  for (const port of [alertmanagerPort, prometheusPort]) {
    const ready = await until(
      () => httpAnswers(`http://127.0.0.1:${port}/-/ready`),
      (answer) => answer === 'ok',
      START_LIMIT_MS,
    )
    if (ready === 'ok') continue
    await Promise.all(servers.map(endOf))
    throw new Error(
      `port ${port} is not ready: ${await readFile(join(dir, port === prometheusPort ? 'prometheus.log' : 'alertmanager.log'), 'utf8')}`,
    )
  }
  return servers
}

async function endOf(server: Child): Promise<void> {
  signalGroup(server.pid, 'SIGKILL')
  await server.exited
}

const series = z.object({ data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }) })
const exemplars = z.object({ data: z.array(z.object({ exemplars: z.array(z.object({ labels: z.object({ trace_id: z.string() }) })) })) })

function queriesOf(url: string): Pick<Alerting, 'value' | 'exemplars'> {
  const get = async (path: string, query: Readonly<Record<string, string>>): Promise<unknown> =>
    (await fetch(`${url}${path}?${new URLSearchParams(query).toString()}`, { signal: AbortSignal.timeout(10_000) })).json()
  return {
    async value(query) {
      const [first] = series.parse(await get('/api/v1/query', { query })).data.result
      return first === undefined ? null : Number(first.value[1])
    },
    async exemplars(query) {
      const { data } = exemplars.parse(await get('/api/v1/query_exemplars', { query, start: '0', end: String(Date.now() / 1000 + 60) }))
      return [...new Set(data.flatMap((found) => found.exemplars.map(({ labels }) => labels.trace_id)))]
    },
  }
}
