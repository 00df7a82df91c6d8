import { z } from '../config.ts'

const connectorStatus = z.object({
  connector: z.object({ state: z.string() }),
  tasks: z.array(z.object({ id: z.int(), state: z.string() })),
})

/** What of a connector has failed, from Connect's status answer: `connector`, `task 0`, … */
export function failedParts(answer: unknown): string[] {
  const { connector, tasks } = connectorStatus.parse(answer)
  return [
    ...(connector.state === 'FAILED' ? ['connector'] : []),
    ...tasks.filter(({ state }) => state === 'FAILED').map(({ id }) => `task ${id}`),
  ]
}
