import { readFile } from 'node:fs/promises'
import { AssayError } from '../../../shared/core/errors.ts'
import type { Fault, PinnedTarget } from './fault.ts'

/** Stops a process where it stands (SIGSTOP): connections stay open, nothing answers. Healed by SIGCONT. */
export const pause: Fault = {
  async plan({ pidFile }) {
    const text = await readFile(pidFile, 'utf8').catch((cause: unknown) => {
      throw new AssayError('INPUT_INVALID', `pid file ${pidFile} cannot be read`, { cause })
    })
    const pid = Number(text.trim())
    if (!Number.isInteger(pid) || pid <= 1)
      throw new AssayError('INPUT_INVALID', `pid file ${pidFile}: expected a process id, got ${JSON.stringify(text.slice(0, 40))}`)
    const stat = await processStat(pid)
    if (stat === null) throw new AssayError('INPUT_INVALID', `pid file ${pidFile} names process ${pid}, which does not run`)
    return { pid, startTicks: stat.startTicks }
  },
  async inject(pinned) {
    await assertSame(pinned)
    process.kill(pinned.pid, 'SIGSTOP')
  },
  async bit(pinned) {
    const stat = await sameProcess(pinned)
    return stat?.state === 'T' ? `process ${pinned.pid} is in state T (stopped)` : null
  },
  async heal(pinned) {
    // A target that died under the fault has nothing left to heal.
    if ((await sameProcess(pinned)) !== null) process.kill(pinned.pid, 'SIGCONT')
  },
  async healed(pinned) {
    const stat = await sameProcess(pinned)
    if (stat === null) return `process ${pinned.pid} is gone`
    return stat.state === 'T' ? null : `process ${pinned.pid} is in state ${stat.state}`
  },
}

interface ProcessStat {
  readonly state: string
  readonly startTicks: string
}

async function sameProcess({ pid, startTicks }: PinnedTarget): Promise<ProcessStat | null> {
  const stat = await processStat(pid)
  return stat?.startTicks === startTicks ? stat : null
}

async function assertSame(pinned: PinnedTarget): Promise<void> {
  if ((await sameProcess(pinned)) === null)
    throw new AssayError('INPUT_INVALID', `process ${pinned.pid} is no longer the one the lease was written for`)
}

/** State and start time from /proc/<pid>/stat (proc(5)); null when there is no such process. */
export async function processStat(pid: number): Promise<ProcessStat | null> {
  let text: string
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null
    throw error
  }
  // The command stands in parentheses and may hold anything: fields are counted from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '?', startTicks: fields[19] ?? '' }
}
