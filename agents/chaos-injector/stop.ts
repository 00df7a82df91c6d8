import { healLease, leasesDirOf, openLeases } from './lease.ts'

/** Heals every open lease from the journals alone: works while Kafka is the thing that is down. Returns what was done. */
export async function stopAllFaults(stateDir: string): Promise<string[]> {
  const folder = leasesDirOf(stateDir)
  const done: string[] = []
  for (const lease of await openLeases(folder))
    done.push(`${lease.fault} of ${lease.target} (run ${lease.runId}): ${await healLease(folder, lease)}`)
  return done
}

if (import.meta.main) {
  const [stateDir] = process.argv.slice(2)
  if (stateDir === undefined) throw new Error('usage: stop.ts <state folder>')
  const done = await stopAllFaults(stateDir)
  process.stdout.write(done.length === 0 ? 'no fault stands\n' : `${done.join('\n')}\n`)
}
