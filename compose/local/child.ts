import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { StackError, systemCode } from './errors.ts'
import { startTimeOf } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

export interface ChildSpec {
  name: string
  command: string
  args: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  logFile: string
  pidFile: string
}

export interface ExitStatus {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A process in a group of its own, whose output goes to its log file. */
export interface Child {
  name: string
  pid: number
  logFile: string
  identity: Promise<ProcessIdentity>
  exited: Promise<ExitStatus>
  /** Set once it has ended. */
  ended(): boolean
}

const TAIL_BYTES = 4_000
const TAIL_LINES = 15

export async function startChild(spec: ChildSpec): Promise<Child> {
  const log = openSync(spec.logFile, 'a')
  let child: ChildProcess
  try {
    // Detached: a group of its own, so that all it starts can be ended with it, and Ctrl-C reaches the supervisor alone.
    child = spawn(spec.command, spec.args, { detached: true, cwd: spec.cwd, env: { ...spec.env }, stdio: ['ignore', log, log] })
  } finally {
    closeSync(log)
  }
  const { pid } = child
  if (pid === undefined) return Promise.reject(await spawnFailure(child, spec))
  writeFileSync(spec.pidFile, `${pid}\n`)
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal })
    })
  })
  const identity = startTimeOf(pid).then((startTime) => ({ pid, startTime }))
  return {
    name: spec.name,
    pid,
    logFile: spec.logFile,
    identity,
    exited,
    ended: () => child.exitCode !== null || child.signalCode !== null,
  }
}

function spawnFailure(child: ChildProcess, spec: ChildSpec): Promise<StackError> {
  return new Promise((resolve) => {
    child.once('error', (cause) => {
      resolve(new StackError('service-failed', `${spec.name}: cannot start \`${spec.command}\`: ${cause.message}`, { cause }))
    })
  })
}

/** Signals a whole process group; false when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
    throw error
  }
}

export function describeExit(status: ExitStatus): string {
  return status.signal === null ? `exit code ${status.code}` : `signal ${status.signal}`
}

/** The last lines of a log, to be shown when its writer has failed. */
export async function logTail(logFile: string): Promise<string> {
  const file = await open(logFile, 'r')
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(TAIL_BYTES), position: Math.max(0, size - TAIL_BYTES) })
    const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-TAIL_LINES)
    return lines.map((line) => `    ${line}`).join('\n')
  } finally {
    await file.close()
  }
}
