import { setTimeout as sleep } from 'node:timers/promises'
import { createAssayTopics } from '../../agents/cli/topics.ts'
import { cacheFolder, ensureComponents } from './cache.ts'
import { logTail } from './child.ts'
import { pipelineVersions } from './components.ts'
import { HOST } from './configuration.ts'
import { StackError } from './errors.ts'
import { freePorts } from './ports.ts'
import { httpAnswers } from './probes.ts'
import type { Stack } from './stack.ts'

export const AGENT_NAMES = ['generator', 'ingestion-checker', 'storage-reconciler', 'query-prober', 'chaos-injector', 'reporter'] as const
export type AgentName = (typeof AGENT_NAMES)[number]

const READY_LIMIT_MS = 60_000
const READY_POLL_MS = 100

export interface AgentsOptions {
  progress: (line: string) => void
  /** Arguments of `node` that run an agent; by default those of `assay agent <name>`. */
  argsOf?: (name: string) => readonly string[]
  /** Added to every agent's environment. */
  env?: Record<string, string>
}

export interface Agents {
  /** Port of each agent's `/healthz`, `/readyz` and `/metrics`. It stays over restarts. */
  readonly ports: Readonly<Record<string, number>>
  killAgent(name: string, signal: NodeJS.Signals): void
  /** Starts an agent that has ended, and waits until it is ready. */
  startAgent(name: string): Promise<void>
  /** Ends all agents in an orderly way. */
  stop(): Promise<void>
}

/** Starts agents as processes of the stack, all at once, and waits until each says it is ready. */
export async function startAgents(stack: Stack, names: readonly string[], options: AgentsOptions): Promise<Agents> {
  const free = await freePorts(names.length)
  const ports = Object.fromEntries(names.map((name, index) => [name, free[index] ?? 0]))
  const { 'duckdb-extensions': extensions } = await ensureComponents(cacheFolder(process.env), options.progress)
  const argsOf = options.argsOf ?? ((name) => ['agents/cli/main.ts', 'agent', name])

  const startAgent = async (name: string): Promise<void> => {
    const port = ports[name]
    if (port === undefined) throw new StackError('service-unknown', `${name} is not among the agents of this stack: ${names.join(', ')}`)
    const startedMs = Date.now()
    options.progress(`starting ${name} …`)
    const env = {
      ASSAY_DUCKDB_EXTENSIONS: extensions,
      ASSAY_PIPELINE_VERSIONS: pipelineVersions,
      ...options.env,
      ASSAY_AGENT_PORT: String(port),
    }
    const { exited, logFile } = await stack.startProcess({ name, args: argsOf(name), env })
    let ended = false
    void exited.then(() => {
      ended = true
    })
    await waitUntilReady({ name, url: `http://${HOST}:${port}/readyz`, logFile, hasEnded: () => ended })
    options.progress(`started ${name} … ${((Date.now() - startedMs) / 1000).toFixed(1)} s  (log ${logFile})`)
  }
  // What the agents say and hear stands on topics that somebody has to make; they themselves need no right to.
  for (const difference of await createAssayTopics(stack.env)) options.progress(difference)
  await Promise.all(names.map(startAgent))
  return {
    ports,
    startAgent,
    killAgent: (name, signal) => {
      stack.kill(name, signal)
    },
    stop: async () => {
      await Promise.all(names.map((name) => stack.stopProcess(name)))
    },
  }
}

interface Awaited {
  name: string
  url: string
  logFile: string
  hasEnded: () => boolean
}

async function waitUntilReady({ name, url, logFile, hasEnded }: Awaited): Promise<void> {
  const deadlineMs = Date.now() + READY_LIMIT_MS
  let last = 'nothing'
  while (Date.now() < deadlineMs) {
    const answer = await httpAnswers(url)
    if (hasEnded())
      throw new StackError(
        'service-failed',
        `${name} ended before it was ready (log ${logFile}); its last lines:\n${await logTail(logFile)}`,
      )
    if (answer === 'ok') return
    last = answer.not
    await sleep(READY_POLL_MS)
  }
  const tail = await logTail(logFile)
  throw new StackError(
    'service-late',
    `${name} was not ready within ${READY_LIMIT_MS} ms, last: ${last} (log ${logFile}); its last lines:\n${tail}`,
  )
}
