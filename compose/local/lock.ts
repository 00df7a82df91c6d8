import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StackError, systemCode } from './errors.ts'
import { isSameProcess, startTimeOf } from './process-identity.ts'

const LOCK_WAIT_LIMIT_MS = 25 * 60_000
const LOCK_POLL_MS = 250
const NOTICE_AFTER_MS = 2_000

export interface LockRequest {
  path: string
  /** Told once when another process holds the lock for longer than a moment. */
  onWait: (holderPid: number) => void
}

/**
 * Runs `work` while holding a lock file. A lock whose holder is gone is taken away. Two waiters may take away
 * the same stale lock, one of them a fresh one by accident; the lock therefore only spares doubled work, and
 * what it guards must be right without it.
 */
export async function withLock<T>(request: LockRequest, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(request.path), { recursive: true })
  await acquire(request)
  try {
    return await work()
  } finally {
    await rm(request.path, { force: true })
  }
}

async function acquire({ path, onWait }: LockRequest): Promise<void> {
  const startedMs = Date.now()
  let told = false
  while (Date.now() - startedMs < LOCK_WAIT_LIMIT_MS) {
    if (await tryCreate(path)) return
    const holder = await readHolder(path)
    if (holder === undefined || !(await isSameProcess(holder))) {
      await rm(path, { force: true })
      continue
    }
    if (!told && Date.now() - startedMs > NOTICE_AFTER_MS) {
      told = true
      onWait(holder.pid)
    }
    await sleep(LOCK_POLL_MS)
  }
  throw new StackError('download-failed', `${path} is held for longer than ${LOCK_WAIT_LIMIT_MS} ms`)
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid} ${await startTimeOf(process.pid)}`, { flag: 'wx' })
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

async function readHolder(path: string): Promise<{ pid: number; startTime: string } | undefined> {
  try {
    const [pid = '', ...startTime] = (await readFile(path, 'utf8')).split(' ')
    return { pid: Number(pid), startTime: startTime.join(' ') }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
