import { healLease, leasesDirOf, openLeases } from './lease.ts'

export interface Stopped {
  /** A line for each fault that was healed. */
  readonly healed: readonly string[]
  /** A line for each that could not be, or whose journal cannot be read. */
  readonly problems: readonly string[]
}

/** Heals every open lease from the journals alone: works while Kafka is the thing that is down. One that fails stops no other. */
export async function stopAllFaults(stateDir: string): Promise<Stopped> {
  const folder = leasesDirOf(stateDir)
  const { leases, problems } = await openLeases(folder)
  const healed: string[] = []
  for (const lease of leases) {
    const what = `${lease.fault} of ${lease.target} (run ${lease.runId})`
    try {
      healed.push(`${what}: ${(await healLease(folder, lease, 'stop command')).evidence}`)
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { healed, problems }
}

if (import.meta.main) {
  const [stateDir] = process.argv.slice(2)
  if (stateDir === undefined) throw new Error('usage: stop.ts <state folder>')
  const { healed, problems } = await stopAllFaults(stateDir)
  for (const line of healed) process.stdout.write(`${line}\n`)
  for (const line of problems) process.stderr.write(`${line}\n`)
  if (healed.length + problems.length === 0) process.stdout.write('no fault stands\n')
  if (problems.length > 0) process.exitCode = 1
}
