import { availableParallelism, arch, release, totalmem, type } from 'node:os'
import { z } from 'zod'

export const machine = z
  .strictObject({
    node: z.string(),
    os: z.string(),
    cores: z.int().describe('As many as this process may use.'),
    memoryBytes: z.int().describe('What the machine has, or the limit of the container, whichever is less.'),
  })
  .describe('On which the reporter ran.')
export type Machine = z.infer<typeof machine>

export function thisMachine(): Machine {
  // Without a limit it is 0 or beyond any memory.
  const limitBytes = process.constrainedMemory()
  return {
    node: process.version,
    os: `${type()} ${release()} ${arch()}`,
    cores: availableParallelism(),
    memoryBytes: limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem(),
  }
}

export const machineText = ({ node, os, cores, memoryBytes }: Machine): string =>
  `Node ${node.replace(/^v/, '')}, ${os}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB of memory`
