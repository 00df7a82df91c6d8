import { readFileSync, readdirSync } from 'node:fs'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { networkBytes } from '../../shared/runtime/network-bytes.ts'
import { createRisen } from '../../shared/runtime/risen.ts'
import type { ChaosTarget, ContainerTarget, Topology } from '../../topology/topology.ts'
import { containerStats, inspectContainer } from './docker-api.ts'
import { containerUsageOf, processUsageOf, type Usage } from './usage.ts'

const LOOK_EVERY_MS = 5_000
/** Of an engine, for each of two questions: a look is over before the next one is due. */
const ANSWER_WITHIN_MS = 2_000

export interface WatchPorts {
  readonly metrics: Pick<Metrics, 'set' | 'add'>
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly answerWithinMs?: number
}

/** Measures the targets from now on, apart from all that is done to them. Gives what ends it. */
export function startWatching(topology: Pick<Topology, 'chaos'>, ports: WatchPorts & { readonly clock: Pick<Clock, 'every'> }): () => void {
  const look = createWatch(topology, ports)
  void look()
  return ports.clock.every(LOOK_EVERY_MS, () => void look())
}

const GONE: Usage = { cpuSeconds: null, residentBytes: 0, descriptors: 0, network: null }
const UNKNOWN: Usage = { cpuSeconds: null, residentBytes: null, descriptors: null, network: null }

/** One look at all targets at once, whenever it is called; one that is still being looked at is left to that look. */
export function createWatch({ chaos }: Pick<Topology, 'chaos'>, ports: WatchPorts): () => Promise<void> {
  const { metrics, log, answerWithinMs = ANSWER_WITHIN_MS } = ports
  const risen = createRisen(metrics, { countsFirst: false })
  const lookedAt = new Set<string>()
  const dark = new Set<string>()
  const show = (target: string, { cpuSeconds, residentBytes, descriptors, network }: Usage) => {
    metrics.set('assay_watched_resident_bytes', residentBytes ?? Number.NaN, { target })
    if (chaos.targets[target]?.driver === 'process') metrics.set('assay_watched_open_descriptors', descriptors ?? Number.NaN, { target })
    if (cpuSeconds !== null) risen('assay_watched_cpu_seconds_total', cpuSeconds, { target })
    if (network === null) return
    risen('assay_watched_network_receive_bytes_total', network.received, { target })
    risen('assay_watched_network_transmit_bytes_total', network.sent, { target })
  }
  const look = async (name: string, target: ChaosTarget) => {
    const { usage, problem } = await seenOf(target, answerWithinMs)
    metrics.set('assay_watched_up', usage === null ? 0 : 1, { target: name })
    show(name, usage ?? (problem === null ? GONE : UNKNOWN))
    if (problem !== null && !dark.has(name)) log.warn({ target: name, err: problem }, 'a target cannot be measured')
    if (problem === null && dark.has(name)) log.info({ target: name }, 'a target can be measured again')
    if (problem === null) dark.delete(name)
    else dark.add(name)
  }
  return async () => {
    const due = Object.entries(chaos.targets).filter(([name]) => !lookedAt.has(name))
    await Promise.all(
      due.map(async ([name, target]) => {
        lookedAt.add(name)
        await look(name, target)
        lookedAt.delete(name)
      }),
    )
  }
}

interface Seen {
  /** Null: it is not there, or there is a problem. */
  readonly usage: Usage | null
  /** Why nobody can tell whether it is there. */
  readonly problem: Error | null
}

async function seenOf(target: ChaosTarget, answerWithinMs: number): Promise<Seen> {
  try {
    const usage = target.driver === 'process' ? usageOfProcess(target.pidFile) : await usageOfContainer(target, answerWithinMs)
    return { usage, problem: null }
  } catch (error) {
    return { usage: null, problem: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** Of a paused one the processes are there, and stand still. */
const LIVES = new Set(['running', 'paused'])

async function usageOfContainer({ api, container }: ContainerTarget, answerWithinMs: number): Promise<Usage | null> {
  const engine = { api, answerWithinMs }
  const state = await inspectContainer(engine, container)
  if (state === null || !LIVES.has(state.status)) return null
  const stats = await containerStats(engine, state.id)
  return stats && containerUsageOf(stats)
}

function usageOfProcess(pidFile: string): Usage | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
    const used = processUsageOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    return used && { ...used, descriptors: descriptorsOf(pid), network: networkBytes(pid) }
  } catch (error) {
    // No pid file, no such process, or one that ended in the middle of the look.
    if (isOneOf(error, ['ENOENT', 'ESRCH'])) return null
    throw error
  }
}

/** Null without the right to look at them: those of another user's process. */
function descriptorsOf(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch (error) {
    if (isOneOf(error, ['EACCES', 'EPERM'])) return null
    throw error
  }
}

const isOneOf = (error: unknown, codes: readonly string[]) =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))
