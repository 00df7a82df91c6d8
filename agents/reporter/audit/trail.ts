import { chmod, mkdir, open, stat, truncate, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { keepNewest } from '../../../shared/core/bounded.ts'
import { auditLine, NO_ENTRY, OPENED, sha256, type AuditBody, type AuditHead } from '../../../shared/runtime/audit-chain.ts'
import { auditDay, auditFileName, auditFilesIn, dayOf, readAudit, type AuditReading } from '../../../shared/runtime/audit-files.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { createRedactor, type Redactor } from '../../../shared/runtime/redactor.ts'
import type { AuditFact } from './entries.ts'
import { announcementOf, expiredFiles, removeFiles } from './retention.ts'

/** Entries that wait for the disk; beyond, they are left out, and an entry says how many. */
export const PENDING_MAX = 10_000
/** Facts come again for the hours that agents look back after a restart, control messages for as long as their topic keeps them. */
const DAYS_READ_FOR_KEYS = 8
const FILES_READ_FOR_KEYS_MIN = 2
const KEYS_MAX = 200_000
/** How long a disk that refused is left alone. */
const RETRY_AFTER_MS = 5_000
const DAY_MS = 86_400_000
const TORN_SHOWN_BYTES = 200

export interface AuditTrailPorts {
  readonly dir: string
  readonly log: Log
  readonly nowMs: () => number
  /** Files of earlier days are removed, and the trail says which; 0 keeps all. */
  readonly keepDays: number
  /** Who writes, and where: the first entry of each start. Secrets in it are hidden like everywhere. */
  readonly environment: AuditBody
  /** Settings, whose secret values must not appear. */
  readonly settings: Readonly<Record<string, string | undefined>>
}

export interface AuditTrail {
  /** Written soon, unless it was written before. Never throws, and nobody waits for it. */
  tell(facts: readonly AuditFact[]): void
  /** Resolves when all that was told is on the disk, or could not be put there. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** The file as it was left: an entry may be written only behind that. */
interface OpenFile {
  readonly handle: FileHandle
  readonly path: string
  readonly day: string
  readonly inode: number
  size: number
}

/**
 * The audit trail on disk: each entry behind the one before, synced, in files that only their owner may read. What
 * was found wrong with the files is told in the trail itself and never put right in silence.
 */
export function createAuditTrail(ports: AuditTrailPorts): AuditTrail {
  const writer = new TrailWriter(ports)
  let turn: Promise<void> = Promise.resolve()
  let queued = false
  const flush = () => {
    if (!queued) {
      queued = true
      turn = turn.then(() => {
        queued = false
        return writer.write()
      })
    }
    return turn
  }
  return {
    tell(facts) {
      if (writer.take(facts)) void flush()
    },
    flush,
    async close() {
      await flush()
      await writer.close()
    },
  }
}

class TrailWriter {
  readonly #ports: AuditTrailPorts
  readonly #hide: Redactor
  readonly #keys = new Set<string>()
  readonly #pending: AuditFact[] = []
  #leftOut = 0
  #file: OpenFile | null = null
  #head: AuditHead = NO_ENTRY
  #begun = false
  /** Announced with the next entries, and removed when these are on the disk. */
  #expired: readonly string[] = []
  #notBeforeMs = 0

  constructor(ports: AuditTrailPorts) {
    this.#ports = ports
    this.#hide = createRedactor(ports.settings)
  }

  /** Whether there is something to write now. */
  take(facts: readonly AuditFact[]): boolean {
    for (const fact of facts) {
      if (this.#keys.has(fact.key)) continue
      if (this.#pending.length >= PENDING_MAX) this.#leftOut++
      else this.#pending.push(fact)
    }
    return this.#pending.length > 0 && this.#ports.nowMs() >= this.#notBeforeMs
  }

  /** A disk that is full delays the trail and nothing else: what could not be written waits for the next turn. */
  async write(): Promise<void> {
    try {
      const bodies = await this.#open()
      const facts: AuditFact[] = []
      for (const fact of this.#pending) {
        if (this.#keys.has(fact.key)) continue
        this.#keys.add(fact.key)
        facts.push(fact)
      }
      this.#pending.length = 0
      if (this.#leftOut > 0)
        bodies.push({ kind: 'left-out', entries: this.#leftOut, reason: `more than ${PENDING_MAX} waited for the disk` })
      this.#leftOut = 0
      try {
        await this.#append([...bodies, ...facts])
      } catch (error) {
        for (const fact of facts) this.#keys.delete(fact.key)
        this.#pending.unshift(...facts)
        throw error
      }
      await this.#removeExpired()
      for (const { kind } of facts)
        if (kind === 'judged') this.#ports.log.info({ auditSeq: this.#head.seq, auditHead: this.#head.hash }, 'audit trail')
      keepNewest(this.#keys, KEYS_MAX)
    } catch (error) {
      this.#ports.log.error({ err: error, dir: this.#ports.dir, waiting: this.#pending.length }, 'the audit trail could not be written')
      this.#notBeforeMs = this.#ports.nowMs() + RETRY_AFTER_MS
      await this.close()
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.handle.close()
  }

  /** Ready to append: gives what has to be told first, of a start, a repair, or of files that are not as they were left. */
  async #open(): Promise<AuditBody[]> {
    const { dir, nowMs, log, keepDays } = this.#ports
    const day = dayOf(nowMs())
    const file = this.#file
    const changed = file === null ? null : await changeOf(file)
    if (file !== null && changed === null && file.day >= day) return []
    await this.close()
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const bodies: AuditBody[] = []
    if (changed !== null) bodies.push({ kind: 'found-changed', problem: changed })
    const files = await auditFilesIn(dir)
    if (file === null || changed !== null) bodies.push(...(await this.#resume(files)))
    if (!this.#begun) bodies.push({ ...this.#ports.environment, kind: 'started' })
    for (const { kind, problem } of bodies) if (kind !== 'started') log.error({ kind, problem }, 'the audit trail is not as it was left')
    // A clock that went back must not write behind a later day.
    const last = files.at(-1)
    const path = join(dir, auditFileName(day))
    const target = last !== undefined && basename(last) > basename(path) ? last : path
    this.#file = await openFile(target)
    if (this.#file.size === 0) bodies.unshift({ kind: OPENED, before: last === undefined ? null : basename(last) })
    this.#expired = expiredFiles(files, { keepDays, nowMs: nowMs() })
    if (this.#expired.length > 0) bodies.push(await announcementOf(this.#expired, keepDays))
    return bodies
  }

  /** What will not go stays in the trail, and is announced anew when the next file is begun. */
  async #removeExpired(): Promise<void> {
    const { log, dir } = this.#ports
    const files = this.#expired.map((file) => basename(file))
    const problem = await removeFiles(this.#expired)
    this.#expired = []
    if (problem !== null) log.warn({ err: problem, dir, files }, 'old files of the audit trail could not be removed')
    else if (files.length > 0) log.info({ dir, files }, 'old files of the audit trail were removed')
  }

  /** Takes head and keys over from what is there, and cuts a torn last line off: it was never synced, so nobody relied on it. */
  async #resume(files: readonly string[]): Promise<AuditBody[]> {
    const read = await readAudit(keyFiles(files, this.#ports.nowMs()), {
      onEntry: ({ key }) => {
        if (typeof key === 'string') this.#keys.add(key)
      },
    })
    this.#head = read.head ?? NO_ENTRY
    const bodies: AuditBody[] = []
    if (read.torn !== null) bodies.push(await repair(read.torn))
    if (read.broken !== null && (read.torn === null || !read.broken.problem.startsWith('it is cut off')))
      bodies.push({ kind: 'found-broken', problem: `${read.broken.file} line ${read.broken.line}: ${read.broken.problem}` })
    return bodies
  }

  async #append(bodies: readonly AuditBody[]): Promise<void> {
    const file = this.#file
    if (file === null || bodies.length === 0) return
    const writtenAtMs = this.#ports.nowMs()
    let head = this.#head
    const lines = bodies.map((body) => {
      const made = auditLine(this.#hide({ ...body, writtenAtMs }), head)
      head = made.head
      return `${made.line}\n`
    })
    const bytes = Buffer.from(lines.join(''))
    try {
      await file.handle.appendFile(bytes)
      await file.handle.datasync()
    } catch (error) {
      await file.handle.truncate(file.size)
      throw error
    }
    file.size += bytes.length
    this.#head = head
    this.#begun = true
  }
}

/** Of files, oldest first, those whose keys may be told again. */
function keyFiles(files: readonly string[], nowMs: number): readonly string[] {
  const since = dayOf(nowMs - DAYS_READ_FOR_KEYS * DAY_MS)
  const recent = files.filter((file) => auditDay(file) >= since).length
  return files.slice(-Math.max(FILES_READ_FOR_KEYS_MIN, recent))
}

async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, 'a', 0o600)
  await chmod(path, 0o600)
  const { size, ino } = await handle.stat()
  return { handle, path, day: auditDay(path), inode: ino, size }
}

/** How a file differs from how it was left, or null. */
async function changeOf({ path, inode, size }: OpenFile): Promise<string | null> {
  try {
    const now = await stat(path)
    if (now.ino !== inode) return `${basename(path)} is another file than it was`
    return now.size === size ? null : `${basename(path)} has ${now.size} bytes, and was left with ${size}`
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return `${basename(path)} is gone`
    throw error
  }
}

async function repair({ file, atByte, bytes }: NonNullable<AuditReading['torn']>): Promise<AuditBody> {
  await truncate(file, atByte)
  return {
    kind: 'repaired',
    problem: `${basename(file)}: the last line was cut off after ${bytes.length} bytes, as a crash leaves it, and was taken out`,
    removedSha256: sha256(bytes),
    removedStart: bytes.subarray(0, TORN_SHOWN_BYTES).toString('utf8'),
  }
}
