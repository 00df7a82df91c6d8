import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { healLease, readLease } from './lease.ts'

const POLL_MS = 250
const RETRY_MS = 1_000

/**
 * A process of its own that outlives the injector: waits until the lease is gone, or ends it when its time is up. Started
 * before the fault is injected, as `node watchdog.ts <lease file>`.
 */
async function watch(path: string): Promise<void> {
  for (;;) {
    const lease = await readLease(path)
    if (lease === null) return
    if (Date.now() < lease.leaseUntilMs) {
      await sleep(POLL_MS)
      continue
    }
    try {
      await healLease(dirname(path), lease)
      return
    } catch (error) {
      // Nobody else is left to try: it goes on, and the lease stays for whoever looks.
      process.stderr.write(`watchdog of ${basename(path)}: ${String(error)}\n`)
      await sleep(RETRY_MS)
    }
  }
}

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('usage: watchdog.ts <lease file>')
await watch(path)
