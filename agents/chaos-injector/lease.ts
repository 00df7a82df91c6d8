import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AssayError } from '../../shared/core/errors.ts'
import { faults, type FaultName } from './faults/faults.ts'

/**
 * The permission under which a fault stands, on disk before the fault is injected: whoever finds it can heal, whatever
 * became of the injector. It ends by `leaseUntilMs`, held by the watchdog, which outlives the injector.
 */
const leaseSchema = z.object({
  leaseId: z.string().regex(/^[0-9a-z.-]+$/),
  runId: z.string(),
  stage: z.string(),
  fault: z.enum(Object.keys(faults) as [FaultName, ...FaultName[]]),
  target: z.string(),
  pinned: z.object({ pid: z.int(), startTicks: z.string() }),
  leaseUntilMs: z.int(),
})
export type Lease = z.infer<typeof leaseSchema>

export const leasesDirOf = (stateDir: string) => join(stateDir, 'leases')
export const leasePath = (folder: string, leaseId: string) => join(folder, `${leaseId}.json`)
export const leaseIdOf = ({ runId, stage }: { runId: string; stage: string }) => `${runId}.${stage}`

/** On disk, flushed, before it returns. */
export async function writeLease(folder: string, lease: Lease): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = leasePath(folder, lease.leaseId)
  const file = await open(`${path}.part`, 'w')
  try {
    await file.writeFile(JSON.stringify(lease))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.part`, path)
  const directory = await open(folder, 'r')
  await directory.sync()
  await directory.close()
  return path
}

export async function readLease(path: string): Promise<Lease | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const parsed = leaseSchema.safeParse(JSON.parse(text))
  if (!parsed.success) throw new AssayError('INPUT_INVALID', `lease ${path}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error })
  return parsed.data
}

export async function openLeases(folder: string): Promise<Lease[]> {
  const names = await readdir(folder).catch(() => [])
  const leases = await Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => readLease(join(folder, name))))
  return leases.filter((lease) => lease !== null)
}

const HEAL_ATTEMPTS_MAX = 20
const HEAL_EVERY_MS = 100

/** Heals, verifies, and only then takes the lease away. Returns the evidence; throws when the fault would not go. */
export async function healLease(folder: string, lease: Lease): Promise<string> {
  const fault = faults[lease.fault]
  for (let attempt = 1; attempt <= HEAL_ATTEMPTS_MAX; attempt++) {
    await fault.heal(lease.pinned)
    const evidence = await fault.healed(lease.pinned)
    if (evidence !== null) {
      await rm(leasePath(folder, lease.leaseId), { force: true })
      return evidence
    }
    await new Promise((resolve) => setTimeout(resolve, HEAL_EVERY_MS))
  }
  throw new AssayError(
    'LIMIT_REACHED',
    `${lease.fault} of ${lease.target} is still there after ${HEAL_ATTEMPTS_MAX} attempts to heal it; its lease stays in ${folder}`,
  )
}
