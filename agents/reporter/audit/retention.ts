import { unlink } from 'node:fs/promises'
import { basename } from 'node:path'
import { REMOVED, type AuditBody, type RemovedFile } from '../../../shared/runtime/audit-chain.ts'
import { auditDay, dayOf, readAudit } from '../../../shared/runtime/audit-files.ts'

/** So many are announced in one entry; the rest waits for the next day. */
export const REMOVED_AT_ONCE_MAX = 100
const DAY_MS = 86_400_000

/**
 * Files of a trail, oldest first, that are older than `keepDays`; null when there is none. Age counts from the newest
 * file, unless the clock stands before it: a clock that leaps ahead for a while must not cost the trail.
 */
export function expiredFiles(files: readonly string[], { keepDays, nowMs }: { keepDays: number; nowMs: number }): string[] {
  const newest = files.at(-1)
  if (newest === undefined || keepDays === 0) return []
  const today = [dayOf(nowMs), auditDay(newest)].sort()[0] as string
  const keptFrom = dayOf(Date.parse(today) - keepDays * DAY_MS)
  return files.filter((file) => file !== newest && auditDay(file) < keptFrom).slice(0, REMOVED_AT_ONCE_MAX)
}

/** The entry that announces their removal. What was wrong with them is said in it: nobody can look any more. */
export async function announcementOf(files: readonly string[], keepDays: number): Promise<AuditBody> {
  const removed: (RemovedFile & { readonly entries: number; readonly problem: string | null })[] = []
  for (const file of files) {
    const { entries, head, broken } = await readAudit([file])
    const problem = broken === null ? null : `line ${broken.line}: ${broken.problem}`
    removed.push({ file: basename(file), entries, lastSeq: head?.seq ?? null, lastHash: head?.hash ?? null, problem })
  }
  return { kind: REMOVED, reason: `older than ${keepDays} days`, files: removed.map((one) => ({ ...one })) }
}

/** Oldest first, so that what is left is always the end of the chain. Gives why one would not go, or null. */
export async function removeFiles(files: readonly string[]): Promise<Error | null> {
  for (const file of files) {
    try {
      await unlink(file)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (!('code' in error && error.code === 'ENOENT')) return error
    }
  }
  return null
}
