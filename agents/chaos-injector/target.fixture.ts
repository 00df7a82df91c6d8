import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processStat } from './faults/pause.ts'
import { readEndedLease, type EndedLease } from './lease.ts'

const POLL_MS = 20

/** A real process that may be disturbed, with a pid file and a state folder of its own. */
export interface Target {
  readonly pid: number
  readonly pidFile: string
  readonly stateDir: string
  readonly leasesDir: string
  readonly child: ChildProcess
  end(): Promise<void>
}

export async function startTarget(): Promise<Target> {
  const stateDir = await mkdtemp(join(tmpdir(), 'assay-chaos-'))
  const child = spawn('sleep', ['120'], { stdio: 'ignore' })
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const pidFile = join(stateDir, 'target.pid')
  await writeFile(pidFile, `${pid}\n`)
  return {
    pid,
    pidFile,
    stateDir,
    leasesDir: join(stateDir, 'leases'),
    child,
    async end() {
      const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
      child.kill('SIGKILL')
      await gone
      // A watchdog on its way out must not write into a folder that is being removed.
      await elapsedUntil(async () => (await watchdogsOf(stateDir)) === 0, 5_000)
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

/** Read by means of its own, not by those under test. */
export async function stateOf(pid: number): Promise<string | undefined> {
  return /^State:\s+(\S)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
}

/** Time until the condition holds; throws when it does not within the limit. */
export async function elapsedUntil(condition: () => Promise<boolean>, limitMs: number): Promise<number> {
  const sinceMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - sinceMs > limitMs) throw new Error(`not so within ${limitMs} ms`)
    await sleep(POLL_MS)
  }
  return performance.now() - sinceMs
}

/** The proof a lease leaves behind, waited for: it is written a moment after the fault is gone. */
export async function endOfLease(leasesDir: string, leaseId: string): Promise<EndedLease | null> {
  await elapsedUntil(async () => (await readEndedLease(leasesDir, leaseId)) !== null, 2_000)
  return readEndedLease(leasesDir, leaseId)
}

export async function isRunning(pid: number): Promise<boolean> {
  return (await processStat(pid)) !== null
}

/** How many watchdogs watch a lease of the state folder. */
export async function watchdogsOf(stateDir: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.includes('watchdog.ts') && line.includes(stateDir)).length
}
