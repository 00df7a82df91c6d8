import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isContainer } from './faults/fault.ts'
import { healLease, leasesDirOf, openLeases, type Lease } from './lease.ts'

/**
 * The watchdog of leases on containers, in a container of its own: the end of the injector's container is the end of the
 * watchdogs in it. Shares the injector's state folder, and heals every such lease whose time is up. Leases on processes
 * it leaves alone: another container's processes are out of its sight, and "gone" would be no evidence.
 */
const POLL_MS = 250
const RETRY_MS = 1_000
/** Silent for longer, it counts as dead. */
const LOOK_AT_LEAST_EVERY_MS = 10_000

export class Sentry {
  readonly #leasesDir: string
  /** Monotonic time of the first look at each lease: the wall clock may be set back. */
  readonly #firstSeenMs = new Map<string, number>()

  constructor(leasesDir: string) {
    this.#leasesDir = leasesDir
  }

  /** Heals what is due; gives a line for each lease that was healed or could not be. */
  async look(): Promise<{ readonly healed: string[]; readonly problems: string[] }> {
    const { leases, problems } = await openLeases(this.#leasesDir)
    const watched = leases.filter(({ pinned }) => isContainer(pinned))
    for (const leaseId of this.#firstSeenMs.keys())
      if (!watched.some((lease) => lease.leaseId === leaseId)) this.#firstSeenMs.delete(leaseId)
    const healed: string[] = []
    for (const lease of watched.filter((open) => this.#isOver(open))) {
      try {
        healed.push(`${lease.leaseId}: ${(await healLease(this.#leasesDir, lease, 'watchdog')).evidence}`)
      } catch (error) {
        problems.push(`${lease.leaseId}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    return { healed, problems }
  }

  #isOver({ leaseId, leaseMs, leaseUntilMs }: Lease): boolean {
    const sinceMs = this.#firstSeenMs.get(leaseId) ?? performance.now()
    this.#firstSeenMs.set(leaseId, sinceMs)
    return Date.now() >= leaseUntilMs || performance.now() - sinceMs >= leaseMs
  }
}

async function main([stateDir, port]: readonly string[]): Promise<void> {
  if (stateDir === undefined || port === undefined) throw new Error('usage: sentry.ts <state folder of the injector> <port of /healthz>')
  const sentry = new Sentry(leasesDirOf(stateDir))
  let lookedAtMs = performance.now()
  const server = createServer((_, response) => {
    response.writeHead(performance.now() - lookedAtMs < LOOK_AT_LEAST_EVERY_MS ? 200 : 503).end()
  })
  server.listen(Number(port))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit())
  for (;;) {
    const { healed, problems } = await sentry.look()
    lookedAtMs = performance.now()
    for (const line of healed) process.stdout.write(`${new Date().toISOString()} healed ${line}\n`)
    for (const line of problems) process.stderr.write(`${new Date().toISOString()} ${line}\n`)
    await sleep(problems.length === 0 ? POLL_MS : RETRY_MS)
  }
}

if (import.meta.main) await main(process.argv.slice(2))
