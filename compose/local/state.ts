import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { StackError, messageOf, systemCode } from './errors.ts'

/** One process of the stack, as written down. A service that has ended keeps its row; its identity fits no live process. */
const ServiceRecord = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  ports: z.record(z.string(), z.int().min(1).max(65_535)),
  logFile: z.string(),
  /** Address that answers 200 when the service is well; absent for services without one. */
  healthUrl: z.string().optional(),
})
export type ServiceRecord = z.infer<typeof ServiceRecord>

/** `stack.json`: all that another process needs to look after, use or end a stack. It holds the stack's (random, local) keys. */
const StackState = z.object({
  /** Every process of the stack carries it in its environment. */
  id: z.string().min(1),
  pid: z.int().positive(),
  startTime: z.string(),
  startedAt: z.string(),
  phase: z.enum(['starting', 'running', 'stopping']),
  keep: z.enum(['nothing', 'reports', 'everything']),
  env: z.record(z.string(), z.string()),
  services: z.record(z.string(), ServiceRecord),
})
export type StackState = z.infer<typeof StackState>

export const MARK_VARIABLE = 'ASSAY_STACK_ID'

export function markOf(id: string): string {
  return `${MARK_VARIABLE}=${id}`
}

export function parseStackState(text: string, path: string): StackState {
  try {
    return StackState.parse(JSON.parse(text))
  } catch (error) {
    const expected = 'expected what `npm run up` writes; delete it if its processes are gone'
    throw new StackError('service-failed', `${path} is not the state of a stack (${expected}): ${messageOf(error)}`, { cause: error })
  }
}

export function readStackState(path: string): StackState | undefined {
  try {
    return parseStackState(readFileSync(path, 'utf8'), path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Replaced whole, so that a reader never sees half; synchronous, so that hardly a moment lies between the start of a
 * process and its being written down.
 */
export function writeStackState(path: string, state: StackState): void {
  const temporary = `${path}.${randomUUID()}`
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}
