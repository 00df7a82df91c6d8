import { setTimeout as sleep } from 'node:timers/promises'
import { signalGroup } from './child.ts'
import { StackError, systemCode } from './errors.ts'
import { isSameProcess, pidsMarked } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { markOf } from './state.ts'

const PASSES_MAX = 100
const PASS_PAUSE_MS = 100
/** A process between fork and exec carries its parent's environment still: it is marked a moment later. */
const CLEAN_PASSES = 2

export interface Remains {
  id: string
  recorded: readonly ProcessIdentity[]
}

/**
 * Ends at once, and for certain, every process of a stack: the groups written down, each only if it is still the
 * process it was, and whatever else carries the stack's mark. Returns how many were found.
 */
export async function sweep(remains: Remains): Promise<number> {
  const found = new Set<number>()
  let cleanPasses = 0
  for (let pass = 0; pass < PASSES_MAX && cleanPasses < CLEAN_PASSES; pass += 1) {
    const alive = await stillAlive(remains)
    for (const pid of alive) {
      found.add(pid)
      endNow(pid)
    }
    cleanPasses = alive.length === 0 ? cleanPasses + 1 : 0
    if (cleanPasses < CLEAN_PASSES) await sleep(PASS_PAUSE_MS)
  }
  if (cleanPasses < CLEAN_PASSES) {
    throw new StackError('service-failed', `processes of the stack outlived SIGKILL: ${[...found].join(', ')}`)
  }
  return found.size
}

async function stillAlive({ id, recorded }: Remains): Promise<number[]> {
  const alive = new Set(await pidsMarked(markOf(id)))
  for (const identity of recorded) if (await isSameProcess(identity)) alive.add(identity.pid)
  return [...alive]
}

function endNow(pid: number): void {
  // A child of a child leads no group: then the process alone is meant.
  if (signalGroup(pid, 'SIGKILL')) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}
