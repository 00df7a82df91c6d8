/** `npm run up [-- --dir DIR --agents --keep-data --foreground --nats|--no-nats]`: starts the stack and returns when it is healthy. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_BAD_INPUT, readStackArguments } from './arguments.ts'
import { messageOf } from './errors.ts'
import { inspectServices } from './inspect.ts'
import { stackLayout } from './layout.ts'
import { natsWishOf } from './nats-wish.ts'
import { NODE_ARGS } from './services.ts'
import { readStackState } from './state.ts'
import { supervise } from './supervise.ts'
import type { SupervisorMessage, SupervisorOptions } from './supervise.ts'
import { renderServices } from './table.ts'

const EXIT_FAILED = 1

async function show(message: SupervisorMessage, dir: string): Promise<void> {
  switch (message.kind) {
    case 'progress':
      console.log(message.line)
      return
    case 'failed':
      console.error(message.message)
      return
    case 'ready': {
      const state = readStackState(stackLayout(dir).stateFile)
      if (state !== undefined) console.log(`\n${renderServices(await inspectServices(state))}\n`)
      console.log(`environment for agents and clients: . ${message.envFile}`)
    }
  }
}

/** The supervisor keeps running after this process has returned; its end before that is our failure. */
function startInBackground(options: SupervisorOptions): Promise<number> {
  const { dir, supervisorLog } = stackLayout(options.dir)
  mkdirSync(dir, { recursive: true })
  const log = openSync(supervisorLog, 'w')
  const args = [...NODE_ARGS, join(import.meta.dirname, 'supervisor.ts'), JSON.stringify(options)]
  const supervisor = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  return new Promise((resolve) => {
    supervisor.on('message', (message: SupervisorMessage) => {
      const shown = show(message, options.dir)
      if (message.kind !== 'ready') return
      supervisor.removeAllListeners('exit')
      supervisor.disconnect()
      supervisor.unref()
      void shown.then(() => {
        resolve(0)
      })
    })
    supervisor.once('exit', (code, signal) => {
      console.error(`the stack did not start: its supervisor ended with ${signal ?? `exit code ${code}`} (log ${supervisorLog})`)
      resolve(EXIT_FAILED)
    })
  })
}

async function startInForeground(options: SupervisorOptions): Promise<number> {
  try {
    await supervise(options, (message) => void show(message, options.dir))
    return 0
  } catch (error) {
    console.error(messageOf(error))
    return EXIT_FAILED
  }
}

const { dir, flags } = readStackArguments(['agents', 'foreground', 'keep-data', 'nats', 'no-nats'])
const nats = natsWishOf({ nats: flags.has('nats'), noNats: flags.has('no-nats') })
if (nats === undefined) {
  console.error('--nats and --no-nats: expected one of them at most')
  process.exit(EXIT_BAD_INPUT)
}
const options = { dir, agents: flags.has('agents'), keepData: flags.has('keep-data'), nats }
process.exit(flags.has('foreground') ? await startInForeground(options) : await startInBackground(options))
