/** The part of a Compose service that is used here, as data. */
export interface Service {
  readonly image: string
  readonly build?: Build
  /** `never`: another service builds the image. */
  readonly pull_policy?: 'never' | undefined
  readonly profiles: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly user?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly networks: readonly Network[]
  readonly volumes?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly depends_on?: Readonly<Record<string, Dependency>>
  /** Left out: the image's own. None: a task, of which its exit code tells. */
  readonly healthcheck?: Healthcheck | 'none'
  readonly labels?: Readonly<Record<string, string>>
  readonly stop_grace_period?: string
  readonly restart: 'unless-stopped' | 'on-failure:10'
  readonly limits: Limits
}

export interface Build {
  readonly context: string
  readonly dockerfile: string
  readonly target?: string
  readonly args: Readonly<Record<string, string>>
}

export interface Limits {
  readonly memory: string
  readonly cpus: string
  readonly pids: number
}

export interface Healthcheck {
  readonly test: readonly string[]
  readonly interval: string
  readonly timeout: string
  readonly start_period: string
  readonly retries: number
}

export type Network = 'pipeline' | 'control' | 'observability' | 'traces' | 'chaos'

export interface Dependency {
  readonly condition: 'service_healthy' | 'service_completed_successfully' | 'service_started'
  /** False: where the other is in no active profile, this one starts all the same. */
  readonly required: boolean
}

export const healthy: Dependency = { condition: 'service_healthy', required: false }
export const done: Dependency = { condition: 'service_completed_successfully', required: false }

export const started: Dependency = { condition: 'service_started', required: false }

export const limits = (memory: string, cpus: string, pids = 128): Limits => ({ memory, cpus, pids })

const often = { interval: '5s', timeout: '5s', retries: 12 }
/** For what nobody waits for: each look costs the start of a process. */
const seldom = { interval: '15s', timeout: '10s', retries: 6 }

/** A check by an image's own shell: none of these images is sure to bring curl or wget, but all these bring bash. */
export function bashHttp(port: number, path: string, startPeriod: string): Healthcheck {
  const ask = `exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'GET ${path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $$line == *' 200'* ]]`
  return { test: ['CMD', 'bash', '-c', ask], start_period: startPeriod, ...often }
}

export const bashTcp = (port: number, startPeriod: string): Healthcheck => ({
  test: ['CMD', 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`],
  start_period: startPeriod,
  ...often,
})

/** By the wget of busybox, which alpine and Prometheus' images bring. */
export const wgetHttp = (port: number, path: string, startPeriod: string): Healthcheck => ({
  test: ['CMD', 'wget', '-q', '-O', '/dev/null', `http://127.0.0.1:${port}${path}`],
  start_period: startPeriod,
  ...seldom,
})

/** Bound to the loopback address, at a port of the host that `.env` can change. */
export const published = (variable: string, hostPort: number, port: number) => `127.0.0.1:\${${variable}:-${hostPort}}:${port}`

/** Memory that is gone with the container, in place of a writable root. */
export const scratch = (path: string, size: string) => `${path}:size=${size},mode=1777`

/** For Java's libraries, which are unpacked to the temporary folder and loaded from there. */
export const scratchOfJava = (size: string) => `${scratch('/tmp', size)},exec`

/** Over a folder of the image the mode is the folder's own, so that its user has to own it. */
export const scratchOf = (user: number, path: string, size: string) => `${path}:size=${size},uid=${user},gid=${user}`
