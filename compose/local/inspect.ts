import { httpAnswers } from './probes.ts'
import { isSameProcess, residentBytes } from './process-identity.ts'
import type { StackState } from './state.ts'
import type { ServiceRow } from './table.ts'

/** One-off tasks have ended when the stack is up, as they should. */
const TASKS: ReadonlySet<string> = new Set(['kafka-format', 'setup'])

/** Looks at every recorded process: does it live, does it answer, what memory does it hold. */
export function inspectServices(state: StackState): Promise<ServiceRow[]> {
  const services = Object.entries(state.services).filter(([name]) => !TASKS.has(name))
  return Promise.all(
    services.map(async ([name, record]) => {
      if (!(await isSameProcess(record))) return { name, ...record, condition: 'ended' }
      const memoryBytes = await residentBytes(record.pid)
      const answer = record.healthUrl === undefined ? 'ok' : await httpAnswers(record.healthUrl)
      const condition = answer === 'ok' ? 'running' : 'not answering'
      return { name, ...record, condition, ...(memoryBytes === undefined ? {} : { memoryBytes }) }
    }),
  )
}
