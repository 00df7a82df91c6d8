import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { systemCode } from './errors.ts'

const run = promisify(execFile)

/** A pid alone may have been given to a stranger since; with its start time it names one process. */
export interface ProcessIdentity {
  pid: number
  startTime: string
}

/** What a process is that nothing is known of: equal to no start time. */
export const GONE = 'gone'

const HAS_PROC = existsSync('/proc/self/stat')

/** Opaque start time of a live process, `GONE` when there is none. A zombie has ended, hence is gone. */
export async function startTimeOf(pid: number): Promise<string> {
  if (!HAS_PROC) return startTimeByPs(pid)
  try {
    return startTimeFromStat(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    if (isGone(error)) return GONE
    throw error
  }
}

/** Field 22 of proc(5) stat; the second field, the command, may itself hold spaces and parentheses. */
export function startTimeFromStat(stat: string): string {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? GONE : (fields[19] ?? GONE)
}

async function startTimeByPs(pid: number): Promise<string> {
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)])
    return stdout.trim() || GONE
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 1) return GONE
    throw error
  }
}

export async function isSameProcess(identity: ProcessIdentity): Promise<boolean> {
  return identity.startTime !== GONE && (await startTimeOf(identity.pid)) === identity.startTime
}

/**
 * Pids of live processes whose environment holds `NAME=value`; none where there is no /proc. This finds children
 * that were started but not yet written down when their supervisor was killed, and children of children.
 */
export async function pidsMarked(mark: string): Promise<number[]> {
  if (!HAS_PROC) return []
  const pids: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    if (await isMarked(entry, mark)) pids.push(Number(entry))
  }
  return pids
}

async function isMarked(pid: string, mark: string): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8')
    return environment.split('\0').includes(mark)
  } catch (error) {
    // Another user's process cannot be read, and is none of ours.
    if (isGone(error) || systemCode(error) === 'EACCES' || systemCode(error) === 'EPERM') return false
    throw error
  }
}

function isGone(error: unknown): boolean {
  return systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH'
}

/** Resident memory in bytes, undefined where it cannot be read. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}
