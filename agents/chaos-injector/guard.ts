import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AssayError, InvariantError } from '../../shared/core/errors.ts'
import { leasePath, openLeases } from './lease.ts'

const WATCHDOG = join(import.meta.dirname, 'watchdog.ts')
const READY_WITHIN_MS = 5_000

/**
 * Starts the watchdog of a lease and resolves with its pid once it watches. It has a session of its own: a signal to the
 * injector's group does not reach it. What it cannot do it says in `watchdog.log` beside the leases.
 */
export async function startWatchdog(path: string): Promise<number> {
  const log = await open(join(dirname(path), 'watchdog.log'), 'a')
  const child = spawn(process.execPath, [WATCHDOG, path], { detached: true, stdio: ['ignore', 'pipe', log.fd] })
  const { stdout } = child
  if (stdout === null) throw new InvariantError('the watchdog was given a pipe, and has none')
  const limit = new AbortController()
  try {
    const watches = once(stdout, 'data').then(() => null)
    // once() rejects when the process cannot be started at all.
    const ended = once(child, 'exit').then(([code]) => `ended with ${String(code)}`)
    const problem = await Promise.race([
      watches,
      ended,
      sleep(READY_WITHIN_MS, `is silent for ${READY_WITHIN_MS} ms`, { signal: limit.signal }),
    ])
    if (problem !== null || child.pid === undefined)
      throw new AssayError('LIMIT_REACHED', `the watchdog of ${basename(path)} does not watch: it ${problem ?? 'has no pid'}`)
    return child.pid
  } finally {
    limit.abort()
    stdout.destroy()
    child.unref()
    await log.close()
  }
}

/** After a restart every open lease gets a watchdog, whoever killed the one before: two do no harm. Returns what is amiss. */
export async function guardOpenLeases(leasesDir: string): Promise<string[]> {
  const { leases, problems } = await openLeases(leasesDir)
  for (const { leaseId } of leases) {
    try {
      await startWatchdog(leasePath(leasesDir, leaseId))
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  return problems
}
