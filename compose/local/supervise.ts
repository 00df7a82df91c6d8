import { writeFile } from 'node:fs/promises'
import { AGENT_NAMES, startAgents } from './agents.ts'
import { renderExports } from './configuration.ts'
import { stackLayout } from './layout.ts'
import type { NatsWish } from './nats-wish.ts'
import { startStack } from './stack.ts'
import type { StackService } from './stack.ts'

export interface SupervisorOptions {
  dir: string
  agents: boolean
  keepData: boolean
  nats: NatsWish
}

/** What the supervisor tells `up` while it starts. */
export type SupervisorMessage =
  { kind: 'progress'; line: string } | { kind: 'ready'; services: StackService[]; envFile: string } | { kind: 'failed'; message: string }

/** Starts the stack, tells of it, and returns when it has been stopped by SIGTERM or SIGINT. */
export async function supervise(options: SupervisorOptions, tell: (message: SupervisorMessage) => void): Promise<void> {
  const progress = (line: string) => {
    tell({ kind: 'progress', line })
  }
  const stopAsked = whenAskedToStop()
  const stack = await startStack({ dir: options.dir, progress, keepData: options.keepData, nats: options.nats, keepReports: true })
  stopAsked.takeOver()
  try {
    if (options.agents) await startAgents(stack, AGENT_NAMES, { progress })
    const { envFile } = stackLayout(options.dir)
    await writeFile(envFile, renderExports(stack.env), { mode: 0o600 })
    tell({ kind: 'ready', services: stack.services(), envFile })
    const signal = await stopAsked.signal
    progress(`${signal}: stopping`)
  } finally {
    await stack.stop()
  }
  progress('stopped')
}

/** Until the stack is up, a signal ends this process at once and the reaper does the rest; from then on it asks for a stop. */
function whenAskedToStop(): { signal: Promise<NodeJS.Signals>; takeOver: () => void } {
  let up = false
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (!up) process.exit(130)
        resolve(name)
      })
    }
  })
  return {
    signal,
    takeOver: () => {
      up = true
    },
  }
}
