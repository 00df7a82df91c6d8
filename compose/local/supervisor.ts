/** The process that starts a stack and stays with it, detached from `up.ts`, which starts it. */
import { messageOf } from './errors.ts'
import { supervise } from './supervise.ts'
import type { SupervisorMessage, SupervisorOptions } from './supervise.ts'

/** Runs detached from `up`, which listens on the IPC channel until the stack is up. */
async function superviseInBackground(options: SupervisorOptions): Promise<void> {
  let ready = false
  // `up` was interrupted: nobody waits for this stack any more.
  process.on('disconnect', () => {
    if (!ready) process.exit(130)
  })
  await supervise(options, (message) => {
    if (message.kind === 'ready') ready = true
    if (message.kind === 'progress') console.log(`${new Date().toISOString()} ${message.line}`)
    if (process.connected) process.send?.(message)
  })
}

const options = JSON.parse(process.argv[2] ?? '') as SupervisorOptions
try {
  await superviseInBackground(options)
  process.exit(0)
} catch (error) {
  console.error(error)
  const failed: SupervisorMessage = { kind: 'failed', message: messageOf(error) }
  if (process.connected) await new Promise((resolve) => process.send?.(failed, resolve))
  process.exit(1)
}
