import { join } from 'node:path'
import { z } from 'zod'
import { freePorts } from '../../local/ports.ts'
import type { Docker } from '../engine.ts'

const COMPOSE_DIR = join(import.meta.dirname, '..', '..')
const FILES = ['--file', 'compose.yaml', '--file', 'docker/e2e/webhook.yaml']
/** Without Grafana, which has no stand-in. */
const PROFILES = 'pipeline,agents,observability,chaos'
const PORT_VARIABLES = [
  ...['KAFKA_PORT', 'S3_PORT', 'NATS_PORT', 'REGISTRY_PORT', 'CATALOG_PORT', 'CONNECT_PORT', 'API_PORT'],
  ...['ASSAY_REPORTER_PORT', 'PROMETHEUS_PORT', 'ALERTMANAGER_PORT', 'JAEGER_PORT'],
] as const
type PortVariable = (typeof PORT_VARIABLES)[number]

export type Settings = Readonly<Record<string, string>>

/** The project of compose.yaml on one engine, at ports of its own. */
export interface Composed {
  readonly ports: Readonly<Record<PortVariable, number>>
  /** The images that are not built here. */
  pull(): Promise<void>
  build(): Promise<void>
  /** As a person would: waits until everything is healthy. */
  up(): Promise<void>
  /** Makes one service anew, with other settings. */
  recreate(service: string, settings: Settings): Promise<void>
  /** As a person would, with so many containers of one service. */
  scale(service: string, count: number): Promise<void>
  kill(service: string): Promise<void>
  start(service: string): Promise<void>
  logs(service: string): Promise<string>
  lastLines(service: string): Promise<string>
  /** How often it ended by itself, and was started again, since somebody started it. */
  restarts(service: string): Promise<number>
  isPaused(service: string): Promise<boolean>
  run(service: string, command: readonly string[]): Promise<string>
  /** As a person would, with the environment of `up`. */
  down(): Promise<void>
  /** Whatever an earlier start has left, of whichever profile. */
  clear(): Promise<void>
  /** Containers, volumes and networks that are still there. */
  leftovers(): Promise<readonly string[]>
}

/** Not the name that compose.yaml gives: what somebody runs on the same engine is left alone, and nothing may hang on the name. */
const PROJECT = 'assay-e2e'
const LINES_SHOWN = 40
const lines = (text: string) => text.split('\n').filter((line) => line !== '')

export async function composedOn(docker: Docker): Promise<Composed> {
  const free = await freePorts(PORT_VARIABLES.length)
  const ports = Object.fromEntries(PORT_VARIABLES.map((name, index) => [name, free[index] ?? 0])) as Record<PortVariable, number>
  const base: Settings = {
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    COMPOSE_PROJECT_NAME: PROJECT,
    COMPOSE_PROFILES: PROFILES,
    DOCKER_SOCKET: docker.socket,
    ALERTMANAGER_CONFIG: './docker/e2e/alertmanager.yml',
  }
  const compose = (args: readonly string[], settings: Settings = {}) =>
    docker.run(['compose', ...FILES, ...args], { cwd: COMPOSE_DIR, env: { ...base, ...settings } })
  const containerOf = (service: string) => `${PROJECT}-${service}-1`
  const ofProject = ['--filter', `label=com.docker.compose.project=${PROJECT}`]
  /** What the containers that are not well said last. */
  const unwell = async () => {
    const names = lines(await docker.run(['ps', '--all', ...ofProject, '--filter', 'health=unhealthy', '--format', '{{.Names}}']))
    const said = names.map(async (name) => `${name}:\n${await docker.lastLines(name, LINES_SHOWN)}`)
    return (await Promise.all(said)).join('\n')
  }
  return {
    ports,
    pull: async () => {
      await compose(['pull', '--quiet', '--ignore-buildable'])
    },
    build: async () => {
      await compose(['build', '--quiet'])
    },
    up: async () => {
      try {
        await compose(['up', '--detach', '--wait', '--no-build', '--quiet-pull'])
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await unwell()}`, { cause: error })
      }
    },
    recreate: async (service, settings) => {
      await compose(['up', '--detach', '--no-deps', '--no-build', '--force-recreate', '--timeout', '5', service], settings)
    },
    scale: async (service, count) => {
      await compose(['up', '--detach', '--wait', '--no-build', '--no-deps', '--no-recreate', '--scale', `${service}=${count}`, service])
    },
    kill: async (service) => {
      await docker.run(['kill', '--signal', 'KILL', containerOf(service)])
    },
    start: async (service) => {
      await docker.run(['start', containerOf(service)])
    },
    logs: (service) => docker.run(['logs', containerOf(service)]),
    lastLines: (service) => docker.lastLines(containerOf(service), LINES_SHOWN),
    restarts: async (service) => Number(await docker.run(['inspect', '--format', '{{.RestartCount}}', containerOf(service)])),
    isPaused: async (service) =>
      z.boolean().parse(JSON.parse(await docker.run(['inspect', '--format', '{{.State.Paused}}', containerOf(service)]))),
    run: (service, command) => compose(['exec', '--no-TTY', service, ...command]),
    down: async () => {
      await compose(['down', '--volumes'])
    },
    clear: async () => {
      await compose(['--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '10'])
    },
    leftovers: async () => [
      ...lines(await docker.run(['ps', '--all', '--quiet', ...ofProject])),
      ...lines(await docker.run(['volume', 'ls', '--quiet', ...ofProject])),
      ...lines(await docker.run(['network', 'ls', '--quiet', ...ofProject])),
    ],
  }
}
