import { link, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
  pinned: z.union([
    z.object({ pid: z.int(), startTicks: z.string() }),
    z.object({ api: z.url(), containerId: z.string(), startedAt: z.string() }),
  ]),
  injectingAtMs: z.int(),
  leaseMs: z.int().positive(),
  leaseUntilMs: z.int(),
})
export type Lease = z.infer<typeof leaseSchema>

/** What is kept of a lease once its fault is gone: the proof that it was healed, and that it must not be injected again. */
const endedLeaseSchema = leaseSchema.extend({
  healedAtMs: z.int(),
  by: z.enum(['injector', 'watchdog', 'stop command']),
  evidence: z.string(),
})
export type EndedLease = z.infer<typeof endedLeaseSchema>
export type Healer = EndedLease['by']

/** Longer than any run may be resumed. */
const ENDED_KEPT_MS = 7 * 24 * 3_600_000
const HEAL_ATTEMPTS_MAX = 20
const HEAL_EVERY_MS = 100
/** No attempt begins after that: an engine that is silent takes its time to fail. */
const HEAL_WITHIN_MS = 10_000

/** Open leases are the JSON files of this folder, ended ones those of `ended` below it. */
export const leasesDirOf = (stateDir: string) => join(stateDir, 'leases')
export const leasePath = (folder: string, leaseId: string) => join(folder, `${leaseId}.json`)
export const leaseIdOf = ({ runId, stage }: { runId: string; stage: string }) => `${runId}.${stage}`
const endedPath = (folder: string, leaseId: string) => join(folder, 'ended', `${leaseId}.json`)

/** On disk, flushed, before it returns. */
export async function writeLease(folder: string, lease: Lease): Promise<string> {
  await dropOldLeases(join(folder, 'ended'))
  const path = leasePath(folder, lease.leaseId)
  await rename(await writePart(path, lease), path)
  await flushFolder(folder)
  return path
}

export const readLease = (path: string): Promise<Lease | null> => readJournal(path, leaseSchema)
export const readEndedLease = (folder: string, leaseId: string): Promise<EndedLease | null> =>
  readJournal(endedPath(folder, leaseId), endedLeaseSchema)

/** Open leases, and the problems with journals that cannot be read: one of those must not keep the others from being healed. */
export async function openLeases(folder: string): Promise<{ leases: Lease[]; problems: string[] }> {
  const leases: Lease[] = []
  const problems: string[] = []
  for (const name of await namesIn(folder)) {
    try {
      const lease = await readLease(join(folder, name))
      if (lease !== null) leases.push(lease)
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  return { leases, problems }
}

/**
 * Heals, verifies, and only then ends the lease; what fails is tried again. Throws LIMIT_REACHED when the fault would not go:
 * the lease stays open.
 */
export async function healLease(folder: string, lease: Lease, by: Healer): Promise<EndedLease> {
  const sinceMs = performance.now()
  let attempts = 0
  let cause: unknown
  while (attempts < HEAL_ATTEMPTS_MAX && performance.now() - sinceMs < HEAL_WITHIN_MS) {
    attempts++
    const tried = await tryToHeal(lease)
    if ('evidence' in tried) return endLease(folder, { ...lease, healedAtMs: Date.now(), by, evidence: tried.evidence })
    cause = tried.cause
    await sleep(HEAL_EVERY_MS)
  }
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  throw new AssayError(
    'LIMIT_REACHED',
    `${lease.fault} of ${lease.target} is still there after ${attempts} attempts to heal it${why}; its lease stays in ${folder}`,
    { cause },
  )
}

async function tryToHeal({ fault, pinned }: Lease): Promise<{ evidence: string } | { cause: unknown }> {
  try {
    await faults[fault].heal(pinned)
    const evidence = await faults[fault].healed(pinned)
    return evidence === null ? { cause: null } : { evidence }
  } catch (cause) {
    return { cause }
  }
}

/** Injector, watchdog and stop command may come together: the first one's word on when and how stays. */
async function endLease(folder: string, ended: EndedLease): Promise<EndedLease> {
  const path = endedPath(folder, ended.leaseId)
  const part = await writePart(path, ended)
  try {
    await link(part, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(part)
  }
  await flushFolder(dirname(path))
  const first = await readEndedLease(folder, ended.leaseId)
  await rm(leasePath(folder, ended.leaseId), { force: true })
  return first ?? ended
}

let partsWritten = 0

/** The whole journal, flushed, under a name of its own: a reader never sees half of one. */
async function writePart(path: string, journal: Lease | EndedLease): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.${process.pid}-${++partsWritten}.part`
  const file = await open(part, 'w')
  try {
    await file.writeFile(JSON.stringify(journal))
    await file.sync()
  } finally {
    await file.close()
  }
  return part
}

/** Without this a name may not outlive a power cut. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function readJournal<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema> | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new AssayError('INPUT_INVALID', `lease ${basename(path)} in ${dirname(path)}: ${problem}`, { cause })
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}

async function dropOldLeases(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const { mtimeMs } = await stat(join(folder, name))
    if (Date.now() - mtimeMs > ENDED_KEPT_MS) await rm(join(folder, name), { force: true })
  }
}

const hasCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code
