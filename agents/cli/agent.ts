import { agentNames, type AgentName } from '../../shared/core/agent.ts'
import { InvariantError } from '../../shared/core/errors.ts'
import { collectGarbage, limitHeap } from '../../shared/runtime/heap-limit.ts'
import { badInput, nearest } from './arguments.ts'
import type { Command } from './command.ts'

export const agentCommand: Command = {
  command: 'agent',
  summary: `runs one agent until it is told to stop: ${agentNames.join(', ')}`,
  positionals: [{ name: 'name', required: true, help: agentNames.join(', ') }],
  options: {},
  async run({ given }) {
    const [name = ''] = given.positionals
    const agent = checkedName(name)
    limitHeap()
    collectGarbage()
    const main = await loadMain(agent)
    await main()
    return null
  },
}

export function checkedName(name: string): AgentName {
  const found = agentNames.find((agent) => agent === name)
  if (found !== undefined) return found
  const meant = nearest(name, agentNames)
  throw badInput(`assay agent: no such agent: ${name}; ${meant === null ? `there are ${agentNames.join(', ')}` : `did you mean ${meant}?`}`)
}

/** Loaded by name, so that one agent's process holds no library of another. */
async function loadMain(name: AgentName): Promise<() => unknown> {
  const module: unknown = await import(`../${name}/main.ts`)
  const main: unknown = typeof module === 'object' && module !== null ? Reflect.get(module, 'main') : undefined
  if (isMain(main)) return main
  throw new InvariantError(`agents/${name}/main.ts exports no function main`)
}

const isMain = (value: unknown): value is () => unknown => typeof value === 'function'
