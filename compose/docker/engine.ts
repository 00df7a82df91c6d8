import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { debianCommand } from '../local/debian.ts'
import { StackError } from '../local/errors.ts'
import { installPlugins } from './plugins.ts'

const execute = promisify(execFile)

const START_LIMIT_MS = 60_000
const COMMAND_LIMIT_MS = 20 * 60_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const SHOWN_CHARS = 1_500
const POLL_MS = 250

/** A Docker client that speaks to one engine, with Compose and buildx of known versions. */
export interface Docker {
  readonly socket: string
  readonly environment: Readonly<Record<string, string>>
  run(args: readonly string[], place?: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> }): Promise<string>
  hasImage(image: string): Promise<boolean>
  /** What a container wrote last, of either output: what ends a process is often told by the second. */
  lastLines(container: string, lines: number): Promise<string>
}

export interface Engine {
  readonly docker: Docker
  /** Ends the engine if it was started here; images stay in its folder. */
  stop(): Promise<void>
}

/** The engine of this machine where one answers, else Debian's, started with a folder and a socket of its own. Needs root for that. */
export async function openEngine(dir: string, note: (line: string) => void): Promise<Engine> {
  await mkdir(dir, { recursive: true })
  const configDir = join(dir, 'client')
  await installPlugins(configDir, note)
  const theirs = clientOf('/var/run/docker.sock', configDir)
  if (await answers(theirs)) return { docker: theirs, stop: () => Promise.resolve() }
  const ours = clientOf(join(dir, 'docker.sock'), configDir)
  // Left by an earlier start that was told to stay.
  if (await answers(ours)) return { docker: ours, stop: () => endEngine(dir) }
  await debianCommand('iptables', ['iptables'], note)
  await debianCommand('tini', ['tini'], note)
  const dockerd = await debianCommand('dockerd', ['docker.io'], note)
  note('starting a Docker engine …')
  const log = await open(join(dir, 'engine.log'), 'a')
  const child = spawn(dockerd, argumentsOf(dir), { detached: true, stdio: ['ignore', log.fd, log.fd] })
  child.unref()
  await log.close()
  const deadlineMs = Date.now() + START_LIMIT_MS
  while (!(await answers(ours))) {
    if (child.exitCode !== null || Date.now() > deadlineMs)
      throw new StackError('service-failed', `the Docker engine does not answer (log ${join(dir, 'engine.log')})`)
    await sleep(POLL_MS)
  }
  return { docker: ours, stop: () => endEngine(dir) }
}

const pidFile = (dir: string) => join(dir, 'engine.pid')

const argumentsOf = (dir: string) => [
  ...['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', pidFile(dir)],
  ...['--host', `unix://${join(dir, 'docker.sock')}`],
]

async function endEngine(dir: string): Promise<void> {
  if (!existsSync(pidFile(dir))) return
  process.kill(Number((await readFile(pidFile(dir), 'utf8')).trim()), 'SIGTERM')
  const deadlineMs = Date.now() + START_LIMIT_MS
  while (existsSync(pidFile(dir)) && Date.now() < deadlineMs) await sleep(POLL_MS)
}

function clientOf(socket: string, configDir: string): Docker {
  const environment = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: configDir, DOCKER_CLI_HINTS: 'false' }
  const call = async (...[args, { cwd, env } = {}]: Parameters<Docker['run']>) => {
    try {
      const options = { timeout: COMMAND_LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, ...environment, ...env } }
      return await execute('docker', [...args], cwd === undefined ? options : { ...options, cwd })
    } catch (error) {
      // What went wrong stands at the end.
      const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
      throw new StackError('service-failed', `docker ${args.slice(0, 8).join(' ')} … ${output.slice(-SHOWN_CHARS)}`, { cause: error })
    }
  }
  return {
    socket,
    environment,
    run: async (args, place) => (await call(args, place)).stdout,
    hasImage: async (image) => (await call(['image', 'ls', '--quiet', image])).stdout.trim() !== '',
    lastLines: async (container, lines) => {
      const { stdout, stderr } = await call(['logs', '--tail', String(lines), container])
      return `${stdout}${stderr}`
    },
  }
}

async function answers(docker: Docker): Promise<boolean> {
  if (!existsSync(docker.socket)) return false
  try {
    await docker.run(['version', '--format', '{{.Server.Version}}'])
    return true
  } catch {
    return false
  }
}
