import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startStack } from '../../compose/local/stack.ts'

/** For the stack tests of this folder: a real broker and registry, and all that they know of how these are started. */
export interface Broker {
  readonly bootstrap: string
  readonly registryUrl: string
  kill(): void
  startAgain(): Promise<void>
  stop(): Promise<void>
}

export async function startBroker(): Promise<Broker> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-runtime-'))
  const stack = await startStack({ dir, progress: () => undefined, only: ['kafka', 'registry'] })
  return {
    bootstrap: stack.env['PIPELINE_KAFKA_BOOTSTRAP'] ?? '',
    registryUrl: stack.env['PIPELINE_REGISTRY_URL'] ?? '',
    kill: () => {
      stack.kill('kafka', 'SIGKILL')
    },
    startAgain: () => stack.restart('kafka'),
    stop: async () => {
      await stack.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export async function until(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
