import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { healLease, readLease } from './lease.ts'

const POLL_MS = 100
const RETRY_MS = 1_000
/** What it writes once it holds the lease: the injector waits for it before it injects. */
const READY = 'watching\n'

/**
 * A process of its own that outlives the injector: waits until the lease is gone, or ends it when its time is up. Started
 * before the fault is injected, as `node watchdog.ts <lease file>`. Told to end, it heals first.
 */
async function watch(path: string): Promise<void> {
  const told = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      told.abort()
    })
  const sinceMs = performance.now()
  for (let isReady = false; ; isReady = true) {
    try {
      const lease = await readLease(path)
      if (lease === null) return
      if (!isReady) process.stdout.write(READY)
      // Both clocks count: the wall clock may be set back, and the monotonic one begins anew with a new watchdog.
      const isOver = Date.now() >= lease.leaseUntilMs || performance.now() - sinceMs >= lease.leaseMs
      if (told.signal.aborted || isOver) {
        await healLease(dirname(path), lease, 'watchdog')
        return
      }
    } catch (error) {
      // Nobody else is left to try: it goes on, and the lease stays for whoever looks.
      process.stderr.write(`${new Date().toISOString()} watchdog of ${basename(path)}: ${String(error)}\n`)
      await sleep(RETRY_MS)
    }
    await sleep(POLL_MS)
  }
}

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('usage: watchdog.ts <lease file>')
// The injector may be gone before the first word is out.
process.stdout.on('error', () => undefined)
await watch(path)
