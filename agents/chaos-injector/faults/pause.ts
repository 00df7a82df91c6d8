import { readFile } from 'node:fs/promises'
import { AssayError } from '../../../shared/core/errors.ts'
import { byDriver, type PinnedProcess, type ProcessFault } from './fault.ts'
import { pauseContainer } from './pause-container.ts'

const STOPPED = 'T'
/** Ended, and not yet buried by its parent. */
const ENDED = new Set(['Z', 'X', 'x'])

/** Stops a process where it stands (SIGSTOP): connections stay open, nothing answers. Healed by SIGCONT. */
export const pauseProcess: ProcessFault = {
  async plan({ pidFile }) {
    const text = await readFile(pidFile, 'utf8').catch((cause: unknown) => {
      throw new AssayError('INPUT_INVALID', `pid file ${pidFile} cannot be read`, { cause })
    })
    const pid = Number(text.trim())
    if (!Number.isInteger(pid) || pid <= 1)
      throw new AssayError('INPUT_INVALID', `pid file ${pidFile}: expected a process id, got ${JSON.stringify(text.slice(0, 40))}`)
    const stat = await processStat(pid)
    if (stat === null) throw new AssayError('INPUT_INVALID', `pid file ${pidFile} names process ${pid}, which does not run`)
    // Whoever stopped it counts on that: the heal would undo theirs, and the state would be no evidence of ours.
    if (stat.state === STOPPED)
      throw new AssayError('INPUT_INVALID', `process ${pid} of pid file ${pidFile} is stopped already: a running one was expected`)
    return { pid, startTicks: stat.startTicks }
  },
  async inject(pinned) {
    await assertSame(pinned)
    process.kill(pinned.pid, 'SIGSTOP')
  },
  async bit(pinned) {
    const stat = await sameProcess(pinned)
    return stat?.state === STOPPED ? `process ${pinned.pid} is in state T (stopped)` : null
  },
  async heal(pinned) {
    // A target that died under the fault has nothing left to heal: healed() tells.
    if ((await sameProcess(pinned)) !== null) signal(pinned.pid, 'SIGCONT')
  },
  async healed(pinned) {
    const stat = await sameProcess(pinned)
    if (stat === null) return `process ${pinned.pid} is gone: it died under the fault, nothing is left to heal`
    return stat.state === STOPPED ? null : `process ${pinned.pid} is in state ${stat.state}`
  },
}

/** Stands still, and keeps its connections: a process, or all processes of a container. */
export const pause = byDriver({ process: pauseProcess, docker: pauseContainer })

/** It may end between the look and the signal. */
function signal(pid: number, name: 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

export interface ProcessStat {
  /** One letter of proc(5). */
  readonly state: string
  readonly startTicks: string
}

async function sameProcess({ pid, startTicks }: PinnedProcess): Promise<ProcessStat | null> {
  const stat = await processStat(pid)
  return stat?.startTicks === startTicks ? stat : null
}

async function assertSame(pinned: PinnedProcess): Promise<void> {
  if ((await sameProcess(pinned)) === null)
    throw new AssayError('INPUT_INVALID', `process ${pinned.pid} is no longer the one the lease was written for`)
}

/** State and start time from /proc/<pid>/stat (proc(5)); null when there is no such process, or it has ended. */
export async function processStat(pid: number): Promise<ProcessStat | null> {
  try {
    return statFrom(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null
    throw error
  }
}

/** The command stands in parentheses and may hold anything: fields are counted from the last one. */
export function statFrom(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '?'] = fields
  return ENDED.has(state) ? null : { state, startTicks: fields[19] ?? '' }
}
